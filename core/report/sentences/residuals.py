"""What a forecast's misses, its calibration and its intervals over time mean."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.report.document import Block, Figure, Heading, Paragraph, signed
from core.report.figures.residuals import calibration_course, held_course, residual_boxes, residual_course
from core.report.sentences.domain import index_word
from core.services.evaluation.residuals import STRETCHES, Residuals
from core.statistics.levels import SHOWN
from core.study import Step, Study


def residual_blocks(found: Residuals, study: Study, behaviour: str, source: str) -> tuple[Block, ...]:
    """What was missed over time."""
    label = study.behaviour(behaviour).label
    smooth = found.periods["residual"].rolling(study.step.cycle if study.step is Step.DAY else 3, center=True).mean()
    return (
        Heading("What the forecast missed"),
        Paragraph(over_time_words(found, study)),
        Figure(
            f"residuals-{behaviour}",
            lambda: residual_course(found.periods, smooth, source),
            f"{label}: observed minus forecast by {study.step}, with a running mean",
            found.periods,
        ),
    )


def class_blocks(found: Residuals, study: Study, behaviour: str, source: str) -> tuple[tuple[Block, ...], ...]:
    """What was missed by kind of period and by level of policy: for two columns."""
    kind = "weekday" if study.step is Step.DAY else f"kind of {study.step}"
    return tuple(
        _by_class(found, study, behaviour, column, words, source)
        for column, words in (("kind", kind), ("policy", index_word(study)))
    )


def _by_class(
    found: Residuals, study: Study, behaviour: str, column: str, words: str, source: str
) -> tuple[Block, ...]:
    order, title = found.kinds if column == "kind" else found.policies, words[:1].upper() + words[1:]
    return (
        Paragraph(class_words(found.mean_by(column), words)),
        Figure(
            f"residuals-{column}-{behaviour}",
            lambda: residual_boxes(found.periods, column, order, title, source),
            f"{study.behaviour(behaviour).label}: observed minus forecast by {words}",
            found.periods[[column, "residual"]],
        ),
    )


def calibration_blocks(found: Residuals, study: Study, behaviour: str, source: str) -> tuple[Block, ...]:
    """The forecast before and after calibration; nothing where the run has no forecast before it."""
    before, after = found.rmse("uncalibrated"), found.rmse("twin")
    if not np.isfinite(before):
        return ()
    verb = "lowers" if after < before else "raises"
    label = study.behaviour(behaviour).label
    return (
        Heading("Before and after calibration"),
        Paragraph(
            f"Calibration {verb} the error on these {study.step}s from {before:.1f} to {after:.1f} points. Before it, the "
            "simulation was told nothing of what was observed here."
        ),
        Figure(
            f"calibration-{behaviour}",
            lambda: calibration_course(found.periods, study.metric_unit, source),
            f"{label}: observed, and forecast before and after calibration",
            found.periods[["observed", "uncalibrated", "twin"]],
        ),
    )


def held_blocks(shares: pd.Series, study: Study, run_id: str, source: str) -> tuple[Block, ...]:
    """What the intervals held from stretch to stretch; nothing where there are none."""
    if shares.empty:
        return ()
    stretch = STRETCHES[study.step]
    kept, worst = int((shares >= SHOWN / 100).sum()), pd.Timestamp(str(shares.idxmin()))
    return (
        Heading(f"Held from {stretch} to {stretch}"),
        Paragraph(
            f"The {SHOWN}% interval held {SHOWN}% or more of the values in {kept} of {len(shares)} {stretch}s, and least in the "
            f"{stretch} from {worst:%-d %B %Y} ({shares.min():.0%}). Misses in a row mean that the forecast has left the course."
        ),
        Figure(
            f"held-{run_id}",
            lambda: held_course(shares, SHOWN, source),
            f"Share of observed values inside the {SHOWN}% interval, by {stretch}",
            shares.reset_index(),
        ),
    )


def over_time_words(found: Residuals, study: Study) -> str:
    """Whether the twin is off in one direction, and in which part of the hold-out more."""
    values = found.periods["residual"]
    mean, half = float(values.mean()), len(values) // 2
    early, late = (float(np.sqrt((part**2).mean())) for part in (values.iloc[:half], values.iloc[half:]))
    lean = (
        "neither too high nor too low"
        if abs(mean) < 0.25 * values.std()
        else f"too {'low' if mean > 0 else 'high'} by {abs(mean):.1f} points"
    )
    return (
        f"On average the forecast is {lean}. It misses by {early:.1f} points in the first half of the {study.step}s and by "
        f"{late:.1f} in the second."
    )


def class_words(means: pd.Series, words: str) -> str:
    """Where the mean miss is largest."""
    if len(means) < 2:
        return f"All of it is of one {words}: {means.index[0] if len(means) else 'none'}."
    name = str(means.abs().idxmax())
    return f"By {words}: farthest off at {name}, {signed(float(means[name]))} points on average."
