"""What may be asked of a fit, what can be resumed, and how a run is reproduced."""

from __future__ import annotations

import json
import shutil
from ast import literal_eval
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from small_runs import SHORT

import core.services.runs.fits as fitting
from core import cli
from core.calibration.problem import inner_spans
from core.errors import Cancelled, InputError
from core.execution.progress import Progress, ProgressReporter
from core.report.sentences.runs import reproduce_run
from core.services.populations.synthesis import make_population, save_population
from core.services.runs.fits import (
    checked_split,
    expected_seconds,
    obstacle_to_resume,
    request_of,
    running_run,
    split_limits,
    unfinished_runs,
)
from core.services.runs.preparing import prepare, record_of
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.study import load_study

SMALL = RunRequest("meridia", personas=20, trials=16, seed=3, **SHORT)


@pytest.mark.parametrize("name", ["meridia", "uae"])
def test_the_earliest_training_end_is_the_first_that_leaves_an_inner_origin(name: str) -> None:
    study = load_study(name)
    limits = split_limits(study)
    assert inner_spans(study, limits.earliest) and not inner_spans(study, limits.earliest - timedelta(days=1))
    assert limits.last == study.end and limits.earliest < study.train_end < limits.latest
    checked_split(study, study.train_end, study.end)
    checked_split(study, limits.earliest, limits.test_end(limits.earliest))
    checked_split(study, limits.latest, limits.last)


def test_a_split_that_leaves_too_little_is_refused_with_the_nearest_day() -> None:
    study = load_study("meridia")
    limits = split_limits(study)
    with pytest.raises(InputError, match=str(limits.earliest)) as early:
        checked_split(study, study.start, study.end)
    assert early.value.nearest == str(limits.earliest)
    with pytest.raises(InputError) as late:
        checked_split(study, study.end, study.end)
    assert late.value.nearest == str(limits.latest)
    with pytest.raises(InputError) as short:
        checked_split(study, study.train_end, study.train_end + timedelta(days=3))
    assert short.value.nearest == str(limits.test_end(study.train_end))


def stopped_after(store: Store, trials: int, request: RunRequest = SMALL) -> str:
    """A run of this store that was stopped once so many trials were kept."""
    seen: list[Progress] = []
    watch = ProgressReporter(
        seen.append, lambda: any(item.stage == "calibrate" and item.done >= trials for item in seen)
    )
    with pytest.raises(Cancelled):
        run_study(request, store, watch)
    return str(store.runs(kind="run")["run_id"].iloc[0])


def test_a_stopped_fit_is_offered_until_it_is_finished() -> None:
    inputs = open_study("meridia")
    with Store.memory() as store:
        assert unfinished_runs(store, inputs) == [] and running_run(store, "meridia") is None
        run_id = stopped_after(store, 8)
        (item,) = unfinished_runs(store, inputs)
        assert (item.run_id, item.how, item.trials_done, item.trials, item.obstacle) == (
            run_id,
            "was stopped",
            8,
            16,
            "",
        )
        wanted = record_of(prepare(request_of(item.record), store), store)
        assert wanted.inputs_hash() == store.run(run_id).inputs_hash, "the same request finds it again"
        assert run_study(request_of(item.record), store).run_id == run_id
        assert unfinished_runs(store, inputs) == []


def test_a_fit_is_not_resumed_on_other_grounds(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = open_study("meridia")
    with Store.memory() as store:
        run = store.run(stopped_after(store, 8))
        assert obstacle_to_resume(run, inputs) == ""
        other = {**inputs.hashes, "mobility": "another"}
        assert (
            obstacle_to_resume(run, replace(inputs, hashes=other))
            == "changed since: the observations: other content than then"
        )
        study = replace(inputs.study, title="Another title")
        assert "the study: its file says something else than then" in obstacle_to_resume(
            run, replace(inputs, study=study)
        )
        with monkeypatch.context() as patched:
            patched.setattr(fitting, "package_versions", lambda: {"numpy": "0.1"})
            assert "numpy" in obstacle_to_resume(run, inputs) and "0.1 now" in obstacle_to_resume(run, inputs)
        with monkeypatch.context() as patched:
            patched.setattr(fitting, "code_version", lambda: "0.0.0")
            assert "PolicyTwin" in obstacle_to_resume(run, inputs) and "0.0.0 now" in obstacle_to_resume(run, inputs)


def test_a_fit_that_was_finished_by_another_is_not_offered() -> None:
    """The same question, stopped in one run and answered in another, is answered."""
    inputs = open_study("meridia")
    with Store.memory() as store:
        run_id = stopped_after(store, 8)
        record = replace(store.run(run_id).record, run_id="run-other")
        store.begin_run(record)
        store.finish_run("run-other", {}, {})
        assert unfinished_runs(store, inputs) == []


def test_the_running_run_is_named_while_it_runs() -> None:
    with Store.memory() as store:
        names: list[str | None] = []
        run_study(
            RunRequest("meridia", personas=10, trials=1, **SHORT),
            store,
            ProgressReporter(lambda item: names.append(running_run(store, "meridia"))),
        )
        assert names[0] is None and names[2] == str(store.runs()["run_id"].iloc[0]) and names[-1] is None


def test_the_expected_time_goes_with_trials_and_personas(meridia_run: Path) -> None:
    with Store(meridia_run) as store:
        run = store.run(str(store.runs(status="complete")["run_id"].iloc[0]))
    seconds = run.summary["seconds"]
    same = expected_seconds(run, 8, 200)
    assert same == pytest.approx(sum(value for name, value in seconds.items() if name != "total"), abs=0.01)
    more = expected_seconds(run, 16, 200)
    assert more is not None and same is not None
    assert more - same == pytest.approx(seconds["calibrate"])
    assert expected_seconds(None, 8, 200) is None


def test_both_ways_of_reproducing_give_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.memory() as store:
        record = store.run(run_study(RunRequest("meridia", personas=20, trials=2, **SHORT), store).run_id).record
    lines = reproduce_run(record, load_study("meridia"), None, "policytwin.duckdb")
    assert lines.note == ""
    words = lines.command.split()
    assert words[:3] == ["policytwin", "run", "meridia"] and "--data" not in words
    monkeypatch.chdir(tmp_path)
    assert cli.main(words[1:]) == 0
    assert json.loads(capsys.readouterr().out)["result_hash"] == record.result_hash
    (tmp_path / "reproduce.duckdb").unlink()
    exec(lines.python, {})
    assert literal_eval(capsys.readouterr().out)["result_hash"] == record.result_hash


def test_a_run_on_a_kept_population_is_reproduced_on_a_copy_of_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = load_study("meridia")
    other = make_population(study, 25, seed=9)
    path = tmp_path / "mine.duckdb"
    with Store(path) as store:
        kept = save_population(store, study, other, "Mine")
        values = run_study(RunRequest("meridia", population_id=kept, trials=2, **SHORT), store).as_dict()
        record = store.run(values["run_id"]).record
    lines = reproduce_run(record, study, None, str(path))
    assert lines.command == "" and str(path) in lines.note and kept in lines.python
    shutil.copy(path, tmp_path / "copy of mine.duckdb")
    monkeypatch.chdir(tmp_path)
    exec(compile(lines.python, "reproduce", "exec"), {})
    assert literal_eval(capsys.readouterr().out)["result_hash"] == record.result_hash


def test_the_command_quotes_a_folder_and_names_the_data_of_a_real_study(meridia_run: Path, tmp_path: Path) -> None:
    data = tmp_path / "some where" / "data"
    data.mkdir(parents=True)
    with Store(meridia_run) as store:
        record = store.run(str(store.runs(status="complete")["run_id"].iloc[0])).record
    real = replace(
        record, study_id="uae", parameters={**record.parameters, "study": "uae"}, train_end=date(2020, 12, 31)
    )
    fresh = make_population(load_study("uae"), record.personas, record.seed)
    real = replace(real, population_hash=fresh.content_hash)
    lines = reproduce_run(real, load_study("uae"), data, "s.duckdb")
    assert f"--data '{data}'" in lines.command and "--train-end 2020-12-31" in lines.command
    assert f"data='{data}'" in lines.python
    parser = cli._parser()
    arguments = parser.parse_args(["run", "uae", "--data", str(data), "--personas", "200"])
    assert arguments.personas == 200
