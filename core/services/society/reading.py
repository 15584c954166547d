"""What the store keeps of a society: its frames by arm, seed and day, and one of its worlds again with all its detail."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from core.errors import InputError, one_of
from core.services.society.results import SocietyResult
from core.services.studies.stored_inputs import stored_text
from core.society.recorder import SeedRun
from core.society.run import run_world
from core.society.scenario import Scenario, of_arm, read_scenario
from core.store.database import Store


@dataclass(frozen=True, eq=False)
class SocietyFrames:
    """Frames as `SocietyRun` has them, with the columns arm and seed first; `worlds` has a row for each world that ended."""

    days: pd.DataFrame
    groups: pd.DataFrame
    steps: pd.DataFrame
    ledger: pd.DataFrame
    worlds: pd.DataFrame

    @staticmethod
    def of(frame: pd.DataFrame, arm: str) -> pd.DataFrame:
        """One arm's rows of a frame."""
        return frame[frame["arm"] == arm].drop(columns="arm")


def frames_of(store: Store, run_id: str, *, unfinished: bool = False) -> SocietyFrames:
    """What is kept of a society; `unfinished`: of one that is at work too. InputError for an unknown run."""
    store.run(run_id)
    found = {
        name: store.read(f"society_{name}", unfinished=unfinished, run_id=run_id).drop(columns="run_id")
        for name in ("days", "groups", "steps", "ledger", "worlds")
    }
    found["groups"] = found["groups"].rename(columns={"grouped_by": "group"})
    return SocietyFrames(**found)


def society_result(store: Store, run_id: str) -> SocietyResult:
    """What came of a complete society. InputError for another run."""
    run = store.run(run_id)
    if not run.complete or run.record.kind != SocietyResult.kind:
        raise InputError(
            f"is a {run.record.kind} that is {run.status}", where=f"run {run_id}", allowed="a complete society"
        )
    return SocietyResult.from_dict({**run.summary, "run_id": run_id})


def kept_societies(store: Store, scenario: str | None = None) -> list[SocietyResult]:
    """The complete societies of the store, newest first; of one scenario, where it is named."""
    found = store.runs(kind=SocietyResult.kind, study_id=scenario, status="complete")
    rows = zip(found["run_id"], found["summary"], strict=True)
    return [SocietyResult.from_dict({**raw, "run_id": str(run_id)}) for run_id, raw in rows if "contrasts" in raw]


def scenario_again(store: Store, run_id: str) -> Scenario:
    """The scenario that a run was made of. InputError where the store has lost it."""
    record = store.run(run_id).record
    raw = stored_text(store, record.study_hash)
    if raw is None:
        raise InputError("the scenario it was made of is not kept", where=f"run {run_id}", allowed="a new run")
    return read_scenario(raw, f"run {run_id}")


def world_again(store: Store, run_id: str, arm: str, seed: int | None = None) -> SeedRun:
    """One world of a run (default: of its first seed) with sampled households, posts and the network, simulated again.

    InputError for an arm or seed that it has not, and where another version of the model ends elsewhere.
    """
    result = society_result(store, run_id)
    one_of(arm, [item.id for item in result.arms], what="arm", where=f"run {run_id}")
    seed = result.seeds[0] if seed is None else seed
    one_of(str(seed), [str(item) for item in result.seeds], what="seed", where=f"run {run_id}")
    scenario = of_arm(scenario_again(store, run_id), arm, f"run {run_id}")
    found = run_world(scenario, seed, result.households, result.days, True)
    if found.state_hash != result.arm(arm).state_hashes[seed]:
        raise InputError(
            f"was made by {store.run(run_id).record.code_version}, whose model is not this one",
            where=f"run {run_id}",
            allowed="a new run, for a replay",
        )
    return found
