"""Which parts of a twin can be left out, in words and as refits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from core.calibration.problem import Problem
from core.cognition.rules import RulesEngine
from core.people.averages import averaged
from core.policy.calendar import Calendar
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

#: The groups of ablations in the order they are shown, in words.
GROUPS: Mapping[str, str] = {
    "calibration": "Calibration",
    "people": "People",
    "calendar": "Calendar",
    "anchoring": "Anchoring",
    "priors": "Learned from other places",
    "knowledge": "What people know of",
}
#: Numbers of personas, and how often each is drawn: few people differ more from draw to draw.
REDRAWS: Mapping[int, int] = {1: 5, 3: 5, 10: 5, 30: 5, 100: 5, 1000: 3}
#: How often the search is repeated with nothing left out: what chance in the search alone makes of the error.
SEARCHES = 5
#: The control among the ablations: it leaves nothing out.
CONTROL = "searched_again"
PERSONAS, WITHOUT = "personas_", "without_"


@dataclass(frozen=True)
class Ablation:
    """A twin with a part left out: `label` fits an axis, `words` is a sentence.

    `refits` are one or several draws of it, with their `seeds`. `stored` names the forecaster of the run that is this
    ablation already: then there is nothing to refit. `personas` is how many people answer.
    """

    name: str
    group: str
    label: str
    words: str
    seeds: tuple[int, ...]
    personas: int
    refits: tuple[Refit, ...] = field(default=(), repr=False)
    stored: str | None = None


def ablations_of(prepared: Prepared) -> list[Ablation]:
    """Every ablation of a run that stands before its search, group by group in the order of `GROUPS`.

    Only the rules engine can be ablated: it can be told an average of people (see `core.people.averages`), and asking it
    everything once more for every part costs nothing.
    """
    return list(_Parts(prepared).every())


class _Parts:
    """The parts of one run's twin; `whole` is the refit with nothing left out."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.whole = Refit(
            problem=prepared.problem,
            engine=prepared.engine,
            people=prepared.population.personas.drop(columns="text", errors="ignore"),
            trials=prepared.request.trials,
            seed=prepared.request.seed,
        )

    def every(self) -> Iterator[Ablation]:
        yield from self.calibration()
        yield from self.numbers()
        yield from self.attributes()
        yield from self.calendar()
        yield from self.rest()

    def one(self, name: str, group: str, label: str, words: str, refit: Refit) -> Ablation:
        return Ablation(name, group, label, words, (self.whole.seed,), self.prepared.population.size, (refit,))

    def kept(self, name: str, group: str, label: str, words: str, forecaster: str) -> Ablation:
        size = self.prepared.population.size
        return Ablation(name, group, label, words, (self.whole.seed,), size, stored=forecaster)

    def seeds(self, count: int) -> tuple[int, ...]:
        """Seeds of further draws: none is the run's own."""
        return tuple(self.whole.seed + 1 + number for number in range(count))

    def calibration(self) -> Iterator[Ablation]:
        group = "calibration"
        words = "No calibration at all: what the engine says, without a look at the data."
        yield self.kept("uncalibrated", group, "Without any calibration", words, "uncalibrated")
        words = "The published calibration: a and b searched straight onto the metric, and nothing else."
        yield self.kept("paper", group, "The published calibration", words, "paper")
        words = "Lines fitted and anchored, the parameters of engine and forecast left as they are by default."
        yield self.one("unsearched", group, "Parameters not searched", words, replace(self.whole, trials=0))
        seeds = self.seeds(SEARCHES)
        again = tuple(replace(self.whole, seed=seed) for seed in seeds)
        words = f"Nothing left out: the parameters searched {SEARCHES} times more, with other random numbers."
        size = self.prepared.population.size
        yield Ablation(CONTROL, group, "Nothing, searched again", words, seeds, size, again)

    def numbers(self) -> Iterator[Ablation]:
        population = self.prepared.population
        for count, draws in REDRAWS.items():
            seeds = self.seeds(draws)
            drawn = tuple(replace(self.whole, people=Redraw(population.spec, count, seed)) for seed in seeds)
            label = "1 persona" if count == 1 else f"{count:,} personas"
            words = f"{label} in place of {population.size:,}, drawn {draws} times."
            yield Ablation(f"{PERSONAS}{count}", "people", label, words, seeds, count, drawn)
        alike = identical_personas(population.personas, self.prepared.attributes, population.spec.trait_names)
        words = "Everybody alike: the most common value of each attribute, the mean of each trait."
        refit = replace(self.whole, people=alike)
        yield self.one("identical_personas", "people", "Identical personas", words, refit)

    def attributes(self) -> Iterator[Ablation]:
        """Each attribute in turn, then the traits."""
        engine, population = self.prepared.engine, self.prepared.population
        assert isinstance(engine, RulesEngine)
        read = {feature.partition("=")[0] for feature in engine.features}
        for attribute in population.spec.attributes:
            named = (WITHOUT + attribute.name, "people", f"Without: {attribute.label.lower()}")
            if attribute.name not in read:
                yield self.kept(*named, f"The engine does not read “{attribute.label}”: nothing changes.", "twin")
                continue
            words = f"Everybody has the population's mix of “{attribute.label}”, and nobody one of their own."
            people = averaged(population.personas, [attribute.name])
            yield self.one(*named, words, replace(self.whole, people=people))
        names = population.spec.trait_names
        words = f"Everybody has the mean of each of the {len(names)} traits, and nobody one of their own."
        people = averaged(population.personas, traits=names)
        yield self.one(f"{WITHOUT}traits", "people", "Without: all traits", words, replace(self.whole, people=people))

    def calendar(self) -> Iterator[Ablation]:
        group, known = "calendar", self.prepared.inputs.timeline.calendar
        words = "Every day is its weekday's ordinary kind: no holidays, no Ramadan, the working week of the baseline."
        ordinary = ordinary_days(known, self.prepared.inputs.study.baseline_start)
        yield self.one("without_calendar", group, "Without calendar", words, self.under(ordinary))
        words = "No public holidays; working weeks and Ramadan stay."
        yield self.one("without_holidays", group, "Without public holidays", words, self.under(without_holidays(known)))
        words = "The working week only as it had been announced by the end of training."
        problem = problem_under(self.prepared.inputs, self.whole.problem, announced_only=True)
        refit = replace(self.whole, problem=problem)
        yield self.one("announced_week", group, "Working week as announced", words, refit)

    def under(self, calendar: Calendar) -> Refit:
        return replace(self.whole, problem=problem_under(self.prepared.inputs, self.whole.problem, calendar=calendar))

    def rest(self) -> Iterator[Ablation]:
        words = "The model alone: the forecast does not start from where people last were."
        refit = replace(self.whole, anchor=False)
        yield self.one("without_anchoring", "anchoring", "Without anchoring", words, refit)
        words = (
            "Nothing learned from other places: no recovery, no season, and the trust in simulated policy effects found "
            "in this study's own past alone."
        )
        refit = replace(self.whole, problem=without_priors(self.whole.problem))
        yield self.one("without_priors", "priors", "Without priors", words, refit)
        blind: list[tuple[str, str, str, Callable[[Problem], Problem]]] = [
            ("policy", "Without policy", "People never hear of any policy.", blind_to_policy),
            ("epidemic", "Without the epidemic", "People never hear of the epidemic.", blind_to_epidemic),
            (
                "fatigue",
                "Without fatigue",
                "Policies work as on their first day, however long they last.",
                without_fatigue,
            ),
        ]
        for name, label, words, change in blind:
            refit = replace(self.whole, problem=change(self.whole.problem))
            yield self.one(WITHOUT + name, "knowledge", label, words, refit)
