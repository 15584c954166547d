"""Studies of other domains on the pages: each is opened where its tables are, and its published effects are set beside ours."""

from pathlib import Path

import pytest
from domain_panels import DOMAINS, domain_panel
from page_cases import clean, opened_page, opened_store, said, wait_for_jobs

PAGES = ("pages/1_Population.py", "pages/2_Policy_timeline.py", "pages/6_Validation.py")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "store.duckdb"))
    monkeypatch.setenv("POLICYTWIN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("study", DOMAINS)
def test_every_domain_can_be_walked_through(study: str, data: Path) -> None:
    domain_panel(data, study, places=3)
    with opened_store(data / "store.duckdb"):
        for page in PAGES:
            clean(opened_page(page, {"study": study}))
        at = clean(opened_page("pages/6_Validation.py", {"study": study, "part": "Known effects"}))
        assert f"policytwin effects {study}" in said(at)


def test_effects_are_measured_in_the_browser(data: Path) -> None:
    domain_panel(data, "seatbelts_us", places=4)
    with opened_store(data / "store.duckdb") as store:
        asked = {"study": "seatbelts_us", "part": "Known effects"}
        at = clean(opened_page("pages/6_Validation.py", asked))
        next(item for item in at.button if item.key == "measure-known_effects").click().run()
        wait_for_jobs()
        assert len(store.runs(kind="known_effects", status="complete")) == 1
        at = clean(opened_page("pages/6_Validation.py", asked))
        assert "Does the twin find what others found?" in said(at)
        assert at.dataframe[0].value["Effect"].iloc[0] == "No law to a secondary law"


def test_a_study_without_published_effects_says_so(data: Path) -> None:
    with opened_store(data / "store.duckdb"):
        assert "names no published effects" in said(opened_page("pages/6_Validation.py", {"part": "Known effects"}))
