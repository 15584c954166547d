"""The fictional interviews are what their process says: noise, group effects and words that tell of traits alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.respondents.interviews import redacted
from core.respondents.layouts import read_people
from core.synthetic.meridia_interviews import fictional_interviews, process, write


def test_answers_are_repeated_as_often_as_the_process_says() -> None:
    made = fictional_interviews()
    first, again = (table.to_numpy() for table in made.occasions)
    assert len(made.people) == 60 and first.shape == (60, 24)
    same, expected = (first == again).mean(), made.agreement.to_numpy()
    error = np.sqrt((expected * (1 - expected)).sum()) / expected.size
    assert abs(same - expected.mean()) < 3 * error
    true = made.true_answers.to_numpy()
    assert set(np.unique(true)) == {1, 2, 3, 4, 5} and np.abs(first - true).max() == 1
    change = np.array([question["change"] for group in process()["items"] for question in group["questions"]])
    off = (first != true).mean(axis=0)
    assert np.all(np.abs(off - change) < 4 * np.sqrt(change * (1 - change) / 60))


def test_groups_differ_by_about_what_was_put_in_and_questions_of_a_trait_go_together() -> None:
    made = fictional_interviews()
    income = np.array([person.attributes["income"] for person in made.people])
    gap = made.traits["means"][income == "high"].mean() - made.traits["means"][income == "low"].mean()
    assert abs(gap - 1.8) < 3 * np.sqrt(1 / (income == "high").sum() + 1 / (income == "low").sum())
    sign = np.array([-1 if item.reverse else 1 for item in made.items])
    related = np.corrcoef((made.true_answers.to_numpy() * sign).T)
    traits = np.array([item.construct for item in made.items])
    together = traits[:, None] == traits[None, :]
    assert related[together & ~np.eye(24, dtype=bool)].mean() > 0.45 > 0.2 > np.abs(related[~together].mean())


def test_what_is_said_tells_the_level_of_the_trait(tmp_path: Path) -> None:
    made, known = fictional_interviews(), process()
    for person in made.people:
        said = {turn.topic: turn.text for turn in person.turns if turn.speaker == "subject"}
        for topic in known["topics"]:
            level = int(np.searchsorted(known["thresholds"], made.traits.loc[person.source_id, topic["trait"]]))
            assert said[topic["topic"]] in topic["says"][level]
        # Invented words name nobody: redaction has nothing to take out.
        assert redacted(person).counts == {}
    write(tmp_path)
    (read, answers) = (read_people(tmp_path / "turns.csv", "turns"), read_people(tmp_path, "answers"))
    assert [person.turns for person in read.people] == [person.turns for person in made.people]
    assert [person.answers for person in answers.people] == [
        tuple(sorted(person.answers, key=lambda item: item.occasion)) for person in made.people
    ]
    assert [dict(person.attributes) for person in answers.people] == [dict(person.attributes) for person in made.people]
