"""Which parts of a twin can be left out, as refits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.calibration.problem import Problem
from core.cognition.rules import RulesEngine
from core.people.averages import averaged
from core.services.evaluation.ablation_refits import (
    Redraw,
    Refit,
    blind_to_epidemic,
    blind_to_policy,
    ordinary_days,
    problem_under,
    without_fatigue,
    without_holidays,
    without_priors,
)
from core.services.populations.synthesis import identical_personas
from core.services.runs.preparing import Prepared
from core.study import Step

#: Numbers of personas, and how often each is drawn: few people differ more from draw to draw.
REDRAWS: Mapping[int, int] = {1: 5, 3: 5, 10: 5, 30: 5, 100: 5, 1000: 3}
#: How often the search is repeated with nothing left out: what chance in the search alone makes of the error.
SEARCHES = 5
#: The control among the ablations: it leaves nothing out.
CONTROL = "searched_again"
PERSONAS, WITHOUT = "personas_", "without_"


@dataclass(frozen=True)
class Ablation:
    """A twin with a part left out; `label` fits an axis.

    `refits` are one or several draws of it, with their `seeds`. `stored` names the forecaster of the run that is this
    ablation already: then there is nothing to refit. `personas` is how many people answer.
    """

    name: str
    group: str
    label: str
    seeds: tuple[int, ...]
    personas: int
    refits: tuple[Refit, ...] = field(default=(), repr=False)
    stored: str | None = None


def ablations_of(prepared: Prepared) -> list[Ablation]:
    """Every ablation of a run that stands before its search, group by group.

    Only the rules engine can be ablated: it can be told an average of people (see `core.people.averages`), and asking it
    everything once more for every part costs nothing.
    """
    whole = Refit(
        problem=prepared.problem,
        engine=prepared.engine,
        people=prepared.population.personas.drop(columns="text", errors="ignore"),
        trials=prepared.request.trials,
        seed=prepared.request.seed,
    )
    size = prepared.population.size

    def part(name: str, group: str, label: str, stored: str | None = None, **changes: Any) -> Ablation:
        refits = () if stored else (replace(whole, **changes),)
        return Ablation(name, group, label, (whole.seed,), size, refits, stored)

    def knowing(name: str, label: str, problem: Problem) -> Ablation:
        return part(WITHOUT + name, "knowledge", label, problem=problem)

    seeds = _further_seeds(whole, SEARCHES)
    again = tuple(replace(whole, seed=seed) for seed in seeds)
    inputs, calendar = prepared.inputs, prepared.inputs.timeline.calendar
    calendars: dict[str, tuple[str, dict[str, Any]]] = {}
    if inputs.study.step is Step.DAY:  # longer periods have no working week and no holidays to leave out
        calendars = {
            "without_calendar": (
                "Without calendar",
                {"calendar": ordinary_days(calendar, inputs.study.baseline_start)},
            ),
            "without_holidays": ("Without public holidays", {"calendar": without_holidays(calendar)}),
            "announced_week": ("Working week as announced", {"announced_only": True}),
        }
    return [
        part("uncalibrated", "calibration", "Without any calibration", stored="uncalibrated"),
        part("paper", "calibration", "The published calibration", stored="paper"),
        part("unsearched", "calibration", "Parameters not searched", trials=0),
        Ablation(CONTROL, "calibration", "Nothing, searched again", seeds, size, again),
        *_people(prepared, whole, part),
        *(
            part(name, "calendar", label, problem=problem_under(inputs, whole.problem, **how))
            for name, (label, how) in calendars.items()
        ),
        part("without_anchoring", "anchoring", "Without anchoring", anchor=False),
        part("without_priors", "priors", "Without priors", problem=without_priors(whole.problem)),
        knowing("policy", "Without policy", blind_to_policy(whole.problem)),
        *(
            [knowing("epidemic", "Without the epidemic", blind_to_epidemic(whole.problem))]
            if "cases" in inputs.study.sources
            else []
        ),
        *([knowing("fatigue", "Without fatigue", without_fatigue(whole.problem))] if inputs.study.fatigue else []),
    ]


def _people(prepared: Prepared, whole: Refit, part: Callable[..., Ablation]) -> Iterator[Ablation]:
    """Other numbers of personas, all alike, and each attribute and the traits without their differences."""
    engine, population = prepared.engine, prepared.population
    spec = population.spec
    for count, draws in REDRAWS.items():
        seeds = _further_seeds(whole, draws)
        drawn = tuple(replace(whole, people=Redraw(spec, count, seed)) for seed in seeds)
        label = "1 persona" if count == 1 else f"{count:,} personas"
        yield Ablation(f"{PERSONAS}{count}", "people", label, seeds, count, drawn)
    alike = identical_personas(population.personas, prepared.attributes, spec.trait_names)
    yield part("identical_personas", "people", "Identical personas", people=alike)
    assert isinstance(engine, RulesEngine)
    read = {feature.partition("=")[0] for feature in engine.features}
    for attribute in spec.attributes:
        name, label = attribute.name, f"Without: {attribute.label.lower()}"
        # What the engine does not read changes nothing: the run's own twin is the answer.
        how = {"people": averaged(population.personas, [name])} if name in read else {"stored": "twin"}
        yield part(WITHOUT + name, "people", label, **how)
    people = averaged(population.personas, traits=spec.trait_names)
    yield part(f"{WITHOUT}traits", "people", "Without: all traits", people=people)


def _further_seeds(whole: Refit, count: int) -> tuple[int, ...]:
    """Seeds of further draws: none is the run's own."""
    return tuple(whole.seed + 1 + number for number in range(count))
