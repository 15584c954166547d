"""Every page with a domain that is no pandemic: Orlo's districts, months, cuts and droughts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_cases import clean, opened_page, opened_store, said
from streamlit.testing.v1 import AppTest

from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest

PAGES = sorted(path.name for path in (Path(__file__).resolve().parents[2] / "pages").glob("[0-9]*.py"))
#: Of another domain; a page says them only where it is about many countries.
STRANGE = ("Karsk", "illness", "visits", "Ramadan", "lockdown")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("orlo") / "orlo.duckdb"
    before = os.environ.get("POLICYTWIN_DB")
    os.environ["POLICYTWIN_DB"] = str(path)
    with opened_store(path) as store:
        run_study(RunRequest("orlo", personas=40, trials=1, place="Dale"), store)
        yield
    if before is None:
        del os.environ["POLICYTWIN_DB"]
    else:
        os.environ["POLICYTWIN_DB"] = before


def page(script: str) -> AppTest:
    return clean(opened_page(script, {"study": "orlo@Dale"}))


@pytest.mark.parametrize("name", PAGES)
def test_each_page_opens(name: str, fitted: None) -> None:
    at = page(f"pages/{name}")
    place = next(item for item in at.selectbox if item.label == "Place")
    assert place.value == "Dale" and len(place.options) == 20
    # The society is about no study: its own scenario says that it is fictional. Of respondents each says what it is.
    other = {"12_Society_lab.py": "Fictional", "11_Respondents.py": "begin with invented ones"}
    assert other.get(name, "invented, with all its data") in said(at)
    if name not in ("6_Validation.py", "7_Survey_twins.py", "12_Society_lab.py"):
        assert not [word for word in STRANGE if word in said(at)]


def test_another_place_is_another_study(fitted: None) -> None:
    at = page("pages/2_Policy_timeline.py")
    next(item for item in at.selectbox if item.label == "Place").set_value("Hazel").run()
    assert clean(at).query_params["study"] == "orlo@Hazel"


def test_the_policy_page_has_amounts_and_no_working_week(fitted: None) -> None:
    at = page("pages/2_Policy_timeline.py")
    assert [tab.label for tab in at.tabs] == ["Quick edits", "Bars", "Table"]
    assert next(item for item in at.number_input if item.label == "Amount, %").value == 36.0


def test_a_sweep_says_the_index_and_the_behaviours_of_the_study(fitted: None) -> None:
    words = said(page("pages/5_Counterfactuals.py"))
    assert "between policy index 0 and 100" in words and "less outdoor use and indoor use" in words
    assert "months, 2037-01-01 to 2039-12-01" in words and "epidemic" not in words


def test_measures_are_moved_by_the_periods_of_the_study(fitted: None) -> None:
    at = clean(
        opened_page("pages/5_Counterfactuals.py", {"study": "orlo@Dale", "view": "compare", "what": "lifted-later"})
    )
    moved = next(item for item in at.number_input if item.label == "Months earlier or later")
    assert moved.value == 3 and "Measures lifted 3 months later" in said(at)
