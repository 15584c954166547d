"""The linear calibrators: closed form, bootstrap, and the published search over a and b."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from sklearn.base import clone

from core.calibration.calibrators.paper import PaperCalibrator
from core.calibration.calibrators.uncalibrated import IdentityCalibrator
from core.calibration.linear import (
    FEWEST_DAYS,
    LinearCalibrator,
    least_squares_lines,
)
from core.calibration.uncertainty import bootstrap_lines
from core.errors import InputError

NAMES = ["retail", "parks", "residential"]


def random_case(seed: int, days: int = 60, missing: float = 0.2) -> tuple[np.ndarray, ...]:
    """Simulated activity, observed activity (with holes), weight."""
    generator = np.random.default_rng(seed)
    activity = generator.uniform(0.05, 1.0, (days, 3))
    observed = generator.normal(0.8, 0.3, (days, 3)) + 0.4 * activity * generator.normal(0, 1, 3)
    observed[generator.random((days, 3)) < missing] = np.nan
    return activity, observed, generator.uniform(0.1, 9.0, (days, 3))


def frames(days: int = 200, seed: int = 0, noise: float = 0.05) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulated activity, and 0.6·activity + 0.1 with noise."""
    generator = np.random.default_rng(seed)
    dates = pd.date_range("2030-03-01", periods=days)
    activity = pd.DataFrame(generator.uniform(0.1, 0.9, (days, 3)), dates, NAMES)
    return activity, 0.6 * activity + 0.1 + noise * generator.normal(0, 1, (days, 3))


@given(seed=st.integers(0, 2**31), days=st.integers(20, 120))
@settings(max_examples=60, deadline=None)
def test_the_closed_form_is_least_squares(seed: int, days: int) -> None:
    activity, observed, weight = random_case(seed, days)
    a, b = least_squares_lines(activity, observed, weight, positive=False)
    held_a, held_b = least_squares_lines(activity, observed, weight, positive=True)
    for column in range(3):
        seen = np.isfinite(observed[:, column])
        root = np.sqrt(weight[seen, column])
        design = np.column_stack([activity[seen, column], np.ones(seen.sum())]) * root[:, None]
        target = observed[seen, column] * root
        assert np.allclose([a[column], b[column]], np.linalg.lstsq(design, target)[0], rtol=1e-6, atol=1e-8)
        bounded = lsq_linear(design, target, bounds=([0, -np.inf], np.inf), tol=1e-12)
        mine = np.array([held_a[column], held_b[column]])
        assert mine[0] >= 0
        assert np.sum((design @ mine - target) ** 2) <= 2 * bounded.cost * (1 + 1e-6) + 1e-9


def test_activity_that_never_moves_leaves_the_mean_and_the_engines_own_slope() -> None:
    activity, observed, weight = random_case(0, missing=0.0)
    for still in (0.0, 0.4):
        a, b = least_squares_lines(np.full_like(activity, still), observed, weight, positive=True)
        assert (a == 1).all()
        assert np.allclose(b + still, (observed * weight).sum(0) / weight.sum(0))


def test_a_fit_finds_the_line_behind_the_data() -> None:
    activity, observed = frames(noise=0.0)
    observed.iloc[5:30, 1] = np.nan
    fitted = LinearCalibrator().fit(activity, observed)
    assert np.allclose(fitted.coef_, 0.6) and np.allclose(fitted.intercept_, 0.1)
    assert np.allclose(fitted.predict(activity), observed.fillna(fitted.predict(activity)))
    assert fitted.table()["behaviour"].tolist() == NAMES


def test_slopes_are_held_at_nothing_or_above() -> None:
    activity, observed = frames()
    opposite = 1.0 - activity
    assert (LinearCalibrator().fit(opposite, observed).coef_ == 0).all()
    assert (LinearCalibrator(positive=False).fit(opposite, observed).coef_ < -0.5).all()


def test_the_bounds_are_those_of_activity_never_those_of_training() -> None:
    activity, observed = frames()
    upper = np.array([1.5, 0.5, 2.0])
    fitted = LinearCalibrator(lower=0.0, upper=upper).fit(activity, observed)
    far = activity * 0 + np.array([-5.0, 0.2, 1.9])
    assert np.allclose(fitted.predict(far).iloc[0], [0.0, 0.6 * 0.2 + 0.1, 0.6 * 1.9 + 0.1], atol=0.05)
    beyond = fitted.predict(activity * 0 + 1.9)
    assert (beyond["residential"] > observed["residential"].max()).any(), "a forecast may leave the range of training"
    assert np.allclose(fitted.predict(activity * 0 + 50.0), upper)
    assert (fitted.predict(activity * 0 - 50.0) == 0).all(axis=None)


def test_weights_decide_which_days_count() -> None:
    activity, observed = frames(noise=0.0)
    changed = observed.copy()
    changed.iloc[100:] = (0.3 * activity + 0.2).iloc[100:]
    weight = np.ones(changed.shape)
    weight[:100] = 1e-9
    assert np.allclose(LinearCalibrator().fit(activity, changed, weight).coef_, 0.3, atol=0.01)
    assert (LinearCalibrator().fit(activity, changed).coef_ > 0.35).all()


def test_no_calibration_is_activity_as_simulated() -> None:
    activity, observed = frames()
    assert np.allclose(IdentityCalibrator().fit(activity, observed).predict(activity), activity)


@pytest.mark.parametrize(
    "calibrator",
    [
        LinearCalibrator(0.0, np.ones(3), False),
        IdentityCalibrator(),
        PaperCalibrator(trials=3, seed=9, warm_start=False),
    ],
    ids=lambda item: type(item).__name__,
)
def test_they_are_scikit_learn_estimators(calibrator: LinearCalibrator) -> None:
    again = clone(calibrator)
    assert type(again) is type(calibrator) and set(again.get_params()) == set(calibrator.get_params())
    assert repr(again.get_params()) == repr(calibrator.get_params())
    assert calibrator.set_params(lower=-7.0).lower == -7.0
    activity, observed = frames()
    before = repr(calibrator.get_params())
    fitted = calibrator.fit(activity, observed)
    assert fitted is calibrator and repr(calibrator.get_params()) == before
    assert fitted.predict(activity).shape == observed.shape
    assert np.isfinite(fitted.score(activity, observed))


def test_too_few_days_are_named() -> None:
    activity, observed = frames()
    observed.iloc[FEWEST_DAYS - 1 :, 1] = np.nan
    with pytest.raises(InputError, match=r"'parks' was observed on 13 training days.*14 or more"):
        LinearCalibrator().fit(activity, observed)
    observed.iloc[FEWEST_DAYS - 1, 1] = 1.0
    LinearCalibrator().fit(activity, observed)


def test_rows_and_columns_that_do_not_agree_are_refused() -> None:
    activity, observed = frames()
    for wrong in (observed[NAMES[::-1]], observed.iloc[1:], observed.set_axis(observed.index + pd.Timedelta(days=1))):
        with pytest.raises(InputError, match="differ in days or behaviours"):
            LinearCalibrator().fit(activity, wrong)
    fitted = LinearCalibrator().fit(activity, observed)
    with pytest.raises(InputError, match=r"behaviours residential, parks, retail.*retail, parks, residential"):
        fitted.predict(activity[NAMES[::-1]])


def test_the_bootstrap_is_centred_on_the_estimate_and_as_wide_as_it_varies() -> None:
    slopes, widths = [], []
    for seed in range(40):
        activity, observed = frames(seed=seed, noise=0.12)
        observed.iloc[::11, 0] = np.nan
        case = (activity.to_numpy(), observed.to_numpy(), np.ones(activity.shape))
        a, b = least_squares_lines(*case, positive=True)
        [(drawn_a, drawn_b)] = bootstrap_lines(*case, draws=200, seed=seed)
        assert drawn_a.shape == drawn_b.shape == (200, 3) and (drawn_a >= 0).all()
        assert (np.abs(drawn_a.mean(0) - a) < 0.5 * drawn_a.std(0)).all()
        assert (np.abs(drawn_b.mean(0) - b) < 0.5 * drawn_b.std(0)).all()
        slopes.append(a)
        widths.append(drawn_a.std(0))
    ratio = np.mean(widths, axis=0) / np.std(slopes, axis=0)
    assert ((ratio > 0.6) & (ratio < 1.5)).all(), ratio


def test_the_bootstrap_is_decided_by_its_seed() -> None:
    case = random_case(1)
    first, again, other = (bootstrap_lines(*case, draws=20, seed=seed) for seed in (3, 3, 4))
    (a, b), (same, _), (different, _) = first[0], again[0], other[0]
    assert np.array_equal(a, same) and not np.array_equal(a, different)
    assert len(first) == 1 and a.shape == b.shape == (20, 3)


@pytest.mark.parametrize("share", [0.0, 0.5, np.array([0.0, 0.5, 1.0])], ids=["own", "half", "by behaviour"])
def test_part_of_a_slope_goes_through_the_means_and_is_drawn_with_the_whole(share: float | np.ndarray) -> None:
    activity, observed = frames(noise=0.1)
    whole, part = LinearCalibrator().fit(activity, observed), LinearCalibrator(share=share).fit(activity, observed)
    assert np.allclose(part.coef_, share * whole.coef_ + 1.0 - share)
    assert np.allclose(part.coef_ * activity.mean() + part.intercept_, observed.mean())
    case = (activity.to_numpy(), observed.to_numpy(), np.ones(activity.shape))
    (a, b), (part_a, part_b) = bootstrap_lines(*case, draws=1, seed=None, shares=(1.0, share))
    assert np.allclose(a[0], whole.coef_) and np.allclose(b[0], whole.intercept_)
    assert np.allclose(part_a[0], part.coef_) and np.allclose(part_b[0], part.intercept_)


class TestPaper:
    """The published form: TPE over a and b, straight onto the metric."""

    def straight(self, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
        activity, observed = frames(seed=seed, noise=0.12)
        metric = 100.0 * observed - 90.0
        metric.iloc[::9, 2] = np.nan
        return activity, metric

    def test_from_the_closed_form_it_ends_there(self) -> None:
        activity, metric = self.straight()
        paper = PaperCalibrator(trials=15, seed=1).fit(activity, metric)
        assert 0.0 <= abs(paper.gap_) <= 0.001
        errors = []
        for name in NAMES:
            seen = metric[name].notna()
            design = np.column_stack([activity.loc[seen, name], np.ones(seen.sum())])
            _, residual, *_ = np.linalg.lstsq(design, metric.loc[seen, name])
            errors.append(np.sqrt(residual[0] / seen.sum()))
            position = NAMES.index(name)
            mine = design @ np.array([paper.coef_[position], paper.intercept_[position]]) - metric.loc[seen, name]
            assert np.sqrt((mine**2).mean()) == pytest.approx(errors[-1], rel=1e-3)
        assert paper.predict(activity).ge(-100).all(axis=None)

    def test_without_that_start_it_says_how_much_worse_it_ended(self) -> None:
        activity, metric = self.straight()
        warm, cold = (
            PaperCalibrator(trials=12, seed=1, warm_start=start).fit(activity, metric) for start in (True, False)
        )
        assert cold.gap_ > warm.gap_ + 0.005

    def test_its_trials_are_kept_and_repeatable(self) -> None:
        activity, metric = self.straight()
        first, again, other = (PaperCalibrator(trials=6, seed=seed).fit(activity, metric) for seed in (5, 5, 6))
        assert len(first.log_.frame()) == 6 * len(NAMES)
        pd.testing.assert_frame_equal(first.log_.frame(), again.log_.frame())
        assert not first.log_.frame()["macro"].equals(other.log_.frame()["macro"])

    def test_a_perfect_start_has_no_gap(self) -> None:
        activity, _ = self.straight()
        paper = PaperCalibrator(trials=4).fit(activity, activity * 0 + 5.0)
        assert paper.gap_ == pytest.approx(0.0, abs=1e-3) and np.isfinite(paper.gap_)

    def test_it_maps_straight_onto_the_metric(self) -> None:
        activity, metric = self.straight()
        paper = PaperCalibrator(trials=2).fit(activity, metric)
        line = activity.to_numpy() * paper.coef_ + paper.intercept_
        assert np.allclose(paper.predict(activity), np.maximum(line, -100))
