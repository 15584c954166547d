"""The governance record of a society: what it rests on, what was tested, what is left out, and what may be claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.records import RUNGS, RunRecord
from core.result import Result
from core.services.society.facts import FactsResult
from core.services.society.reading import kept_societies, scenario_again, society_result
from core.services.society.results import ABLATIONS, ENGINE, ENGINE_VERSION, SIGNS, SocietyResult
from core.society.ablations import HELD, ablated, signed
from core.society.attention import registered_plan
from core.society.attention_verdict import AttentionResult
from core.society.draws import Stream
from core.society.parameters import registered
from core.society.scenario import of_arm
from core.society.step import STEP_ORDER
from core.store.database import Store

#: What the model has nothing of.
EXCLUDED = (
    "labour_market", "finance", "credit", "health", "households_of_several", "learning_of_firms", "real_geography",
)  # fmt: skip
NOT_RUN = "not run"
#: The parts of the test of attention and popularity that were registered.
ATTENTION_TESTS = ("verdict", "ablation", "unread", "other_place", "shuffled")
#: Facts that nothing was tuned on, and the share of them that must lie inside before a pattern is claimed.
HELD_OUT, HELD_OUT_ENOUGH = "held out", 0.7


@dataclass(frozen=True, kw_only=True)
class ChangedParameter:
    """A number that a scenario, or one of its arms, has otherwise than registered."""

    arm: str
    name: str
    registered: float
    value: float


@dataclass(frozen=True, kw_only=True)
class JudgedLine:
    """A test with its verdict, and the run it is from ("" where it was not run); of a fact also what it was `used` for."""

    id: str
    title: str
    verdict: str
    run_id: str = ""
    used: str = ""


@dataclass(frozen=True, kw_only=True)
class GovernanceRecord(Result):
    """Made when it is asked for, from what the store has of the same scenario by the same version. `rung` is the highest of
    `RUNGS` that is reached; `ablations`, `signs`, `attention` (the test of it, by its registered rules) and `facts` say of each
    whether it was run and what came of it; `held_out_inside` is the share of facts that nothing was tuned on inside."""

    scenario: str
    fictional: bool
    scenario_hash: str
    arms: Mapping[str, str]
    parameters_hash: str
    changed_parameters: tuple[ChangedParameter, ...]
    engine: str
    engine_version: str
    step_order: int
    streams: tuple[str, ...]
    seeds: tuple[int, ...]
    households: int
    code_version: str
    packages: Mapping[str, str]
    ablations: tuple[JudgedLine, ...]
    signs: tuple[JudgedLine, ...]
    attention: tuple[JudgedLine, ...]
    facts: tuple[JudgedLine, ...]
    held_out_inside: float | None
    excluded: tuple[str, ...]
    rung: str
    result_hash: str
    run_id: str

    @property
    def coherent(self) -> bool:
        """Whether every registered direction was run and held."""
        return all(line.verdict == HELD for line in self.signs)


def governance_record(store: Store, run_id: str) -> GovernanceRecord:
    """The record of a kept society. InputError for another run."""
    result, record = society_result(store, run_id), store.run(run_id).record
    scenario = scenario_again(store, run_id)
    same = [item for item in kept_societies(store) if item.scenario_hash == result.scenario_hash]
    same = [item for item in same if store.run(item.run_id).record.code_version == record.code_version]
    ablations = _newest(same, ABLATIONS)
    signs = _newest(same, SIGNS)
    known = registered()
    changed = tuple(
        ChangedParameter(arm=arm.id, name=name, registered=known[name].value, value=value)
        for arm in result.arms
        for name, value in of_arm(scenario, arm.id).parameters.items()
        if value != known[name].value
    )
    posts, facts = (_measured(store, what, record) for what in ("attention", "facts"))
    attention, as_registered = _attention(posts)
    figures, inside = _facts(facts)
    rung = int(signs is not None and signs.coherent)
    rung += int(rung == 1 and as_registered and inside is not None and inside >= HELD_OUT_ENOUGH)
    found = {test.id: test for test in signs.tests} if signs else {}
    tests = tuple(
        JudgedLine(
            id=sign.id, title=sign.title, verdict=found[sign.id].verdict if sign.id in found else NOT_RUN,
            run_id=signs.run_id if signs else "",
        )
        for sign in signed(scenario)[1]
    )  # fmt: skip
    verdict, of_run = ("run", ablations.run_id) if ablations else (NOT_RUN, "")
    without = tuple(
        JudgedLine(id=arm.id, title=arm.title, verdict=verdict, run_id=of_run) for arm in ablated(scenario).arms
    )
    return GovernanceRecord(
        scenario=result.scenario, fictional=result.fictional, scenario_hash=result.scenario_hash,
        arms={arm.id: arm.scenario_hash for arm in result.arms}, parameters_hash=record.input_hashes["parameters.csv"],
        changed_parameters=changed,
        engine=ENGINE, engine_version=ENGINE_VERSION, step_order=STEP_ORDER, streams=tuple(item.name for item in Stream),
        seeds=result.seeds, households=result.households, code_version=record.code_version, packages=dict(record.packages),
        ablations=without, signs=tests, attention=attention, facts=figures, held_out_inside=inside, excluded=EXCLUDED,
        rung=RUNGS[rung],
        result_hash=result.result_hash, run_id=run_id,
    )  # fmt: skip


def _measured(store: Store, what: str, record: RunRecord) -> tuple[Mapping[str, Any], str] | None:
    """The newest measurement of the same scenario by the same version, and the run that keeps it."""
    found = store.runs(kind=SocietyResult.kind, status="complete")
    for row in found.to_dict("records"):
        made, given = row["record"], row["record"]["parameters"]
        same = given["scenario_hash"] == record.parameters["scenario_hash"]
        if given["what"] == what and same and made["code_version"] == record.code_version:
            return row["summary"], str(row["run_id"])
    return None


def _attention(kept: tuple[Mapping[str, Any], str] | None) -> tuple[tuple[JudgedLine, ...], bool]:
    """Verdict, ablation and placebos; and whether all came out as registered, in a run that is the registered one."""
    if kept is None:
        return tuple(JudgedLine(id=name, title=name, verdict=NOT_RUN) for name in ATTENTION_TESTS), False
    found, plan = AttentionResult.from_dict(kept[0]), registered_plan()
    came = {
        "verdict": found.verdict == plan.verdict["expected"],
        "ablation": found.ablation.as_expected,
        "unread": found.placebos.unread_zero,
        "other_place": found.placebos.other_as_expected,
        "shuffled": found.placebos.shuffled_as_expected,
    }
    said = {name: "as registered" if came[name] else "not as registered" for name in ATTENTION_TESTS}
    said["verdict"] = f"{found.verdict}, {said['verdict']}"
    lines = tuple(JudgedLine(id=name, title=name, verdict=said[name], run_id=kept[1]) for name in ATTENTION_TESTS)
    return lines, all(came.values()) and not found.departures


def _facts(kept: tuple[Mapping[str, Any], str] | None) -> tuple[tuple[JudgedLine, ...], float | None]:
    """Each figure, and the share of facts held out that is inside."""
    if kept is None:
        return (), None
    found = FactsResult.from_dict(kept[0])
    inside, total = found.counts.get(HELD_OUT, (0, 0))
    lines = tuple(
        JudgedLine(
            id=item.id, title=item.quantity, verdict="inside" if item.hit else "outside", run_id=kept[1], used=item.use
        )
        for item in found.figures
    )
    return lines, inside / total if total else None


def _newest(found: list[SocietyResult], what: str) -> SocietyResult | None:
    return next((item for item in found if item.what == what), None)
