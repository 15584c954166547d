"""What an analyst may ask of a fit, and the fits that ended early and can be taken up again."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any

from core.calibration.pace import pace_of
from core.cognition.registry import asks_model
from core.errors import InputError
from core.records import RunRecord, code_version, package_versions
from core.services.language.engines import MANNER, asking_of, engine_of_record
from core.services.runs.results import RunResult
from core.services.studies.changes import changes_between
from core.services.studies.inputs import StudyInputs, study_hash
from core.services.studies.requests import ModelOptions, RunRequest
from core.services.studies.splits import check_length
from core.store.database import Store
from core.store.runs import ENDED_EARLY, RUNNING, StoredRun
from core.study import Step, Study

#: A hold-out shorter than four weeks says little about a forecast with a weekly pattern.
ENDINGS = {
    "cancelled": "was stopped",
    "interrupted": "ended before it was done",
    "failed": "ended with an error",
}


@dataclass(frozen=True)
class SplitLimits:
    """The periods between which training may end, the last that can be tested, and how many a test has at least."""

    earliest: date
    latest: date
    last: date
    step: Step
    fewest_test: int

    def test_end(self, train_end: date) -> date:
        """The first day on which the test may end after this training end."""
        return self.step.after(train_end, self.fewest_test)


def split_limits(study: Study) -> SplitLimits:
    """Training long enough for one inner origin, and at least four weeks left to test on. InputError for a study that is too
    short for that."""
    check_length(study)
    step, pace = study.step, pace_of(study)
    earliest = step.after(study.start, pace.inner_step + pace.fewest_training - 1)
    return SplitLimits(earliest, step.after(study.end, -pace.fewest_test), study.end, step, pace.fewest_test)


def checked_split(study: Study, train_end: date, test_end: date) -> None:
    """InputError where training or test would be too short, with the nearest day that is allowed."""
    limits = split_limits(study)
    if not limits.earliest <= train_end <= limits.latest:
        raise InputError(
            f"training to {train_end}",
            where=f"study {study.id}",
            allowed=f"{limits.earliest} to {limits.latest}",
            nearest=str(min(max(train_end, limits.earliest), limits.latest)),
        )
    first = limits.test_end(train_end)
    if not first <= test_end <= limits.last:
        raise InputError(
            f"test to {test_end} after training to {train_end}",
            where=f"study {study.id}",
            allowed=f"{first} to {limits.last}",
            nearest=str(min(max(test_end, first), limits.last)),
        )


@dataclass(frozen=True)
class Unfinished:
    """A run that ended early: how, with how many trials kept, and what stands in the way of resuming ("" if nothing)."""

    run_id: str
    how: str
    message: str
    created_at: datetime
    trials_done: int
    record: RunRecord
    obstacle: str

    @property
    def trials(self) -> int:
        return int(self.record.parameters.get("trials", 0))


def unfinished_runs(store: Store, inputs: StudyInputs) -> list[Unfinished]:
    """Runs of this study that ended early and were not finished since, newest first."""
    rows = store.runs(kind="run", study_id=inputs.study.id)
    complete = set(rows.loc[rows["status"] == "complete", "inputs_hash"])
    found = []
    for row in rows[rows["status"].isin(ENDED_EARLY)].itertuples():
        if row.inputs_hash in complete:
            continue
        run = store.run(str(row.run_id))
        kept = store.read("trials", columns=["number"], unfinished=True, run_id=run.run_id, calibrator="twin")
        found.append(
            Unfinished(
                run_id=run.run_id,
                how=ENDINGS[run.status],
                message=run.message or "",
                created_at=run.created_at,
                trials_done=len(kept),
                record=run.record,
                obstacle=obstacle_to_resume(run, inputs),
            )
        )
    return found


def obstacle_to_resume(run: StoredRun, inputs: StudyInputs) -> str:
    """What has changed since the run began, so that its steps no longer fit together; "" where nothing has."""
    record = run.record
    engine = engine_of_record(inputs.study, record)
    now = replace(
        record,
        study_hash=study_hash(inputs.study),
        input_hashes=inputs.hashes,
        engine_version=engine.version,
        code_version=code_version(),
        packages=package_versions(),
    )
    if now.inputs_hash() == run.inputs_hash:
        return ""
    return f"changed since: {'; '.join(changes_between(record, now)) or 'the engine'}"


def request_of(record: RunRecord) -> RunRequest:
    """The request that leads to this record again: to resume a run, or to repeat it on its own kept population."""
    return RunRequest(
        study=str(record.parameters.get("study", record.study_id)),
        engine=record.engine,
        personas=record.personas,
        population_id=record.population_id,
        train_end=record.train_end,
        test_end=record.test_end,
        trials=int(record.parameters["trials"]),
        seed=record.seed,
        keep_responses=record.parameters.get("keep_responses"),
        asking=asking_of(record) if asks_model(record.engine) else None,
    )


def told_again(record: RunRecord, data: str | None = None) -> RunRequest:
    """The request that makes a run like this one from nothing, in another store: its people are drawn anew, and of how a
    language model is asked only what decides its answers is said. `data` is the folder of observations."""
    request = request_of(record)
    asking = request.asking
    if asking is not None:
        usual: dict[str, Any] = {item.name: item.default for item in fields(ModelOptions) if item.name in MANNER}
        asking = replace(asking, **usual)
    return replace(request, data=data, population_id=None, keep_responses=None, asking=asking)


def running_run(store: Store, study_id: str) -> str | None:
    """The id of the run of this study that is being worked on, or None."""
    found = store.runs(kind="run", study_id=study_id, status=RUNNING)
    return None if found.empty else str(found["run_id"].iloc[0])


def expected_seconds(run: StoredRun | None, trials: int, personas: int) -> float | None:
    """About how long a fit takes, judged by the stage times of an earlier run; None without one.

    The search simulates a bounded number of personas, so its time goes with the trials; the rest goes with the personas.
    """
    if run is None:
        return None
    seconds = RunResult.of(run).seconds
    search = seconds["calibrate"] * trials / max(int(run.record.parameters.get("trials", trials)), 1)
    people = seconds["simulate"] * personas / run.record.personas
    return float(seconds["ingest"] + search + people + seconds["validate"] + seconds["store"])
