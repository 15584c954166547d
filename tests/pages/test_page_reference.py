"""The Reference page of every study, the glossary that other pages link to, and the tour of a first visit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from page_cases import clean, opened_page, opened_store, prose, said

from core.cognition.coefficients import load_coefficients
from core.report.sentences.glossary import GLOSSARY, UNLINKED, with_terms
from core.store.database import Store
from core.study import load_study
from pages.common.tour import STEPS

PAGE = "pages/10_Reference.py"
STUDIES = ("meridia", "orlo@Alder")


@pytest.fixture
def store(short_store: Path) -> Iterator[Store]:
    with opened_store(short_store) as opened:
        yield opened


@pytest.mark.parametrize("study", STUDIES)
def test_each_part_is_of_the_study_shown(store: Store, study: str) -> None:
    own = load_study(study)
    at = clean(opened_page(PAGE, {"study": study}))
    assert prose(at) <= 120 and f"{own.inhabitants:,} {own.counted}" in said(at)
    assert ("epidemic stays" in said(at)) == ("cases" in own.sources)
    at = clean(opened_page(PAGE, {"study": study, "part": "Coefficients"}))
    rows = load_coefficients(own.coefficients_file).rows
    (table,) = at.dataframe
    assert list(table.value["Value"]) == list(rows["value"]) and (table.value["Source"] != "").all()
    assert f"None of the {len(rows)} numbers has a published source" in said(at)
    words = " ".join(table.value["Behaviour"]) + " ".join(table.value["What it says"])
    assert "_" not in words and own.behaviours[0].label in words and own.indicators[0].name in words
    at = clean(opened_page(PAGE, {"study": study, "part": "Data and licences"}))
    files, people = (item.value for item in at.dataframe)
    assert set(files["File"]) == {item.file for item in own.sources.values()} and "MIT licence" in said(at)
    assert len(people) > 3 and (people["Source"] != "").all()
    assert "is invented" in said(clean(opened_page(PAGE, {"study": study, "part": "Limits"})))


def test_a_term_on_another_page_leads_to_its_meaning(store: Store) -> None:
    at = clean(opened_page("pages/6_Validation.py", {"part": "Residuals"}))
    links = re.findall(r"\]\(Reference\?([^)]*)\)", "".join(item.value for item in [*at.markdown, *at.caption]))
    assert links
    for link in links:
        asked = {name: values[0] for name, values in parse_qs(link).items()}
        assert asked["part"] == "Glossary" and asked["term"] in GLOSSARY and asked["study"] == "meridia"
    found = clean(opened_page(PAGE, asked))
    assert found.markdown[1].value == f"**{asked['term']}**" or f"**{asked['term']}**" in [
        m.value for m in found.markdown
    ]
    found.text_input(key="find-term").set_value("raking").run()
    assert "Adjusting weights" in said(found) and "ablation" not in said(found).split("Find")[-1].lower()
    found.text_input(key="find-term").set_value("<none>").run()
    assert "No term" in said(clean(found))


def test_only_the_first_appearance_of_a_whole_word_is_a_link() -> None:
    seen: set[str] = set()
    text = "Hold-out and hold-out; baselines, a rebaseline, the twin's RMSE."
    assert with_terms(text, lambda term, words: f"[{words}|{term}]", seen) == (
        "[Hold-out|hold-out] and hold-out; [baselines|baseline], a rebaseline, the twin's [RMSE|RMSE]."
    )
    assert seen == {"hold-out", "baseline", "RMSE"} and "twin" in UNLINKED <= set(GLOSSARY)


def test_the_tour_goes_on_in_three_steps_and_stays_away_once_closed(store: Store) -> None:
    at = clean(opened_page("app.py", {}))
    for place, (name, _) in enumerate(STEPS, start=1):
        assert f"{place} of 3: {name}" in said(at)
        if place < len(STEPS):
            at.button(key="tour-next").click().run()
    at.button(key="tour-close").click().run()
    assert "New here?" not in said(clean(at))
    at.run()
    assert "New here?" not in said(at)
    elsewhere = clean(opened_page("pages/4_Calibration.py", {}))
    assert "New here?" not in said(elsewhere), "a deep link is not held up"
    elsewhere.switch_page("app.py").run()
    assert "New here?" not in said(elsewhere), "who has been elsewhere is not new"
