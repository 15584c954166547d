"""Every calibrator that ships keeps to the contract."""

from __future__ import annotations

from typing import Any

import pytest

from core.calibration.calibrators import CALIBRATORS, calibrators_beside, slope_shares
from core.testing.calibrator_contract import CalibratorContract


class TestFittedSlope(CalibratorContract):
    name = "fitted_slope"


class TestHalfWay(CalibratorContract):
    name = "half_way"


class TestOwnSlope(CalibratorContract):
    name = "own_slope"


class TestPaper(CalibratorContract):
    name = "paper"

    @pytest.fixture
    def estimator(self) -> Any:
        return CALIBRATORS[self.name].make(None).set_params(trials=5)


class TestUncalibrated(CalibratorContract):
    name = "uncalibrated"


def test_all_of_them_are_judged_here() -> None:
    judged = {kind.name for kind in CalibratorContract.__subclasses__()}
    assert judged == set(CALIBRATORS)
    assert list(slope_shares()) == [1.0, 0.5, 0.0] and calibrators_beside() == ("paper", "uncalibrated")
