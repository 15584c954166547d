"""The Population page: faces first, a group edited, the edits in the address, people of one's own brought in."""

from __future__ import annotations

from pathlib import Path

from page_cases import opened_page
from streamlit.testing.v1 import AppTest

from core.services.populations.draft_links import edits_text
from core.services.populations.drafts import SHARE, GroupEdit, PopulationDraft
from core.services.populations.synthesis import make_population
from core.study import load_study

OLD = (("age_group", "65+"),)


def visit(**query: str) -> AppTest:
    return opened_page("pages/1_Population.py", query)


def fine(page: AppTest) -> AppTest:
    assert not page.exception and not page.error, [*page.exception, *page.error]
    return page


def said(page: AppTest) -> str:
    return "\n".join(
        str(item.value) for item in [*page.markdown, *page.caption, *page.text, *page.success, *page.warning]
    )


def test_the_page_opens_with_adults_and_a_card_chooses_its_person(meridia_store: Path) -> None:
    page = fine(visit(personas="200"))
    cards = [item for item in page.button if item.key.startswith("meet-")]
    assert len(cards) == 6
    first, other = (int(item.key.removeprefix("meet-")) for item in cards[:2])
    people = make_population(load_study("meridia"), 200).personas
    assert page.number_input(key="person").value == first
    assert not set(people["age_group"].iloc[[int(item.key.removeprefix("meet-")) for item in cards]]) & {
        "0-14",
        "15-24",
    }
    cards[1].click()
    page = fine(page.run())
    assert f"Person {other}" in said(page) and page.number_input(key="person").value == other


def test_a_group_is_edited_and_a_reload_keeps_it(meridia_store: Path) -> None:
    page = fine(visit(personas="200"))
    page.multiselect[0].set_value(["Age: 65 years and over"])
    page = fine(page.run())
    page.number_input(key=next(item.key for item in page.number_input if item.key.startswith("group-share"))).set_value(
        30.0
    )
    page = fine(page.run())
    page.button(key="group-apply").click()
    page = fine(page.run())
    assert "30.0% of all" in said(page) and "What this changes in the forecast" in said(page)
    text = page.query_params["edits"]
    again = fine(visit(personas="200", seed="0", edits=text[0] if isinstance(text, list) else text))
    assert "30.0% of all" in said(again)
    expected = edits_text(PopulationDraft("meridia", 200).with_group(GroupEdit(OLD, SHARE, 0.3)))
    assert (text[0] if isinstance(text, list) else text) == expected


def test_a_link_with_spoiled_edits_opens_without_them(meridia_store: Path) -> None:
    page = visit(edits="AAAA")
    assert not page.exception
    assert any("edits in the link are left out" in item.value for item in page.error)
