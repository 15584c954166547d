"""What a run's search was worth, which parameter mattered, and where the chosen values lie, in words and figures."""

from __future__ import annotations

import pandas as pd

from core.calibration.trials import study_of_trials
from core.report.document import Block, Figure, Paragraph
from core.report.figures.trials import contour_figure, importance_figure, slice_figure, start_best_chosen
from core.report.sentences.calibration import PARAMETER_LABELS, found_parameters, in_words, trial_source
from core.services.runs.journal import searched_bounds
from core.services.runs.reading import Trials
from core.services.runs.results import RunResult
from core.study import Study

#: A search that lowers the error by less than this share was worth little.
LITTLE = 0.05
#: Optuna's analyses of fewer trials would be of chance alone.
FEWEST = 8


def search_words(tried: Trials, result: RunResult) -> str:
    """What the search was worth, in one sentence: the error at the start, of the best trial, and of what was chosen."""
    start, best, chosen = float(tried.macro.iloc[0]), float(tried.macro.min()), result.inner_score
    gain = 1 - best / start
    worth = "nothing" if gain <= 0 else f"little ({gain:.0%})" if gain < LITTLE else f"{gain:.0%} of the error"
    return (
        f"The search was worth {worth}: on forecasts inside training the twin misses by {start:.2f} points from the starting "
        f"values, by {best:.2f} in the best of {len(tried)} trials (number {tried.macro.idxmin()}), and by {chosen:.2f} with the "
        f"values chosen, each behaviour's calibrator chosen too; on the hold-out, which chose nothing, by "
        f"{result.macro_rmse['twin']:.2f}."
    )


def search_blocks(tried: Trials, result: RunResult, study: Study) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    """Start, best and chosen values, and the parameters' importance: for two columns; the latter empty of few trials."""
    source, run_id = trial_source(study, result.engine), result.run_id
    table = start_best_table(tried, result, study)
    values = (
        Paragraph("The values chosen are the least move from the start that forecasts as well as the best trials."),
        Figure(
            f"start-best-chosen-{run_id}",
            lambda: start_best_chosen(table, source),
            "Start, best trial and chosen value of each parameter within the range that was searched",
            table,
        ),
    )
    if len(tried) < FEWEST or tried.macro.nunique() < FEWEST or len(table) < 2:
        return values, (Paragraph("Too few trials to tell which parameter matters."),)
    figure, shares = importance_figure(optuna_study(tried, result, study), source)
    most = shares.iloc[0]
    matters = (
        Paragraph(f"“{most['parameter']}” explains {most['share']:.0%} of how the trials' errors differ."),
        Figure(f"importance-{run_id}", lambda: figure, "Importance of each parameter for the error of a trial", shares),
    )
    return values, matters


def slice_block(tried: Trials, result: RunResult, study: Study, parameter: str) -> Figure:
    """The error along one parameter."""
    label = PARAMETER_LABELS.get(parameter, parameter)
    return Figure(
        f"slice-{parameter}-{result.run_id}",
        lambda: slice_figure(optuna_study(tried, result, study), label, "points", trial_source(study, result.engine)),
        f"Error of each trial by {label.lower()}",
        pd.DataFrame({parameter: tried.parameters[parameter], "error": tried.macro}),
    )


def contour_block(tried: Trials, result: RunResult, study: Study, across: str, up: str) -> Figure:
    """The error over two parameters."""
    first, second = (PARAMETER_LABELS.get(name, name) for name in (across, up))
    return Figure(
        f"contour-{across}-{up}-{result.run_id}",
        lambda: contour_figure(
            optuna_study(tried, result, study), first, second, "points", trial_source(study, result.engine)
        ),
        f"Error by {first.lower()} and {second.lower()}",
        tried.parameters[[across, up]].assign(error=tried.macro),
    )


def optuna_study(tried: Trials, result: RunResult, study: Study) -> object:
    """The trials as Optuna analyses them."""
    return study_of_trials(tried.parameters, tried.macro, searched_bounds(result, study), PARAMETER_LABELS)


def start_best_table(tried: Trials, result: RunResult, study: Study) -> pd.DataFrame:
    """A row per searched parameter: label, the searched range, and start, best and chosen value with their words."""
    best, rows = int(tried.macro.to_numpy(float).argmin()), []
    for item in found_parameters(result, study):
        if item.name in tried.parameters and item.high > item.low:
            values = {
                "start": float(tried.parameters[item.name].iloc[0]),
                "best": float(tried.parameters[item.name].iloc[best]),
                "chosen": item.value,
            }
            words = {f"{name}_words": in_words(value, item.unit) for name, value in values.items()}
            rows.append({"label": item.label, "low": item.low, "high": item.high, **values, **words})
    return pd.DataFrame(rows)
