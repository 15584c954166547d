"""The questions that a study is opened with: its own examples, then those that any study can be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

from core.policy.scenario import apply_edits
from core.policy.timeline import PolicyTimeline
from core.services.policies.timelines import load_timeline, saved_scenarios
from core.services.policies.what_ifs import USUAL_SHIFT, WHAT_IFS, what_if
from core.store.database import Store
from core.study import Study

OWN = "own"


@dataclass(frozen=True)
class Question:
    """`text` ends the sentence that begins with “What would people do if”, or names a `saved` scenario; `timeline` makes the
    policy that is meant, and raises InputError where the study's file asks for what cannot be."""

    id: str
    text: str
    timeline: Callable[[], PolicyTimeline]
    saved: bool = False

    def title(self, study: Study) -> str:
        """The whole question."""
        return f"What would people do in {study.place} {'under' if self.saved else 'if'} {self.text.rstrip('?')}?"


def questions_of(store: Store, study: Study, observed: PolicyTimeline, origin: date) -> list[Question]:
    """The examples of a study, then its saved scenarios."""
    kept = saved_scenarios(store, study)
    return [
        *example_questions(study, observed, origin),
        *(
            Question(str(key), f"“{name}”", partial(load_timeline, store, study, str(key)), saved=True)
            for key, name in zip(kept["timeline_id"], kept["name"], strict=True)
        ),
    ]


def example_questions(study: Study, observed: PolicyTimeline, origin: date) -> tuple[Question, ...]:
    """The study's own questions, then the built-in what-ifs, of the policy after `origin`."""
    own = [
        Question(
            f"{OWN}-{number}",
            item.text,
            partial(
                apply_edits,
                observed,
                list(item.edits),
                name=_name(item.text),
                where=f"study {study.id}, question {number}",
            ),
        )
        for number, item in enumerate(study.questions, start=1)
    ]
    shift = USUAL_SHIFT[study.step]
    count = f"{shift} {study.step}{'' if shift == 1 else 's'}"
    built_in = [
        Question(item.id, item.question.format(count=count), partial(what_if, item.id, observed, origin, shift))
        for item in WHAT_IFS
    ]
    return (*own, *built_in)


def _name(text: str) -> str:
    """A question as the name of its scenario."""
    said = text.rstrip("?").strip()
    return said[:1].upper() + said[1:]
