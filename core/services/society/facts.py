"""Stylised facts of a society, and the search for parameters on those that may tune."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.options import option
from core.result import Result
from core.society.facts import FACT_SEED, TUNE_SEED, USES, FactFigure, LeftOut, left_out, measure_facts
from core.society.parameters import parameters_hash
from core.society.scenario import scenario_hash
from core.society.shipped import find_scenario
from core.society.tune import search_parameters
from core.validity.measured import Header, Strict


@dataclass(frozen=True)
class FactsRequest:
    """A scenario, in worlds that neither the search nor a run of the scenario has used."""

    scenario: str = option("a shipped scenario or a JSON file", "meridia_town", word="SCENARIO", positional=True)
    seeds: int = option("worlds of chance", 20, word="N")
    households: int | None = option("households, where not the scenario's number", None, word="N")


@dataclass(frozen=True)
class TuneRequest:
    """A scenario whose parameters are searched."""

    scenario: str = option("a shipped scenario or a JSON file", "meridia_town", word="SCENARIO", positional=True)
    trials: int = option("trials of the search", 100, word="N")
    seeds: int = option("worlds of each trial", 2, word="N")
    households: int | None = option("households, where not the scenario's number", None, word="N")


@dataclass(frozen=True, kw_only=True)
class FactsResult(Result, kind="society", what="facts"):
    """The figures in the order of the register, and the facts that cannot be computed. A fact is inside where all its figures
    are; `counts` are (inside, computable) facts by what they were used for, `all` for all of them."""

    scenario: str
    scenario_hash: str
    parameters_hash: str
    households: int
    seeds: int
    first_seed: int
    figures: tuple[FactFigure, ...]
    left_out: tuple[LeftOut, ...]
    counts: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class TuneResult(Result):
    """The tuning facts as the scenario stands and with the best trial's parameters; `parameters` as a scenario's own block."""

    scenario: str
    households: int
    trials: int
    seeds: int
    first_seed: int
    before: tuple[FactFigure, ...]
    after: tuple[FactFigure, ...]
    loss_before: float
    loss_after: float
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class MeasuredFacts(Strict):
    """Facts as they are quoted, without the values of single worlds."""

    header: Header
    result: FactsResult


def measured_facts(result: FactsResult, header: Header) -> MeasuredFacts:
    return MeasuredFacts(header, replace(result, figures=tuple(replace(item, by_seed=()) for item in result.figures)))


def society_facts(
    request: FactsRequest, *, watch: ProgressReporter | None = None, executor: Executor = IN_THIS_PROCESS
) -> FactsResult:
    """Measure the facts. InputError for a scenario in which they cannot be measured. Cancelled where the watch says stop."""
    scenario, watch = find_scenario(request.scenario), watch or ProgressReporter()
    figures = measure_facts(
        scenario,
        seeds=request.seeds,
        households=request.households,
        executor=executor,
        done=lambda number: watch.report("simulate", number, request.seeds, "worlds"),
    )
    return FactsResult(
        scenario=scenario.id,
        scenario_hash=scenario_hash(scenario),
        parameters_hash=parameters_hash(),
        households=request.households or scenario.households.number,
        seeds=request.seeds,
        first_seed=FACT_SEED,
        figures=figures,
        left_out=left_out(),
        counts=fact_counts(figures),
    )


def fact_counts(figures: tuple[FactFigure, ...]) -> dict[str, tuple[int, int]]:
    """(inside, all) facts by use, and of all of them."""
    facts: dict[str, tuple[str, bool]] = {}
    for item in figures:
        use, inside = facts.get(item.fact, (item.use, True))
        facts[item.fact] = min(use, item.use, key=USES.index), inside and item.hit
    by = {use: [inside for name, inside in facts.values() if name == use] for use in USES}
    found = {use: (sum(hits), len(hits)) for use, hits in by.items()}
    return {"all": (sum(inside for _, inside in facts.values()), len(facts)), **found}


def tune_society(
    request: TuneRequest, *, watch: ProgressReporter | None = None, executor: Executor = IN_THIS_PROCESS
) -> TuneResult:
    """Search parameters. Errors as `society_facts`."""
    scenario, watch = find_scenario(request.scenario), watch or ProgressReporter()
    first, best = search_parameters(
        scenario,
        trials=request.trials,
        seeds=request.seeds,
        households=request.households,
        executor=executor,
        done=lambda number: watch.report("calibrate", number, request.trials, "trials"),
    )
    changed = {name: value for name, value in best.parameters.items() if value != first.parameters[name]}
    return TuneResult(
        scenario=scenario.id,
        households=request.households or scenario.households.number,
        trials=request.trials,
        seeds=request.seeds,
        first_seed=TUNE_SEED,
        before=first.facts,
        after=best.facts,
        loss_before=first.loss,
        loss_after=best.loss,
        parameters=dict(scenario.parameters) | changed,
    )
