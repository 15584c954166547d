"""A person who withdraws is gone from every file, whatever happens on the way; nobody else loses anything."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb
import pytest
from respondent_cases import OPEN, STEWARD, taken_in, traces, turns_file, words_of
from store_cases import record, scores

from core.cli import main
from core.errors import InputError, StoreError
from core.services.people import withdrawing
from core.services.people.access import AccessRefused, allow
from core.services.people.exporting import export_people
from core.services.people.importing import ImportRequest, import_people
from core.services.people.reading import access_log, check_log, list_people, show_person
from core.services.people.traces import trace
from core.services.people.withdrawing import finish_withdrawals, plan_withdrawal, receipt_of, withdraw
from core.store import Store
from core.store.erasure import MARK
from core.store.respondents import RespondentTables
from core.store.upkeep import backup_store, restore_store

PEOPLE = 4
#: Points of a withdrawal at which it is killed; more of them by POLICYTWIN_KILLS=200.
KILLS = int(os.environ.get("POLICYTWIN_KILLS", "3"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with a store of people, with all that was ever made of the first one: exports, backups of two kinds, an old file
    under another name, questions to a model, an input, a persona, runs, and words where nobody noted them."""
    folder = tmp_path_factory.mktemp("bank")
    home = folder / "home"
    home.mkdir()
    run_ids = [record(seed=seed).run_id for seed in range(3)]
    # Text as it is, so that what stays of it in a file is found.
    with Store(home / "s.duckdb") as store:
        store._shared.connection.execute("PRAGMA force_compression = 'uncompressed'")
        for seed, run_id in enumerate(run_ids):
            store.begin_run(record(seed=seed, run_id=run_id))
            store.finish_run(run_id, {"scores": scores(seed)}, {"run_id": run_id})
        people = taken_in(store, turns_file(folder, PEOPLE))
        said = words_of(0)
        call = {
            "engine": "openai", "model": "m", "parameters": {}, "prompt_version": "1", "design": "d", "sample": 0, "system": "s",
            "answer_schema": {}, "schema_hash": "h", "attempts": 1, "status": "ok",
            "raw": "{}", "parsed": {}, "model_id": "m", "asked_at": "2030-01-01", "prompt": "none",
        }  # fmt: skip
        call |= {"asked_at": store.runs()["created_at"].iloc[0]}
        store.append("llm_calls", [{**call, "key": "noted"}, {**call, "key": "unnoted", "prompt": f"She said: {said}"}])
        store.append("llm_calls", [{**call, "key": "other", "prompt": f"He said: {words_of(1)}"}])
        store.append("input_texts", [{"content_hash": "abc", "kind": "interview", "content": {"text": said}}])
        store.append(
            "personas", [{"population_id": "p", "persona_id": n, "weight": 1, "attributes": {}} for n in (1, 2)]
        )
        store.append("drafts", [{"study_id": "s", "parent_id": "p", "content": {"note": f"as in “{said}”"}}])
        one = allow(store, STEWARD, "ask", [people[0]])
        for kind, reference in (("call", "noted"), ("persona", "p/1"), ("result", run_ids[0]), ("run", run_ids[1])):
            trace(one, kind, [reference])
        export_people(store, STEWARD, folder / "out")
        export_people(store, STEWARD, folder / "others", people[1:])
    db = ["--db", str(home / "s.duckdb")]
    assert main(["export", run_ids[1], "--to", str(folder / "run"), *db]) == 0
    assert main(["export", run_ids[2], "--to", str(folder / "other run"), *db]) == 0
    assert main(["cache", "export", str(folder / "answers.json.gz"), *db]) == 0
    backup_store(home / "s.duckdb", folder / "elsewhere.duckdb")
    shutil.copy(home / "s.duckdb", home / "old name.db")
    return folder, [*people, *run_ids]


@pytest.fixture
def bank(made: tuple[Path, list[str]], tmp_path: Path) -> tuple[Path, list[str]]:
    """The folder again, at a place of its own; the store's notes of files name that place."""
    folder, ids = made
    place = tmp_path / "bank"
    shutil.copytree(folder, place)
    for path in (place / "home" / "s.duckdb",):
        with duckdb.connect(str(path)) as raw:
            for table, column in (("kept_files", "path"), ("subject_traces", "reference")):
                raw.execute(f"UPDATE {table} SET {column} = replace({column}, '{folder}', '{place}')")
    return place, ids


def in_tables(path: Path, words: str) -> list[str]:
    """Tables of a DuckDB file that hold words."""
    found = []
    with duckdb.connect(str(path), read_only=True) as raw:
        for (name,) in raw.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            rows = raw.execute(f'SELECT * FROM "{name}"').fetchall()
            if any(words in str(row) or json.dumps(words)[1:-1] in str(row) for row in rows):
                found.append(name)
    return found


def others(path: Path, ids: list[str]) -> dict[str, object]:
    """All that the store has of the others."""
    with duckdb.connect(str(path), read_only=True) as raw:
        names = [name for (name,) in raw.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        logs = (
            "drafts",
            "audit_log",
            "audit_subjects",
            "withdrawals",
            "subject_traces",
            "kept_files",
            "schema_version",
        )
        return {
            name: sorted(
                row
                for row in map(str, raw.execute(f'SELECT * FROM "{name}"').fetchall())
                if not any(
                    gone in row for gone in (ids[0], ids[PEOPLE], ids[PEOPLE + 1], words_of(0)[:30], "noted", "abc")
                )
            )
            for name in names
            if name not in (*logs, "personas")
        }


def expect_gone(place: Path, ids: list[str]) -> None:
    piece = words_of(0)[:45]
    assert traces(place / "home", words_of(0)) == traces(place / "out", words_of(0)) == []
    assert traces(place, words_of(0)) == ["turns.csv"]  # the file that was imported is the user's
    for path in [*place.glob("home/*.d*b"), place / "elsewhere.duckdb"]:
        assert in_tables(path, piece) == [], path
        assert "turns" in in_tables(path, words_of(1)[:45]), path
    assert not list(place.rglob(".policytwin-*")) and not list(place.rglob("*.wal"))
    assert (place / "others" / "interviews.jsonl").exists() and not (place / "out" / "interviews.jsonl").exists()
    assert {path.name for path in place.glob("*run/*")} == {"record.json", "scores.csv"} and not list(
        place.glob("run/*")
    )
    assert not (place / "answers.json.gz").exists()


def test_every_trace_goes_and_nothing_of_others(
    bank: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    place, ids = bank
    db, gone = place / "home" / "s.duckdb", ids[0]
    # Where it was: otherwise its absence would say nothing.
    assert {"s.duckdb", "old name.db", "interviews.jsonl"} <= set(traces(place, words_of(0)))
    assert set(in_tables(db, words_of(0)[:45])) == {"turns", "llm_calls", "input_texts", "drafts"}
    before = others(db, ids)
    with Store(db) as store:
        plan = plan_withdrawal(store, STEWARD, gone)
    assert others(db, ids) == before and "turns" in in_tables(db, words_of(0)[:45])
    assert main(["consent", "withdraw", gone, "--db", str(db), "--json"]) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert {**receipt["rows"]} == plan.rows and receipt["files"] == len(plan.files) == 6 and receipt["left"] == []
    assert receipt["copies"] == 2 and plan.marked_runs == (ids[PEOPLE + 1],)
    assert plan.rows == {
        "consents": 1, "drafts": 1, "input_texts": 1, "interviews": 1, "llm_calls": 2, "personas": 1, "subject_traces": 7,
        "subjects": 1, "turns": 2, "runs": 1, "scores": 2,
    }  # fmt: skip
    expect_gone(place, ids)
    assert others(db, ids) == before
    with Store(db) as store:
        assert store.read("drafts")["content"][0] == {"note": "as in “[withdrawn]”"}
        assert list_people(store, STEWARD).total == PEOPLE - 1 and check_log(store, receipt["log_hash"]).sound
        messages = store.runs().set_index("run_id")["message"].dropna()
        assert len(store.runs()) == 2 and messages.to_dict() == {ids[PEOPLE + 1]: MARK}
        assert receipt_of(store, gone).receipt_hash == receipt["receipt_hash"]
        assert [item.action for item in access_log(store, STEWARD, gone).entries][-2:] == ["withdraw", "withdrawn"]
        with pytest.raises(AccessRefused):
            show_person(store, STEWARD, gone)
        with pytest.raises(InputError, match="has withdrawn already"):
            withdraw(store, STEWARD, gone)


def _killed_at(db: Path, subject: str, line: int) -> None:
    """In a process of its own: withdraw, and be killed at this line of what does it."""
    watched = ("withdrawing.py", "erasure.py", "copying.py", "connections.py")
    seen = 0

    def count(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        nonlocal seen
        if not frame.f_code.co_filename.endswith(watched):
            return None
        if event == "line":
            seen += 1
            if seen == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return count

    with Store(db) as store:
        sys.settrace(count)
        withdraw(store, STEWARD, subject)
        sys.settrace(None)
    print(seen, file=(db.parent.parent / "lines").open("w"))


def _in_process(*given: Any) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=_killed_at, args=given)
    process.start()
    process.join(60)
    return process.exitcode


def test_killed_anywhere_the_next_command_finishes_it(bank: tuple[Path, list[str]], tmp_path: Path) -> None:
    place, ids = bank
    before = others(place / "home" / "s.duckdb", ids)
    whole = tmp_path / "whole" / "bank"
    shutil.copytree(place, whole)
    _moved(whole, place)
    assert _in_process(whole / "home" / "s.duckdb", ids[0], -1) == 0
    lines = int((whole / "lines").read_text())
    for kill in range(KILLS):
        # The first half is before anything is changed: most kills fall where files and rows go.
        line = min(lines, 20 + int((lines - 20) * (kill + 0.5) / KILLS))
        trial = tmp_path / f"kill {kill}" / "bank"
        shutil.copytree(place, trial)
        _moved(trial, place)
        db = trial / "home" / "s.duckdb"
        assert _in_process(db, ids[0], line) == -signal.SIGKILL, line
        begun = True
        with Store(db) as store:
            state = RespondentTables(store).read("withdrawals")["state"].tolist()
            if state != ["done"]:
                # From the first row on nobody may use the person, finished or not.
                begun = bool(state)
                if begun:
                    with pytest.raises(AccessRefused):
                        show_person(store, STEWARD, ids[0])
                    finish_withdrawals(store)
                else:
                    withdraw(store, STEWARD, ids[0])
            assert check_log(store).sound, line
        expect_gone(trial, ids)
        assert others(db, ids) == before, line


def _moved(folder: Path, before: Path) -> None:
    with duckdb.connect(str(folder / "home" / "s.duckdb")) as raw:
        for table, column in (("kept_files", "path"), ("subject_traces", "reference")):
            raw.execute(f"UPDATE {table} SET {column} = replace({column}, '{before}', '{folder}')")


def test_a_backup_of_before_does_not_bring_a_person_back(bank: tuple[Path, list[str]], tmp_path: Path) -> None:
    place, ids = bank
    db = place / "home" / "s.duckdb"
    away = tmp_path / "away.duckdb"
    shutil.copy(db, away)
    with Store(db) as store:
        withdraw(store, STEWARD, ids[0])
    restore_store(away, db, replace=True)
    with Store(db) as store:
        with pytest.raises(AccessRefused):
            show_person(store, STEWARD, ids[0])
        (receipt,) = finish_withdrawals(store)
        assert receipt.subject == ids[0]
    assert traces(place / "home", words_of(0)) == []


def test_it_is_done_under_an_open_dashboard_while_others_read(bank: tuple[Path, list[str]]) -> None:
    place, ids = bank
    failures: list[BaseException] = []
    stop = threading.Event()

    def read(store: Store) -> None:
        while not stop.wait(0.01):
            try:
                assert len(store.runs()) in (2, 3)
                store.append("labels", [])
            except BaseException as wrong:
                failures.append(wrong)
                return

    with Store(place / "home" / "s.duckdb") as store, Store(place / "home" / "s.duckdb") as same:
        threads = [threading.Thread(target=read, args=(same,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        withdraw(store, STEWARD, ids[0])
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == [] and list_people(same, STEWARD).total == PEOPLE - 1
    expect_gone(place, ids)


def test_a_copy_that_is_open_elsewhere_is_waited_for(
    bank: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, ids = bank
    real = withdrawing.erase_from_copy

    def refuse(path: Path, *given: Any) -> bool:
        if path.name == "elsewhere.duckdb":
            raise StoreError("in use by process 7")
        return real(path, *given)

    with Store(place / "home" / "s.duckdb") as store:
        monkeypatch.setattr(withdrawing, "erase_from_copy", refuse)
        with pytest.raises(StoreError, match="in use by process 7"):
            withdraw(store, STEWARD, ids[0])
        with pytest.raises(AccessRefused, match="has withdrawn"):
            allow(store, STEWARD, "ask", [ids[0]])
        assert list_people(store, STEWARD).pending == 1
        monkeypatch.undo()
        # A file that is no longer ours is named and left.
        changed = place / "out" / "answers.csv"
        changed.write_text("somebody else's table\n", encoding="utf-8")
        receipt = withdraw(store, STEWARD, ids[0])
    assert receipt.copies == 1 and receipt.left == (str(changed),) and changed.exists()
    expect_gone(place, ids)


def test_a_participant_withdraws_by_the_code_and_nobody_else(tmp_path: Path) -> None:
    with Store(tmp_path / "s.duckdb") as store:
        one, other = import_people(store, ImportRequest(turns_file(tmp_path, 2), "turns", basis="form"), STEWARD).people
        for code in (None, "", other.code):
            with pytest.raises(AccessRefused):
                withdraw(store, OPEN, one.subject, code)
        assert withdraw(store, OPEN, one.subject, one.code).rows["turns"] == 2
        assert [item.viewer for item in access_log(store, STEWARD, one.subject).entries] == ["visitor"] * 3 + [
            "participant",
            "policytwin",
        ]
