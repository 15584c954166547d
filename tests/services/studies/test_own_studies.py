"""A study of the user's own is taken in, and then on offer by its name like those that ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from own_panel import own_years
from page_cases import clean, opened_page, opened_store

from core.cli import main
from core.errors import InputError
from core.services.studies.inputs import inputs_digest, list_studies, open_study
from core.study import load_study, own_studies

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder it is kept in; what it was made from is gone."""
    monkeypatch.setenv("POLICYTWIN_STUDIES", str(tmp_path / "studies"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    made = tmp_path / "made"
    made.mkdir()
    path = own_years(made, places=2)
    assert main(["study", "add", str(path)]) == 0
    for file in made.iterdir():
        file.unlink()
    return tmp_path / "studies" / "district-year"


def test_it_runs_by_its_name_without_the_files_it_came_from(
    added: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(own_studies()) == ["district-year"]
    listing = next(item for item in list_studies() if item.id == "district-year")
    assert listing.ready and listing.places == ("P0", "P1")
    assert open_study("district-year@P1").study.place == "P1"
    before = inputs_digest("district-year")
    (added / "table.csv").write_text((added / "table.csv").read_text().replace("1.5", "1.4"))
    assert inputs_digest("district-year") != before
    capsys.readouterr()
    words = ["run", "district-year", "--personas", "8", "--trials", "1", "--db", str(tmp_path / "s.duckdb"), "--json"]
    assert main(words) == 0 and json.loads(capsys.readouterr().out)["study"] == "district-year"


def test_the_dashboard_offers_it(added: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "page.duckdb"))
    with opened_store(tmp_path / "page.duckdb"):
        at = clean(opened_page("pages/2_Policy_timeline.py", {"study": "district-year@P1"}))
        place = next(item for item in at.selectbox if item.label == "Place")
        assert place.value == "P1" and place.options == ["P0", "P1"] and not at.warning


def test_one_that_cannot_be_used_is_said(added: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Nearest valid: district-year"):
        load_study("district-yaer")
    (added / "district-year.toml").write_text("id = 3")
    listing = next(item for item in list_studies() if item.id == "district-year")
    assert not listing.ready and listing.missing
    assert main(["study", "add", str(ROOT / "data" / "studies" / "orlo.toml")]) == 2
