"""The calibrators of the twin: how far from the engine's own slope (1) to the fitted one a forecast goes; all fit the level."""

from __future__ import annotations

from functools import partial

from core.calibration.calibrators import CALIBRATORS, Calibrator
from core.calibration.linear import LinearCalibrator

for _order, (_name, _label, _share) in enumerate(
    (("fitted_slope", "fitted slope", 1.0), ("half_way", "half-way", 0.5), ("own_slope", "engine's own slope", 0.0))
):
    CALIBRATORS.register(
        Calibrator(
            name=_name,
            order=10 + _order,
            label=_label,
            help=f"A weighted least-squares line whose slope lies {_share:.0%} of the way from 1 to the fitted one.",
            make=partial(LinearCalibrator, 0.0, share=_share),
            share=_share,
        )
    )
