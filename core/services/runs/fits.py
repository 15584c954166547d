"""What an analyst may ask of a fit, and the fits that ended early and can be taken up again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from core.calibration.problem import FEWEST_TRAINING_DAYS, INNER_STEP
from core.cognition.registry import asks_model
from core.errors import InputError
from core.records import RunRecord, code_version, package_versions
from core.services.language.engines import MANNER, asking_of, engine_of_record
from core.services.language.reproduction import asking_note, asking_options, asking_python
from core.services.populations.synthesis import make_population
from core.services.studies.changes import changes_between
from core.services.studies.inputs import StudyInputs, study_hash
from core.services.studies.requests import ModelOptions, RunRequest
from core.store.database import Store
from core.store.runs import ENDED_EARLY, RUNNING, StoredRun
from core.study import Study

#: A hold-out shorter than four weeks says little about a forecast with a weekly pattern.
FEWEST_TEST_DAYS = 28
ENDINGS = {
    "cancelled": "was stopped",
    "interrupted": "ended before it was done",
    "failed": "ended with an error",
}


@dataclass(frozen=True)
class SplitLimits:
    """The days between which training may end, and the last day that can be tested."""

    earliest: date
    latest: date
    last: date

    def test_end(self, train_end: date) -> date:
        """The first day on which the test may end after this training end."""
        return train_end + timedelta(days=FEWEST_TEST_DAYS)


def split_limits(study: Study) -> SplitLimits:
    """Training long enough for one inner origin, and at least four weeks left to test on."""
    earliest = study.start + timedelta(days=INNER_STEP + FEWEST_TRAINING_DAYS - 1)
    return SplitLimits(earliest, study.end - timedelta(days=FEWEST_TEST_DAYS), study.end)


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
    if run is None or not isinstance(run.summary, Mapping) or "seconds" not in run.summary:
        return None
    seconds: Mapping[str, float] = run.summary["seconds"]
    search = seconds["calibrate"] * trials / max(int(run.record.parameters.get("trials", trials)), 1)
    people = seconds["simulate"] * personas / run.record.personas
    return float(seconds["ingest"] + search + people + seconds["validate"] + seconds["store"])


@dataclass(frozen=True)
class Reproduce:
    """How to get the same figures without the dashboard; `command` is "" where only Python can, and `note` says why."""

    command: str
    python: str
    note: str


def rerun_lines(run_id: str, store_name: str) -> Reproduce:
    """How a run is made again from the store it lies in, whatever has become of its files, and compared."""
    python = (
        "from core.services.library.reruns import rerun\n"
        "from core.store.database import Store\n\n"
        f"with Store({store_name!r}) as store:\n"
        f"    again = rerun(store, {run_id!r})\n"
        "print(again.same, again.changes)\n"
    )
    note = "Made again from this store alone, to see whether the result is the same. Close PolicyTwin first:"
    return Reproduce(shlex.join(["policytwin", "rerun", run_id, "--db", store_name]), python, note)


def reproduce(record: RunRecord, study: Study, data: Path | None, store_name: str) -> Reproduce:
    """The command and the Python lines that repeat a run in a store of their own, with the same result hash.

    `data` is the folder of observations in use and `store_name` the store the run lies in; a population that was edited,
    or drawn with another seed, exists only there, so that such a run is repeated on a copy of it.
    """
    name = str(record.parameters.get("study", record.study_id))
    folder = None if study.shipped or data is None else str(data)
    own = make_population(study, record.personas, record.seed).content_hash == record.population_hash
    words = ["policytwin", "run", name, *(["--data", folder] if folder else [])]
    words += asking_options(record)
    words += [
        "--personas",
        str(record.personas),
        "--train-end",
        str(record.train_end),
        "--test-end",
        str(record.test_end),
    ]
    words += ["--trials", str(record.parameters["trials"]), "--seed", str(record.seed)]
    words += ["--db", "reproduced.duckdb", "--json"]
    arguments = [repr(name), *([f"data={folder!r}"] if folder else [])]
    arguments += asking_python(record)
    arguments.append(f"personas={record.personas}" if own else f"population_id={record.population_id!r}")
    arguments += [
        f"{key}=date.fromisoformat({str(day)!r})"
        for key, day in (("train_end", record.train_end), ("test_end", record.test_end))
    ]
    arguments += [f"trials={record.parameters['trials']}", f"seed={record.seed}"]
    body = "".join(f"    {item},\n" for item in arguments)
    place = "reproduced.duckdb" if own else f"copy of {Path(store_name).name}"
    python = (
        "from datetime import date\n\n"
        "from core.services.runs.run import run_study\n"
        f"from core.services.studies.requests import {'ModelOptions, ' if asks_model(record.engine) else ''}RunRequest\n"
        "from core.store.database import Store\n\n"
        f"request = RunRequest(\n{body})\n"
        f"with Store({place!r}) as store:\n"
        "    summary = run_study(request, store)\n"
        'print(summary.values["macro_rmse"], summary.values["result_hash"])\n'
    )
    note = "" if own else (
        f"This run used a population kept in the store {store_name}, which its seed and size alone do not make again. "
        "Copy that file while PolicyTwin is closed, and run these lines on the copy; the command line draws new people."
    )  # fmt: skip
    if asks_model(record.engine):
        note = " ".join([note, asking_note(store_name)]).strip()
    return Reproduce(shlex.join(words) if own else "", python, note)
