"""The governance record of a society: what it rests on, what was tested, what is left out, and what may be claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.records import RUNGS
from core.result import Result
from core.services.society.reading import kept_societies, scenario_again, society_result
from core.services.society.results import ABLATIONS, ENGINE, ENGINE_VERSION, SIGNS, SocietyResult
from core.society.ablations import HELD, ablated, signed
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


@dataclass(frozen=True, kw_only=True)
class ChangedParameter:
    """A number that a scenario, or one of its arms, has otherwise than registered."""

    arm: str
    name: str
    registered: float
    value: float


@dataclass(frozen=True, kw_only=True)
class JudgedLine:
    """A test with its verdict, and the run it is from ("" where it was not run)."""

    id: str
    title: str
    verdict: str
    run_id: str = ""


@dataclass(frozen=True, kw_only=True)
class GovernanceRecord(Result):
    """Made when it is asked for, from what the store has of the same scenario by the same version. `rung` is the highest of
    `RUNGS` that is reached; `ablations` and `signs` say of each whether it was run and what came of it."""

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
        ablations=without, signs=tests, excluded=EXCLUDED, rung=RUNGS[int(signs is not None and signs.coherent)],
        result_hash=result.result_hash, run_id=run_id,
    )  # fmt: skip


def _newest(found: list[SocietyResult], what: str) -> SocietyResult | None:
    return next((item for item in found if item.what == what), None)
