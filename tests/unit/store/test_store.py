"""The store: migrations, one process per file, whole runs or none, and text that is never SQL."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, StoreError
from core.records import RUNGS, RunRecord, new_run_id
from core.store import COMPLETE, RUNNING, Store, migrations, responses_array, responses_table
from core.store.schema import KEYS, RUN_TABLES

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = [
    "'; DROP TABLE runs; --",
    'runs"; DELETE FROM runs; --',
    "1 OR 1=1",
    "<script>alert('x')</script>",
    "Robert'); DROP TABLE studies;--",
    "$1 ? :name %s {0} \\",
    "read_csv('/etc/passwd')",
    "a\x00b\nc\t\u202e😀",
]


def record(**changes: Any) -> RunRecord:
    given: dict[str, Any] = {
        "kind": "run",
        "study_id": "meridia",
        "study_hash": "aa",
        "engine": "rules",
        "engine_version": "1",
        "seed": 7,
        "personas": 4,
        "code_version": "fixed, for others may edit the source while tests run",
    }
    return RunRecord(**{**given, **changes})


def scores(value: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "forecaster": ["twin", "twin"],
            "behaviour": ["transit", "macro"],
            "metric": "rmse",
            "value": [value, math.nan],
        }
    )


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory() as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "twin.duckdb"


@pytest.fixture
def child() -> Iterator[Any]:
    """Starts a real Python process that runs some code, and makes sure that it is gone at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def expect(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    got = process.stdout.readline().strip()
    if got != line:
        process.kill()
        pytest.fail(f"expected {line!r}, got {got!r}: {process.communicate()[1]}")


# ---------------------------------------------------------------------------------------------------------- the file


def test_an_absent_file_is_made_with_its_folders_and_all_tables(path: Path) -> None:
    with Store(path) as opened:
        assert opened.path == path.resolve()
        assert set(opened.tables) == set(KEYS)
        for name, table in opened.tables.items():
            assert set(KEYS[name]) <= set(table.columns)
            assert opened.read(name).empty
            assert list(opened.read(name).columns) == list(table.columns)
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


# ------------------------------------------------------------------------------------------------------ rows in and out

text = st.text(max_size=12) | st.sampled_from(HOSTILE)
number = st.floats() | st.none()
json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
day = st.dates(date(1, 1, 1), date(9999, 12, 31))


def close_enough(got: pd.Series, given: list[Any]) -> None:
    assert len(got) == len(given)
    for one, other in zip(got, given, strict=True):
        if other is None or (isinstance(other, float) and math.isnan(other)):
            assert pd.isna(one)
        else:
            assert one == other


@pytest.fixture(scope="module")
def lasting() -> Iterator[Store]:
    with Store.memory() as opened:
        yield opened


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 2**63 - 1), json_value.filter(lambda v: v is not None), text | st.none())),
    name=text,
    as_rows=st.booleans(),
)
def test_personas_round_trip(lasting: Store, rows: list[Any], name: str, as_rows: bool) -> None:
    lasting.delete("personas", population_id=[name])
    columns: dict[str, list[Any]] = {
        "population_id": [name] * len(rows),
        "persona_id": list(range(len(rows))),
        "weight": [row[0] for row in rows],
        "attributes": [row[1] for row in rows],
        "text": [row[2] for row in rows],
    }
    if as_rows:
        given: Any = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    else:
        given = pd.DataFrame({key: pd.Series(values, dtype=object) for key, values in columns.items()})
    assert lasting.append("personas", given) == len(rows)
    got = lasting.read("personas", population_id=name)
    for key, values in columns.items():
        close_enough(got[key], values)
    assert list(got.dtypes.astype(str)) == ["str", "int32", "int64", "object", "str"]


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(text, number, number, day, st.lists(number, max_size=4) | st.none()), unique_by=lambda r: r[0]
    )
)
def test_numbers_days_and_lists_round_trip(lasting: Store, rows: list[Any]) -> None:
    lasting.delete("forecasts", run_id="r")
    lasting.delete("trials", run_id="r")
    names = [row[0] for row in rows]
    frame = pd.DataFrame(
        {
            "behaviour": pd.Series(names, dtype="str"),
            "value": pd.Series([row[1] for row in rows], dtype="float64"),
            "lower": pd.Series([row[2] for row in rows], dtype=object),
            "date": pd.Series([row[3] for row in rows], dtype=object),
        }
    )
    lasting.append("forecasts", frame, constants={"run_id": "r", "forecaster": "f", "phase": "test"})
    got = lasting.read("forecasts", unfinished=True, run_id="r").set_index("behaviour").loc[names]
    close_enough(got["value"], [row[1] for row in rows])
    close_enough(got["lower"], [row[2] for row in rows])
    assert got["upper"].isna().all()
    assert got["upper"].dtype == np.float64
    assert str(got["date"].dtype) == "datetime64[us]"
    assert [value.date() for value in got["date"]] == [row[3] for row in rows]

    trials = [{"number": position, "objectives": row[4]} for position, row in enumerate(rows)]
    lasting.append("trials", trials, constants={"run_id": "r", "calibrator": "c", "state": "complete"})
    lists = lasting.read("trials", unfinished=True, run_id="r")["objectives"]
    for one, row in zip(lists, rows, strict=True):
        if row[4] is None:
            assert one is None
        else:
            wanted = np.array([math.nan if item is None else item for item in row[4]], dtype=float)
            np.testing.assert_array_equal(one, wanted)


def test_every_way_of_giving_rows_stores_the_same(store: Store) -> None:
    dates = pd.date_range("2020-01-01", periods=3, name="date")
    frame = pd.DataFrame({"content_hash": "s", "variable": "b", "value": [1, 2, 3]}, index=dates)
    store.append("observations", frame)
    expected = store.read("observations")
    given: list[Any] = [
        frame.reset_index(),
        pa.Table.from_pandas(frame.reset_index(), preserve_index=False),
        frame.reset_index().to_dict("records"),
        frame.reset_index().assign(date=["2020-01-01", "2020-01-02", "2020-01-03"], value=pd.array([1, 2, 3], "Int64")),
        frame.reset_index().assign(variable=pd.Categorical(["b"] * 3), date=dates.date)[
            ["value", "date", "variable", "content_hash"]
        ],
        frame.set_index("variable", append=True),
    ]
    for rows in given:
        store.replace("observations", rows, content_hash="s")
        pd.testing.assert_frame_equal(store.read("observations"), expected)
    assert expected["value"].tolist() == [1.0, 2.0, 3.0]


def test_nan_from_arrow_is_missing(store: Store) -> None:
    rows = pa.table({"content_hash": ["s", "s"], "date": ["2020-01-01", "2020-01-02"], "value": [math.nan, math.inf]})
    store.append("observations", rows, constants={"variable": "b"})
    assert store.read("observations", value=None)["date"].tolist() == [pd.Timestamp("2020-01-01")]
    assert store.read("observations", value=math.inf)["date"].tolist() == [pd.Timestamp("2020-01-02")]


def test_whole_numbers_that_may_be_missing(store: Store) -> None:
    row = {"timeline_id": "t", "indicator": "C1", "level": 2.0, "start_date": date(2020, 3, 1)}
    store.append("interventions", [{**row, "position": 1, "flag": None}, {**row, "position": 0, "flag": 1}])
    got = store.read("interventions")
    assert got["position"].tolist() == [0, 1]
    assert str(got["flag"].dtype) == "Int32"
    assert got["flag"].isna().tolist() == [False, True]
    assert got["end_date"].isna().all()
    assert len(store.read("interventions", flag=None)) == 1
    assert len(store.read("interventions", flag=[1, math.nan])) == 2
    seed = 2**60 + 1
    population = {"population_id": "p", "study_id": "s", "label": "l", "personas": 1, "total": 5, "content_hash": "h"}
    store.append("populations", [{**population, "seed": seed, "marginals": {"nan": math.nan, "array": np.arange(2)}}])
    read = store.read("populations").iloc[0]
    assert read["seed"] == seed
    assert math.isnan(read["marginals"]["nan"])
    assert read["marginals"]["array"] == [0, 1]
    assert abs(read["created_at"] - pd.Timestamp.now(tz="UTC").tz_localize(None)) < pd.Timedelta(minutes=5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valeu": 1.0}, r"unknown column 'valeu'.*Nearest valid: value"),
        ({"value": "12"}, r"column 'value' cannot be stored .*Allowed: numbers"),
        ({"value": [1.0]}, "column 'value' cannot be stored"),
        ({"value": True}, "column 'value' cannot be stored"),
        ({"date": "2020-13-01"}, r"column 'date' cannot be stored .*Allowed: days"),
        ({"date": datetime(2020, 1, 1, 12)}, "time of day"),
        ({"date": pd.Timestamp("2020-01-01", tz="Asia/Dubai")}, "no time zone"),
        ({"date": 20200101}, "column 'date' cannot be stored"),
        ({"date": None}, "column 'date' has no value in row 2"),
        ({"variable": 5}, "column 'variable' cannot be stored"),
        ({"variable": "\ud800"}, "column 'variable' cannot be stored"),
        ({"variable": "a"}, r"[Dd]uplicate key"),
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(store: Store, change: dict[str, Any], message: str) -> None:
    row = {"content_hash": "s", "date": date(2020, 1, 1), "variable": "a", "value": 1.0}
    other = {**row, "variable": "b", **change}
    with pytest.raises(InputError, match=message) as caught:
        store.append("observations", [row, other])
    assert "table observations" in str(caught.value)
    assert store.read("observations").empty


def test_more_rows_that_do_not_fit(store: Store) -> None:
    good = {"timeline_id": "t", "position": 0, "indicator": "C1", "level": 1, "start_date": date(2020, 1, 1)}
    for change, message in [
        ({"position": 1.5}, "whole numbers of 32 bits"),
        ({"position": 2**40}, "whole numbers of 32 bits"),
        ({"timeline_id": None}, "has no value in row 1"),
    ]:
        with pytest.raises(InputError, match=message):
            store.append("interventions", [{**good, **change}])
    del good["level"]
    with pytest.raises(InputError, match="'level' is absent"):
        store.append("interventions", [good])
    with pytest.raises(InputError, match="named by text"):
        store.append("interventions", pd.DataFrame({0: [1]}))
    with pytest.raises(InputError, match="two columns are named 'level'"):
        store.append("interventions", pd.DataFrame([[1, 2]], columns=["level", "level"]))
    with pytest.raises(InputError, match=r"column 'run_id' says 'b'.*Allowed: 'a'"):
        store.append("scores", scores().assign(run_id="b"), constants={"run_id": "a"})
    with pytest.raises(InputError, match="lists of numbers"):
        store.append("responses", [{"run_id": "r", "context_id": 0, "persona_id": 0, "probabilities": "no list"}])
    with pytest.raises(InputError, match="what JSON can hold"):
        store.append("contexts", [{"run_id": "r", "context_id": 0, "days": 1, "attributes": object()}])
    with pytest.raises(InputError):
        store.append("contexts", [{"run_id": "r", "context_id": 0, "days": 1, "attributes": "\ud800"}])
    assert store.read("contexts", unfinished=True).empty


def test_rows_are_read_in_the_order_of_the_key(store: Store) -> None:
    rows = [
        {"content_hash": s, "date": date(2020, 1, d), "variable": b}
        for s in "ab"
        for d in (1, 2)
        for b in ("parks", "transit")
    ]
    store.append("observations", list(reversed(rows)))
    got = store.read("observations")
    assert [(r.content_hash, r.date.date(), r.variable) for r in got.itertuples()] == [tuple(r.values()) for r in rows]
    assert store.read("observations", columns=["variable"], content_hash="a", date="2020-01-02")[
        "variable"
    ].tolist() == [
        "parks",
        "transit",
    ]


def test_conditions_take_one_or_many_values(store: Store) -> None:
    days = pd.date_range("2020-01-01", periods=5, name="date")
    store.append("observations", pd.DataFrame({"content_hash": "s", "variable": "b", "value": range(5)}, index=days))
    for wanted, count in [
        ("2020-01-02", 1),
        (date(2020, 1, 2), 1),
        (days[1], 1),
        (np.datetime64("2020-01-02"), 1),
        (days[:3], 3),
        (list(days[:3].date), 3),
        ({date(2020, 1, 2), date(2030, 1, 1)}, 1),
        ([], 0),
        (None, 0),
    ]:
        assert len(store.read("observations", date=wanted)) == count
    assert len(store.read("observations", value=np.array([1.0, 2.0]), variable=("a", "b"))) == 2
    with pytest.raises(InputError, match="column 'date' cannot be stored"):
        store.read("observations", date="yesterday")
    with pytest.raises(InputError, match="chosen by column 'spec'"):
        store.read("studies", spec="{}")
    assert store.delete("observations", date=days[:2]) == 2
    assert len(store.read("observations")) == 3
    with pytest.raises(InputError, match="no condition"):
        store.delete("observations")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_refused_and_hostile_values_are_data(store: Store, hostile: str) -> None:
    one = record()
    store.begin_run(one)
    for attempt in (
        lambda: store.read(hostile),
        lambda: store.delete(hostile, run_id="x"),
        lambda: store.append(hostile, [{"run_id": "x"}]),
        lambda: store.append("scores", [{hostile: "x"}]),
        lambda: store.append("scores", scores(), constants={hostile: "x"}),
        lambda: store.read("runs", **{hostile: "x"}),
        lambda: store.read("runs", columns=[hostile]),
        lambda: store.delete("runs", **{hostile: "x"}),
        lambda: store.run(hostile),
        lambda: store.delete_run(hostile),
        lambda: store.fail_run(one.run_id, hostile, "x"),
        lambda: store.finish_run(one.run_id, {hostile: scores()}, {}),
        lambda: store.read_result(hostile, one.run_id),
        lambda: store.runs(status=hostile),
        lambda: store.runs(kind=hostile),
    ):
        with pytest.raises(InputError):
            attempt()
    assert store.read("runs", run_id=hostile).empty
    assert store.delete("runs", run_id=[hostile, hostile]) == 0
    store.begin_run(record(run_id=hostile, study_id=hostile, parameters={hostile: hostile}))
    store.finish_run(hostile, {"scores": scores().assign(forecaster=hostile)}, {hostile: hostile})
    assert store.run(hostile).summary == {hostile: hostile}
    assert store.run(hostile).record.parameters == {hostile: hostile}
    assert store.read_result("scores", hostile)["forecaster"].unique().tolist() == [hostile]
    assert store.runs(study_id=hostile)["run_id"].tolist() == [hostile]
    store.fail_run(one.run_id, "failed", hostile)
    assert store.run(one.run_id).message == hostile
    store.delete_run(hostile)
    assert store.runs()["run_id"].tolist() == [one.run_id]


# --------------------------------------------------------------------------------------------- transactions and threads


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


# ------------------------------------------------------------------------------------------------------- life of a run


def test_a_run_from_begin_to_finish(store: Store) -> None:
    one = record(parameters={"levels": (1, 2)})
    store.begin_run(one)
    begun = store.run(one.run_id)
    assert (begun.status, begun.record, begun.complete, begun.finished_at) == (RUNNING, one, False, None)
    assert begun.inputs_hash == one.inputs_hash()
    with pytest.raises(InputError, match="exists already"):
        store.begin_run(one)
    with pytest.raises(InputError, match="is running, not complete"):
        store.read_result("scores", one.run_id)

    finished = dataclasses.replace(one, rung=RUNGS[1], result_hash="abc")
    contexts = [{"context_id": 0, "days": 3, "attributes": {"day": "working", "levels": {"C1": 2}}}]
    store.append("contexts", contexts, constants={"run_id": one.run_id})
    summary = {"macro": {"rmse": 12.5, "skill": math.nan}}
    store.finish_run(one.run_id, {"scores": scores(), "contexts": contexts}, summary, seconds=1.5, record=finished)
    done = store.run(one.run_id)
    assert (done.status, done.record, done.seconds, done.message) == (COMPLETE, finished, 1.5, None)
    assert done.summary["macro"]["rmse"] == 12.5
    assert math.isnan(done.summary["macro"]["skill"])
    assert done.created_at == one.created_at
    assert done.finished_at is not None
    assert abs((datetime.now(UTC) - done.finished_at).total_seconds()) < 60
    assert store.read_result("contexts", one.run_id)["attributes"].tolist() == [contexts[0]["attributes"]]
    got = store.read_result("scores", one.run_id, behaviour="macro")
    assert len(got) == 1
    assert math.isnan(got["value"].iloc[0])
    for again in (
        lambda: store.finish_run(one.run_id, {}, {}),
        lambda: store.save_chunk(one.run_id, 0, np.zeros(1), personas=1),
        lambda: store.fail_run(one.run_id, "failed", "late"),
        lambda: store.resume_run(one.run_id),
    ):
        with pytest.raises(InputError, match="is complete"):
            again()
    assert store.run(one.run_id).status == COMPLETE


@pytest.mark.parametrize(
    "tables",
    [
        {"scores": scores(), "forecasts": pd.DataFrame({"nonsense": [1]})},
        {"scores": scores(), "contexts": [{"context_id": 0, "days": 1, "attributes": {}}] * 2},
        {"scores": scores(), "runs": [{"run_id": "x"}]},
        {"scores": scores(), "studies": []},
        {"scores": scores(), "sweeps": scores().assign(run_id="another")},
    ],
)
def test_finishing_stores_everything_or_nothing(store: Store, tables: dict[str, Any]) -> None:
    one = record()
    store.begin_run(one)
    store.save_chunk(one.run_id, 0, np.ones(3), personas=2, responses=responses_table(np.ones((1, 2, 2))))
    with pytest.raises(InputError):
        store.finish_run(one.run_id, tables, {"a": 1})
    for table in RUN_TABLES:
        kept = {"response_chunks": 1, "responses": 2}.get(table, 0)
        assert len(store.read(table, unfinished=True, run_id=one.run_id)) == kept
    assert store.run(one.run_id).status == RUNNING
    assert store.run(one.run_id).summary is None
    with pytest.raises(InputError, match="other inputs"):
        store.finish_run(one.run_id, {"scores": scores()}, {}, record=dataclasses.replace(one, seed=8))
    assert store.read("scores", unfinished=True).empty
    store.finish_run(one.run_id, {"scores": scores()}, {"a": 1})
    assert len(store.read_result("scores", one.run_id)) == 2
    assert [item.chunk for item in store.chunks(one.run_id)] == []
    assert store.read_responses(one.run_id)[0].shape == (1, 2, 2)


def test_readers_see_complete_runs_only(store: Store) -> None:
    done, going, dead = record(), record(), record()
    for one in (done, going, dead):
        store.begin_run(one)
        store.append("scores", scores(), constants={"run_id": one.run_id})
    store.fail_run(dead.run_id, "failed", "the engine said no")
    assert store.read("scores").empty
    store.finish_run(done.run_id, {}, None)
    assert store.read("scores")["run_id"].unique().tolist() == [done.run_id]
    assert len(store.read("scores", unfinished=True)) == 6
    assert store.read("scores", run_id=going.run_id).empty
    with pytest.raises(InputError, match=r"is failed, not complete \(the engine said no\)"):
        store.read_result("scores", dead.run_id)
    with pytest.raises(InputError, match="unknown result table 'runs'"):
        store.read_result("runs", done.run_id)


def test_an_unknown_run_names_the_nearest(store: Store) -> None:
    one = record()
    store.begin_run(one)
    wrong = one.run_id[:-1] + "_"
    for use in (
        store.run,
        store.chunks,
        store.chunks,
        store.delete_run,
        store.resume_run,
        lambda name: store.read_result("scores", name),
        lambda name: store.read_responses(name, unfinished=True),
        lambda name: store.finish_run(name, {}, {}),
        lambda name: store.fail_run(name, "failed", ""),
        lambda name: store.save_chunk(name, 0, np.zeros(1), personas=1),
    ):
        with pytest.raises(InputError, match=f"unknown run '{wrong}'. Nearest valid: {one.run_id}"):
            use(wrong)


def test_chunks_come_back_in_their_shape(store: Store) -> None:
    one = record()
    store.begin_run(one)
    sums = np.random.default_rng(0).normal(size=(3, 4, 2))
    sums[0, 0, 0] = np.nan
    axes = {"groups": [["all", "all"], ["sex", "male"]], "behaviours": ["parks", "transit"]}
    store.save_chunk(one.run_id, 5, sums, personas=10, axes=axes)
    store.save_chunk(one.run_id, 2, np.float64(1.5), personas=11)
    store.save_chunk(one.run_id, 2, np.asfortranarray(sums), personas=12)
    assert [item.chunk for item in store.chunks(one.run_id)] == [2, 5]
    for chunk, personas in zip(store.chunks(one.run_id), (12, 10), strict=True):
        np.testing.assert_array_equal(chunk.sums, sums)
        assert chunk.personas == personas
    assert store.chunks(one.run_id)[1].axes == axes
    assert store.chunks(one.run_id)[0].axes is None


def test_a_chunk_saved_again_replaces_its_responses(store: Store) -> None:
    one = record()
    store.begin_run(one)
    for value in (0.25, 0.75):
        for chunk in (0, 1):
            rows = responses_table(np.full((3, 2, 6), value), persona_ids=[2 * chunk, 2 * chunk + 1])
            store.save_chunk(one.run_id, chunk, np.zeros(1), personas=2, responses=rows)
    probabilities, contexts, personas = store.read_responses(one.run_id, unfinished=True)
    assert probabilities.shape == (3, 4, 6)
    assert probabilities.dtype == np.float32
    assert (probabilities == 0.75).all()
    assert contexts.tolist() == [0, 1, 2]
    assert personas.tolist() == [0, 1, 2, 3]
    assert store.read_responses(one.run_id, unfinished=True, persona_id=[1, 3])[0].shape == (3, 2, 6)
    with pytest.raises(InputError, match="not complete"):
        store.read_responses(one.run_id)


def test_responses_keep_their_places() -> None:
    values = np.random.default_rng(1).random((4, 3, 2)).astype(np.float32)
    rows = responses_table(values.transpose(0, 1, 2)[:, :, ::-1], context_ids=[3, 5, 7, 9], persona_ids=[1, 4, 6])
    assert rows.num_rows == 12
    probabilities, contexts, personas = responses_array(rows)
    np.testing.assert_array_equal(probabilities, values[:, :, ::-1])
    assert contexts.tolist() == [3, 5, 7, 9]
    assert personas.tolist() == [1, 4, 6]
    with pytest.raises(StoreError, match="not one for each"):
        responses_array(rows.slice(0, 11))
    with pytest.raises(ValueError, match="contexts × personas × behaviours"):
        responses_table(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="persona_ids has the shape"):
        responses_table(np.zeros((2, 2, 1)), persona_ids=[1])
    assert responses_array(rows.slice(0, 0))[0].size == 0


def test_runs_are_listed_newest_first(store: Store) -> None:
    made = []
    for number, kind in enumerate(["run", "sweep", "run", "compare"]):
        one = record(kind=kind, study_id=f"s{number % 2}", created_at=datetime(2020, 1, 1 + number, tzinfo=UTC))
        store.begin_run(one)
        made.append(one.run_id)
    store.finish_run(made[0], {}, {"x": 1})
    assert store.runs()["run_id"].tolist() == made[::-1]
    assert store.runs(limit=2)["run_id"].tolist() == [made[3], made[2]]
    assert store.runs(kind="run")["run_id"].tolist() == [made[2], made[0]]
    assert store.runs(study_id="s1")["run_id"].tolist() == [made[3], made[1]]
    assert store.runs(status=COMPLETE)["summary"].tolist() == [{"x": 1}]
    assert "owner" not in store.runs().columns


def test_deleting_a_run_leaves_nothing_of_it_and_all_of_the_others(store: Store) -> None:
    one, other = record(), record()
    place = {"country": "ARE", "origin": "2020-06-30", "horizon": 30}
    frames: dict[str, Any] = {
        "contexts": [{"context_id": 0, "days": 1, "attributes": {}}],
        "responses": responses_table(np.zeros((1, 2, 6))),
        "aggregates": [{"attribute": "all", "level": "all", "context_id": 0, "behaviour": "parks", "mean": 0.5}],
        "calibrations": [{"calibrator": "affine", "behaviour": "parks", "a": 1.0, "parameters": {"k": 1}}],
        "trials": [{"calibrator": "affine", "number": 0, "state": "complete", "objectives": [1.0, 2.0]}],
        "forecasts": [{"forecaster": "twin", "behaviour": "parks", "date": "2020-01-01", "phase": "test"}],
        "intervals": [{"behaviour": "parks", "date": "2020-01-01", "level": 80, "lower": -1.0, "upper": 1.0}],
        "scores": scores(),
        "sweeps": [{"level": 25.0, "attribute": "all", "attribute_level": "all", "behaviour": "parks"}],
        "backtest_rows": [{**place, "categories": 6}],
        "backtest_scores": [{**place, "forecaster": "twin", "macro_rmse": 1.0}],
        "backtest_intervals": [{**place, "forecaster": "twin", "level": 80, "coverage": 0.8}],
        "survey_answers": [{"persona_id": 0, "sample": 0, "weight": 1.5, "answer": [0.25, 0.75], "reason": "So."}],
    }
    assert set(frames) == set(RUN_TABLES) - {"response_chunks"}
    for each in (one, other):
        store.begin_run(each)
        store.finish_run(each.run_id, frames, {})
    store.delete_run(one.run_id)
    for table in (*frames, "runs"):
        assert set(store.read(table, unfinished=True)["run_id"]) == {other.run_id}
    running = record()
    store.begin_run(running)
    with pytest.raises(InputError, match="is running: cancel it first"):
        store.delete_run(running.run_id)


def test_the_latest_unfinished_run_with_the_same_inputs_is_resumed(store: Store) -> None:
    same = [record(created_at=datetime(2020, 1, day, tzinfo=UTC)) for day in (3, 1, 2)]
    inputs = same[0].inputs_hash()
    assert store.find_resumable(inputs) is None
    for one in (*same, record(seed=8, created_at=datetime(2020, 1, 9, tzinfo=UTC))):
        store.begin_run(one)
    assert store.find_resumable(inputs) is None
    for one, status in zip(same, ("failed", "cancelled", "interrupted"), strict=True):
        store.fail_run(one.run_id, status, "why")
    found = store.find_resumable(inputs)
    assert found is not None
    assert found.run_id == same[0].run_id
    with pytest.raises(InputError, match="is failed and takes no results"):
        store.save_chunk(found.run_id, 0, np.zeros(1), personas=1)
    resumed = store.resume_run(found.run_id)
    assert (resumed.status, resumed.message, resumed.finished_at) == (RUNNING, None, None)
    with pytest.raises(InputError, match="is running"):
        store.resume_run(found.run_id)
    store.finish_run(found.run_id, {}, {})
    following = store.find_resumable(inputs)
    assert following is not None
    assert following.run_id == same[2].run_id


def test_reopening_interrupts_only_what_nobody_works_on(path: Path) -> None:
    left, ended = record(), record()
    with Store(path) as opened:
        opened.begin_run(left)
        opened.begin_run(ended)
        opened.finish_run(ended.run_id, {}, {})
        with Store(path) as second:
            assert second.run(left.run_id).status == RUNNING
            assert second.mark_interrupted() == 0
    with Store(path) as opened:
        assert opened.run(left.run_id).status == "interrupted"
        assert opened.run(left.run_id).message == "the process that worked on it ended"
        assert opened.run(ended.run_id).status == COMPLETE


# ------------------------------------------------------------------------------------------------------- killed process

WRITER = """
import time, numpy as np
from core.records import RunRecord
from core.store import Store, responses_table
store = Store({path!r})
record = RunRecord(kind="run", study_id="meridia", study_hash="aa", engine="rules", engine_version="1", seed=7,
                   personas=4, run_id={run_id!r}, code_version={code_version!r})
store.begin_run(record)
print("begun")
def save(chunk):
    rows = responses_table(np.full((20, 50, 6), chunk / 100), persona_ids=np.arange(50) + 50 * chunk)
    store.save_chunk(record.run_id, chunk, np.full((5, 20), float(chunk)), personas=50, responses=rows)
{body}
"""


def check_killed(path: Path, run_id: str, at_least: int) -> list[int]:
    with Store(path) as opened:
        run = opened.run(run_id)
        assert run.status == "interrupted"
        done = [item.chunk for item in opened.chunks(run_id)]
        assert done == list(range(len(done)))
        assert len(done) >= at_least
        rows = opened.read("responses", columns=["chunk"], unfinished=True)
        assert rows["chunk"].value_counts().to_dict() == dict.fromkeys(done, 1000)
        for chunk in opened.chunks(run_id):
            np.testing.assert_array_equal(chunk.sums, np.full((5, 20), float(chunk.chunk)))
        found = opened.find_resumable(record().inputs_hash())
        assert found is not None
        assert found.run_id == run_id
        opened.resume_run(run_id)
        extra = len(done)
        rest = responses_table(np.full((20, 50, 6), 0.5), persona_ids=np.arange(50) + 50 * extra)
        opened.save_chunk(run_id, extra, np.zeros((5, 20)), personas=50, responses=rest)
        opened.finish_run(run_id, {"scores": scores()}, {"chunks": extra + 1})
        assert opened.read_responses(run_id)[0].shape == (20, 50 * (extra + 1), 6)
    return done


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where a process can be killed outright")
@pytest.mark.parametrize("delay", [0.0, 0.004, 0.011])
def test_a_run_killed_while_it_writes_keeps_whole_chunks_and_resumes(path: Path, child: Any, delay: float) -> None:
    run_id = new_run_id("run")
    body = "for chunk in range(10_000):\n    save(chunk)\n    print(chunk)"
    process = child(WRITER.format(path=str(path), run_id=run_id, body=body, code_version=record().code_version))
    for line in ("begun", "0", "1", "2"):
        expect(process, line)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    check_killed(path, run_id, at_least=3)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where a process can be killed outright")
def test_a_run_killed_inside_a_transaction_keeps_nothing_of_it(path: Path, child: Any) -> None:
    run_id = new_run_id("run")
    body = """
save(0)
save(1)
with store.transaction():
    save(2)
    print("inside", len(store.read("responses", unfinished=True)))
    time.sleep(600)
"""
    process = child(WRITER.format(path=str(path), run_id=run_id, body=body, code_version=record().code_version))
    expect(process, "begun")
    expect(process, "inside 3000")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert check_killed(path, run_id, at_least=2) == [0, 1]


def test_the_answers_of_a_thousand_personas_go_in_fast(path: Path) -> None:
    values = np.random.default_rng(0).random((250, 1000, 6), dtype=np.float32)
    with Store(path) as opened:
        one = record()
        opened.begin_run(one)
        seconds = []
        for chunk in range(3):
            start = time.perf_counter()
            opened.save_chunk(one.run_id, chunk, np.zeros(1), personas=1000, responses=responses_table(values))
            seconds.append(time.perf_counter() - start)
        # Row-by-row or long-format inserts take seconds to minutes; the bound leaves room for a busy machine.
        assert min(seconds) < 1.0
        back, _, _ = opened.read_responses(one.run_id, unfinished=True, chunk=1)
        np.testing.assert_array_equal(back, values)


def test_errors_fit_on_one_line(store: Store) -> None:
    with pytest.raises(InputError) as caught:
        store.append("observations", [{"content_hash": "s", "date": "x\ny", "variable": "b"}])
    assert not re.search(r"\n", str(caught.value))
