"""How far contrasts miss where the truth is known: the twin's and its rivals', world by world.

In each world an analyst at the origin fits a twin as `run` does and asks what other policies would do over the next
`HORIZON` days. Nothing observed after the origin is used. The truth of each answer is the world's own, without noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.problem import build_problem
from core.calibration.search import search
from core.calibration.twin import forecast_defaults
from core.cognition.coefficients import load_coefficients
from core.cognition.rules import RulesEngine
from core.counterfactual.assemble import fitted_from
from core.counterfactual.contrast import Contrast, contrasts
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.support import FAR
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.policy.timeline import PolicyTimeline
from core.synthetic.worlds import HORIZON, KnownWorld, known_world
from core.validity.contrast_rivals import EFFECT_ESTIMATORS, EstimatedContrast, KnownPast
from core.validity.paired import rmse_difference

TWIN = "twin"
ESTIMATORS = (TWIN, *EFFECT_ESTIMATORS)
#: What an alternative changes: measures, or the days on which people work. Points of the two do not compare.
MEASURES, WORKING_WEEK = "measures", "working week"
#: A true effect smaller than this many points has no direction that matters.
CLEAR_EFFECT = 2.0
PERSONAS = 300
TRIALS = 16
#: Classes of the mean distance to training, in points of intensity (0 to 100), of scenarios outside its support.
DISTANCES = (FAR, 25.0, 40.0)


@dataclass(frozen=True)
class Alternative:
    """A policy asked about, what it changes, and the days on which its effect is taken."""

    name: str
    changes: str
    timeline: PolicyTimeline
    days: pd.DatetimeIndex


def horizon_of(world: KnownWorld) -> pd.DatetimeIndex:
    """The `HORIZON` days after the origin."""
    return pd.date_range(world.origin + timedelta(days=1), periods=HORIZON, freq="D", unit="us", name="date")


def standard_alternatives(world: KnownWorld) -> tuple[Alternative, ...]:
    """What is asked in every world, from the day after the origin on; those that change nothing there are left out.

    `held` keeps the origin's policy, `looser` and `stricter` move every measure by one level, `lifted` ends all of them
    and `full` sets all in full. Where the working week moves within the horizon, `week_kept` asks what the old week
    would have been, apart for the days that became working days and those that became days off.
    """
    observed, days, first = world.timeline, horizon_of(world), world.origin + timedelta(days=1)
    row = observed.levels(pd.DatetimeIndex([pd.Timestamp(world.origin)])).iloc[0]
    held: dict[str, int | tuple[int, int | None]] = {}
    for item in observed.indicators:
        level = int(row[item.code])
        held[item.code] = (level, int(row[f"{item.code}_Flag"]) if item.has_flag and level else None)
    made = {
        "held": observed.with_constant(held, first, name="Held"),
        "looser": observed.relaxed(1, start=first, name="Looser"),
        "stricter": observed.tightened(1, start=first, name="Stricter"),
        "lifted": observed.with_constant(dict.fromkeys(observed.codes, 0), first, name="Lifted"),
        "full": observed.with_constant({item.code: item.maximum for item in observed.indicators}, first, name="Full"),
    }
    own = observed.intensities(days)
    asked = [
        Alternative(name, MEASURES, item, days) for name, item in made.items() if not item.intensities(days).equals(own)
    ]
    return (*asked, *_other_weeks(observed, days, world.origin))


def _other_weeks(observed: PolicyTimeline, days: pd.DatetimeIndex, origin: date) -> list[Alternative]:
    moved = [week for week in observed.calendar.working_weeks if origin < week.start <= days[-1].date()]
    if not moved:
        return []
    before = [week for week in observed.calendar.working_weeks if week.start <= origin][-1]
    kept = observed.with_working_week(
        moved[0].start, before.rest_days, before.weekend_days, before.half_days, name="Working week kept"
    )
    kinds, old = (item.calendar.days(days)["day_type"] for item in (observed, kept))
    worked = {"working", "half"}
    gained = (kinds.isin(worked) & ~old.isin([*worked, "holiday"])).to_numpy()
    lost = (~kinds.isin([*worked, "holiday"]) & old.isin(worked)).to_numpy()
    return [
        Alternative("week_kept_on_new_working_days", WORKING_WEEK, kept, days[gained]),
        Alternative("week_kept_on_new_days_off", WORKING_WEEK, kept, days[lost]),
    ]


def fit_twin(world: KnownWorld, personas: int = PERSONAS, trials: int = TRIALS) -> FittedTwin:
    """The twin of a world as an analyst at its origin has it, fitted as a run fits it; 0 trials take the defaults.

    The population is drawn, and the search runs, with the world's own seed.
    """
    study = world.study
    spec = load_population_spec(study.population_file)
    people = synthesise(spec, personas, world.seed).personas
    engine = RulesEngine.for_study(study, load_coefficients(study.coefficients_file))
    last = world.origin + timedelta(days=HORIZON)
    problem = build_problem(
        study, world.timeline, world.observations, world.cases, world.origin, last, inner=trials > 0
    )
    parameters: Mapping[str, float] = {**engine.parameters, **forecast_defaults(study, world.origin)}
    if trials > 0:
        parameters = search(problem, engine, people, trials=trials, seed=world.seed).parameters
    attributes = tuple(item.name for item in spec.attributes)
    problem = problem.final_only()
    return fitted_from(problem, world.timeline, people, attributes, engine, parameters, world.cases, world.seed).twin


def measure(world: KnownWorld, personas: int = PERSONAS, trials: int = TRIALS) -> list[dict[str, Any]]:
    """A row per alternative and behaviour of a world: the truth, and every estimator's answer.

    Keys: world, seed, alternative, changes, behaviour, days, truth, stringency_difference, outside_share (of days outside the
    support of training), outside_distance (mean distance to training, 0 to 100), distance_class, and estimates: for
    each of `ESTIMATORS` its estimate, lower and upper (None where it gives no interval).
    """
    twin = fit_twin(world, personas, trials)
    alternatives = standard_alternatives(world)
    answers = _contrasts_of(twin, alternatives)
    past = KnownPast(
        twin.problem.observed,
        world.timeline.stringency(pd.DatetimeIndex(twin.problem.observed.index)),
        None if world.cases is None else world.cases.loc[: pd.Timestamp(world.origin)],
    )
    rivals = {name: fit(past) for name, fit in EFFECT_ESTIMATORS.items()}
    expected = world.expected_under(world.timeline, horizon_of(world))
    rows = []
    for item, answer in zip(alternatives, answers, strict=True):
        truth = (world.expected_under(item.timeline, item.days) - expected.loc[item.days]).mean()
        actual, other = world.timeline.stringency(item.days), item.timeline.stringency(item.days)
        said = {name: rival.contrast(actual, other) for name, rival in rivals.items()}
        said[TWIN] = EstimatedContrast(answer.difference, answer.lower, answer.upper)
        about: dict[str, Any] = {
            "world": world.kind,
            "seed": world.seed,
            "alternative": item.name,
            "changes": item.changes,
            "days": len(item.days),
            "stringency_difference": float((other - actual).mean()),
            "outside_share": float(answer.path.outside.mean()),
            "outside_distance": float(answer.path.distance.mean()),
        }
        about["distance_class"] = distance_class(about["outside_share"], about["outside_distance"])
        for behaviour in world.study.behaviour_ids:
            estimates = {name: _of_behaviour(said[name], behaviour) for name in ESTIMATORS}
            rows.append({**about, "behaviour": behaviour, "truth": float(truth[behaviour]), "estimates": estimates})
    return rows


def measure_world(kind: str, seed: int, personas: int = PERSONAS, trials: int = TRIALS) -> list[dict[str, Any]]:
    """`measure` of the world of this kind and seed: a plain function of its arguments, so that a worker can run it."""
    return measure(known_world(kind, seed), personas, trials)


def distance_class(outside_share: float, distance: float) -> str:
    """How far from training a scenario is: inside, or outside on some days, by its mean distance over all days."""
    if outside_share == 0.0:
        return "inside"
    for limit in DISTANCES:
        if distance <= limit:
            return f"outside, up to {limit:g}"
    return f"outside, above {DISTANCES[-1]:g}"


DISTANCE_CLASSES = (
    "inside",
    *(f"outside, up to {limit:g}" for limit in DISTANCES),
    f"outside, above {DISTANCES[-1]:g}",
)


def _contrasts_of(twin: FittedTwin, alternatives: Sequence[Alternative]) -> list[Contrast]:
    """The twin's contrasts, those over the same days together."""
    found: dict[int, Contrast] = {}
    for days in {tuple(item.days): item.days for item in alternatives}.values():
        places = [place for place, item in enumerate(alternatives) if item.days.equals(days)]
        asked = contrasts(twin, [alternatives[place].timeline for place in places], days)
        found.update(zip(places, asked, strict=True))
    return [found[place] for place in range(len(alternatives))]


def _of_behaviour(said: EstimatedContrast, behaviour: str) -> dict[str, float | None]:
    ends = (None if end is None else float(end[behaviour]) for end in (said.lower, said.upper))
    lower, upper = ends
    return {"estimate": float(said.difference[behaviour]), "lower": lower, "upper": upper}


def summary_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores of every estimator: `overall`, `by_world`, `by_alternative` and `by_distance` to training over the rows in
    which measures differ, and `working_week` by alternative over those in which the working week does."""
    measures = [row for row in rows if row["changes"] == MEASURES]
    return {
        "overall": scores_of(measures),
        "by_world": _grouped(measures, "world"),
        "by_alternative": _grouped(measures, "alternative"),
        "by_distance": _grouped(measures, "distance_class", DISTANCE_CLASSES),
        "working_week": _grouped([row for row in rows if row["changes"] == WORKING_WEEK], "alternative"),
    }


def scores_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores of every estimator over some rows, in points of the metric.

    Per estimator: `rmse`, `mean_error` (estimate − truth), `overstated` (the error in the direction of the true effect:
    above 0 where effects are made too large), `right_sign` (share, among the `clear` rows, where the true effect is 2
    points or more), and for those with an interval `coverage` (share of truths inside) and `width`, both over the rows
    with one; None where nothing can be said. Of each rival `against_twin` too: the twin's `rmse` less its own, with an
    interval over worlds, for a world's rows share its luck (`core.validity.paired.Difference`).
    """
    truth = np.array([row["truth"] for row in rows], dtype=float)
    clear = np.abs(truth) >= CLEAR_EFFECT
    return {
        "rows": len(rows),
        "clear": int(clear.sum()),
        "rms_truth": _root_mean_square(truth),
        "estimators": {
            name: {
                **_scores([row["estimates"][name] for row in rows], truth, clear),
                **({"against_twin": _against_twin(rows, name, truth)} if name != TWIN else {}),
            }
            for name in ESTIMATORS
        },
    }


def _against_twin(rows: Sequence[Mapping[str, Any]], rival: str, truth: np.ndarray) -> dict[str, Any] | None:
    """The twin's error less the rival's; None without rows, or where the rival does not answer all of them."""
    ours, theirs = (
        np.array([row["estimates"][name]["estimate"] for row in rows], dtype=float) - truth for name in (TWIN, rival)
    )
    if not len(rows) or not np.isfinite(theirs).all():
        return None
    return rmse_difference(ours, theirs, [row["seed"] for row in rows], [row["world"] for row in rows]).as_dict()


def _scores(
    said: Sequence[Mapping[str, float | None]], truth: np.ndarray, clear: np.ndarray
) -> dict[str, float | None]:
    estimate, lower, upper = (
        np.array([item[key] for item in said], dtype=float) for key in ("estimate", "lower", "upper")
    )
    error = estimate - truth
    given = np.isfinite(lower)
    # The two paths of a contrast agree to about a thousandth of a point; no interval can be held to less.
    slack = 1e-3
    inside = (lower - slack <= truth) & (truth <= upper + slack)
    return {
        "rmse": _root_mean_square(error),
        "mean_error": _mean(error),
        "overstated": _mean(error * np.sign(truth)),
        "right_sign": _mean((np.sign(estimate) == np.sign(truth))[clear]),
        "coverage": _mean(inside[given]),
        "width": _mean((upper - lower)[given]),
    }


def _grouped(rows: Sequence[Mapping[str, Any]], key: str, order: Sequence[str] | None = None) -> dict[str, Any]:
    names = list(dict.fromkeys(str(row[key]) for row in rows))
    if order is not None:
        names = [name for name in order if name in names]
    return {name: scores_of([row for row in rows if row[key] == name]) for name in names}


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _root_mean_square(values: np.ndarray) -> float | None:
    return float(np.sqrt(np.mean(values**2))) if len(values) else None
