"""“Ask a question” offers questions that are ready, and takes one up to be changed or asked."""

from __future__ import annotations

from pathlib import Path

from simulate_page import page

from core.services.surveys.bank import question_bank, ready_questions
from core.store.database import Store
from core.survey.questions import SCALE


def test_ten_questions_are_ready_for_any_policy() -> None:
    ready = ready_questions()
    assert len(ready) == 10 and len({item.text for item in ready}) == 10
    assert {item.kind for item in ready} == {"scale", "choices"} and any(item.several for item in ready)
    words = " ".join(item.text for item in ready).lower()
    assert not any(word in words for word in ("covid", "epidemic", "mask", "illness", "water", "cigarette"))


def test_a_ready_question_fills_the_form(short_store: Path) -> None:
    with Store(short_store) as store:
        bank = question_bank(store, "meridia")
    at = page(section="ask")
    assert not at.exception
    chosen = next(name for name, item in bank.items() if item.kind == SCALE and "agree" in item.text)
    choice = next(item for item in at.selectbox if item.label.startswith("Ready questions"))
    choice.set_value(chosen).run()
    assert not at.exception and not at.error
    assert at.text_area(key="survey-meridia-text").value == bank[chosen].text
    assert at.text_input(key="survey-meridia-low-label").value == "fully against"
    several = next(name for name, item in bank.items() if item.several)
    next(item for item in at.selectbox if item.label.startswith("Ready questions")).set_value(several).run()
    assert not at.exception and not at.error
    assert at.text_area(key="survey-meridia-choices").value.splitlines()[0] == bank[several].choices[0]
