"""From a forecasting problem and the parameters found to a calibrated twin, without a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from core.calibration.problem import Problem, with_known_weeks
from core.calibration.twin import TwinForecast, twin_forecast
from core.cognition.engine import ResponseEngine, with_own
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.measured import Calibration, Lines
from core.counterfactual.support import Support
from core.counterfactual.uncertainty import drawn_calibration, drawn_means
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.policy.timeline import PolicyTimeline


@dataclass(frozen=True)
class Assembled:
    """A twin ready for counterfactuals, and the forecast its calibration comes from."""

    twin: FittedTwin
    forecast: TwinForecast


def fitted_from(
    problem: Problem,
    timeline: PolicyTimeline,
    personas: pd.DataFrame,
    attributes: tuple[str, ...],
    engine: ResponseEngine,
    parameters: Mapping[str, float],
    cases: pd.Series | None,
    seed: int,
    executor: Executor = IN_THIS_PROCESS,
) -> Assembled:
    """Simulate everyone with the parameters found, fit the lines on the final window, and draw both anew.

    `engine` is the one that the study gives; those of `parameters` that are its own are set here, `policy_effect_weight` is the
    forecast's. `timeline` is the observed policy, `cases` may go on after the origin: nothing later is used.
    """
    engine = with_own(engine, parameters)
    aggregates, drawn = drawn_means(engine, personas, problem.contexts, seed=seed, executor=executor)
    forecast = twin_forecast(problem, problem.final, aggregates.everyone, parameters)
    calibrator, own, trust = forecast.calibrator, forecast.forecast_calibrator, parameters["policy_effect_weight"]
    assert calibrator.upper is not None
    known = with_known_weeks(timeline)
    train = problem.final.train
    twin = FittedTwin(
        problem=problem,
        timeline=known,
        personas=personas,
        attributes=attributes,
        engine=engine,
        fitted=Calibration(
            lines=Lines(calibrator.coef_, calibrator.intercept_),
            forecast_lines=Lines(own.coef_, own.intercept_),
            share=own.share,
            lower=calibrator.lower,
            upper=calibrator.upper,
            origin_residual=forecast.origin_residual,
            trust=trust,
            transfer_prior=problem.final.transfer_prior,
            days_off=forecast.days_off,
        ),
        drawn=drawn_calibration(problem, own, trust, drawn, seed),
        support=Support.of(known.intensities(train), known.stringency(train)),
        cases=cases,
        seed=seed,
    )
    return Assembled(twin, forecast)
