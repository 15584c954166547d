"""The table behind the rules engine: every number with unit and source, no row that means nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from behaviour_cases import spec, study

from core.cognition.coefficients import COLUMNS, EVERY, CoefficientTable, load_coefficients
from core.cognition.rules import RulesEngine
from core.errors import InputError

SHIPPED = study().coefficients_file


def rows() -> list[dict[str, str]]:
    return [dict(row) for row in pd.read_csv(SHIPPED, dtype=str, keep_default_na=False).to_dict("records")]


def written(folder: Path, lines: list[dict[str, str]], columns: tuple[str, ...] = COLUMNS) -> Path:
    path = folder / "table.csv"
    pd.DataFrame(lines, columns=list(columns)).to_csv(path, index=False)
    return path


def test_every_number_has_a_unit_and_a_source() -> None:
    table = load_coefficients(SHIPPED).rows
    assert len(table) > 150 and list(table.columns) == list(COLUMNS)
    for column in ("behaviour", "term", "unit", "source", "reasoning"):
        assert (table[column].str.strip() != "").all(), column
    assert table["value"].notna().all()


def test_no_row_speaks_of_people_who_do_not_exist() -> None:
    """Each category and trait that the table names is one of the two populations'."""
    categories = {
        f"{attribute.name}={category}"
        for name in ("uae", "meridia")
        for attribute in spec(name).attributes
        for category in attribute.ids
    }
    traits = {trait for name in ("uae", "meridia") for trait in spec(name).trait_names}
    features = set(load_coefficients(SHIPPED).features())
    assert features - categories - traits == set()
    assert {name for name in features if "=" not in name} == traits, "a trait that moves nothing is no assumption"


def test_every_row_moves_something() -> None:
    """A dead row would be a documented number without effect: without it the compiled engine must differ."""
    table = load_coefficients(SHIPPED)
    for behaviour in table.behaviours():
        own = table.rows[table.rows["behaviour"].isin([behaviour, EVERY])].reset_index(drop=True)
        narrow = replace(study(), behaviours=tuple(item for item in study().behaviours if item.id == behaviour))
        whole = repr(RulesEngine.for_study(narrow, CoefficientTable(own, "whole")).compiled)
        for position, row in own.iterrows():
            if row["term"] not in ("base", "hours"):
                part = RulesEngine.for_study(narrow, CoefficientTable(own.drop(index=position), "part"))
                assert repr(part.compiled) != whole, dict(row)


FAULTS = [
    ({"value": "a lot"}, "value 'a lot' is not a number"),
    ({"value": ""}, "value '' is not a number"),
    ({"value": "inf"}, "value 'inf' is not a number"),
    ({"unit": "probability"}, "unit 'probability'.*Allowed: log-odds"),
    ({"source": " "}, "has no source"),
    ({"term": "polic"}, "unknown term 'polic'.*Nearest valid: policy"),
    ({"behaviour": "retial"}, "unknown behaviour 'retial'.*Nearest valid: retail"),
    ({"behaviour": "residential"}, "unknown behaviour 'residential'"),
    ({"term": "epidemic", "key": "1", "value": "-0.2"}, "an epidemic would raise retail.*0 and above"),
    ({"key": ""}, "a policy row has the key ''.*a key"),
    ({"term": "persona", "key": "elderly"}, "the key 'elderly'.*attribute=category"),
    ({"term": "trait", "key": "age_group=65\\+"}, "the key 'age_group=65.*the name of a trait"),
    ({"term": "persona", "key": "sex=female", "modifier": "sociability"}, "a persona row has the modifier"),
    ({"term": "base", "key": "", "value": "1.5", "unit": "probability", "behaviour": "x"}, "base probability 1.5"),
    ({"term": "base", "key": "", "value": ".5", "unit": "probability", "behaviour": "*"}, "one behaviour"),
    ({"term": "hours", "key": "", "value": "-1", "unit": "hours per day"}, "-1 hours of a day.*0 to 24"),
    ({"term": "hours", "key": "work", "value": "1", "unit": "hours per day"}, "an? hours row has the key 'work'"),
    ({}, "says again what a row above says"),
]


@pytest.mark.parametrize(("change", "words"), FAULTS, ids=[words[:40] for _, words in FAULTS])
def test_a_fault_names_the_row(tmp_path: Path, change: dict[str, str], words: str) -> None:
    sound = next(row for row in rows() if (row["behaviour"], row["term"], row["key"]) == ("retail", "policy", "C1"))
    lines = [*rows(), {**sound, **{name: value.replace("\\", "") for name, value in change.items()}}]
    with pytest.raises(InputError, match=rf"table.csv, row {len(lines) + 1}: .*{words}"):
        load_coefficients(written(tmp_path, lines))


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    columns = tuple(name for name in COLUMNS if name != column)
    with pytest.raises(InputError, match=f"has no column {column}"):
        load_coefficients(written(tmp_path, rows(), columns))


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00broken", b'behaviour,term\n"retail'], ids=["empty", "bytes", "quote"]
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read|no column"):
        load_coefficients(path)
    with pytest.raises(InputError, match="no such file"):
        load_coefficients(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="cannot be read"):
        load_coefficients(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"term": "policy", "key": "C22"}, "unknown key of a policy row 'C22'.*Nearest valid: C2"),
        ({"term": "epidemic", "key": "3"}, "unknown key of a epidemic row '3'"),
        ({"term": "day", "key": "sunday"}, "unknown day type 'sunday'"),
    ],
)
def test_a_key_that_no_study_could_mean_is_refused(tmp_path: Path, change: dict[str, str], words: str) -> None:
    line = {"behaviour": "retail", "modifier": "", "value": "1", "unit": "log-odds", "source": "x", "reasoning": ""}
    table = load_coefficients(written(tmp_path, [*rows(), {**line, **change}]))
    with pytest.raises(InputError, match=words):
        RulesEngine.for_study(study(), table)


def test_a_behaviour_without_a_base_is_refused(tmp_path: Path) -> None:
    lines = [row for row in rows() if row["behaviour"] != "parks"]
    with pytest.raises(InputError, match="unknown behaviour 'parks'"):
        RulesEngine.for_study(study(), load_coefficients(written(tmp_path, lines)))
