"""How far contrasts miss where the truth is known: the twin's and its rivals', world by world.

In each world an analyst at the origin fits a twin as `run` does and asks what other policies would do over the next
`HORIZON` days. Nothing observed after the origin is used. The truth of each answer is the world's own, without noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from core.calibration.problem import build_problem
from core.calibration.search import search
from core.calibration.twin import forecast_defaults
from core.cognition.coefficients import load_coefficients
from core.cognition.rules import RulesEngine
from core.counterfactual.assemble import fitted_from
from core.counterfactual.contrast import Contrast, contrasts
from core.counterfactual.fitted import FittedTwin
from core.people.personas import synthesise
from core.people.population_file import population_of
from core.policy.timeline import PolicyTimeline
from core.synthetic.worlds import HORIZONS, KnownWorld, known_world
from core.validity.effect_estimators import EFFECT_ESTIMATORS, EstimatedContrast, KnownPast
from core.validity.world_scores import ESTIMATORS, MEASURES, TWIN, WORKING_WEEK, Estimate, WorldRow, distance_class

PERSONAS = 300
TRIALS = 16


@dataclass(frozen=True)
class Alternative:
    """A policy asked about, what it changes, and the days on which its effect is taken."""

    name: str
    changes: str
    timeline: PolicyTimeline
    days: pd.DatetimeIndex


def horizon_of(world: KnownWorld) -> pd.DatetimeIndex:
    """The `HORIZONS` days or longer periods after the origin."""
    step = world.study.step
    return step.periods(step.after(world.origin, 1), step.after(world.origin, HORIZONS[step]))


def standard_alternatives(world: KnownWorld) -> tuple[Alternative, ...]:
    """What is asked in every world, from the day after the origin on; those that change nothing there are left out.

    `held` keeps the origin's policy, `looser` and `stricter` move every measure by one level, `lifted` ends all of them
    and `full` sets all in full. Where the working week moves within the horizon, `week_kept` asks what the old week
    would have been, apart for the days that became working days and those that became days off.
    """
    observed, days, first = world.timeline, horizon_of(world), world.study.step.after(world.origin, 1)
    made = {
        "held": observed.with_constant(observed.in_force(world.origin), first, name="Held"),
        "looser": observed.relaxed(1, start=first, name="Looser"),
        "stricter": observed.tightened(1, start=first, name="Stricter"),
        "lifted": observed.with_constant({item.code: item.none for item in observed.indicators}, first, name="Lifted"),
        "full": observed.with_constant({item.code: item.full for item in observed.indicators}, first, name="Full"),
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
    spec = population_of(study)
    people = synthesise(spec, personas, world.seed).personas
    engine = RulesEngine.for_study(study, load_coefficients(study.coefficients_file))
    last = study.step.after(world.origin, HORIZONS[study.step])
    problem = build_problem(
        study, world.timeline, world.observations, world.cases, world.origin, last, inner=trials > 0
    )
    parameters: Mapping[str, float] = {**engine.parameters, **forecast_defaults(study, world.origin)}
    if trials > 0:
        parameters = search(problem, engine, people, trials=trials, seed=world.seed).parameters
    attributes = tuple(item.name for item in spec.attributes)
    problem = problem.final_only()
    return fitted_from(problem, world.timeline, people, attributes, engine, parameters, world.cases, world.seed).twin


def measure(world: KnownWorld, personas: int = PERSONAS, trials: int = TRIALS) -> list[WorldRow]:
    """A row per alternative and behaviour of a world."""
    twin = fit_twin(world, personas, trials)
    alternatives = standard_alternatives(world)
    answers = _contrasts_of(twin, alternatives)
    past = KnownPast(
        twin.problem.observed,
        world.timeline.stringency(pd.DatetimeIndex(twin.problem.observed.index)),
        None if world.cases is None else world.cases.loc[: pd.Timestamp(world.origin)],
        world.study.step,
    )
    rivals = {name: item.fit(past) for name, item in EFFECT_ESTIMATORS.items()}
    expected = world.expected_under(world.timeline, horizon_of(world))
    rows = []
    for item, answer in zip(alternatives, answers, strict=True):
        truth = (world.expected_under(item.timeline, item.days) - expected.loc[item.days]).mean()
        actual, other = world.timeline.stringency(item.days), item.timeline.stringency(item.days)
        said = {name: rival.contrast(actual, other) for name, rival in rivals.items()}
        said[TWIN] = EstimatedContrast(answer.difference, answer.lower, answer.upper)
        outside, distance = float(answer.path.outside.mean()), float(answer.path.distance.mean())
        rows += [
            WorldRow(
                world=world.kind,
                seed=world.seed,
                alternative=item.name,
                changes=item.changes,
                days=len(item.days),
                stringency_difference=float((other - actual).mean()),
                outside_share=outside,
                outside_distance=distance,
                distance_class=distance_class(outside, distance),
                behaviour=behaviour,
                truth=float(truth[behaviour]),
                estimates={name: _of_behaviour(said[name], behaviour) for name in ESTIMATORS},
            )
            for behaviour in world.study.behaviour_ids
        ]
    return rows


def measure_world(kind: str, seed: int, personas: int = PERSONAS, trials: int = TRIALS) -> list[WorldRow]:
    """`measure` of the world of this kind and seed: a plain function of its arguments, so that a worker can run it."""
    return measure(known_world(kind, seed), personas, trials)


def _contrasts_of(twin: FittedTwin, alternatives: Sequence[Alternative]) -> list[Contrast]:
    """The twin's contrasts, those over the same days together."""
    found: dict[int, Contrast] = {}
    for days in {tuple(item.days): item.days for item in alternatives}.values():
        places = [place for place, item in enumerate(alternatives) if item.days.equals(days)]
        asked = contrasts(twin, [alternatives[place].timeline for place in places], days)
        found.update(zip(places, asked, strict=True))
    return [found[place] for place in range(len(alternatives))]


def _of_behaviour(said: EstimatedContrast, behaviour: str) -> Estimate:
    lower, upper = (None if end is None else float(end[behaviour]) for end in (said.lower, said.upper))
    return Estimate(float(said.difference[behaviour]), lower, upper)
