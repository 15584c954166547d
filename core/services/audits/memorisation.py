"""What a model knows beforehand: its knowledge cut-off against the period simulated, and the figures it can recall."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cutoffs import AFTER, KNOWN, UNKNOWN, cutoff_of, load_cutoffs, period_against
from core.cognition.llm.designs import PromptPlan
from core.cognition.llm.engine import LanguageEngine, PreparedQuestion
from core.cognition.llm.fenced import one_line
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.prompts import AGGREGATE
from core.cognition.llm.types import Question
from core.cognition.llm.variants import memory_texts
from core.records import RunRecord
from core.services.studies.stored_inputs import stored_observations
from core.store.database import Store
from core.study import Study
from core.validity.memorisation import Memory, memory

MONTHS = 12
#: Days of a month that must have been observed for its mean to be asked for.
FEWEST_DAYS = 20
#: Points of the metric that the scale from 0 to 1 stands for: a change of -100 % to +100 %.
SCALE, LOWEST = 200.0, -100.0
#: The only metric whose figures fit that scale.
METRIC = "same_weekday_change"


def observed_months(store: Store, record: RunRecord, study: Study, most: int = MONTHS) -> pd.DataFrame:
    """Means of what the run was fitted to, (months × behaviours), months by their first day, evenly spread over the study.

    Only months with FEWEST_DAYS or more days of a behaviour count for it; months without any are left out.
    """
    wide = stored_observations(store, record).reindex(columns=list(study.behaviour_ids))
    months = wide.resample("MS").mean().where(wide.resample("MS").count() >= FEWEST_DAYS).dropna(how="all")
    chosen = np.unique(np.linspace(0, len(months) - 1, min(most, len(months))).round().astype(int))
    return months.iloc[chosen]


def memory_questions(engine: LanguageEngine, study: Study, months: Sequence[pd.Timestamp]) -> list[PreparedQuestion]:
    """One question for each month, of nobody in particular, for the published mean of every behaviour."""
    texts = memory_texts(engine.writer.files.version)
    shape = AnswerShape((), (), study.behaviour_ids, engine.writer.longest_reason)
    first, last = study.baseline_start, study.baseline_end
    listed = "\n".join(f'- "{item.id}": {one_line(item.text)}' for item in study.behaviours)
    asked = []
    for month in months:
        prompt = texts.filled(
            "question",
            place=one_line(study.place),
            source=one_line(study.citation),
            month=f"{month:%B %Y}",
            metric=one_line(study.metric_unit),
            baseline=f"the same weekdays of {first:%-d %B %Y} to {last:%-d %B %Y}",
            behaviours=listed,
            form=shape.form(),
        )
        system = texts.filled("system", reason_length=str(engine.writer.files.words["limits"]["reason"]))
        question = Question(system, prompt, shape.schema(), texts.version, AGGREGATE, 0)
        asked.append(PreparedQuestion(question, (), PromptPlan((), (), shape, ())))
    return asked


def memory_values(
    study: Study,
    months: pd.DataFrame,
    asked: Sequence[PreparedQuestion],
    outcomes: Sequence[Outcome],
    train_end: date,
    seed: int,
) -> dict[str, Any]:
    """How close the recalled figures come, over all months and over those after training, in JSON's own types."""
    recalled = np.full(months.shape, np.nan)
    for place, (item, outcome) in enumerate(zip(asked, outcomes, strict=True)):
        if outcome.answered:
            recalled[place] = LOWEST + SCALE * item.plan.shape.array(outcome.answer)[0, 0]
    truth = months.to_numpy(float)
    # What the scale cannot say is no error of memory.
    truth = np.minimum(truth, LOWEST + SCALE)
    after = np.array([stamp.date() > train_end for stamp in months.index])
    whole, tested = memory(recalled, truth, seed=seed), memory(recalled[after], truth[after], seed=seed)
    rows = [
        {
            "month": f"{month:%Y-%m}",
            "behaviour": name,
            "after_training": bool(after[place]),
            "observed": _number(truth[place, column]),
            "recalled": _number(recalled[place, column]),
        }
        for place, month in enumerate(months.index)
        for column, name in enumerate(study.behaviour_ids)
    ]
    return {
        "unit": study.metric_unit,
        "all": _memory(whole),
        "after_training": _memory(tested),
        "rows": rows,
        "remembered": whole.remembered,
        "verdict": memory_verdict(whole, tested, study),
    }


def memory_verdict(whole: Memory, tested: Memory, study: Study) -> str:
    """What the recall says about leakage, in a sentence or two."""
    if not np.isfinite(whole.error):
        return "Too few months were observed or recalled for anything to be said about memory."
    said = (
        f"Asked for published figures of {whole.months} months, the model misses by {whole.error:.1f} points on average; "
        f"the mean over the other months misses by {whole.naive:.1f}."
    )
    if not np.isfinite(whole.p):
        return said + " So few months cannot be told from chance."
    if not whole.remembered:
        return said + " That it remembers them cannot be told from chance."
    if study.fictional:
        return said + (
            " The place is invented, so this is no memory of it: general knowledge of such epidemics, or a copy of this "
            "program's data in what the model has read."
        )
    after = f" In months after training it misses by {tested.error:.1f}." if np.isfinite(tested.error) else ""
    return (
        said
        + after
        + (" It remembers how the period went, so that a good forecast of it may be recall and not simulation.")
    )


def cutoff_values(study: Study, record_engine: str, models: Sequence[str]) -> dict[str, Any]:
    """The model's knowledge cut-off against the period of the study, in JSON's own types, with a sentence."""
    found = cutoff_of(record_engine, models, load_cutoffs())
    relation = period_against(found, study.start, study.end)
    return {
        "models": list(models),
        "cutoff": None if found is None else f"{found.month:%Y-%m}",
        "read_on": None if found is None else str(found.as_of),
        "source": None if found is None else found.source,
        "start": str(study.start),
        "end": str(study.end),
        "relation": relation,
        "verdict": _cutoff_verdict(study, relation, models, None if found is None else found.month),
    }


def _cutoff_verdict(study: Study, relation: str, models: Sequence[str], month: date | None) -> str:
    period = f"{study.start} to {study.end}"
    if relation == UNKNOWN or month is None:
        return f"The knowledge cut-off of {models[0]} is not known here: whether it has read about {period} cannot be said."
    read = f"{models[0]} has read up to {month:%B %Y}"
    if study.fictional:
        return f"{read}. The place and its period are invented, so there is nothing about them to remember."
    if relation == KNOWN:
        return (
            f"{read}, after the period simulated ({period}) had ended: it can remember what happened instead of simulating "
            "it. Accuracy on this period says little about a period that it has not read about."
        )
    if relation == AFTER:
        return (
            f"{read}, before the period simulated ({period}) began: it cannot remember it, and answers as people did before. "
            "What changed since (habits, prices, technology) is an anachronism in its answers."
        )
    return (
        f"{read}, within the period simulated ({period}): until then it can remember what happened; after it, it cannot, "
        "and answers as people did before. A change in accuracy at that month is a sign of memory."
    )


def _memory(found: Memory) -> dict[str, Any]:
    return {
        "months": found.months,
        "error": _number(found.error),
        "naive": _number(found.naive),
        "gain": {name: _number(getattr(found.gain, name)) for name in ("value", "lower", "upper")},
        "p": _number(found.p, 4),
    }


def _number(value: float, digits: int = 2) -> float | None:
    return None if not np.isfinite(value) else round(float(value), digits)
