"""Does the model that answers today answer as the model that answered then? A few fixed questions, asked with each run.

Providers change what stands behind a model's name. The canaries are the same for every study and version of the
prompts, and are asked anew with every run, some times each, so that a change can be told from the chance of sampling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import Limits
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.types import ModelSpec, Provider, Question
from core.store.llm_calls import ANSWERED

#: Changes whenever a word of the canaries does: only rounds of one version can be compared.
VERSION = "canaries-2"
#: How the design under which a canary's calls are stored begins; the run's id follows.
DESIGN = "canary "

#: Times each canary is asked in a run.
REPEATS = 3

#: Movements of one canary's mean answer, and of the mean over all canaries, that are never worth a warning.
TOLERANCE, TOLERANCE_OF_MEAN = 0.05, 0.03
#: How often each of the two comparisons may warn of nothing.
FALSE_ALARMS = 0.01
#: Standard deviation of one answer that is assumed where no canary was answered twice in a round.
ASSUMED_DEVIATION = 0.10

_SHAPE = AnswerShape(conditions=(), days=(), behaviours=("probability",), longest_reason=200, percent=True)

_FORM = (
    "Answer in this form, with one short sentence as the reason and a whole number from 0 to 100, the probability in "
    "percent, in place of null:"
)

_SYSTEM = (
    "You estimate how probable it is that a person does something. Judge from what is said about the person and the "
    "situation alone. Answer with one JSON object and nothing else."
)

#: Five situations from no rule to a strict one, whose answers lie apart and away from 0 and 1.
CANARIES: Mapping[str, str] = {
    "office": "A 34-year-old accountant lives in a large city. Her employer allows her to work from home whenever she "
    "likes and asks nobody to come. No disease is going around and there are no restrictions. It is an ordinary "
    "Tuesday. How probable is it that she goes to the office?",
    "bus": "A 52-year-old cleaner has no car and takes the bus to work. A new infectious disease is spreading, and the "
    "government recommends, but does not order, to avoid public transport. How probable is it that he takes the bus "
    "today?",
    "restaurant": "A 27-year-old student likes to eat out with friends on Fridays. Restaurants are open, but the number "
    "of guests is limited to half, and the news say that cases of a new disease double every week. How probable is it "
    "that she eats in a restaurant this Friday?",
    "groceries": "A 71-year-old widower with a heart condition lives alone. Everybody has been ordered to stay at home "
    "except for what is essential; shops for food are open, and neighbours have offered to shop for him. How probable "
    "is it that he goes to a food shop himself today?",
    "park": "A 40-year-old father of two lives in a small flat. Everybody has been ordered to stay at home for three "
    "weeks now, parks are closed, and some of his neighbours have been seen in the park all the same. How probable is "
    "it that he takes the children to the park this weekend?",
}


@dataclass(frozen=True)
class CanaryRound:
    """The canaries of one run: `answers` maps each canary to what was answered (0 to 1; failures have no value).

    `model_ids` are the ids that the provider returned, `asked_at` is when the last was answered (UTC).
    """

    run_id: str
    model_ids: tuple[str, ...]
    answers: Mapping[str, tuple[float, ...]]
    asked_at: datetime


def canary_questions(run_id: str, repeats: int = REPEATS) -> list[Question]:
    """The canaries of a run, each `repeats` times. They are this run's own, so that no earlier answer stands in."""
    return [
        Question(
            system=_SYSTEM,
            prompt=f"{text}\n\n{_FORM}\n{_SHAPE.form()}",
            schema=_SHAPE.schema(),
            prompt_version=VERSION,
            design=_design(run_id),
            sample=sample,
        )
        for text in CANARIES.values()
        for sample in range(repeats)
    ]


def ask_canaries(
    provider: Provider,
    spec: ModelSpec,
    cache: AnswerCache,
    run_id: str,
    *,
    limits: Limits | None = None,
    repeats: int = REPEATS,
    **more: Any,
) -> tuple[CanaryRound, list[Outcome]]:
    """Asks the canaries for a run and keeps the answers with it; a run that is resumed asks only what is missing.

    Returns the round, and what became of each question. `more` goes to `ask_all`, and what it raises is raised.
    """
    questions = canary_questions(run_id, repeats)
    outcomes = ask_all(questions, provider, spec, _SHAPE.parse, cache, limits, run_id=run_id, **more)
    names = [name for name in CANARIES for _ in range(repeats)]
    return _round(run_id, list(zip(names, outcomes, strict=True)), datetime.now(UTC)), outcomes


def stored_canaries(cache: AnswerCache, run_id: str) -> CanaryRound | None:
    """The canaries that were asked with a run; None where there were none."""
    rows = cache.store.read("llm_calls", prompt_version=VERSION, design=_design(run_id), status=ANSWERED)
    if rows.empty:
        return None
    return _stored_round(run_id, rows)


def last_canaries(cache: AnswerCache, spec: ModelSpec, before: str) -> CanaryRound | None:
    """The newest round that was asked of the same model in the same way, before run `before`; None where there is none."""
    rows = cache.store.read(
        "llm_calls",
        prompt_version=VERSION,
        status=ANSWERED,
        engine=spec.engine,
        model=spec.model,
        base_url=spec.base_url,
    )
    same = [parameters["temperature"] == float(spec.temperature) for parameters in rows["parameters"]]
    rows = rows[np.array(same, dtype=bool)]
    own = rows["design"] == _design(before)
    first = rows.loc[own, "asked_at"].min()
    others = rows[~own & (rows["asked_at"] < first)] if own.any() else rows
    if others.empty:
        return None
    design = str(others.sort_values("asked_at")["design"].iloc[-1])
    return _stored_round(design.removeprefix(_design("")), rows[rows["design"] == design])


@dataclass(frozen=True, kw_only=True)
class CanaryChange:
    """A sign that another model answers than in run `run_id`: another returned id, a canary that has no answer any more, one
    whose mean answer moved from `before` to `now` by more than `limit`, or a mean over all that `moved` by more."""

    run_id: str
    canary: str = ""
    ids_before: tuple[str, ...] = ()
    ids_now: tuple[str, ...] = ()
    before: float | None = None
    now: float | None = None
    moved: float | None = None
    limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class CanaryComparison:
    """The canaries of a run or question as they are kept, and how they differ from those of the run `compared_with`, the last
    that asked the same model in the same way (None: there was none)."""

    version: str
    asked_at: str
    model_ids: tuple[str, ...]
    answers: Mapping[str, tuple[float, ...]]
    compared_with: str | None
    changes: tuple[CanaryChange, ...] = ()


def compare_canaries(before: CanaryRound, after: CanaryRound) -> tuple[CanaryChange, ...]:
    """Signs that another model answers; none where nothing speaks for it.

    They are: another returned model id; a canary that has no answer any more; a canary whose mean answer moved by more than
    TOLERANCE and more than sampling explains; the mean over all canaries likewise, by TOLERANCE_OF_MEAN. Sampling is judged
    by Student's t with the standard deviation within canaries, pooled over both rounds, and the level FALSE_ALARMS
    (Bonferroni over canaries), so that two rounds of one model differ about once in fifty times.
    """
    changes = []
    if before.model_ids and after.model_ids and set(before.model_ids) != set(after.model_ids):
        changes.append(CanaryChange(run_id=before.run_id, ids_before=before.model_ids, ids_now=after.model_ids))
    for name, values in before.answers.items():
        if values and not after.answers.get(name):
            changes.append(CanaryChange(run_id=before.run_id, canary=name))
    both = [name for name in before.answers if before.answers[name] and after.answers.get(name)]
    if not both:
        return tuple(changes)
    deviation, freedom = _deviation([side.answers[name] for side in (before, after) for name in both])
    moves, errors = [], []
    for name in both:
        was, now = (float(np.mean(side.answers[name])) for side in (before, after))
        moves.append(now - was)
        errors.append(deviation * math.sqrt(1 / len(before.answers[name]) + 1 / len(after.answers[name])))
        limit = max(TOLERANCE, _quantile(FALSE_ALARMS / len(both), freedom) * errors[-1])
        if abs(moves[-1]) > limit:
            changes.append(CanaryChange(run_id=before.run_id, canary=name, before=was, now=now, limit=limit))
    error = math.sqrt(sum(each**2 for each in errors)) / len(both)
    limit, moved = max(TOLERANCE_OF_MEAN, _quantile(FALSE_ALARMS, freedom) * error), float(np.mean(moves))
    if abs(moved) > limit:
        changes.append(CanaryChange(run_id=before.run_id, moved=moved, limit=limit))
    return tuple(changes)


def _design(run_id: str) -> str:
    return f"{DESIGN}{run_id}"


def _round(run_id: str, outcomes: Sequence[tuple[str, Outcome]], asked_at: datetime) -> CanaryRound:
    answers: dict[str, list[float]] = {name: [] for name in CANARIES}
    for name, outcome in outcomes:
        if outcome.answered:
            answers[name].append(_value(outcome.answer))
    ids = {outcome.model_id for _, outcome in outcomes if outcome.answered and outcome.model_id}
    return CanaryRound(run_id, tuple(sorted(ids)), {name: tuple(values) for name, values in answers.items()}, asked_at)


def _stored_round(run_id: str, rows: Any) -> CanaryRound:
    outcomes = []
    for row in rows.sort_values(["prompt", "sample"]).to_dict("records"):
        name = next((name for name, text in CANARIES.items() if row["prompt"].startswith(text)), None)
        if name is not None:
            model_id = row["model_id"] if isinstance(row["model_id"], str) else None
            outcomes.append((name, Outcome(row["key"], answer=row["parsed"], model_id=model_id)))
    return _round(run_id, outcomes, rows["asked_at"].max().to_pydatetime().replace(tzinfo=UTC))


def _value(answer: Mapping[str, Any]) -> float:
    """The one number of an answer."""
    return float(_SHAPE.array(answer).reshape(-1)[0])


def _deviation(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Standard deviation within groups, pooled, and its degrees of freedom; assumed where no group has two values."""
    freedom = sum(len(group) - 1 for group in groups)
    if freedom == 0:
        return ASSUMED_DEVIATION, 0
    squares = sum(float(np.sum((np.asarray(group) - np.mean(group)) ** 2)) for group in groups)
    return math.sqrt(squares / freedom), freedom


def _quantile(level: float, freedom: int) -> float:
    """The two-sided quantile of Student's t, or of the normal distribution where the deviation is assumed."""
    from scipy import stats

    return float(stats.t.isf(level / 2, freedom) if freedom else stats.norm.isf(level / 2))
