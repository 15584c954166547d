"""What every calibrator keeps. A subclass names one that is registered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from core.calibration.calibrators import CALIBRATORS
from core.calibration.linear import FEWEST_DAYS
from core.errors import InputError
from core.execution.executor import Executor
from core.execution.local import LocalProcesses

BEHAVIOURS = ("retail", "parks", "residential")
#: The most that each behaviour's activity can be.
UPPER = np.array([2.0, 4.0, 1.2])
Frames = tuple[pd.DataFrame, pd.DataFrame]


def predicted(estimator: Any, activity: pd.DataFrame) -> pd.DataFrame:
    """A plain function, so that another process can run it."""
    found: pd.DataFrame = estimator.predict(activity)
    return found


class CalibratorContract:
    """Tests that each registered calibrator passes: a scikit-learn regressor over frames of days × behaviours."""

    #: The calibrator's name in the registry.
    name = "fitted_slope"

    @pytest.fixture
    def estimator(self) -> Any:
        kind = CALIBRATORS[self.name]
        return kind.make(None if kind.on_metric else UPPER)

    @pytest.fixture
    def frames(self) -> Frames:
        """Simulated and observed activity; some days were not observed."""
        generator = np.random.default_rng(5)
        days = pd.date_range("2030-01-07", periods=90)
        simulated = pd.DataFrame(generator.uniform(0.2, 1.0, (90, 3)), days, list(BEHAVIOURS))
        observed = 0.7 * simulated + 0.2 + generator.normal(0, 0.02, (90, 3))
        return simulated, observed.mask(generator.random((90, 3)) < 0.2)

    @pytest.fixture(scope="class")
    @classmethod
    def elsewhere(cls) -> Iterator[Executor]:
        """Another process."""
        with LocalProcesses(1) as executor:
            yield executor

    def test_the_registry_says_what_it_is(self) -> None:
        kind = CALIBRATORS[self.name]
        assert kind.label and kind.help and not (kind.on_metric and kind.share is not None)

    def test_its_parameters_are_scikit_learns(self, estimator: Any) -> None:
        assert type(clone(estimator)) is type(estimator)
        assert clone(estimator).get_params().keys() == estimator.get_params().keys()

    def test_a_frame_comes_back_as_a_frame(self, estimator: Any, frames: Frames) -> None:
        simulated, observed = frames
        assert estimator.fit(simulated, observed) is estimator
        found = estimator.predict(simulated)
        assert found.index.equals(simulated.index) and list(found.columns) == list(simulated.columns)
        assert np.isfinite(found.to_numpy(float)).all()

    def test_activity_stays_what_it_can_be(self, estimator: Any, frames: Frames) -> None:
        if CALIBRATORS[self.name].on_metric:
            pytest.skip("the metric has other bounds")
        simulated, observed = frames
        far = estimator.fit(simulated, observed).predict(simulated * 100.0)
        assert (far <= UPPER + 1e-12).all(axis=None) and (far >= 0.0).all(axis=None)

    def test_the_same_is_fitted_again(self, estimator: Any, frames: Frames) -> None:
        simulated, observed = frames
        first = estimator.fit(simulated, observed).predict(simulated)
        assert clone(estimator).fit(simulated, observed).predict(simulated).equals(first)

    def test_weights_of_one_change_nothing(self, estimator: Any, frames: Frames) -> None:
        simulated, observed = frames
        plain = estimator.fit(simulated, observed).predict(simulated)
        weighted = clone(estimator).fit(simulated, observed, np.ones(simulated.shape)).predict(simulated)
        assert np.allclose(weighted, plain, rtol=0, atol=1e-9)

    def test_what_it_is_told_is_left_alone(self, estimator: Any, frames: Frames) -> None:
        before = frames[0].copy(), frames[1].copy()
        estimator.fit(*frames).predict(frames[0])
        assert frames[0].equals(before[0]) and frames[1].equals(before[1])

    def test_each_behaviour_is_fitted_for_itself(self, estimator: Any, frames: Frames) -> None:
        simulated, observed = frames
        first = estimator.fit(simulated, observed).predict(simulated)
        other = observed.assign(residential=observed["residential"] * 0.5)
        assert np.allclose(clone(estimator).fit(simulated, other).predict(simulated)["retail"], first["retail"])

    def test_another_process_predicts_the_same(self, estimator: Any, frames: Frames, elsewhere: Executor) -> None:
        estimator.fit(*frames)
        assert elsewhere.submit(predicted, estimator, frames[0]).result().equals(estimator.predict(frames[0]))

    def test_too_little_observed_is_refused(self, estimator: Any, frames: Frames) -> None:
        simulated, observed = frames
        observed.iloc[FEWEST_DAYS - 1 :, 1] = np.nan
        with pytest.raises(InputError, match="parks"):
            estimator.fit(simulated, observed)

    def test_other_behaviours_than_those_fitted_are_refused(self, estimator: Any, frames: Frames) -> None:
        estimator.fit(*frames)
        with pytest.raises(InputError, match="cinemas"):
            estimator.predict(frames[0].rename(columns={"parks": "cinemas"}))
