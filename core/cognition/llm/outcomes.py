"""What became of a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.cognition.llm.secret_text import without_secrets
from core.cognition.llm.types import Reply


@dataclass(frozen=True)
class Outcome:
    """One question's answer, or in `failure` why there is none.

    `answer` is what the parser made of `raw`, the model's own text. `raw` of a failure is its last text, if it gave any.
    `model_id` is the id that the provider returned. `tokens_in` and `tokens_out` are summed over the calls that got a
    reply, and None where a reply did not say. `attempts` counts the calls that this run made, 0 for an answer from the
    cache; `seconds` is how long the calls took together (from the cache: as it was when they were made). `repairs` counts
    the replies that were no answer and after which the model was asked to mend it.
    """

    key: str
    answer: Any = None
    failure: str | None = None
    raw: str | None = None
    model_id: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    from_cache: bool = False
    attempts: int = 0
    seconds: float = 0.0
    repairs: int = 0

    @property
    def answered(self) -> bool:
        return self.failure is None


class Taken:
    """What a question's calls took until now."""

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.replies: list[Reply] = []

    def add(self, reply: Reply) -> None:
        """Counts a call's reply."""
        self.replies.append(reply)
        self.seconds += reply.seconds

    def outcome(self, key: str, *, answer: Any = None, failure: str | None = None) -> Outcome:
        """The outcome of this answer or failure, with the last reply's text."""
        last = self.replies[-1] if self.replies else None
        return Outcome(
            key=key,
            answer=answer,
            failure=None if failure is None else without_secrets(failure),
            raw=None if last is None else last.text,
            model_id=None if last is None else last.model_id,
            tokens_in=_total([reply.tokens_in for reply in self.replies]),
            tokens_out=_total([reply.tokens_out for reply in self.replies]),
            attempts=self.calls,
            seconds=self.seconds,
            repairs=max(0, len(self.replies) - 1),
        )


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
