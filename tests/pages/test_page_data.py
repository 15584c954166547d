"""The page "Data": tables become a study, which stands in the choice of studies, and is deleted again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from own_panel import own_panel
from page_cases import clean, opened_page, opened_store, said
from streamlit.testing.v1 import AppTest
from table_cases import loaded_tables

from core.services.studies.inputs import list_studies
from core.study import own_studies

PAGE = "pages/9_Data.py"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "page.duckdb"))
    monkeypatch.setenv("POLICYTWIN_STUDIES", str(tmp_path / "studies"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    with opened_store(tmp_path / "page.duckdb"):
        yield tmp_path


def button(at: AppTest, label: str) -> object:
    return next(item for item in at.button if item.label == label)


def uploaded(place: Path, spoil: bool = False) -> AppTest:
    made = place / "made"
    made.mkdir(exist_ok=True)
    own_panel(made, places=2)
    did = pd.read_csv(made / "mobility.csv").rename(columns={"watering": "*Water* $x$"}).astype(object)
    if spoil:
        did.loc[3, "saving"] = "<b>none</b>"
    at = opened_page(PAGE, {"from": "Tables of mine"})
    at.file_uploader(key="policy-file").set_value(("p.csv", (made / "policy.csv").read_bytes(), "text/csv"))
    return at.file_uploader(key="behaviour-file").set_value(
        ("My <i>water</i>.csv", did.to_csv(index=False).encode(), "text/csv")
    ).run()  # fmt: skip


def test_two_tables_become_a_study_that_is_opened_and_deleted(place: Path) -> None:
    at = clean(uploaded(place))
    assert "2 places, 2013-01 to 2020-12: 96 months, 2 behaviours, 2 policies." in said(at)
    assert "\\*Water\\* \\$x\\$" in said(at), "names are shown as they are"
    assert not own_studies()
    next(item for item in at.text_input if item.label == "Name").set_value("meridia").run()
    assert "meridia-2" in said(at) and not any(item.label == "Add this study" for item in at.button)
    next(item for item in at.text_input if item.label == "Name").set_value("water").run()
    button(at, "Add this study").click().run()
    assert "is in the study choice" in said(clean(at)) and list(own_studies()) == ["water"]
    listing = next(item for item in list_studies() if item.id == "water")
    assert listing.place == listing.title == "My <i>water</i>" and listing.places == ("P0", "P1")
    assert "Outdoor" not in said(clean(opened_page("app.py", {"study": "water"})))
    mine = clean(opened_page(PAGE, {"from": "My studies", "study": "water"}))
    assert "water · 2 places · no runs yet" in said(mine)
    button(mine, "Delete study for good").click().run()
    assert (
        not own_studies()
        and "You have made no study yet" in said(clean(mine))
        and "water" not in mine.query_params["study"]
    )


def test_faults_are_listed_and_nothing_is_kept(place: Path) -> None:
    at = uploaded(place, spoil=True)
    assert not at.exception and "1 fault. Nothing was kept" in said(at)
    assert "My \\<i\\>water\\<\\_i\\>.csv, column saving, row 5: '\\<b\\>none\\</b\\>' is not a number" in said(at)
    assert not any(item.label == "Add this study" for item in at.button) and not own_studies()
    at.file_uploader(key="behaviour-file").set_value(("x.csv", b"a;b\n1;2\n", "text/csv")).run()
    assert not at.exception and "columns are separated by ';'" in said(at)


def test_a_loaded_country_is_added(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No tables of countries are loaded" in said(clean(opened_page(PAGE, {})))
    monkeypatch.setenv("POLICYTWIN_DATA", str(loaded_tables(place / "loaded")))
    at = clean(opened_page(PAGE, {"country": "United Arab Emirates"}))
    assert "United Arab Emirates, 15 February 2020 to 31 October 2020: 260 days, 2 behaviours" in said(
        at
    ) and "a stand-in" in said(at)
    button(at, "Add this study").click().run()
    assert list(own_studies()) == ["are"] and "is in the study choice" in said(clean(at))
    assert "United Arab Emirates" in clean(opened_page("app.py", {"study": "are"})).title[0].value
