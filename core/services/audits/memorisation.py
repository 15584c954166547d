"""What a model knows beforehand: its knowledge cut-off against the period simulated, and the figures it can recall."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cutoffs import cutoff_of, load_cutoffs, period_against
from core.cognition.llm.designs import PromptPlan
from core.cognition.llm.engine import LanguageEngine, PreparedQuestion
from core.cognition.llm.fenced import one_line
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.prompts import AGGREGATE
from core.cognition.llm.types import Question
from core.cognition.llm.variants import memory_texts
from core.records import RunRecord
from core.services.audits.results import (
    CutoffPeriod,
    IntervalEstimate,
    MemoryCheck,
    MemoryFigures,
    RecalledMonth,
    number,
)
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


def memory_check(
    study: Study,
    months: pd.DataFrame,
    asked: Sequence[PreparedQuestion],
    outcomes: Sequence[Outcome],
    train_end: date,
    seed: int,
) -> MemoryCheck:
    """How close the recalled figures come, over all months and over those after training."""
    recalled = np.full(months.shape, np.nan)
    for place, (item, outcome) in enumerate(zip(asked, outcomes, strict=True)):
        if outcome.answered:
            recalled[place] = LOWEST + SCALE * item.plan.array(outcome.answer)[0, 0]
    # What the scale cannot say is no error of memory.
    truth = np.minimum(months.to_numpy(float), LOWEST + SCALE)
    after = np.array([stamp.date() > train_end for stamp in months.index])
    whole, tested = memory(recalled, truth, seed=seed), memory(recalled[after], truth[after], seed=seed)
    rows = tuple(
        RecalledMonth(
            month=f"{month:%Y-%m}",
            behaviour=name,
            after_training=bool(after[place]),
            observed=number(truth[place, column], 2),
            recalled=number(recalled[place, column], 2),
        )
        for place, month in enumerate(months.index)
        for column, name in enumerate(study.behaviour_ids)
    )
    return MemoryCheck(
        unit=study.metric_unit,
        all=_figures(whole),
        after_training=_figures(tested),
        rows=rows,
        remembered=whole.remembered,
    )


def cutoff_period(study: Study, engine: str, models: Sequence[str]) -> CutoffPeriod:
    """The model's knowledge cut-off against the period of the study."""
    found = cutoff_of(engine, models, load_cutoffs())
    return CutoffPeriod(
        models=tuple(models),
        cutoff=None if found is None else f"{found.month:%Y-%m}",
        read_on=None if found is None else str(found.as_of),
        source=None if found is None else found.source,
        start=str(study.start),
        end=str(study.end),
        relation=period_against(found, study.start, study.end),
    )


def _figures(found: Memory) -> MemoryFigures:
    return MemoryFigures(
        months=found.months,
        error=number(found.error, 2),
        naive=number(found.naive, 2),
        gain=IntervalEstimate.of(found.gain, digits=2),
        p=number(found.p, 4),
    )
