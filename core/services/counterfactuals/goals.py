"""Goal seeking for a run of a study: the request, and what was found as a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from core.counterfactual.goal_seek import Candidate, Goal, Sought, seek
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.options import option
from core.result import Result
from core.services.runs.finished import finished_run
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.study import Study

MOST_CANDIDATES = 256


@dataclass(frozen=True)
class GoalRequest:
    """A behaviour that is to be at least, or at most, a mean metric over the window, and the measures that may be moved for it,
    which weigh alike."""

    run: RunRequest
    behaviour: str = option("the behaviour by its id", word="ID")
    measures: tuple[str, ...] = option("codes of the measures that may be moved", word="CODE,CODE,…")
    at_least: float | None = option("the mean metric is to be this or more", None)
    at_most: float | None = option("the mean metric is to be this or less", None)
    candidates: int = option("policies to try, where there are more combinations", MOST_CANDIDATES)
    start: date | None = option("first day (default: of the hold-out)", None)
    end: date | None = option("last day (default: of the hold-out)", None)

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise InputError("one bound is needed", where="goal", allowed="either --at-least N or --at-most N")

    @property
    def goal(self) -> Goal:
        value = self.at_most if self.at_least is None else self.at_least
        assert value is not None
        return Goal(self.behaviour, float(value), self.at_least is not None)


@dataclass(frozen=True, kw_only=True)
class GoalCandidate:
    """Levels by code of measure; `burden`, `value` (points of the metric) and `chance` (None: not computed) as in `Candidate`."""

    levels: Mapping[str, float]
    burden: float
    value: float
    chance: float | None
    meets: bool


@dataclass(frozen=True, kw_only=True)
class GoalResult(Result):
    """The trade-off front, by burden; `best` is the position in it of the policy to take, or None where none meets the goal."""

    study: str
    fictional: bool
    of_run: str
    behaviour: str
    at_least: bool
    goal: float
    strictest: bool
    measures: tuple[str, ...]
    start: date
    end: date
    front: tuple[GoalCandidate, ...]
    best: int | None
    in_force: GoalCandidate
    tried: int
    complete: bool

    def frame(self) -> pd.DataFrame:
        """A row per candidate of the front: its levels by code, burden, value, chance, meets."""
        return pd.DataFrame(
            [
                {**item.levels, "burden": item.burden, "value": item.value, "chance": item.chance, "meets": item.meets}
                for item in self.front
            ]
        )


def seek_goal(
    request: GoalRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> GoalResult:
    """What was asked for. InputError as `seek`, and for days that cannot be."""
    run_id, _ = finished_run(request.run, store, watch=watch, executor=executor)
    twin = fitted_twin(store, run_id, request.run.data)
    dates = horizon_dates(twin, request.start, request.end)
    found = seek(twin, request.goal, request.measures, dates, trials=request.candidates)
    return goal_result(twin.problem.study, run_id, found, request.measures, dates)


def goal_result(
    study: Study, run_id: str, found: Sought, measures: tuple[str, ...], dates: pd.DatetimeIndex
) -> GoalResult:
    """What was sought as a result."""

    def plain(item: Candidate) -> GoalCandidate:
        chance = None if item.chance != item.chance else round(item.chance, 4)
        return GoalCandidate(
            levels=dict(item.levels), burden=round(item.burden, 6), value=round(item.value, 4), chance=chance,
            meets=bool(found.goal.met(item.value)),
        )  # fmt: skip

    return GoalResult(
        study=study.id,
        fictional=study.fictional,
        of_run=run_id,
        behaviour=found.goal.behaviour,
        at_least=found.goal.at_least,
        goal=found.goal.value,
        strictest=found.strictest,
        measures=measures,
        start=dates[0].date(),
        end=dates[-1].date(),
        front=tuple(plain(item) for item in found.front),
        best=None if found.best is None else found.front.index(found.best),
        in_force=plain(found.in_force),
        tried=found.tried,
        complete=found.complete,
    )
