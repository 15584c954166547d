"""What every baseline keeps. A subclass names one that is registered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.execution.executor import Executor
from core.execution.local import LocalProcesses
from core.forecasting.baselines import BASELINES, Baseline, BaselineInputs

DAYS, AHEAD = 150, 40


class BaselineContract:
    """Tests that each registered baseline passes."""

    #: The baseline's name in the registry.
    name = "last_value"

    @pytest.fixture
    def baseline(self) -> Baseline:
        return BASELINES[self.name]

    @pytest.fixture
    def known(self) -> BaselineInputs:
        """A place whose observations have holes, and a policy that goes on after the origin."""
        days = pd.date_range("2030-01-07", periods=DAYS + AHEAD)
        generator = np.random.default_rng(3)
        level = np.repeat(generator.uniform(0, 100, 10), (DAYS + AHEAD) // 10)
        weekday = 10.0 * (days.day_of_week >= 5)
        observed = pd.DataFrame(
            {name: -0.3 * level - weekday * share + generator.normal(0, 3, len(days)) for name, share in
             (("retail", 1.0), ("parks", -0.5))}, days,
        )  # fmt: skip
        observed.iloc[20:24, 0] = np.nan
        return BaselineInputs(
            observed=observed.iloc[:DAYS],
            horizon=days[DAYS:],
            stringency=pd.Series(level, days),
            indicators=pd.DataFrame({"C1": level // 34, "C2": level // 50}, days),
            cases=pd.Series(generator.poisson(200, DAYS).astype(float), days[:DAYS]),
        )

    @pytest.fixture(scope="class")
    @classmethod
    def elsewhere(cls) -> Iterator[Executor]:
        """Another process."""
        with LocalProcesses(1) as executor:
            yield executor

    def test_the_registry_says_what_it_is(self, baseline: Baseline) -> None:
        assert baseline.label and baseline.help and (baseline.in_runs or baseline.in_backtests)

    def test_every_day_of_the_horizon_is_forecast(self, baseline: Baseline, known: BaselineInputs) -> None:
        found = baseline(known)
        assert found.index.equals(known.horizon) and list(found.columns) == list(known.observed.columns)
        assert np.isfinite(found.to_numpy(float)).all()

    def test_the_same_is_forecast_again_and_elsewhere(
        self, baseline: Baseline, known: BaselineInputs, elsewhere: Executor
    ) -> None:
        found = baseline(known)
        assert baseline(known).equals(found) and elsewhere.submit(baseline.forecast, known).result().equals(found)

    def test_what_it_is_told_is_left_alone(self, baseline: Baseline, known: BaselineInputs) -> None:
        before = known.observed.copy(), known.stringency.copy(), known.indicators.copy()
        baseline(known)
        assert known.observed.equals(before[0])
        assert known.stringency.equals(before[1]) and known.indicators.equals(before[2])

    def test_a_longer_horizon_changes_no_day_before(self, baseline: Baseline, known: BaselineInputs) -> None:
        short = baseline(replace(known, horizon=known.horizon[: AHEAD // 2]))
        assert np.allclose(short, baseline(known).iloc[: AHEAD // 2], rtol=0, atol=1e-9)

    def test_what_was_observed_is_read(self, baseline: Baseline, known: BaselineInputs) -> None:
        higher = baseline(replace(known, observed=known.observed + 40.0))
        assert (higher - baseline(known)).to_numpy(float).mean() > 20.0

    def test_a_place_without_cases_is_forecast(self, baseline: Baseline, known: BaselineInputs) -> None:
        assert np.isfinite(baseline(replace(known, cases=None)).to_numpy(float)).all()
