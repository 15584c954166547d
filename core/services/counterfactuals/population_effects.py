"""What another population would mean for a finished run: the calibrated forecast again, with the calibration kept.

Nothing here refits. Engine, parameters, lines, anchor and policy are those of the run; only the people differ, and they
are measured against their own ordinary week, as the metric is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE
from core.counterfactual.fitted import FittedTwin, situation_days
from core.counterfactual.trajectories import interval_of, mean_draws, simulate_timeline
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.people.personas import Population
from core.people.spec import PopulationSpec
from core.policy.calendar import kind_in_words
from core.result import Result
from core.services.populations.drafts import PopulationDraft, draw_population
from core.services.runs.fitted import fitted_twin
from core.simulation.contexts import baseline_cycle
from core.simulation.simulate import simulate
from core.store.database import Store
from core.study import Step, Study


@dataclass(frozen=True)
class HoldoutMean:
    """The calibrated forecast's mean over the hold-out, in points of the metric.

    `mean` is per behaviour; `draws` (draws, behaviours) are those of the calibration and of the sampling of people.
    """

    mean: pd.Series
    draws: np.ndarray
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True)
class PopulationEffectRequest:
    """What other people would change in the forecast of a run: the drafts `before` and `after`. `data` is the folder of the
    observations that the run was fitted on."""

    run: str
    before: PopulationDraft
    after: PopulationDraft
    data: str | Path | None = None


@dataclass(frozen=True, kw_only=True)
class PopulationEffect(Result):
    """The change of the mean over the hold-out between two populations: by behaviour, in points of the metric.

    `lower` and `upper` bound it at 80%, from draws that both populations share.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]
    difference: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]
    start: date
    end: date

    def frame(self) -> pd.DataFrame:
        """One row per behaviour: before, after, difference, lower, upper (points of the metric)."""
        parts = {name: getattr(self, name) for name in ("before", "after", "difference", "lower", "upper")}
        return pd.DataFrame(parts).rename_axis("behaviour").reset_index()


def holdout_mean(twin: FittedTwin, population: Population, executor: Executor = IN_THIS_PROCESS) -> HoldoutMean:
    """The run's twin over other people: its forecast of the hold-out under the observed policy, averaged over the days.

    InputError where the people lack an attribute or trait that the run's people have.
    """
    missing = [name for name in twin.personas.columns if name not in population.personas.columns]
    if missing:
        raise InputError(
            f"has no '{missing[0]}'",
            where="population",
            allowed="a population with the attributes and traits of the run",
        )
    days = twin.problem.final.horizon
    # Subgroups would cost as much again, and nobody asks for them here.
    theirs = replace(twin.with_personas(population.personas), attributes=())
    path = simulate_timeline(theirs, twin.timeline, days, executor)
    return HoldoutMean(path.mean, mean_draws(path.draws), days[0], days[-1])


def effect_between(before: HoldoutMean, after: HoldoutMean) -> PopulationEffect:
    """The change from one population to another of the same run."""
    lower, upper = interval_of(after.draws - before.draws, before.mean.index)
    return PopulationEffect(
        before=_by_name(before.mean),
        after=_by_name(after.mean),
        difference=_by_name(after.mean - before.mean),
        lower=_by_name(lower),
        upper=_by_name(upper),
        start=before.start.date(),
        end=before.end.date(),
    )


def population_effect(
    request: PopulationEffectRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> PopulationEffect:
    """What other people would change in a run's forecast. InputError for a run or people that cannot be."""
    twin = fitted_twin(store, request.run, request.data)
    before, after = (draw_population(draft, store) for draft in (request.before, request.after))
    return effect_of(twin, before, after, watch, executor)


def effect_of(
    twin: FittedTwin,
    before: Population,
    after: Population,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> PopulationEffect:
    """What it changes to take `after` instead of `before`, the calibration kept. Raises Cancelled when told to stop."""
    watch = watch or ProgressReporter()
    watch.report("Forecasting with both populations", 0, 2, "done")
    first = holdout_mean(twin, before, executor)
    watch.report("Forecasting with both populations", 1, 2, "done")
    return effect_between(first, holdout_mean(twin, after, executor))


def _by_name(values: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}


def named_contexts(twin: FittedTwin) -> tuple[tuple[str, ...], pd.DataFrame]:
    """A few days that a reader knows, with what a person could know on each: labels, and one context row for each.

    An ordinary working day of the baseline period; the strictest day of the study (a working day if there is one among
    the strictest), the last day of the run, and its last working day where that is another. Cases and calendar of days
    after the origin are as known at the origin.
    """
    study, window = twin.problem.study, twin.problem.final
    week = baseline_cycle(twin.timeline.calendar, study, seasons=twin.problem.seasons)
    working = week[week[DAY_TYPE] == "working"]
    ordinary = (working if len(working) else week).iloc[[0]]
    first, last = study.baseline_start, study.baseline_end
    named = _Named(study)
    labels = [named.ordinary(first, last)]
    dates = pd.DatetimeIndex(window.train.append(window.horizon))
    days = situation_days(twin, twin.timeline, dates).set_index(dates)
    stringency = twin.timeline.stringency(dates)
    strictest = _prefer_working(days, dates[stringency.to_numpy() >= float(stringency.max()) - 1e-9])
    rows = [ordinary, days.loc[[strictest[0]]]]
    labels.append(named.of("Strictest", days, strictest[0], stringency))
    end = dates[-1]
    rows.append(days.loc[[end]])
    labels.append(named.of("Last", days, end, stringency))
    if study.step is Step.DAY and days.loc[end, DAY_TYPE] != "working" and (days[DAY_TYPE] == "working").any():
        at_work = _prefer_working(days, dates)[-1]
        rows.append(days.loc[[at_work]])
        labels.append(named.of("Last working", days, at_work, stringency))
    return tuple(labels), pd.concat(rows, ignore_index=True)


def _prefer_working(days: pd.DataFrame, among: pd.DatetimeIndex) -> pd.DatetimeIndex:
    working = among[(days.loc[among, DAY_TYPE] == "working").to_numpy()]
    return working if len(working) else among


@dataclass(frozen=True)
class _Named:
    """Periods of a study in words."""

    study: Study

    def ordinary(self, first: date, last: date) -> str:
        step = self.study.step
        if step is Step.DAY:
            return f"Ordinary working day, {_date(first)} to {_date(last)}, no measures"
        return f"Ordinary {step}, {step.text(first)} to {step.text(last)}, no measures"

    def of(self, which: str, days: pd.DataFrame, day: pd.Timestamp, index: pd.Series) -> str:
        step, kind = self.study.step, kind_in_words(str(days.loc[day, DAY_TYPE]))
        when = f"{day:%a} {_date(day)} ({kind})" if step is Step.DAY else step.text(day.date())
        return f"{which} {step}, {when}, {self.study.index_word} {index[day]:.0f}"


def _date(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def everybody_on(twin: FittedTwin, population: Population, contexts: pd.DataFrame) -> np.ndarray:
    """The population's mean probabilities on contexts: (contexts, behaviours)."""
    return simulate(twin.engine, population.personas, contexts).everyone


def answers_of(
    twin: FittedTwin,
    population: Population,
    persona_id: int,
    labels: Sequence[str],
    contexts: pd.DataFrame,
    everyone: np.ndarray,
) -> pd.DataFrame:
    """One person beside everybody on `contexts`: day, behaviour (label), person and everybody (percent).

    These are the engine's answers before calibration: the chance that the person does it that day, and of time at home
    the share of the day.
    """
    person = population.personas.iloc[[persona_id]]
    own = twin.engine.respond(person, contexts)[0]
    names = [item.label for item in twin.problem.study.behaviours]
    return pd.DataFrame(
        {
            "day": np.repeat(np.array(labels, dtype=object), len(names)),
            "behaviour": names * len(labels),
            "person": 100.0 * own.reshape(-1).astype(float),
            "everybody": 100.0 * everyone.reshape(-1),
        }
    )


def shifts_of(twin: FittedTwin, population: Population, contexts: pd.DataFrame) -> np.ndarray:
    """Everybody's answers on contexts, (personas, contexts, behaviours), in percent: the engine's, before calibration."""
    return 100.0 * twin.engine.respond(population.personas, contexts).astype(float)


def sensitivity_rows(store: Store, run_id: str, spec: PopulationSpec) -> pd.DataFrame | None:
    """What the assumptions on traits are worth to a run: the latest sensitivity run of it, or None.

    Columns: assumption (label), varied (how), change (of the hold-out error, mean over behaviours, points).
    """
    names = {trait.name: trait.label for trait in spec.traits}
    for found in store.runs(kind="sensitivity", status="complete")["run_id"]:
        summary = store.run(str(found)).summary or {}
        if summary.get("of_run") == run_id:
            return pd.DataFrame(
                [_variant(str(item["variant"]), float(item["change"]), names) for item in summary["variants"]],
                columns=["assumption", "varied", "change"],
            )
    return None


def _variant(name: str, change: float, labels: Mapping[str, str]) -> tuple[str, str, float]:
    trait, _, kind = name.partition(": ")
    return labels.get(trait, trait.capitalize()), kind, change
