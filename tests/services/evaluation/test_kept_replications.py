"""Replications are kept, found again, reported and made again, as other kinds of result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from choice_cases import log_of, made_choices, write_log
from panel_cases import made_panel, write_folder

from core.cli import main
from core.report.documents import shown_text
from core.services.evaluation.kept_replications import kept_replication
from core.services.evaluation.replication_results import AnswersRequest, ChoicesRequest
from core.services.library.archive import load_result
from core.services.library.reruns import rerun
from core.store.database import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    first, again = made_panel(60, seed=4)
    return write_folder(tmp_path / "data" / "panel", first, again.take(range(20)))


def test_it_is_found_again_reported_and_made_again(folder: Path, tmp_path: Path) -> None:
    request = AnswersRequest(folder)
    with Store(tmp_path / "store.duckdb") as store:
        found = kept_replication(request, store)
        assert kept_replication(request, store).run_id == found.run_id
        assert load_result(store, found.run_id) == found
        assert "people it has not met" in shown_text(store, found.run_id)
        assert store.run(found.run_id).record.rung == "a target pattern was reproduced"
        again = rerun(store, found.run_id, data=tmp_path / "data")
        assert again.same and not again.changes
        (folder / "people.csv").write_text((folder / "people.csv").read_text() + "\n")
        assert kept_replication(request, store).run_id != found.run_id


def test_nothing_of_a_single_person_is_kept(folder: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        found = kept_replication(AnswersRequest(folder), store)
        kept = store.run(found.run_id)
        assert "p4-0" not in json.dumps(kept.summary) + kept.record.to_json()


def test_choices_on_the_command_line_are_kept_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write_log(tmp_path / "log.csv", log_of(made_choices(30, seed=3)))
    db = ["--db", str(tmp_path / "store.duckdb")]
    assert main(["tune", "score", "--log", str(log), *db, "--json"]) == 0
    run_id = json.loads(capsys.readouterr().out)["run_id"]
    assert main(["report", run_id, "--to", str(tmp_path / "report.html"), *db]) == 0
    assert "next choice" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with Store(tmp_path / "store.duckdb") as store:
        assert kept_replication(ChoicesRequest(log), store).run_id == run_id
