"""No cell of an exported or downloaded table starts a formula, and nothing that cannot is changed."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.csv_out import MARKS, csv_safe, csv_text, stamped

HOSTILE = ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\tx", "\r=1", "\n=1", "\uff1d1", "-", "=5"]


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text[0] in "+-"


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_names_and_index_start_no_formula(text: str) -> None:
    table = pd.DataFrame(
        {text: [text, "plain"], "kind": pd.Categorical([text, "b"])}, index=pd.Index([text, "x"], name=text)
    )
    found = cells(csv_text(table, index=True))
    shown = text.replace("\r", "\n")
    assert f"'{shown}" in found and not [cell for cell in found if cell.startswith(MARKS) and not is_number(cell)]
    wide = table.set_index([text, "kind"])
    assert not [cell for cell in cells(csv_text(wide, index=True)) if cell.startswith(MARKS)]
    assert text in table.columns, "the table itself stays as it is"


def test_numbers_days_and_missing_values_stay(tmp_path: object) -> None:
    table = pd.DataFrame(
        {"n": [-1.5, np.nan], "text": ["-3.5", "+12"], "day": pd.to_datetime(["2031-01-01", None]), "i": [-1, 2]}
    )
    assert csv_text(table) == "n,text,day,i\n-1.5,-3.5,2031-01-01,-1\n,+12,,2\n"
    pd.testing.assert_frame_equal(csv_safe(table), table)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_any_text_comes_back_or_with_one_apostrophe(texts: list[str]) -> None:
    read = list(csv_safe(pd.DataFrame({"a": texts}))["a"])
    for before, after in zip(texts, read, strict=True):
        assert after.removeprefix("'") == before.replace("\r\n", "\n").replace("\r", "\n").removeprefix("'")
        assert "\r" not in after
        assert not after.startswith(MARKS) or is_number(after)


def test_a_table_of_a_run_says_which_rows_are_simulated() -> None:
    table = pd.DataFrame({"name": ["Observed", "What if"], "value": [1.0, 2.0]})
    found = stamped(table, "Meridia; twin run-20261128-0123456789, 1,000 personas; rules engine")
    assert list(found["simulated"]) == [False, True] and set(found["run_id"]) == {"run-20261128-0123456789"}
    assert stamped(table, "Google (Community Mobility Reports)") is table
    assert stamped(found, "run-20261128-abcdefabcd") is found
    assert stamped(table[["value"]], "run run-20261128-0123456789")["simulated"].all()
