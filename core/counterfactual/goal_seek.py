"""Which policies reach a goal: the trade-off between how much policy there is and how far the goal is met.

Each candidate holds the allowed measures at constant levels over a window, whatever was in force; all others stay. Where the
levels make few enough combinations all are tried; else Optuna's NSGA-II (Deb et al. 2002) proposes them. No refit: people, engine
and calibration are those of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np
import optuna
import pandas as pd

from core.counterfactual.contrast import as_asked, contrasts
from core.counterfactual.fitted import FittedTwin, situation_days
from core.counterfactual.trajectories import mean_draws, path_metric, path_tables
from core.errors import InputError, one_of
from core.policy.timeline import PolicyTimeline
from core.simulation.contexts import unique_contexts
from core.simulation.simulate import simulate
from core.study import Behaviour, Indicator

#: Levels of a measure that are tried at most; of amounts with more notches, evenly spread ones.
MOST_LEVELS = 11
#: Candidates evaluated together: what their days have in common is simulated once.
BATCH = 32
#: Of the front, so many candidates get a chance of meeting the goal, those whose value is nearest to it.
CHANCES = 9


@dataclass(frozen=True)
class Goal:
    """A behaviour's mean metric over the window is to be at least `value`, or at most where not `at_least`."""

    behaviour: str
    value: float
    at_least: bool

    def met(self, values: np.ndarray | float) -> np.ndarray:
        return np.asarray(values) >= self.value if self.at_least else np.asarray(values) <= self.value


@dataclass(frozen=True)
class Candidate:
    """Levels of the allowed measures, their `burden` (the sum of their intensities, 0 to 1, times their weights, mean over the
    window), the goal's behaviour in points of the metric, and the chance that the goal is met: the share of draws of the effect
    interval (NaN where it was not computed)."""

    levels: Mapping[str, float]
    burden: float
    value: float
    chance: float


@dataclass(frozen=True)
class Sought:
    """`front`: candidates than which none has both the better burden and the better value, by burden; `best` the one with the
    best burden that meets the goal, or None. The least burden is best, or the most where `strictest`. `in_force` is the policy in
    force; `tried` candidates in all, `complete` where that was every combination."""

    goal: Goal
    strictest: bool
    front: tuple[Candidate, ...]
    best: Candidate | None
    in_force: Candidate
    tried: int
    complete: bool


def works_against(behaviour: Behaviour, goal: Goal) -> bool:
    """Whether a stricter policy leads away from the goal: then the most policy that still meets it is what one wants to know."""
    return behaviour.expected_sign * (1 if goal.at_least else -1) < 0


def choices_of(indicator: Indicator) -> tuple[float, ...]:
    """The levels that are tried of a measure, from none to full."""
    steps = indicator.steps()
    if len(steps) <= MOST_LEVELS:
        return tuple(map(float, steps))
    return tuple(float(steps[place]) for place in np.linspace(0, len(steps) - 1, MOST_LEVELS).round().astype(int))


def seek(
    twin: FittedTwin,
    goal: Goal,
    measures: Sequence[str],
    dates: pd.DatetimeIndex,
    weights: Mapping[str, float] | None = None,
    trials: int = 256,
    strictest: bool | None = None,
) -> Sought:
    """Search the levels of `measures` over `dates`. `weights` are the burden of a measure in full (default 1 each). `strictest`
    asks for the most policy that still meets the goal; by default that is asked where policy works against the goal.

    InputError for an unknown behaviour or measure, none to move, negative weights, and fewer than one trial.
    """
    study = twin.problem.study
    one_of(goal.behaviour, study.behaviour_ids, what="behaviour", where="goal")
    for code in measures:
        one_of(code, study.indicator_codes, what="measure", where="goal")
    if not measures:
        raise InputError("no measure may be moved", where="goal", allowed=", ".join(study.indicator_codes))
    if trials < 1:
        raise InputError(f"{trials} trials", where="goal", allowed="1 and more", nearest="1")
    burden = dict.fromkeys(measures, 1.0) | {code: float(value) for code, value in (weights or {}).items()}
    for code, value in burden.items():
        one_of(code, measures, what="measure that may be moved", where="goal, weights")
        if not 0.0 <= value < float("inf"):
            raise InputError(f"{code} weighs {value:g}", where="goal, weights", allowed="0 and more", nearest="0")
    most = works_against(study.behaviour(goal.behaviour), goal) if strictest is None else strictest
    levels = [choices_of(study.indicator(code)) for code in measures]
    evaluate = _Evaluation(twin, goal, tuple(measures), dates, burden)
    if prod(map(len, levels)) <= trials:
        tried = evaluate.all(list(product(*levels)))
        complete = True
    else:
        tried, complete = _searched(evaluate, goal, levels, trials, most), False
    front = evaluate.with_chances(_front(tried, goal, most))
    meeting = [item for item in front if bool(goal.met(item.value))]
    best = None if not meeting else meeting[-1] if most else meeting[0]
    return Sought(goal, most, front, best, evaluate.in_force(), len(tried), complete)


def scenario_of(
    timeline: PolicyTimeline, levels: Mapping[str, float], dates: pd.DatetimeIndex, name: str
) -> PolicyTimeline:
    """The scenario of a candidate: its levels, in general, from the first to the last of `dates`."""
    return timeline.with_constant(dict(levels), dates[0].date(), dates[-1].date(), name=name)


class _Evaluation:
    """Candidates' burdens and values over one window of a twin."""

    def __init__(
        self,
        twin: FittedTwin,
        goal: Goal,
        measures: tuple[str, ...],
        dates: pd.DatetimeIndex,
        weights: Mapping[str, float],
    ) -> None:
        self.twin, self.goal, self.measures, self.dates, self.weights = twin, goal, measures, dates, weights
        # The days of candidates differ in their policy alone, so what a day is held against is that of the policy in force.
        self._contexts, (self._table,) = path_tables(twin, [situation_days(twin, twin.timeline, dates)], dates)
        self._means = simulate(twin.engine, twin.personas, self._contexts).everyone
        self._column = twin.problem.study.behaviour_ids.index(goal.behaviour)

    def all(self, chosen: Sequence[tuple[float, ...]]) -> list[Candidate]:
        """Candidates for combinations of levels, evaluated in batches."""
        found: list[Candidate] = []
        for first in range(0, len(chosen), BATCH):
            part = chosen[first : first + BATCH]
            levels = [dict(zip(self.measures, item, strict=True)) for item in part]
            timelines = [scenario_of(self.twin.timeline, item, self.dates, "candidate") for item in levels]
            values = self._values(timelines)
            found += [
                Candidate(item, self._burden(timeline), value, float("nan"))
                for item, timeline, value in zip(levels, timelines, values, strict=True)
            ]
        return found

    def in_force(self) -> Candidate:
        """The policy in force as a candidate; its levels move, so it names none."""
        return Candidate({}, self._burden(self.twin.timeline), self._values([self.twin.timeline])[0], float("nan"))

    def with_chances(self, front: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The front, with the chance of those whose value lies nearest to the goal."""
        nearest = sorted(range(len(front)), key=lambda place: abs(front[place].value - self.goal.value))[:CHANCES]
        if not nearest:
            return front
        scenarios = [
            scenario_of(self.twin.timeline, front[place].levels, self.dates, f"candidate {place}") for place in nearest
        ]
        chances = {}
        for place, item in zip(nearest, contrasts(self.twin, scenarios, self.dates), strict=True):
            chances[place] = float(self.goal.met(mean_draws(item.path.draws)[:, self._column]).mean())
        return tuple(replace(item, chance=chances.get(place, item.chance)) for place, item in enumerate(front))

    def _burden(self, timeline: PolicyTimeline) -> float:
        intensity = timeline.intensities(self.dates)[list(self.measures)].mean()
        return float(sum(self.weights[code] * intensity[code] for code in self.measures))

    def _values(self, timelines: Sequence[PolicyTimeline]) -> list[float]:
        """The mean over the window of the goal's behaviour."""
        twin, dates = self.twin, self.dates
        courses = [situation_days(twin, as_asked(twin, item), dates) for item in timelines]
        own = unique_contexts(pd.concat(courses, ignore_index=True), pd.DatetimeIndex([]))
        means = np.concatenate([self._means, simulate(twin.engine, twin.personas, own.contexts).everyone])
        rows = np.split(own.day_context + len(self._contexts), len(timelines))
        tables = [replace(self._table, actual=row) for row in rows]
        return [float(path_metric(twin, means, table, dates)[:, self._column].mean()) for table in tables]


def _searched(
    evaluate: _Evaluation, goal: Goal, levels: Sequence[tuple[float, ...]], trials: int, strictest: bool
) -> list[Candidate]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(population_size=BATCH, seed=evaluate.twin.seed)
    maximize, minimize = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    directions = [maximize if high else minimize for high in (strictest, goal.at_least)]
    search = optuna.create_study(directions=directions, sampler=sampler)
    known: dict[tuple[float, ...], Candidate] = {}
    # The ends of the front, which a search of chance may miss.
    ends = [tuple(item[0] for item in levels), tuple(item[-1] for item in levels)]
    known |= dict(zip(ends, evaluate.all(ends), strict=True))
    for _ in range(0, trials, BATCH):
        asked = [search.ask() for _ in range(BATCH)]
        chosen = [
            tuple(
                item[trial.suggest_int(code, 0, len(item) - 1)]
                for code, item in zip(evaluate.measures, levels, strict=True)
            )
            for trial in asked
        ]
        new = list(dict.fromkeys(item for item in chosen if item not in known))
        known |= dict(zip(new, evaluate.all(new), strict=True))
        for trial, item in zip(asked, chosen, strict=True):
            search.tell(trial, [known[item].burden, known[item].value])
    return list(known.values())


def _front(tried: Sequence[Candidate], goal: Goal, strictest: bool) -> tuple[Candidate, ...]:
    """The candidates that no other one beats, by burden."""
    better, order = (1.0 if goal.at_least else -1.0), (-1.0 if strictest else 1.0)
    front: list[Candidate] = []
    for item in sorted(tried, key=lambda item: (order * round(item.burden, 9), -better * item.value)):
        if not front or better * (item.value - front[-1].value) > 1e-9:
            front.append(item)
    return tuple(front[::-1] if strictest else front)
