"""What the search of a run tried and found, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.registry import ENGINES
from core.report.document import Block, Figure, Paragraph, Table
from core.report.figures.calibration import trial_history_figure
from core.report.sentences.sources import twin_source
from core.services.runs.journal import searched_bounds
from core.services.runs.reading import Trials
from core.services.runs.results import RunResult
from core.services.studies.requests import RunRequest
from core.study import Study

#: A value nearer to a bound than this share of the range was held by the bound rather than found.
EDGE = 0.02

#: Short names of the searched parameters; the engine's carry text and unit with them.
PARAMETER_LABELS: dict[str, str] = {
    "fatigue": "Policy fatigue",
    "fatigue_days": "Time to fatigue",
    "epidemic": "Voluntary caution",
    "policy_effect_weight": "Trust in simulated policy effects",
}
FORECAST_WORDS: dict[str, tuple[str, str]] = {
    "policy_effect_weight": (
        "share",
        "The forecast starts from where people last were, and follows this share of what the simulation says about "
        "changes of policy since then",
    ),
}
FOUND_TEXT = (
    "The search starts from the engine's own values and moves towards the best trials only as far as that improves forecasts "
    "inside training. They hold for everybody and all behaviours, and describe this engine on these data, not people."
)


@dataclass(frozen=True)
class FoundParameter:
    """What the search found between `low` and `high`, and what it means."""

    name: str
    label: str
    value: float
    low: float
    high: float
    unit: str
    text: str

    @property
    def at_edge(self) -> bool:
        """Whether it was held by a bound."""
        place = (self.value - self.low) / (self.high - self.low)
        return place < EDGE or place > 1 - EDGE


def parameter_blocks(result: RunResult, study: Study) -> tuple[Block, ...]:
    """The parameters of the best trial, with what they mean and where they were searched."""
    rows = tuple(
        (
            item.label,
            in_words(item.value, item.unit),
            f"{in_words(item.low, item.unit)} and {in_words(item.high, item.unit)}",
            item.text,
            "at the edge of what was searched" * item.at_edge,
        )
        for item in found_parameters(result, study)
    )
    return (
        Paragraph(FOUND_TEXT),
        Table(("Parameter", "Found", "Searched between", "What it means", "Remark"), rows),
    )


def line_table(lines: pd.DataFrame) -> Table:
    """Lines of behaviours as `fitted_lines` gives them, without what is not there."""
    names = {
        "label": "Behaviour",
        "chosen": "The forecast follows",
        "a": "a (slope)",
        "b": "b (intercept)",
        "lower": "Least",
        "upper": "Most",
        "train_rmse": "RMSE on training days",
    }
    return Table.of(lines[list(names)].rename(columns=names).dropna(axis=1, how="all"), digits=3)


def trial_figure(tried: Trials, run_id: str, study: Study, engine: str, total: int) -> Figure:
    """The error of each trial, of `total` that were asked for."""
    source = trial_source(study, engine)
    labels = {item.id: item.label for item in study.behaviours}
    return Figure(
        f"trials-{run_id}",
        lambda: trial_history_figure(
            tried.macro, tried.best, tried.objectives, labels, total=total, unit="points", source=source
        ),
        "Error of each trial, and the best of them so far",
        tried.table(),
    )


def trial_source(study: Study, engine: str) -> str:
    """Beneath figures of trials."""
    return f"{twin_source(study, engine)} Errors are on rolling forecasts inside the training days."


def found_parameters(result: RunResult, study: Study) -> tuple[FoundParameter, ...]:
    """The parameters of the best trial, but for those that were not searched."""
    own = ENGINES[result.engine].parameters if result.engine in ENGINES else {}
    words = {name: (item.unit, item.text) for name, item in own.items()} | FORECAST_WORDS
    return tuple(
        FoundParameter(
            name, PARAMETER_LABELS.get(name, name), result.parameters[name], low, high, *words.get(name, ("", ""))
        )
        for name, (low, high) in searched_bounds(result, study).items()
        if name in result.parameters
    )


def in_words(value: float, unit: str) -> str:
    """A parameter's value as an analyst reads it."""
    if unit == "share":
        return f"{value:.0%}"
    if unit == "days":
        return f"{value:,.0f} days"
    if unit == "multiple":
        return f"{value:.2f} times"
    if unit == "log-odds":
        return f"odds × {np.exp(value):.2f}"
    return f"{value:.3g} {unit}"


def asked_otherwise(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> list[str]:
    """How two rows of `list_results` differ in what was asked, in words."""
    words = {
        "train_end": "training to",
        "test_end": "test to",
        "personas": "personas",
        "trials": "trials",
        "seed": "seed",
    }
    said = [f"{text} {first[key]} against {second[key]}" for key, text in words.items() if first[key] != second[key]]
    drawn_alike = all(first[key] == second[key] for key in ("personas", "seed"))
    if drawn_alike and first["population_id"] != second["population_id"]:
        said.append(f"population {first['population_id']} against {second['population_id']}")
    return said


def request_text(request: RunRequest) -> str:
    """What a run was asked for, in a few words."""
    model = "" if request.asking is None else f" {request.asking.model}"
    people = "the usual personas" if request.personas is None else f"{request.personas:,} personas"
    people = f"population {request.population_id}" if request.population_id else people
    days = (
        f"training to {request.train_end}, test to {request.test_end}" if request.train_end else "the study's own split"
    )
    return f"{request.engine}{model}, {people}, {days}, {request.trials} trials, seed {request.seed}"
