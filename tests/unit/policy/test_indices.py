"""Policy indices against the codebook's worked example, the published figures, and their properties."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.datasets import read_policy
from core.errors import InputError
from core.policy.indices import compare_indices, policy_index, recompute_indices, sub_indices
from core.study import Codebook, load_codebook, load_study

BOOK: Codebook = load_codebook()
NAN = float("nan")

#: The codebook's worked example (REFERENCES §2): level and flag.
EXAMPLE = {
    "C1": (2, 1),
    "C2": (0, None),
    "C3": (2, 0),
    "C4": (2, 0),
    "C5": (0, None),
    "C6": (1, 0),
    "C7": (1, 1),
    "C8": (3, None),
    "E1": (2, 0),
    "E2": (2, None),
    "H1": (2, 0),
    "H2": (3, None),
    "H3": (2, None),
    "H6": (2, 0),
    "H7": (2, 1),
    "H8": (2, 1),
}
EXAMPLE_SUB_INDICES = {
    "C1": 66.67,
    "C2": 0.0,
    "C3": 75.0,
    "C4": 37.5,
    "C5": 0.0,
    "C6": 16.67,
    "C7": 50.0,
    "C8": 75.0,
    "E1": 75.0,
    "E2": 100.0,
    "H1": 75.0,
    "H2": 100.0,
    "H3": 100.0,
    "H6": 37.5,
    "H7": 40.0,
    "H8": 66.67,
}


def row(levels: dict[str, tuple[float, float | None]]) -> pd.DataFrame:
    cells: dict[str, float] = {}
    for code, (level, flag) in levels.items():
        cells[code] = level
        if BOOK.indicator(code).has_flag:
            cells[f"{code}_Flag"] = NAN if flag is None else flag
    return pd.DataFrame([cells]).astype(float)


def test_codebook_states_every_level_and_the_four_indices() -> None:
    assert [item.code for item in BOOK.indicators] == list(EXAMPLE)
    sizes = {
        "StringencyIndex": 9,
        "ContainmentHealthIndex": 14,
        "GovernmentResponseIndex": 16,
        "EconomicSupportIndex": 2,
    }
    assert {name: len(codes) for name, codes in BOOK.indices.items()} == sizes
    for item in BOOK.indicators:
        assert len(set(item.levels)) == item.maximum + 1
        assert bool(item.flag_meaning) == item.has_flag
    assert "CC BY 4.0" in BOOK.source
    assert load_study("uae").indicator_codes == ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "H1", "H6")


def test_codebook_states_the_facts_of_the_shared_one(real_data: Path) -> None:
    import json

    facts = json.loads((real_data / "oxcgrt_codebook.json").read_text(encoding="utf-8"))
    for item, fact in zip(BOOK.indicators, facts["indicators"], strict=True):
        assert (item.code, item.name, item.maximum, item.has_flag) == (
            fact["code"],
            fact["name"],
            fact["max"],
            fact["has_flag"],
        )
    assert {name: set(codes) for name, codes in BOOK.indices.items()} == {
        name: set(codes) for name, codes in facts["members"].items()
    }


def test_the_worked_example_of_the_codebook() -> None:
    policy = row(EXAMPLE)
    assert sub_indices(policy).iloc[0].to_dict() == pytest.approx(EXAMPLE_SUB_INDICES, abs=0.005)
    found = recompute_indices(policy).iloc[0]
    assert found["StringencyIndex"] == pytest.approx(43.98, abs=0.005)
    assert found["ContainmentHealthIndex"] == pytest.approx(52.86, abs=0.005)
    assert found["GovernmentResponseIndex"] == pytest.approx(57.19, abs=0.005)
    assert found["EconomicSupportIndex"] == pytest.approx(87.50, abs=0.005)
    assert policy_index(policy, "StringencyIndex").iloc[0] == found["StringencyIndex"]


def test_published_indices_are_reproduced_within_rounding(real_data: Path) -> None:
    table = read_policy(real_data / "oxcgrt_national.parquet")
    started = time.perf_counter()
    errors = {item.name: item.largest for item in compare_indices(table)}
    assert time.perf_counter() - started < 1.0
    assert len(table) == 177_552
    assert set(errors) == set(BOOK.indices)
    assert all(error is not None and error <= 0.006 for error in errors.values()), errors


def test_nothing_missing_becomes_a_number() -> None:
    policy = row(EXAMPLE)
    assert np.isnan(policy_index(policy.assign(C2=NAN), "StringencyIndex").iloc[0])
    assert not np.isnan(policy_index(policy.assign(C2=NAN), "EconomicSupportIndex").iloc[0])
    # A flag is needed only where there is something to flag.
    assert np.isnan(sub_indices(policy.assign(C1_Flag=NAN))["C1"].iloc[0])
    assert sub_indices(policy.assign(C1=0.0, C1_Flag=NAN))["C1"].iloc[0] == 0.0
    assert sub_indices(policy.assign(C1=0.0, C1_Flag=0.0))["C1"].iloc[0] == 0.0


def test_errors_are_of_the_days_that_can_be_compared() -> None:
    table = pd.concat([row(EXAMPLE)] * 3, ignore_index=True)
    table["StringencyIndex"] = [43.98, 45.98, NAN]
    [found] = compare_indices(table)
    assert (found.name, found.compared) == ("StringencyIndex", 2) and found.largest == pytest.approx(2.0, abs=0.005)
    table["StringencyIndex"] = NAN
    assert compare_indices(table)[0].largest is None


def test_an_index_is_recomputed_where_its_members_are_there() -> None:
    codes = load_study("uae").indicator_codes
    policy = row({code: EXAMPLE[code] for code in codes})
    assert list(recompute_indices(policy).columns) == ["StringencyIndex"]


@pytest.mark.parametrize(
    ("policy", "call", "says"),
    [
        (
            row(EXAMPLE).drop(columns="C3"),
            lambda p: policy_index(p, "StringencyIndex"),
            "StringencyIndex needs the indicator C3",
        ),
        (row(EXAMPLE), lambda p: policy_index(p, "StringencyIndx"), "Nearest valid: StringencyIndex"),
        (row(EXAMPLE).drop(columns="C1_Flag"), sub_indices, "C1 comes without its flag"),
        (pd.DataFrame({"c1": [1.0]}), sub_indices, "Nearest valid: C1"),
        (row({"C1": (2, 1)}), recompute_indices, "no index can be computed"),
        (row(EXAMPLE), compare_indices, "no published index to compare with"),
    ],
)
def test_what_cannot_be_computed_is_said(policy: pd.DataFrame, call, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=says):
        call(policy)


@st.composite
def policies(draw: st.DrawFn) -> dict[str, tuple[float, float | None]]:
    levels: dict[str, tuple[float, float | None]] = {}
    for item in BOOK.indicators:
        level = draw(st.integers(0, item.maximum))
        levels[item.code] = (level, draw(st.sampled_from([0, 1])) if item.has_flag and level else None)
    return levels


@given(policies())
def test_indices_are_bounded_and_rise_with_any_level_and_flag(levels: dict[str, tuple[float, float | None]]) -> None:
    changed: list[tuple[str, dict[str, tuple[float, float | None]]]] = []
    for item in BOOK.indicators:
        level, flag = levels[item.code]
        stricter = []
        if level < item.maximum:
            stricter.append((level + 1, flag if flag is not None or not item.has_flag else 0))
        if flag == 0:
            stricter.append((level, 1))
        changed += [(item.code, {**levels, item.code: change}) for change in stricter]
    rows = pd.concat([row(levels), *(row(other) for _, other in changed)], ignore_index=True)
    found = recompute_indices(rows)
    base = found.iloc[0]
    assert ((base >= 0) & (base <= 100)).all()
    for place, (code, _) in enumerate(changed, start=1):
        moved = found.iloc[place]
        for name, codes in BOOK.indices.items():
            assert (moved[name] > base[name]) if code in codes else (moved[name] == base[name])
