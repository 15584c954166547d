"""Societies run and kept: arms of a scenario in the same worlds of chance, compared, and each world kept as soon as it ends.

The order of a run:
1. the scenario as it stands and as each arm has it; what the store has of equal inputs is returned, or taken up;
2. each world (an arm and a seed) that is not kept yet is simulated by whoever works, and kept in one transaction;
3. contrasts of the arms over the worlds; the run is marked complete, last.

What a page or a command needs: `run_society(request, store)` gives a `SocietyResult`, `compare_arms` the same against another
arm, and `core/services/society/reading.py` the frames of a run by arm, seed and day, and one world again with all its detail.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from core.errors import InputError, one_of
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.records import RUNGS, RunRecord, content_hash
from core.services.runs.endings import ending_kept
from core.services.society.asking import (
    SocietyCost,
    asked_of,
    asker,
    cost_of_society,
    engine_name,
    replaying,
    require_model,
)
from core.services.society.reading import SocietyFrames, frames_of, scenario_again, society_result
from core.services.society.requests import AblateRequest, CompareRequest, SocietyRequest
from core.services.society.results import ABLATIONS, ARMS, ENGINE, ENGINE_VERSION, SIGNS, ArmSummary, SocietyResult
from core.services.studies.requests import ModelOptions
from core.services.studies.stored_inputs import save_text
from core.society.ablations import ablated, judged, signed, signs_hash
from core.society.arms import BASE, QUANTITIES, Contrast, contrasts, first_day, quantities
from core.society.asked import PROMPT_VERSION, AskedDecider
from core.society.parameters import parameters_hash
from core.society.run import check_size, run_world
from core.society.scenario import Scenario, of_arm, scenario_hash
from core.society.shipped import find_scenario
from core.society.world import Decide
from core.store.database import Store


@dataclass(frozen=True)
class Plan:
    """Which arms of a scenario, each in these worlds; `what` the run is made for."""

    scenario: Scenario
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    households: int
    days: int
    what: str = ARMS
    asking: ModelOptions | None = None

    @property
    def worlds(self) -> list[tuple[str, int]]:
        """Arm and seed of each, seed by seed, so that what was cut off can be compared as far as it came."""
        return [(arm, seed) for seed in self.seeds for arm in self.arms]


def plan_of(request: SocietyRequest) -> Plan:
    """What a request asks for. InputError for an unknown scenario or arm, and for numbers out of range."""
    scenario = find_scenario(request.scenario)
    known = [BASE, *(arm.id for arm in scenario.arms)]
    named = known if request.arms is None else request.arms
    for name in named:
        one_of(name, known, what="arm", where=f"scenario {scenario.id}")
    arms = tuple(dict.fromkeys((BASE, *named)))
    return replace(planned(scenario, arms, request.seeds, request.households, request.days), asking=request.asking)


def planned(
    scenario: Scenario, arms: Sequence[str], seeds: int, households: int | None, days: int | None, what: str = ARMS
) -> Plan:
    """A plan with the scenario's own numbers where none are given. InputError for numbers out of range."""
    number = scenario.households.number if households is None else households
    length = scenario.days if days is None else days
    check_size(number, length, seeds)
    for arm in arms:
        first = first_day(scenario, arm)
        if first >= length:
            raise InputError(
                f"the arm {arm} changes nothing before day {first + 1}", where=f"scenario {scenario.id}, {length} days",
                allowed=f"--days {first + 1} or more, or other --arms",
            )  # fmt: skip
    return Plan(scenario, tuple(arms), tuple(range(scenario.seed, scenario.seed + seeds)), number, length, what)


def run_society(
    request: SocietyRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> SocietyResult:
    """The arms that were asked for: a run of equal inputs that the store has, else a new one, or what was cut off taken up."""
    return run_plan(plan_of(request), store, watch=watch, executor=executor, again=again)


def cost_of_run(request: SocietyRequest, store: Store) -> SocietyCost:
    """What a model would be asked. InputError as `run_society`, and for a request that asks none."""
    asking, plan = require_model(request.asking), plan_of(request)
    edited = {arm: of_arm(plan.scenario, arm, plan.scenario.id) for arm in plan.arms}
    return cost_of_society(edited, plan.seeds, plan.households, plan.days, asking, store)


def compare_arms(
    request: CompareRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> SocietyResult:
    """Every arm of a run against one of them, over the days on which either may differ. InputError for an unknown arm."""
    plan = plan_of(request.run)
    one_of(request.against, plan.arms, what="arm", where=f"scenario {plan.scenario.id}")
    result = run_plan(plan, store, watch=watch, executor=executor, again=again)
    return held_against(store, result, request.against)


def ablate_society(
    request: AblateRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> SocietyResult:
    """A scenario without one part at a time, or with the levers whose direction is registered, each against it as it stands."""
    scenario = find_scenario(request.scenario)
    scenario, what = (signed(scenario)[0], SIGNS) if request.signs else (ablated(scenario), ABLATIONS)
    arms = (BASE, *(arm.id for arm in scenario.arms))
    plan = planned(scenario, arms, request.seeds, request.households, request.days, what)
    return run_plan(plan, store, watch=watch, executor=executor, again=again)


def held_against(store: Store, result: SocietyResult, against: str) -> SocietyResult:
    """A kept result with contrasts against another of its arms. InputError for an arm it has not."""
    one_of(against, [arm.id for arm in result.arms], what="arm", where=f"run {result.run_id}")
    if against == result.against:
        return result
    measured = _Quantities(frames_of(store, result.run_id), scenario_again(store, result.run_id))
    since, found = _compared(measured, [arm.id for arm in result.arms], against)
    return replace(result, against=against, since=since, contrasts=found)


def society_again(
    store: Store, run_id: str, scratch: Store, *, watch: ProgressReporter, executor: Executor = IN_THIS_PROCESS
) -> SocietyResult:
    """A kept run made anew in another store, from what `store` keeps of it alone."""
    result = society_result(store, run_id)
    plan = Plan(
        scenario_again(store, run_id), tuple(arm.id for arm in result.arms), result.seeds, result.households, result.days,
        result.what, replaying(store.run(run_id).record),
    )  # fmt: skip
    return run_plan(plan, scratch, watch=watch, executor=executor)


def run_plan(
    plan: Plan,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> SocietyResult:
    """A plan carried out and kept; where the store has it already, that is returned, unless `again`."""
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    edited = {arm: of_arm(plan.scenario, arm, plan.scenario.id) for arm in plan.arms}
    record = _record(plan, edited)
    same = None if again else store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return SocietyResult.from_dict({**same.summary, "run_id": same.run_id})
    with store.transaction():
        resumable = None if again else store.find_resumable(record.inputs_hash())
        save_text(store, record.study_hash, "society", plan.scenario.as_dict())
        if resumable is None:
            store.begin_run(record)
        else:
            record = store.resume_run(resumable.run_id).record
    with ending_kept(store, record.run_id):
        _simulate(plan, edited, record.run_id, store, watch, executor)
        watch.report("validate", 0, 1, "contrasts")
        return _finish(plan, edited, record, store, began, watch)


def _record(plan: Plan, edited: dict[str, Scenario]) -> RunRecord:
    written = plan.scenario.as_dict()
    return RunRecord(
        kind=SocietyResult.kind,
        study_id=plan.scenario.id,
        study_hash=content_hash(written),
        engine=ENGINE if plan.asking is None else asked_of(plan.asking)["asked_engine"],
        engine_version=ENGINE_VERSION if plan.asking is None else PROMPT_VERSION,
        seed=plan.scenario.seed,
        personas=plan.households,
        input_hashes={
            "parameters.csv": parameters_hash(),
            **({"signs.toml": signs_hash()} if plan.what == SIGNS else {}),
        },
        parameters={
            "what": plan.what, "scenario_hash": scenario_hash(plan.scenario), "seeds": len(plan.seeds), "days": plan.days,
            "arms": {arm: scenario_hash(scenario) for arm, scenario in edited.items()},
            **({} if plan.asking is None else {"asked": asked_of(plan.asking)}),
        },
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Kept:
    """What a worker sends of a world."""

    days: pd.DataFrame
    groups: pd.DataFrame
    steps: pd.DataFrame
    ledger: pd.DataFrame
    world: dict[str, Any]


def kept_world(scenario: Scenario, seed: int, households: int, days: int, decide: Decide | None = None) -> _Kept:
    """One world, as far as it is kept."""
    began = time.perf_counter()
    found = run_world(scenario, seed, households, days, False, decide)
    return _Kept(
        found.days,
        found.groups.rename(columns={"group": "grouped_by"}),
        found.steps,
        found.ledger.melt("day", var_name="purpose", value_name="cents"),
        {"state_hash": found.state_hash, "cascades": found.cascades, "seconds": time.perf_counter() - began},
    )


def _simulate(
    plan: Plan, edited: dict[str, Scenario], run_id: str, store: Store, watch: ProgressReporter, executor: Executor
) -> None:
    """The worlds that are not kept yet."""
    kept = store.read("society_worlds", columns=["arm", "seed"], unfinished=True, run_id=run_id)
    before = set(zip(kept["arm"], kept["seed"], strict=True))
    left = [pair for pair in plan.worlds if pair not in before]
    tasks = [(edited[arm], seed, plan.households, plan.days) for arm, seed in left]
    done, total = len(before), len(plan.worlds)
    watch.report("simulate", done, total, "worlds")
    if plan.asking is None:
        found = executor.map(kept_world, tasks, in_flight=2 * executor.workers, check=watch.check)
    else:
        # Answers of a world are known to the next, and the store is written by this process alone.
        decide = AskedDecider(asker(plan.asking, store, watch, run_id))
        found = (kept_world(*task, decide) for task in tasks)
    for (arm, seed), world in zip(left, found, strict=True):
        named = {"run_id": run_id, "arm": arm, "seed": seed}
        with store.transaction():
            for name in ("days", "groups", "steps", "ledger"):
                store.append(f"society_{name}", getattr(world, name), constants=named)
            store.append("society_worlds", [world.world], constants=named)
        done += 1
        watch.report("simulate", done, total, "worlds")


def _finish(
    plan: Plan, edited: dict[str, Scenario], record: RunRecord, store: Store, began: float, watch: ProgressReporter
) -> SocietyResult:
    frames = frames_of(store, record.run_id, unfinished=True)
    measured = _Quantities(frames, plan.scenario)
    since, found = _compared(measured, edited, BASE)
    signs = signed(plan.scenario)[1] if plan.what == SIGNS else ()
    tests = tuple(judged(sign, measured(sign.arm, since[sign.arm]), measured(BASE, since[sign.arm])) for sign in signs)
    hashes = frames.worlds.set_index(["arm", "seed"])["state_hash"].sort_index()
    titles = {BASE: plan.scenario.title, **{arm.id: arm.title for arm in plan.scenario.arms}}
    edits = {arm.id: tuple(item.model_dump(mode="json") for item in arm.edit) for arm in plan.scenario.arms}
    arms = tuple(
        ArmSummary(
            id=arm, title=titles[arm], edit=edits.get(arm, ()), scenario_hash=scenario_hash(scenario),
            means=measured.means(arm), state_hashes={int(seed): text for seed, text in hashes[arm].items()},
        )
        for arm, scenario in edited.items()
    )  # fmt: skip
    result = SocietyResult(
        what=plan.what, scenario=plan.scenario.id, title=plan.scenario.title, question=plan.scenario.question,
        fictional=plan.scenario.fictional, scenario_hash=scenario_hash(plan.scenario), households=plan.households,
        days=plan.days, warm_up_days=plan.scenario.warm_up_days, seeds=plan.seeds, arms=arms, since=since, contrasts=found,
        tests=tests, engine=ENGINE if plan.asking is None else engine_name(plan.asking),
        seconds=round(time.perf_counter() - began, 3), result_hash=content_hash([vars(arm) for arm in arms]),
        run_id=record.run_id,
    )  # fmt: skip
    finished = replace(record, result_hash=result.result_hash, rung=RUNGS[int(result.coherent)])
    store.finish_run(record.run_id, {}, result.as_dict(), seconds=result.seconds, record=finished)
    watch.finish("store", "done")
    return result


class _Quantities:
    """`quantities` of an arm's days from `since`, each worked out once."""

    def __init__(self, frames: SocietyFrames, scenario: Scenario) -> None:
        self.frames, self.scenario = frames, scenario
        self._known: dict[tuple[str, int], pd.DataFrame] = {}

    def __call__(self, arm: str, since: int = 0) -> pd.DataFrame:
        if (arm, since) not in self._known:
            days, groups = (self.frames.of(frame, arm) for frame in (self.frames.days, self.frames.groups))
            self._known[arm, since] = quantities(days, groups, self.scenario, since)
        return self._known[arm, since]

    def means(self, arm: str) -> dict[str, float]:
        """Over worlds and all days, of everybody and all places."""
        means = self(arm).mean(axis=1).to_dict()
        return {name: float(means["all", "all", name]) for name in QUANTITIES if ("all", "all", name) in means}


def _compared(
    found: _Quantities, arms: Sequence[str] | dict[str, Any], against: str
) -> tuple[dict[str, int], tuple[Contrast, ...]]:
    """Each arm minus another, over the days on which either may differ; and the first of these days."""
    since = {arm: first_day(found.scenario, arm, against) for arm in arms if arm != against}
    each = [contrasts(arm, found(arm, first), against, found(against, first)) for arm, first in since.items()]
    return since, tuple(item for part in each for item in part)
