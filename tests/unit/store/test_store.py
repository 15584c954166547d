"""The file of a store: migrations, one process per file, transactions, threads."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from store_cases import expect, record

from core.errors import InputError, StoreError
from core.store import Store, migrations
from core.store.respondents import RespondentTables
from core.store.schema import KEYS


def test_an_absent_file_is_made_with_its_folders_and_all_tables(path: Path) -> None:
    with Store(path) as opened:
        assert opened.path == path.resolve()
        assert set(opened.tables) == set(KEYS)
        for name, table in opened.tables.items():
            assert set(KEYS[name]) <= set(table.columns)
            rows = RespondentTables(opened).read(name)
            assert rows.empty and list(rows.columns) == list(table.columns)
    assert path.is_file()


def test_reopening_migrates_nothing_and_keeps_everything(path: Path) -> None:
    for expected in (0, 1, 2):
        with Store(path) as opened:
            assert len(opened.read("observations")) == expected
            opened.append("observations", [{"content_hash": "s", "date": date(2020, 1, 1 + expected), "variable": "b"}])
    with duckdb.connect(str(path)) as raw:
        assert raw.execute("SELECT version FROM schema_version").fetchall() == [
            (number,) for number in range(1, len(migrations.MIGRATIONS) + 1)
        ]


def test_a_later_version_adds_to_an_older_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(path) as opened:
        opened.append("observations", [{"content_hash": "s", "date": "2020-01-01", "variable": "b", "value": 2.5}])
    monkeypatch.setattr(
        migrations, "MIGRATIONS", (*migrations.MIGRATIONS, "ALTER TABLE observations ADD COLUMN note VARCHAR")
    )
    with Store(path) as opened:
        row = opened.read("observations").iloc[0]
        assert row["value"] == 2.5
        assert pd.isna(row["note"])


def test_a_failing_migration_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(path) as opened:
        opened.append("observations", [{"content_hash": "s", "date": "2020-01-01", "variable": "b"}])
    with monkeypatch.context() as patch:
        patch.setattr(
            migrations, "MIGRATIONS", (*migrations.MIGRATIONS, "CREATE TABLE extra (x INT); SELECT * FROM nowhere")
        )
        with pytest.raises(StoreError, match="cannot be brought up to date"):
            Store(path)
    with Store(path) as opened:
        assert len(opened.read("observations")) == 1
    with duckdb.connect(str(path)) as raw:
        assert raw.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'extra'").fetchone() == (0,)


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    Store(path).close()
    with duckdb.connect(str(path)) as raw:
        raw.execute("INSERT INTO schema_version VALUES (99, '9.9', now())")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"newer PolicyTwin \(store version 99; this one knows \d+\).*--db"):
            Store(path)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("hello " * 1000)
    (tmp_path / "empty.duckdb").write_text("")
    with duckdb.connect(str(tmp_path / "other.duckdb")) as raw:
        raw.execute("CREATE TABLE mine (x INT)")
    with duckdb.connect(str(tmp_path / "alike.duckdb")) as raw:
        raw.execute("CREATE TABLE schema_version (x INT)")
    for name, message in [
        ("text.duckdb", "not a DuckDB file"),
        ("empty.duckdb", "not a DuckDB file"),
        ("other.duckdb", "not a PolicyTwin store"),
        ("alike.duckdb", "cannot be brought up to date"),
        (".", "cannot be opened"),
        ("text.duckdb/under.duckdb", "cannot be created"),
    ]:
        with pytest.raises(StoreError, match=message):
            Store(tmp_path / name)
    with duckdb.connect(str(tmp_path / "other.duckdb")) as raw:
        assert raw.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("mine",)]


def test_a_file_held_by_another_process_says_who_and_how_to_go_on(path: Path, child: Any) -> None:
    process = child(f"from core.store import Store; s = Store({str(path)!r}); print('open'); input()")
    expect(process, "open")
    with pytest.raises(StoreError) as caught:
        Store(path)
    message = str(caught.value)
    assert str(path.resolve()) in message
    assert f"process {process.pid}" in message
    assert "--db" in message
    assert "running app" in message
    assert "\n" not in message
    process.kill()
    process.wait()
    Store(path).close()


def test_one_process_shares_one_connection(path: Path) -> None:
    first = Store(path)
    link = path.parent / "link.duckdb"
    link.symlink_to(path)
    second, third = Store(link), Store(path.parent / ".." / "er" / path.name)
    first.append("observations", [{"content_hash": "s", "date": "2020-01-01", "variable": "b"}])
    first.close()
    first.close()
    assert len(second.read("observations")) == len(third.read("observations")) == 1
    second.close()
    third.close()
    for use in (
        lambda: third.read("runs"),
        lambda: third.append("observations", [{"content_hash": "s", "date": "2020-01-02", "variable": "b"}]),
        lambda: third.begin_run(record()),
    ):
        with pytest.raises(StoreError, match="is closed"):
            use()
    duckdb.connect(str(path)).close()


def test_stores_in_memory_share_nothing(store: Store) -> None:
    with Store.memory() as other:
        other.begin_run(record())
        assert other.path is None
        assert len(other.runs()) == 1
        assert len(store.runs()) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_forked_worker_cannot_touch_its_parents_store(path: Path) -> None:
    with Store(path) as opened:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            said = []
            for use in (lambda: opened.read("runs"), lambda: Store(path)):
                try:
                    use()
                    said.append("used")
                except StoreError as refused:
                    said.append("refused" if "parent process" in str(refused) else str(refused))
            os.write(writing, ",".join(said).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert pipe.read() == "refused,refused"
        os.waitpid(pid, 0)
        assert opened.read("runs").empty


def test_the_database_can_read_no_file_and_fetch_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    with store.transaction() as cursor, pytest.raises(duckdb.PermissionException):
        cursor.execute(f"SELECT * FROM '{tmp_path / 'a.csv'}'")


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    row = {"content_hash": "s", "date": date(2020, 1, 1), "variable": "b"}
    with pytest.raises(RuntimeError, match="stop"), store.transaction() as cursor:
        store.append("observations", [row])
        store.append("observations", [{**row, "variable": "c"}], cursor=cursor)
        assert len(store.read("observations")) == 2
        with ThreadPoolExecutor(1) as other:
            assert other.submit(store.read, "observations").result().empty
        raise RuntimeError("stop")
    assert store.read("observations").empty
    store.append("observations", [row])
    assert len(store.read("observations")) == 1


def test_a_failure_inside_cannot_be_swallowed(store: Store) -> None:
    row = {"content_hash": "s", "date": date(2020, 1, 1), "variable": "b"}
    with pytest.raises(StoreError, match="nothing of it was stored"), store.transaction():
        store.append("observations", [row])
        with pytest.raises(InputError):
            store.append("observations", [row])
    assert store.read("observations").empty


def test_eight_threads_write_and_read(path: Path) -> None:
    with Store(path) as opened:
        begin = threading.Barrier(8)

        def work(worker: int) -> int:
            begin.wait()
            seen = 0
            with Store(path) as own:
                for step in range(12):
                    half = [
                        {"content_hash": f"{worker}", "date": date(2020, 1, 1 + step), "variable": f"{b}"}
                        for b in range(5)
                    ]
                    with own.transaction():
                        own.append("observations", half)
                        own.append("observations", [{**row, "variable": row["variable"] + "x"} for row in half])
                    count = len(own.read("observations"))
                    assert count % 10 == 0
                    assert count >= max(seen, 10 * (step + 1))
                    seen = count
            return worker

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(work, range(8))) == list(range(8))
        assert len(opened.read("observations")) == 8 * 12 * 10
        assert (opened.read("observations").groupby("content_hash").size() == 120).all()


def test_threads_that_change_the_same_run_do_not_conflict(store: Store) -> None:
    one = record()
    store.begin_run(one)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.save_chunk(one.run_id, n % 3, np.full(2, float(n)), personas=1), range(48)))
        list(pool.map(lambda n: store.fail_run(one.run_id, "cancelled", str(n)), range(16)))
    assert [item.chunk for item in store.chunks(one.run_id)] == [0, 1, 2]
    assert all(chunk.sums[0] % 3 == chunk.chunk for chunk in store.chunks(one.run_id))
