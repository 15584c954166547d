"""The page Respondents: what a steward does there, and how little anybody else is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_cases import clean, opened_page, opened_store, said
from respondent_cases import STEWARD, taken_in
from streamlit import config

from core.services.people.reading import access_log, list_people
from core.store.database import Store

PAGE = "pages/11_Respondents.py"
HOSTILE = "<script>alert(1)</script> **bold** [x](http://x.example) ${hush} '); DROP TABLE turns; --"


@pytest.fixture
def store(short_store: Path) -> Iterator[Store]:
    with opened_store(short_store) as opened:
        yield opened


@pytest.fixture
def served() -> Iterator[None]:
    own = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", own)


def hostile(folder: Path) -> Path:
    path = folder / "t.csv"
    path.write_text(f'person,speaker,text\na,subject,"{HOSTILE}"\n', encoding="utf-8")
    return path


def test_invented_people_are_taken_in_read_counted_and_withdrawn(store: Store) -> None:
    at = clean(opened_page(PAGE, {}))
    assert "Nobody is in the bank yet" in said(at)
    next(item for item in at.button if "sixty invented" in item.label).click().run()
    assert "Sixty invented people are in the bank." in said(clean(at)) and len(at.dataframe[0].value) == 60
    logged = len(access_log(store, STEWARD).entries)
    at.run()
    # Looking again at what was read is no new use.
    assert len(access_log(store, STEWARD).entries) == logged + 1
    subject = str(at.dataframe[0].value["Id"].iloc[3])
    at = clean(opened_page(PAGE, {"part": "person", "subject": subject}))
    assert "Person 4 is invented: nobody was asked." in said(at) and len(at.chat_message) == 20
    at = clean(opened_page(PAGE, {"part": "shares", "item": "trust_1", "by": "sex"}))
    assert list(at.dataframe[0].value["Group"]) == ["female", "male"] and "–" in at.dataframe[0].value.to_numpy()
    at = clean(opened_page(PAGE, {"part": "withdraw", "subject": subject}))
    at.button(key="withdraw-plan").click().run()
    at.checkbox(key=f"withdraw-sure-{subject}").check().run()
    at.button(key="withdraw-go").click().run()
    assert f"{subject} has withdrawn" in said(clean(at)) and list_people(store, STEWARD).total == 59
    at = clean(opened_page(PAGE, {"part": "log"}))
    assert "The log is whole" in said(at) and "withdrawn" in set(at.dataframe[0].value["What"])


def test_what_somebody_says_is_shown_as_signs(store: Store, tmp_path: Path) -> None:
    (subject,) = taken_in(store, hostile(tmp_path))
    at = clean(opened_page(PAGE, {"part": "person", "subject": subject}))
    words = at.chat_message[0].markdown[0].value
    assert words.startswith("\\<script\\>alert(1)\\</script\\> \\*\\*bold\\*\\* \\[x\\](\\[URL 1\\]) \\$\\{hush\\} ')")


def test_an_interview_begins_with_consent_and_survives_a_reload(store: Store) -> None:
    at = clean(opened_page(PAGE, {"part": "interview"}))
    begin = next(item for item in at.button if item.label == "Begin")
    begin.click().run()
    assert "Nothing was begun" in said(at) and list_people(store, STEWARD).total == 0
    at.text_input(key="agree-typed").set_value("i agree")
    next(item for item in at.button if item.label == "Begin").click().run()
    assert "Your code, told this once" in said(clean(at))
    at.chat_input[0].set_value(
        "I am called Anna Keller and write <b>anna@x.org</b> every day, early in the morning."
    ).run()
    interview = at.query_params["interview"]
    interview = interview[0] if isinstance(interview, list) else interview
    again = clean(opened_page(PAGE, {"part": "interview", "interview": interview}))
    words = said(again)
    assert "I am called \\[NAME 1\\] and write" in words and "anna@" not in words and "Your code" not in words


def test_visitors_see_no_real_person_unless_that_was_said_and_then_counts(
    store: Store, tmp_path: Path, served: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (subject,) = taken_in(store, hostile(tmp_path))
    for link in ({}, {"part": "person", "subject": subject}, {"part": "import"}, {"part": "log"}, {"part": "withdraw"}):
        at = clean(opened_page(PAGE, link))
        words = said(at)
        assert "nobody's words are shown here" in words and "bold" not in words and subject not in words
        assert not at.dataframe and not at.chat_message and not at.button
    monkeypatch.setenv("POLICYTWIN_RESPONDENTS", "open")
    at = clean(opened_page(PAGE, {"part": "person", "subject": subject}))
    at.text_input(key="own-subject").set_value(subject)
    at.text_input(key="own-code").set_value("guessed").run()
    assert "is refused" in said(at) and "bold" not in said(at)
