"""The page "Survey twins" on its generated example."""

from pathlib import Path

import pytest
from page_cases import opened_page, opened_store


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory, module_store_path=None):
    path = Path(tmp_path_factory.mktemp("twins")) / "store.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLICYTWIN_DB", str(path))
        with opened_store(path) as opened:
            yield opened


def test_the_example_is_labelled_and_its_board_shows_trivial_and_raw() -> None:
    at = opened_page("pages/7_Survey_twins.py", {})
    assert not at.exception
    assert any("are generated: nobody was asked" in item.value for item in at.info)
    text = " ".join(item.value for item in at.markdown)
    assert "Calibration is likely to help" in text
    assert "twins as they are" in text and "trivial baseline" in text.casefold()
    shown = " ".join(str(item.value) for item in at.dataframe)
    assert "Trivial baseline, no twin" in shown and "Stack" in shown and "Best less worst group" in shown
    assert "interval" in text and "wave 4" not in text


def test_another_target_and_other_methods_are_taken() -> None:
    at = opened_page("pages/7_Survey_twins.py", {"target": "user"})
    assert not at.exception
    at.multiselect(key="methods").set_value(["ridge"]).run()
    assert not at.exception
    shown = " ".join(str(item.value) for item in at.dataframe)
    assert "Ridge" in shown and "Lasso" not in shown


def test_two_tables_are_asked_for() -> None:
    at = opened_page("pages/7_Survey_twins.py", {"source": "Two tables of mine"})
    assert not at.exception
    assert not at.multiselect
