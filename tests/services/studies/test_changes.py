"""A run that was interrupted and whose code or tables have changed since begins anew and says so; nothing is mixed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_runs import SHORT

from core.errors import Cancelled, InputError
from core.execution.progress import Progress, ProgressReporter
from core.report.renderers.terminal import terminal_text
from core.report.sentences.runs import run_document
from core.services.runs.results import RunResult
from core.services.runs.run import run_study
from core.services.studies.changes import LeftAttempt
from core.services.studies.requests import RunRequest
from core.store import Store
from core.study import load_study

ROOT = Path(__file__).resolve().parents[3]
SMALL = RunRequest("meridia", personas=30, trials=4, **SHORT)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped data that may be edited."""
    shutil.copytree(ROOT / "data", tmp_path / "root" / "data")
    monkeypatch.setattr("core.settings.project_root", lambda: tmp_path / "root")
    return tmp_path / "root" / "data"


def weaker_policy(data: Path) -> None:
    """Another value in the first row of policy of the engine's table."""
    table = data / "coefficients" / "pandemic_mobility.csv"
    rows = table.read_text(encoding="utf-8").splitlines()
    place = next(number for number, row in enumerate(rows) if ",policy," in row)
    value = rows[place].split(",")[4]
    rows[place] = rows[place].replace(f",{value},", f",{float(value) / 2},", 1)
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")


def stopped(store: Store) -> str:
    """A run that was stopped when all its trials were kept."""
    seen: list[Progress] = []
    with pytest.raises(Cancelled):
        run_study(SMALL, store, ProgressReporter(seen.append, lambda: any(item.stage == "simulate" for item in seen)))
    return str(store.runs(kind="run")["run_id"].iloc[0])


@pytest.mark.parametrize("what", ["table", "code"])
def test_an_interrupted_run_is_not_taken_up_on_other_grounds(data: Path, what: str) -> None:
    with Store.memory() as store:
        begun = stopped(store)
        assert len(store.read("trials", unfinished=True, run_id=begun)) == 4
        if what == "table":
            weaker_policy(data)
        else:
            record = store.run(begun).record
            store.delete("runs", run_id=begun)
            store.begin_run(replace(record, code_version="0.0+older"))
            store.end_early(begun, "interrupted", "the process that worked on it ended")
        said: list[str] = []
        result = run_study(SMALL, store, ProgressReporter(lambda item: said.append(item.text)))
        assert result.run_id != begun and result.began_anew is not None
        anew = terminal_text(run_document(result, load_study("meridia")))
        wanted = "the engine's coefficients: other content than then" if what == "table" else "0.0+older then"
        assert begun in anew and "begins anew" in anew and wanted in anew
        assert f"{begun} is not taken up" in said
        assert RunResult.from_dict(result.as_dict()) == result
        earlier = (
            f"{begun}, which ended early, is not taken up: this run begins anew. Changed since: the data; the code."
        )
        assert RunResult.from_dict({**result.as_dict(), "began_anew": earlier}).began_anew == LeftAttempt(
            begun, ("the data", "the code")
        )
        with Store.memory() as fresh:
            assert run_study(SMALL, fresh).result_hash == result.result_hash, "nothing was taken over"


def test_the_same_grounds_are_taken_up_and_other_questions_are_no_attempt(data: Path) -> None:
    with Store.memory() as store:
        begun = stopped(store)
        other = run_study(RunRequest("meridia", personas=30, trials=4, seed=5, **SHORT), store)
        assert other.began_anew is None
        result = run_study(SMALL, store)
        assert result.run_id == begun and result.began_anew is None


def edited_at(stage: str, edit: Callable[[], None]) -> ProgressReporter:
    done: list[bool] = []

    def report(item: Progress) -> None:
        if item.stage == stage and not done:
            done.append(True)
            edit()

    return ProgressReporter(report)


def test_a_table_edited_under_a_run_gives_no_result_of_two_tables(data: Path) -> None:
    with Store.memory() as store:
        with pytest.raises(InputError, match="coefficients were edited while the run went on"):
            run_study(SMALL, store, edited_at("simulate", lambda: weaker_policy(data)))
        assert store.runs(status="complete").empty
        anew = run_study(SMALL, store).began_anew
        assert anew is not None and "the engine's coefficients" in anew.changes[0]
