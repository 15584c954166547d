"""The forecasts that a twin has to beat, fitted on the same days and told no more about the future than it is.

They see the observations up to the origin, the policy path, and cases up to the origin (the last 7-day mean is carried
forward). Definitions follow the table that this project publishes for the UAE. Every module here registers its own; a
baseline is a function of `BaselineInputs`, and another package gives its `Baseline` as an entry point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.content_cache import Remembered
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.records import content_hash
from core.registry import Kind, Registry
from core.simulation.measurement import IN_POINTS, ErrorScale
from core.study import Step


@dataclass(frozen=True)
class BaselineInputs:
    """What a baseline may know.

    `observed` (training days × behaviours); `horizon` the days to forecast; `stringency` (0–100) and `indicators`
    (levels) cover both; `cases` ends at the origin or is None; `step` is how long a period lasts. `intensities` are the
    indicators as shares of the measure in full, and `learned` is what baselines learned from many places, by name. `observed`
    is on the scale of `errors`, and so is a forecast until `Baseline` turns it back.
    """

    observed: pd.DataFrame
    horizon: pd.DatetimeIndex
    stringency: pd.Series
    indicators: pd.DataFrame
    cases: pd.Series | None
    step: Step = Step.DAY
    intensities: pd.DataFrame | None = None
    learned: Mapping[str, Any] = field(default_factory=dict)
    errors: ErrorScale = IN_POINTS

    def learned_by(self, name: str, learn: Learn) -> Any:
        """What the baseline `name` learned from many places; where there are none, what it learns from this one alone."""
        return self.learned[name] if name in self.learned else learn([self])


#: What places may know at one origin -> what a baseline takes from them, which another process can be given.
Learn = Callable[[Sequence[BaselineInputs]], Any]
Forecast = Callable[[BaselineInputs], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Baseline(Kind):
    """A baseline: `forecast` gives the horizon's days × behaviours in the metric, and is a function that another process can
    import; `learn` is what it takes from many places, where it does. It stands beside the twin in runs, in backtests, or in
    both; `days_only` where it makes sense of days alone. `long_label` is its label where the step is longer than a day."""

    forecast: Forecast
    learn: Learn | None = None
    in_runs: bool = True
    in_backtests: bool = True
    days_only: bool = False
    long_label: str = ""

    def __call__(self, known: BaselineInputs) -> pd.DataFrame:
        found: pd.DataFrame = known.errors.back(self.forecast(known))
        return found


BASELINES: Registry[Baseline] = Registry(Baseline, "baseline", "core.forecasting.baselines", "policytwin.baselines")


def baseline(label: str, *, name: str = "", **about: Any) -> Callable[[Forecast], Forecast]:
    """Register a function as a baseline of its own name, and leave it as it is."""

    def register(forecast: Forecast) -> Forecast:
        help_text = " ".join((forecast.__doc__ or "").split())
        BASELINES.register(
            Baseline(name=name or forecast.__name__, label=label, help=help_text, forecast=forecast, **about)
        )
        return forecast

    return register


def run_baselines(step: Step = Step.DAY) -> tuple[str, ...]:
    """The baselines of a run, in order; where the step is longer than a day, those of a backtest that one place tells."""
    if step is Step.DAY:
        return tuple(name for name, item in BASELINES.items() if item.in_runs)
    return tuple(name for name in backtest_baselines(step) if BASELINES[name].learn is None)


def backtest_baselines(step: Step = Step.DAY) -> tuple[str, ...]:
    """The baselines of a backtest, in order."""
    return tuple(
        name for name, item in BASELINES.items() if item.in_backtests and (step is Step.DAY or not item.days_only)
    )


def baseline_label(name: str, step: Step = Step.DAY) -> str:
    """A baseline in words, as of this step; a name nobody knows stays as it is."""
    long = BASELINES[name].long_label if name in BASELINES and step is not Step.DAY else ""
    return long or BASELINES.label(name)


def learned_from(pool: Sequence[BaselineInputs]) -> dict[str, Any]:
    """What each baseline that learns from many places takes from these, all at one origin."""
    return {name: item.learn(pool) for name, item in BASELINES.items() if item.learn is not None}


def baseline_forecasts(known: BaselineInputs, executor: Executor = IN_THIS_PROCESS) -> dict[str, pd.DataFrame]:
    """The forecast of every baseline of a run for its horizon, (days × behaviours).

    They see no personas: another population on the same split has the same rivals, which are not fitted again.
    """
    digest = content_hash(known)
    used = {name: BASELINES[name].forecast for name in run_baselines(known.step)}
    kept = {name: _remembered.get((digest, forecast)) for name, forecast in used.items()}
    missing = {name: forecast for name, forecast in used.items() if kept[name] is None}
    with executor.share(known):
        tasks = {name: executor.submit(forecast, known) for name, forecast in missing.items()}
        made = {name: known.errors.back(task.result()) for name, task in tasks.items()}
    for name, forecast in missing.items():
        _remembered.put((digest, forecast), made[name])
    return {name: found.copy() for name, found in (kept | made).items() if found is not None}


_remembered: Remembered[pd.DataFrame] = Remembered(64)


def forget_baselines() -> None:
    """The next run fits its rivals anew, as the first of a process does: for measuring how long that takes."""
    _remembered.clear()


def index_of(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """A frame's days."""
    return pd.DatetimeIndex(frame.index)
