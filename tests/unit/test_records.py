"""Hashes, run ids and the run record: equal things are equal everywhere, and other things are not."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.records import (
    RUN_KINDS,
    RUNGS,
    RunRecord,
    code_version,
    content_hash,
    decode_json,
    encode_json,
    frame_hash,
    new_run_id,
    package_versions,
)
from core.settings import shipped_data

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    days: tuple[date, ...]


class Colour(Enum):
    RED = "red"


def record(**changes: Any) -> RunRecord:
    given: dict[str, Any] = {
        "kind": "run",
        "study_id": "meridia",
        "study_hash": "aa",
        "engine": "rules",
        "engine_version": "1",
        "seed": 7,
        "personas": 100,
        "parameters": {"half_life": 30.0, "upper": math.inf, "levels": (0, 1), "day": date(2020, 3, 1)},
        "train_end": date(2020, 12, 31),
        "test_end": date(2021, 3, 31),
    }
    return RunRecord(**{**given, **changes})


def in_new_process(code: str, *, cwd: Path = ROOT, hash_seed: str = "0") -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_content_hash_is_sha256_of_sorted_compact_json() -> None:
    assert (
        content_hash({"b": [1, None, True], "a": "é"})
        == hashlib.sha256(b'{"a":"\\u00e9","b":[1,null,true]}').hexdigest()
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ((1, 2), [1, 2]),
        ({"z", "a"}, {"a", "z"}),
        (np.float64(0.1), 0.1),
        (np.int16(3), 3),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (Point(0.5, (date(2020, 1, 1),)), {"x": 0.5, "days": ["2020-01-01"]}),
        (pd.Timestamp("2020-01-01 10:00"), datetime(2020, 1, 1, 10)),
        (np.datetime64("2020-01-01"), date(2020, 1, 1)),
        (np.datetime64("2020-01-01T10:00:00", "ns"), datetime(2020, 1, 1, 10)),
        (pd.NaT, None),
        (float("nan"), np.float32("nan")),
        (Colour.RED, "red"),
        (shipped_data() / "studies", "data/studies"),
    ],
)
def test_equal_content_has_equal_hash(one: object, other: object) -> None:
    assert content_hash(one) == content_hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [2, 1]),
        (1, 1.0),
        (1, True),
        (0.1 + 0.2, 0.3),
        (float("inf"), float("-inf")),
        (float("nan"), None),
        (float("nan"), {"$float": "nan"}),
        (b"ab", "ab"),
        ({"a": None}, {}),
        (np.array([1, 2]), np.array([2, 1])),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        ({"f": pd.DataFrame({"a": [1.0]})}, {"f": pd.DataFrame({"a": [math.nan]})}),
    ],
)
def test_other_content_has_another_hash(one: object, other: object) -> None:
    assert content_hash(one) != content_hash(other)


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        content_hash({"a": object()})
    with pytest.raises(TypeError, match="DataFrame has no JSON form"):
        encode_json(pd.DataFrame({"a": [1]}))
    with pytest.raises(InputError, match="same text '1'"):
        encode_json({1: "a", "1": "b"})


def test_hashes_do_not_depend_on_the_process() -> None:
    code = (
        "import numpy as np, pandas as pd; from core.records import content_hash, frame_hash;"
        "f = pd.DataFrame({'a': [1.5, None], 'b': ['x', None], 'c': pd.to_datetime(['2020-01-01', None])});"
        "print(content_hash({'s': {'a', 'b', 'c'}, 'f': f}), frame_hash(f))"
    )
    assert in_new_process(code, hash_seed="1") == in_new_process(code, hash_seed="2")


def test_importing_records_imports_neither_numpy_nor_pandas() -> None:
    heavy = "{'numpy', 'pandas', 'duckdb'}"
    code = f"import sys, core.records as r; r.content_hash({{'a': [1.0]}}); print({heavy} & set(sys.modules))"
    assert in_new_process(code) == "set()"


def frame() -> pd.DataFrame:
    days = pd.date_range("2020-01-01", periods=3, name="date").astype("datetime64[us]")
    return pd.DataFrame(
        {
            "number": [1.0, math.nan, -0.5],
            "whole": np.array([1, 2, 3], dtype=np.int32),
            "text": ["a", None, "ü"],
            "mixed": pd.Series([1, None, {"k": [1]}], dtype=object, index=days),
            "kind": pd.Categorical(["x", "y", "x"]),
            "maybe": pd.array([1, None, 3], dtype="Int64"),
            "yes": [True, False, True],
            "when": pd.to_datetime(["2020-01-01", None, "2020-01-03"]).astype("datetime64[us]").to_numpy(),
            "zoned": pd.date_range("2020-01-01", periods=3, tz="Asia/Dubai").to_list(),
        },
        index=days,
    )


def test_a_frame_equals_its_copy() -> None:
    assert frame_hash(frame()) == frame_hash(frame().copy())
    assert frame_hash(frame()) == frame_hash(frame().iloc[::-1].iloc[::-1])


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.rename(columns={"number": "n"}),
        lambda f: f.iloc[::-1],
        lambda f: f.iloc[:2],
        lambda f: f[list(reversed(f.columns))],
        lambda f: f.reset_index(drop=True),
        lambda f: f.rename_axis("day"),
        lambda f: f.set_axis(f.index + pd.Timedelta(days=1)),
        lambda f: f.assign(number=f["number"].fillna(0.0)),
        lambda f: f.assign(whole=f["whole"].astype("int64")),
        lambda f: f.assign(text=["a", "", "ü"]),
        lambda f: f.assign(mixed=[1, None, {"k": [2]}]),
        lambda f: f.assign(kind=pd.Categorical(["x", "y", "y"])),
        lambda f: f.assign(kind=pd.Categorical(["x", "y", "x"], ordered=True)),
        lambda f: f.assign(maybe=pd.array([1, 0, 3], dtype="Int64")),
        lambda f: f.assign(yes=[True, True, True]),
        lambda f: f.assign(when=f["when"].fillna(pd.Timestamp("1970-01-01"))),
        lambda f: f.assign(zoned=f["zoned"].dt.tz_convert("UTC")),
    ],
)
def test_any_change_changes_a_frames_hash(change: Any) -> None:
    assert frame_hash(change(frame())) != frame_hash(frame())


def test_an_array_counts_by_values_not_by_layout() -> None:
    array = np.random.default_rng(0).normal(size=(4, 5))
    array[1, 2] = np.nan
    other_nan = array.copy()
    other_nan.view(np.uint64)[1, 2] ^= 1
    assert np.isnan(other_nan[1, 2])
    for same in (np.asfortranarray(array), array.astype(">f8"), np.repeat(array, 2, axis=1)[:, ::2], other_nan):
        assert frame_hash(same) == frame_hash(array)
    for other in (array.reshape(5, 4), array.T, array.astype("f4"), array + 1e-12, array[:3]):
        assert frame_hash(other) != frame_hash(array)
    assert frame_hash(np.array(["a", "b"])) != frame_hash(np.array(["ab"]))
    assert frame_hash(np.empty((0, 3))) != frame_hash(np.empty((3, 0)))


def test_hashing_changes_nothing_and_refuses_what_is_no_frame() -> None:
    array = np.array([1.0, np.nan])
    array.flags.writeable = False
    frame_hash(array)
    assert frame_hash(pd.Series([1.0], name="a")) != frame_hash(pd.Series([1.0], name="b"))
    assert frame_hash(pd.Index([1])) != frame_hash(pd.Index([2]))
    levels = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"])
    assert frame_hash(levels) != frame_hash(levels.set_names(["x", "z"]))
    for wrong in ([1, 2], "text", np.zeros(2, dtype=[("a", "i4")])):
        with pytest.raises(TypeError):
            frame_hash(wrong)  # type: ignore[arg-type]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["$float", "$bytes", "$$x", "$"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


@given(plain)
def test_json_round_trip(value: Any) -> None:
    text = encode_json(value)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    back = decode_json(text)
    assert same(back, value)
    assert content_hash(back) == content_hash(value)


def test_json_takes_arrays_and_series() -> None:
    assert decode_json(encode_json({"a": np.array([[1.0, np.nan]]), "i": pd.Index([1, 2])}))["i"] == [1, 2]
    assert decode_json(encode_json(pd.Series([1, 2], index=["a", "b"]))) == {"a": 1, "b": 2}
    with pytest.raises(InputError, match="same text"):
        encode_json(pd.Series([1, 2], index=["a", "a"]))


def test_run_ids_name_their_kind_and_are_new() -> None:
    ids = {new_run_id("sweep") for _ in range(200)}
    assert len(ids) == 200
    assert all(re.fullmatch(r"sweep-\d{8}-[0-9a-f]{10}", item) for item in ids)
    with pytest.raises(InputError, match="Nearest valid: sweep"):
        new_run_id("sweeps")


@given(
    parameters=st.dictionaries(st.text(max_size=5), plain, max_size=4),
    seed=st.integers(0, 2**63),
    kind=st.sampled_from(RUN_KINDS),
    rung=st.sampled_from(RUNGS),
    created_at=st.datetimes(timezones=st.just(UTC)),
    train_end=st.none() | st.dates(),
    message=st.text(),
)
def test_a_record_survives_json(
    parameters: dict[str, Any],
    seed: int,
    kind: str,
    rung: str,
    created_at: datetime,
    train_end: date | None,
    message: str,
) -> None:
    one = record(
        parameters=parameters,
        seed=seed,
        kind=kind,
        rung=rung,
        created_at=created_at,
        train_end=train_end,
        model_id=message,
        input_hashes={message: "x"},
    )
    back = RunRecord.from_json(one.to_json())
    assert back.to_json() == one.to_json()
    assert back.inputs_hash() == one.inputs_hash()
    assert dataclasses.replace(back, parameters={}) == dataclasses.replace(one, parameters={})


def test_a_record_holds_its_environment() -> None:
    one = record()
    assert one == RunRecord.from_json(one.to_json())
    assert one.run_id.startswith("run-")
    assert one.packages == package_versions()
    assert one.packages["numpy"] == np.__version__
    assert one.code_version == code_version()
    assert one.python == ".".join(map(str, sys.version_info[:3]))
    assert one.created_at.utcoffset() == timedelta(0)
    assert record(created_at=datetime(2020, 1, 1, 4, tzinfo=timezone(timedelta(hours=4)))).created_at == datetime(
        2020, 1, 1, tzinfo=UTC
    )


OTHER = {
    "kind": "sweep",
    "seed": 8,
    "personas": 101,
    "train_end": date(2020, 11, 30),
    "test_end": None,
    "created_at": datetime(2001, 1, 1, tzinfo=UTC),
    "rung": RUNGS[2],
    "input_hashes": {"mobility": "bb"},
    "parameters": {"half_life": 31.0},
    "packages": {"numpy": "0"},
}


@pytest.mark.parametrize("name", [item.name for item in dataclasses.fields(RunRecord)])
def test_only_inputs_count_in_the_inputs_hash(name: str) -> None:
    one = record()
    changed = dataclasses.replace(one, **{name: OTHER.get(name, "another")})
    assert changed != one
    about_the_result = {"run_id", "created_at", "platform", "result_hash", "rung", "model_id"}
    assert (changed.inputs_hash() == one.inputs_hash()) == (name in about_the_result)


def test_a_record_does_not_change_with_what_it_was_given() -> None:
    parameters = {"levels": [1, 2]}
    one = record(parameters=parameters)
    before = one.inputs_hash()
    parameters["levels"].append(3)
    assert one.inputs_hash() == before


def test_bad_records_are_refused() -> None:
    text = record().to_json()
    for wrong, message in [
        ("{", "not valid JSON"),
        ("[1]", "is a list"),
        (text.replace('"seed"', '"sead"'), "Nearest valid: seed"),
        (text.replace('"seed": 7, ', ""), "'seed' is missing"),
        (text.replace('"seed": 7', '"seed": "x"'), "cannot be read"),
        (text.replace("2020-12-31", "2020-12-32"), "cannot be read"),
        (text.replace(RUNGS[0], "it is true"), "unknown rung"),
        (text.replace('"kind": "run"', '"kind": "rum"'), "Nearest valid: run"),
    ]:
        with pytest.raises(InputError, match=message):
            RunRecord.from_json(wrong)
    with pytest.raises(ValueError, match="time zone"):
        record(created_at=datetime(2020, 1, 1))


def test_the_code_version_follows_the_source(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    for name in ("__init__.py", "errors.py", "printable.py", "records.py", "settings.py"):
        shutil.copy(ROOT / "core" / name, tmp_path / "core" / name)
    code = "from core.records import code_version; print(code_version())"
    before = in_new_process(code, cwd=tmp_path)
    errors = tmp_path / "core" / "errors.py"
    errors.write_bytes(errors.read_bytes().replace(b"\n", b"\r\n"))
    assert in_new_process(code, cwd=tmp_path) == before
    errors.write_bytes(errors.read_bytes() + b"# edited\n")
    after = in_new_process(code, cwd=tmp_path)
    assert before != after
    assert re.fullmatch(r"[\d.]+\+[0-9a-f]{10}", after)
