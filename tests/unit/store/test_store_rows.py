"""Rows in and out of a store: round trips, what does not fit, conditions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_cases import record, scores

from core.errors import InputError
from core.store import Store

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
