"""Whatever a written file holds, reading it gives a valid object or one line about what is wrong with it.

Valid files are broken in two ways: values, keys and entries of their tables are exchanged for others (the structure), and
bytes of their text (the encoding, the syntax).
"""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.people.population_file import load_population_spec, spec_from_dict
from core.people.spec import PopulationSpec
from core.policy.scenario import load_scenario, scenario_of
from core.policy.timeline import PolicyTimeline
from core.services.studies.inputs import open_study
from core.settings import shipped_data
from core.study import Study, load_study, read_study, study_from
from core.survey.questions import SurveyQuestion, load_question

STUDY = (shipped_data() / "studies" / "meridia.toml").read_text(encoding="utf-8").replace('"meridia"', '"own"', 1)
POPULATION = """
id = "small"
title = "Small"
total = 100
fictional = true
[[attributes]]
name = "age_group"
label = "Age"
categories = [{ id = "young", label = "Young", age = [0, 30] }, { id = "old", label = "Old", age = [31, 90] }]
[[attributes]]
name = "sex"
label = "Sex"
categories = [{ id = "male", label = "Male", words = { they = "he" } }, { id = "female", label = "F", words = { they = "she" } }]
[[attributes]]
name = "pet"
label = "Pet"
categories = [{ id = "dog", label = "Dog" }, { id = "none", label = "None" }]
[[groupings]]
name = "half"
attribute = "age_group"
groups = { first = ["young"], second = "old" }
[[marginals]]
name = "age_by_sex"
attributes = ["sex", "age_group"]
use = "fit"
unit = "percent"
quality = "assumption"
source = "assumption"
year = 2020
table = { male = { young = 30, old = 20 }, female = { young = 25, old = 25 } }
[[impossible]]
when = { half = "second", sex = [] }
reason = "nobody is so"
[[assumptions]]
attribute = "pet"
given = ["sex"]
reasoning = "invented"
rows = [{ when = { sex = "male" }, shares = { dog = 0.5, none = 0.5 } }, { shares = { none = 1 } }]
[[traits]]
name = "calm"
label = "Calm"
meaning = "how calm"
mean = 0.5
spread = 0.1
reasoning = "invented"
shifts = { sex = { male = 0.1 } }
wording = [{ very_low = "a", low = "b", middle = "c", high = "d", very_high = "{Sex.they} e" }]
[[text]]
rules = [{ when = { half = "first" }, say = "{An} {age}-year-old." }, { say = "{Sex.they} is old." }]
""".replace(", sex = []", ', sex = "male"')
SCENARIO = """
name = "Other"
parent = "observed"
edits = [
  { set = ["C1", "C2"], level = 1, flag = 1, start = 2031-01-01, end = "2031-02-01" },
  { add = "C3", level = 1, flag = 0 }, { remove = "all", start = 2030-05-01, end = 2030-05-02 },
  { shift = -14, indicators = "C1" }, { tighten = 1, start = 2031-03-01 },
  { working_week = { rest_days = ["friday"] }, start = 2031-06-01, announced = 2031-05-01 },
  { holiday = "Rain", day = 2031-06-05 }, { no_holiday = 2031-12-24 },
]
"""
QUESTION = """
text = "How do you travel?"
kind = "choices"
choices = ["By car", "By bus"]
several = true
situation = "It rains."
as_of = 2031-03-01
"""

JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 10**30, -(10**19), 0.5, -0.0, 1e308, float("nan"), float("inf"), "", " ", "x", "C1",
    "all", "sunday", "male", "2030-02-30", "2030-06-01", "0000-00-00", "../x", "<b>x</b>", "a\x1b[2J", "\u202eb", "\x00",
    "{x}", "{Sex.nothing}", "a\nb", "x" * 3_000, "\ud800", date(2030, 6, 1), date(9999, 12, 31), date(1, 1, 1),
    datetime(2030, 6, 1, 12, tzinfo=UTC), datetime(2030, 6, 1), time(12), [], {}, [[]], [{}], ["C1", "C1"], [1, "a", None],
    {"a": 1}, {"": ""}, {"start": 1}, [date(2030, 1, 1)] * 2,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested tables and lists."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(place for key, item in below for place in places(item, (*path, key)))]


@st.composite
def broken(draw: st.DrawFn, raw: Mapping[str, Any]) -> dict[str, Any]:
    """`raw` with one to three of its values, keys or entries exchanged, dropped, doubled or moved elsewhere."""
    changed: dict[str, Any] = copy.deepcopy(dict(raw))
    for _ in range(draw(st.integers(1, 3))):
        every = places(changed)
        if not every:
            break
        *above, key = draw(st.sampled_from(every))
        holder: Any = changed
        for part in above:
            holder = holder[part]
        match draw(st.sampled_from(("junk", "drop", "rename", "double", "other", "extra"))):
            case "junk":
                holder[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
            case "drop":
                del holder[key]
            case "rename" if isinstance(holder, dict):
                name = draw(st.sampled_from((f"{key}s", str(key)[1:], str(key).upper(), "a\x1bb", "x" * 500)))
                holder[name] = holder.pop(key)
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case "extra" if isinstance(holder, dict):
                holder[draw(st.sampled_from(("note", "x", "__class__", "id", "name", "level")))] = 1
            case _:
                source: Any = changed
                for part in draw(st.sampled_from(every)):
                    inside = isinstance(source, dict) and part in source
                    if not inside and not (isinstance(source, list) and isinstance(part, int) and part < len(source)):
                        break
                    source = source[part]
                holder[key] = copy.deepcopy(source)
    return changed


@st.composite
def bytes_broken(draw: st.DrawFn, text: str) -> bytes:
    """The text with some bytes exchanged, cut, doubled, put before it, or in another encoding."""
    content = bytearray(text.encode(draw(st.sampled_from(("utf-8",) * 6 + ("utf-8-sig", "utf-16", "utf-32", "cp037")))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        until = at + draw(st.integers(0, 40))
        match draw(st.sampled_from(("byte", "cut", "double", "insert", "end"))):
            case "byte":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del content[at:until]
            case "double":
                content[at:at] = content[at:until]
            case "insert":
                piece = (
                    b"[",
                    b"]",
                    b'"',
                    b"=",
                    b"\n",
                    b"\x00",
                    b"\xff",
                    b"{",
                    b"9" * 5_000,
                    b"[" * 3_000,
                    b"# ",
                    b"\r",
                    b"'''",
                )
                content[at:at] = draw(st.sampled_from(piece))
            case _:
                del content[at:]
    return bytes(content)


def valid_or_one_line(read: Callable[[], object], kind: type) -> None:
    try:
        assert isinstance(read(), kind)
    except InputError as wrong:
        said = str(wrong)
        assert said.isprintable() and 0 < len(said) <= 1_000, said
        assert "validation error" not in said and "pydantic" not in said, said


@pytest.fixture(scope="module")
def observed() -> PolicyTimeline:
    return open_study("meridia").timeline


STUDY_RAW = read_study("meridia")[1] | {"id": "own"}
POPULATION_RAW, SCENARIO_RAW, QUESTION_RAW = (tomllib.loads(text) for text in (POPULATION, SCENARIO, QUESTION))

many = settings(
    max_examples=600,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_what_is_broken_is_valid_before(tmp_path: Path, observed: PolicyTimeline) -> None:
    assert study_from(STUDY_RAW, Path("own")).id == "own"
    assert spec_from_dict(POPULATION_RAW).id == "small"
    assert scenario_of(SCENARIO_RAW, observed, where="own").name == "Other"
    assert SurveyQuestion.from_dict(QUESTION_RAW).choices == ("By car", "By bus")
    for name, text, read in (
        ("s", STUDY, load_study),
        ("p", POPULATION, load_population_spec),
        ("q", QUESTION, load_question),
    ):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        read(tmp_path / f"{name}.toml")


@many
@given(raw=broken(STUDY_RAW))
def test_a_study(raw: dict[str, Any]) -> None:
    valid_or_one_line(lambda: study_from(raw, Path("own.toml")), Study)


@many
@given(raw=broken(POPULATION_RAW))
def test_a_population(raw: dict[str, Any]) -> None:
    valid_or_one_line(lambda: spec_from_dict(raw, where="own.toml"), PopulationSpec)


@many
@given(raw=broken(SCENARIO_RAW))
def test_a_scenario(raw: dict[str, Any], observed: PolicyTimeline) -> None:
    valid_or_one_line(lambda: scenario_of(raw, observed, where="own.toml"), PolicyTimeline)


@many
@given(raw=broken(QUESTION_RAW))
def test_a_question(raw: dict[str, Any]) -> None:
    valid_or_one_line(lambda: SurveyQuestion.from_dict(raw, where="own.toml"), SurveyQuestion)


@many
@given(content=bytes_broken(STUDY))
def test_the_bytes_of_a_study(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(content)
    valid_or_one_line(lambda: load_study(tmp_path / "own.toml"), Study)


@many
@given(content=bytes_broken(POPULATION))
def test_the_bytes_of_a_population(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(content)
    valid_or_one_line(lambda: load_population_spec(tmp_path / "own.toml"), PopulationSpec)


@many
@given(
    content=bytes_broken(SCENARIO) | bytes_broken(json.dumps(SCENARIO_RAW, default=str)),
    suffix=st.sampled_from((".toml", ".json")),
)
def test_the_bytes_of_a_scenario(content: bytes, suffix: str, tmp_path: Path, observed: PolicyTimeline) -> None:
    (tmp_path / f"own{suffix}").write_bytes(content)
    valid_or_one_line(lambda: load_scenario(tmp_path / f"own{suffix}", observed), PolicyTimeline)


@many
@given(content=bytes_broken(QUESTION))
def test_the_bytes_of_a_question(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(content)
    valid_or_one_line(lambda: load_question(tmp_path / "own.toml"), SurveyQuestion)
