"""The guard against another model behind the same name: a few fixed questions asked with whatever asks, and compared.

1. before anything is asked, what the canaries add to the plan is known;
2. where a call is needed, they are asked first, which also tells at once whether the key is good;
3. their answers are compared with those of the last run or question that asked the same model in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from core.cognition.llm.budget import Plan, Spent, plan, spent
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.canaries import (
    VERSION,
    CanaryComparison,
    CanaryRound,
    ask_canaries,
    canary_questions,
    compare_canaries,
    last_canaries,
)
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.limits import AskProgress, Limits
from core.cognition.llm.prices import Price
from core.cognition.llm.providers import provider_for
from core.cognition.llm.types import ModelSpec, Question, Unavailable

#: The run that an estimate's canaries are for, where the run itself has no name yet.
NO_RUN = "estimate"
Took = TypeVar("Took", bound=Spent)


@dataclass(frozen=True)
class CanaryUsage:
    """What a run's canaries took now; nothing where they were asked before, or need not be."""

    questions: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def after(self, limits: Limits) -> Limits:
        """The limits less this."""
        return replace(
            limits,
            spent_calls=limits.spent_calls + self.calls,
            spent_tokens_in=limits.spent_tokens_in + self.tokens_in,
            spent_tokens_out=limits.spent_tokens_out + self.tokens_out,
        )

    def added_to(self, spent: Took, price: Price | None) -> Took:
        """What was spent, with this."""
        tokens_in, tokens_out = spent.tokens_in + self.tokens_in, spent.tokens_out + self.tokens_out
        return replace(
            spent,
            calls=spent.calls + self.calls,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=spent.cost if price is None else price.cost(tokens_in, tokens_out),
            canary_calls=self.calls,
        )


def plan_with_canaries(
    questions: Sequence[Question],
    spec: ModelSpec,
    cache: AnswerCache | None,
    run_id: str,
    *,
    max_repairs: int,
    asks: bool,
) -> Plan:
    """The plan of asking these questions for a run, with its canaries: none where nothing is lacking, and none where answers
    are replayed (`asks` is False). Raises InputError as `plan` does."""
    own = plan(questions, spec, cache, max_repairs=max_repairs)
    if not own.calls or not asks:
        return own
    whole = plan([*questions, *canary_questions(run_id)], spec, cache, max_repairs=max_repairs)
    canaries = whole.calls - own.calls
    return replace(whole, questions=own.questions, distinct=own.distinct, cached=own.cached, canaries=canaries)


def ask_guard(
    engine: str,
    spec: ModelSpec,
    cache: AnswerCache,
    run_id: str,
    *,
    limits: Limits,
    price: Price | None,
    on_progress: Callable[[AskProgress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> tuple[CanaryRound, CanaryUsage]:
    """Asks a run's canaries, and says what that took. What the pipe raises is raised. Where not one of them has a valid
    answer, it is AnswersMissing, or Unavailable where none got a reply: asking everything else in vain would cost the more."""
    found, outcomes = ask_canaries(
        provider_for(engine, spec),
        spec,
        cache,
        run_id,
        limits=limits,
        price=price,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    failures = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    if len(failures) == len(outcomes):
        replied = any(outcome.raw is not None for outcome in outcomes)
        raise (AnswersMissing if replied else Unavailable)(
            f"nothing was asked but {len(outcomes)} short questions, for none got {'a valid' if replied else 'an'} answer: "
            f"{Counter(failures).most_common(1)[0][0]}"
        )
    took = spent(outcomes)
    return found, CanaryUsage(len(outcomes), took.calls, took.tokens_in, took.tokens_out)


def compare(own: CanaryRound | None, cache: AnswerCache, spec: ModelSpec) -> CanaryComparison | None:
    """The canaries beside those of before; None where none were asked, because no call was needed."""
    if own is None:
        return None
    earlier = last_canaries(cache, spec, own.run_id)
    return CanaryComparison(
        version=VERSION,
        asked_at=own.asked_at.isoformat(),
        model_ids=own.model_ids,
        answers=own.answers,
        compared_with=None if earlier is None else earlier.run_id,
        changes=() if earlier is None else compare_canaries(earlier, own),
    )
