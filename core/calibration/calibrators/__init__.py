"""Calibrators: what turns simulated activity into what was observed. Every module here registers its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.registry import Kind, Registry


@dataclass(frozen=True, kw_only=True)
class Calibrator(Kind):
    """A calibrator. `make` gives a scikit-learn regressor for the most that activity can be, (behaviours,): fitted on simulated
    and observed activity, two frames of days × behaviours (NaN where not observed), and weights in that shape, it predicts a
    frame. `core.calibration.linear.LinearCalibrator` is a base for those that draw a line for each behaviour.

    One with a `share` is a candidate for the twin's forecast: a least-squares line with so much of the fitted slope. Any other
    makes a forecast of its own, from people as the engine has them, that stands beside the twin in every run. One that is
    `on_metric` is fitted straight onto the metric, and is given no bound.
    """

    make: Callable[[Any], Any]
    share: float | None = None
    on_metric: bool = False


CALIBRATORS: Registry[Calibrator] = Registry(
    Calibrator, "calibrator", "core.calibration.calibrators", "policytwin.calibrators"
)


def slope_shares() -> dict[float, str]:
    """The shares of the fitted slope that a forecast of the twin can follow, with their labels. The first is taken where nothing
    tells them apart."""
    return {item.share: item.label for item in CALIBRATORS.values() if item.share is not None}


def calibrators_beside() -> tuple[str, ...]:
    """The calibrators that make a forecast of their own, in order."""
    return tuple(name for name, item in CALIBRATORS.items() if item.share is None)
