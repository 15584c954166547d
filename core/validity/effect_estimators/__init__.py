"""What an analyst without a twin would say a policy does: usual ways, told the same past and no more.

Each is fitted on the training days' observations, stringency and cases, and then says what a change of stringency over
some days after the origin is worth. All see a policy as one number, its stringency index; none knows of a working week,
so where only the calendar differs they answer 0. Every module here registers its own: a function of `KnownPast`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from core.registry import Kind, Registry
from core.study import Step


@dataclass(frozen=True)
class KnownPast:
    """What is known at the origin: `observed` (days × behaviours, NaN = missing), and on the same days the `stringency`
    index (0 to 100) and new `cases`, or None. Of a longer `step`, days are periods and weekdays their places in the year."""

    observed: pd.DataFrame
    stringency: pd.Series
    cases: pd.Series | None
    step: Step = Step.DAY

    @property
    def days(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.observed.index)


@dataclass(frozen=True)
class EstimatedContrast:
    """Mean difference over the days asked about, by behaviour, in points of the metric, with the ends of its 80%
    interval; these are None for a way that gives none."""

    difference: pd.Series
    lower: pd.Series | None = None
    upper: pd.Series | None = None


class FittedEstimator(Protocol):
    """A way of estimating that has seen its training days."""

    def contrast(self, actual: pd.Series, alternative: pd.Series) -> EstimatedContrast:
        """What `alternative` stringency does instead of the `actual` one, both by day over the same days."""
        ...


Fit = Callable[[KnownPast], FittedEstimator]


@dataclass(frozen=True, kw_only=True)
class EffectEstimator(Kind):
    """A way of estimating: `fit` is how it learns, `column` what narrow tables call it, `long_label` its label where the step is
    longer than a day."""

    column: str
    fit: Fit
    long_label: str = ""


EFFECT_ESTIMATORS = Registry(EffectEstimator, "effect estimator", "core.validity.effect_estimators")


def estimator_label(name: str, step: Step = Step.DAY) -> str:
    """An estimator in words, as of this step."""
    long = "" if step is Step.DAY else EFFECT_ESTIMATORS[name].long_label.format(step=step)
    return long or EFFECT_ESTIMATORS.label(name)


def effect_estimator(label: str, column: str, order: int, name: str = "", long_label: str = "") -> Callable[[Fit], Fit]:
    """Register a function as an estimator of its own name, and leave it as it is."""

    def register(fit: Fit) -> Fit:
        about = " ".join((fit.__doc__ or "").split())
        own = name or fit.__name__
        EFFECT_ESTIMATORS.register(
            EffectEstimator(
                name=own, label=label, column=column, order=order, help=about, fit=fit, long_label=long_label
            )
        )
        return fit

    return register
