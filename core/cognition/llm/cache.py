"""The cache of answers: the same question to the same model is never asked twice.

Failures are kept for the record, and are not answers: a failed question is asked again on the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.secret_text import secret_values, without_secrets, without_values
from core.cognition.llm.types import ModelSpec, Question
from core.records import content_hash
from core.store.database import Store
from core.store.llm_calls import ANSWERED, FAILED

_STORED = ("key", "raw", "model_id", "tokens_in", "tokens_out", "seconds", "attempts", "asked_at")


@dataclass(frozen=True)
class Stored:
    """An answer as it is kept: the model's own text and what is known of the calls. `asked_at` is in UTC."""

    key: str
    raw: str
    model_id: str | None
    tokens_in: int | None
    tokens_out: int | None
    seconds: float
    attempts: int
    asked_at: datetime

    def outcome(self, answer: Any) -> Outcome:
        """What became of the question, with the answer read so."""
        return Outcome(
            self.key, answer, None, self.raw, self.model_id, self.tokens_in, self.tokens_out,
            from_cache=True, seconds=self.seconds,
        )  # fmt: skip


class AnswerCache:
    """Answers by their questions' keys, in a store or, without one, in memory for as long as the cache is open.

    Safe to share between threads. A cache over a store does not close it; a cache of its own closes with it, and is a
    context manager.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._own = store is None
        self.store = Store.memory() if store is None else store

    def find(self, keys: Iterable[str]) -> dict[str, Stored]:
        """The answers of these keys as far as there are any, looked up in one query. Failures are not found."""
        frame = self.store.find_llm_calls(keys, columns=_STORED)
        columns = [frame[name].astype(object).where(frame[name].notna(), None) for name in _STORED]
        return {row[0]: _stored(row) for row in zip(*columns, strict=True) if row[1] is not None}

    def keep(self, spec: ModelSpec, outcomes: Sequence[tuple[Question, Outcome]], *, run_id: str | None = None) -> int:
        """Stores what became of questions that were asked, in one transaction, and returns how many are new.

        What is in the cache stays as it is; a failure gives way to a later call. Answers from the cache are not stored
        again. Keys to providers are cut out of everything that came back. Raises InputError where a question's text
        cannot be stored.
        """
        secrets = secret_values()
        now = datetime.now(UTC)
        fresh = [pair for pair in outcomes if not pair[1].from_cache]
        return self.store.keep_llm_calls([call_row(spec, *pair, now, run_id, secrets) for pair in fresh])

    def forget(self, keys: Iterable[str]) -> int:
        """Removes these questions, so that they are asked again; returns how many there were."""
        return self.store.forget_llm_calls(keys)

    def close(self) -> None:
        """Closes a cache in memory; a store that was given stays open."""
        if self._own:
            self.store.close()

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def call_row(
    spec: ModelSpec,
    question: Question,
    outcome: Outcome,
    asked_at: datetime,
    run_id: str | None,
    secrets: dict[str, str],
) -> dict[str, Any]:
    """A row of `llm_calls`. `secrets` are values that must not be in what is kept."""
    return {
        "key": outcome.key,
        "engine": spec.engine,
        "model": spec.model,
        "base_url": spec.base_url,
        "parameters": parameters_of(spec),
        "prompt_version": question.prompt_version,
        "design": question.design,
        "sample": question.sample,
        "system": question.system,
        "prompt": question.prompt,
        "answer_schema": question.schema,
        "schema_hash": content_hash(question.schema),
        "raw": None if outcome.raw is None else without_values(storable(outcome.raw), secrets),
        "parsed": outcome.answer,
        "model_id": outcome.model_id,
        "tokens_in": outcome.tokens_in,
        "tokens_out": outcome.tokens_out,
        "seconds": outcome.seconds,
        "attempts": outcome.attempts,
        "status": ANSWERED if outcome.answered else FAILED,
        "failure": None if outcome.failure is None else without_secrets(storable(outcome.failure), secrets),
        "asked_at": asked_at,
        "run_id": run_id,
    }


def parameters_of(spec: ModelSpec) -> dict[str, Any]:
    """What of the specification is neither a column of its own nor without influence on the answer."""
    return {
        "temperature": float(spec.temperature),
        "max_output_tokens": spec.max_output_tokens,
        "seed": spec.seed,
    }


def storable(text: str) -> str:
    """`text` with half surrogate pairs, which have no UTF-8 form, replaced by a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _stored(row: Sequence[Any]) -> Stored:
    key, raw, model_id, tokens_in, tokens_out, seconds, attempts, asked_at = row
    return Stored(
        key=key,
        raw=raw,
        model_id=model_id,
        tokens_in=None if tokens_in is None else int(tokens_in),
        tokens_out=None if tokens_out is None else int(tokens_out),
        seconds=0.0 if seconds is None else float(seconds),
        attempts=int(attempts),
        asked_at=asked_at.to_pydatetime().replace(tzinfo=UTC),
    )
