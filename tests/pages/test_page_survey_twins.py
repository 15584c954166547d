"""The page "Survey twins" on its generated example."""

from pathlib import Path

import pytest
from page_cases import clean, opened_page, opened_store, said, wait_for_jobs
from survey_cases import asked_about_worry


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    path = Path(tmp_path_factory.mktemp("twins")) / "store.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLICYTWIN_DB", str(path))
        with opened_store(path) as opened:
            yield opened


def _predicted(at):
    """The page after the job that it began is done."""
    wait_for_jobs()
    return clean(at.run())


def test_the_example_is_labelled_calibrated_in_a_job_and_opened_again(store) -> None:
    at = opened_page("pages/7_Survey_twins.py", {})
    assert any("are generated: nobody was asked" in item.value for item in at.info)
    at = _predicted(at)
    text = " ".join(item.value for item in at.markdown)
    assert "Calibration is likely to help" in text and "held against people's" in text
    assert "twins as they are" in text and "trivial baseline" in text.casefold()
    shown = " ".join(str(item.value) for item in at.dataframe)
    assert "Trivial baseline, no twin" in shown and "Stack" in shown
    assert "Ridge on demographics" in shown and "Best less worst" in shown and "18–34 (" in shown
    assert "interval" in text and "wave 4" not in text
    wait_for_jobs()
    at = clean(at.run())
    text = " ".join(item.value for item in at.markdown)
    assert "80% interval" in text and "How people's answers would spread" in text
    again = clean(opened_page("pages/7_Survey_twins.py", {"source": "Kept results"}))
    box = next(item for item in again.selectbox if item.label == "Result")
    assert len(box.options) == 2
    box.select_index(1).run()
    assert "Calibration is likely to help" in " ".join(item.value for item in clean(again).markdown)


def test_another_target_and_other_methods_are_taken() -> None:
    at = opened_page("pages/7_Survey_twins.py", {"target": "user"})
    at.multiselect(key="methods").set_value(["ridge"]).run()
    at = _predicted(at)
    shown = " ".join(str(item.value) for item in at.dataframe)
    assert "Ridge" in shown and "Lasso" not in shown


def test_two_tables_are_asked_for() -> None:
    at = opened_page("pages/7_Survey_twins.py", {"source": "Two tables of mine"})
    assert not at.exception
    assert not at.multiselect


def test_a_question_put_to_personas_is_corrected_in_one_click(store) -> None:
    asked, people = asked_about_worry(store)
    link = {"section": "ask", "asked": asked}
    at = opened_page("pages/3_Simulate.py", link)
    assert not at.exception and not any(item.key == "measure-survey_correction" for item in at.button)
    at.file_uploader(key="people-shares").set_value(("people.csv", people.encode(), "text/csv")).run()
    next(item for item in at.button if item.key == "measure-survey_correction").click().run()
    wait_for_jobs()
    at = clean(opened_page("pages/3_Simulate.py", link))
    text = said(at)
    assert "each predicted from the others" in text and "policytwin report survey_correction" in text.replace("-", "_")
    assert "Without a file: people.csv" in text, "the next question needs no file"
