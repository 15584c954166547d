"""Contrasts that others have published, asked of a study's twins: ours with its interval beside theirs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.calibration.pace import pace_of
from core.calibration.problem import Problem, build_problem
from core.calibration.twin import RelativeActivity, fit_lines, line_of, usual_slope, window_activity
from core.cognition.coefficients import load_coefficients
from core.cognition.registry import DEFAULT_ENGINE, engine_for
from core.cognition.rules import RulesEngine
from core.datasets.observed import study_folder
from core.datasets.panels import PanelTables, load_panel, place_weights
from core.errors import InputError, TooLittleObserved, one_of
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.forecasting.panel_learning import PanelTeachers
from core.forecasting.panel_people import people_of_places
from core.forecasting.past import past_forecasts
from core.forecasting.places import Place, last_observed, places_from_panel
from core.options import option
from core.policy.scenario import apply_edits
from core.policy.timeline import PolicyTimeline
from core.records import RunRecord, code_version, content_hash, frame_hash
from core.result import Result
from core.services.evaluation.kept import found_before, keep
from core.services.evaluation.panel_backtests import MOST_TEACHERS
from core.services.studies.inputs import engine_texts, observations_folder, study_hash
from core.simulation.simulate import simulate
from core.statistics.bootstrap import unit_counts
from core.statistics.levels import SHOWN
from core.store.database import Store
from core.study import Study, read_study
from core.study.effects import PublishedEffect, published_effects

DRAWS = 400


@dataclass(frozen=True)
class KnownEffectsRequest:
    """The published effects that a study names, asked of the twins of its places."""

    study: str = option("a study with a panel and published effects", positional=True)
    data: Path | None = option("folder of the study's tables", None, word="DIR")
    personas: int | None = option("of each place (default: the study's)", None)
    seed: int = option("of the people", 0)


@dataclass(frozen=True, kw_only=True)
class KnownEffect:
    """A published effect and ours, with the interval of `level` percent; `weight` is how much of what is simulated the places'
    own pasts up to `train_end` bore out, by which ours is multiplied."""

    name: str
    unit: str
    estimate: float
    low: float
    high: float
    published: float
    published_low: float
    published_high: float
    source: str
    used_for_coefficients: bool
    missing: str
    places: int
    train_end: date
    weight: float
    level: int = SHOWN


@dataclass(frozen=True, kw_only=True)
class KnownEffectsResult(Result, kind="known_effects"):
    """Every published effect of a study, in the order of its file; `left_out` says which places have no contrast, and why."""

    study: str
    title: str
    fictional: bool
    step: str
    effects: tuple[KnownEffect, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    learned_from: int
    personas: int
    code_version: str
    seconds: float = 0.0
    run_id: str = ""


@dataclass(frozen=True)
class _Contrast:
    """Of one place, before how much of it came: means over the periods of an effect, and over those before it; the metric
    `against` which, and by how much the lever moved."""

    change: float
    before: float
    level: float
    moved: float


def known_effects(
    request: KnownEffectsRequest,
    store: Store | None = None,
    *,
    watch: ProgressReporter | None = None,
    again: bool = False,
    executor: Executor = IN_THIS_PROCESS,
) -> KnownEffectsResult:
    """Of the store, where it has what this code found on equal tables, else found and, where there is a store, kept.

    InputError for a study without a panel or without published effects, and tables that cannot be read.
    """
    began, watch = time.perf_counter(), watch or ProgressReporter()
    study, given = read_study(request.study)
    effects = published_effects(study)
    if not effects:
        raise InputError("names no published effects", where=f"study {study.id}", allowed="a file in [known_effects]")
    watch.report("ingest", 0, 1, "reading the tables")
    folder = study_folder(study, observations_folder(study, request.data))
    tables = load_panel(study, folder)
    record = _record_of(request, study, tables, effects)
    same = None if again else found_before(KnownEffectsResult, store, record, watch)
    if same is not None:
        return same
    result = replace(_asked(request, study, tables, folder, effects, watch, executor), code_version=code_version())
    result = replace(result, seconds=round(time.perf_counter() - began, 2))
    if store is None:
        return result
    kept = replace(result, run_id=record.run_id)
    finished = replace(record, code_version=result.code_version, result_hash=content_hash(result.effects))
    keep(store, study, given, finished, kept, kept.seconds, watch)
    return kept


def newest_known_effects(store: Store, study: Study) -> KnownEffectsResult | None:
    """What the store found last of a study."""
    runs = store.runs(kind=KnownEffectsResult.kind, study_id=study.folder, status="complete")["run_id"]
    if not len(runs):
        return None
    run_id = str(runs.iloc[0])
    return KnownEffectsResult.from_dict({**(store.run(run_id).summary or {}), "run_id": run_id})


def _asked(
    request: KnownEffectsRequest,
    study: Study,
    tables: PanelTables,
    folder: Path,
    effects: Sequence[PublishedEffect],
    watch: ProgressReporter,
    executor: Executor,
) -> KnownEffectsResult:
    study = replace(study, learned=None)
    every, left_out = places_from_panel(study, tables)
    for name in {name for item in effects for name in item.places}:
        one_of(name, [place.study.id for place in every], what="place", where="known effects")
    told = every[:: max(-(-len(every) // MOST_TEACHERS), 1)]
    named = {name for item in effects for name in item.places} - {place.study.id for place in told}
    places = [*told, *(place for place in every if place.study.id in named)]
    count = study.personas if request.personas is None else request.personas
    personas, people = people_of_places(study, places, count, request.seed)
    days = sorted({study.step.first_day(item.train_end) for item in effects})
    longest = pace_of(study).inner_horizon
    work = [(place, people[place.study.id], min(last_observed(place), days[-1]), longest) for place in told]
    asked = [(place, people[place.study.id], effects) for place in places]
    with executor.share(personas):
        past = each_of(past_forecasts, work, watch, "learn", "places", executor)
        found = each_of(contrasts_of, asked, watch, "simulate", "places", executor)
    teaching = PanelTeachers(past, study, days)
    ids = [place.study.id for place in places]
    for name, (_, why) in zip(ids, found, strict=True):
        left_out |= {f"{name}, {effect}": text for effect, text in why.items()}
    weigh = place_weights(study, folder, ids)
    counts = unit_counts(len(told), DRAWS, request.seed)
    rows = []
    for number, item in enumerate(effects):
        own = [
            (weigh[name], column, contrasts[number])
            for column, (name, (contrasts, _)) in enumerate(zip(ids, found, strict=True))
            if contrasts[number] is not None and (name in item.places if item.places else column < len(told))
        ]
        if not own:
            reason = next(of_place[item.name] for _, of_place in found if item.name in of_place)
            raise InputError(f"no place has a contrast ({reason})", where=f"known effects of {study.id}, {item.name}")
        rows.append(_effect(item, own, teaching, counts, study.step.first_day(item.train_end)))
    return KnownEffectsResult(
        study=study.id, title=study.title, fictional=study.fictional, step=str(study.step), effects=tuple(rows),
        left_out=left_out, learned_from=len(told), personas=count, code_version="",
    )  # fmt: skip


def _effect(
    item: PublishedEffect,
    own: Sequence[tuple[float, int, _Contrast | None]],
    teaching: PanelTeachers,
    counts: np.ndarray,
    day: date,
) -> KnownEffect:
    """The effect over places, and its interval from places drawn again: those that taught the weight, and those averaged."""
    weights = np.array([weight for weight, _, _ in own])
    values = np.array([[c.change, c.before, c.level, c.moved] for _, _, c in own if c is not None]).T
    followed = teaching.weights_drawn(day, counts)
    columns = np.array([column for _, column, _ in own])
    drawn = np.ones((len(counts), len(own))) if item.places else counts[:, columns]
    of_draws = [
        _measured(item, values, weights * times, weight)
        for times, weight in zip(drawn, followed[1:], strict=True)
        if (times > 0).any()
    ]
    tail = (100 - SHOWN) / 200
    low, high = np.nanquantile(of_draws, (tail, 1 - tail))
    return KnownEffect(
        name=item.name, unit=item.unit, estimate=round(_measured(item, values, weights, followed[0]), 4),
        low=round(float(low), 4), high=round(float(high), 4), published=item.estimate, published_low=item.low,
        published_high=item.high, source=item.source, used_for_coefficients=item.used_for_coefficients,
        missing=item.missing, places=len(own), train_end=day, weight=round(float(followed[0]), 4),
    )  # fmt: skip


def _measured(item: PublishedEffect, values: np.ndarray, weights: np.ndarray, followed: float) -> float:
    """An effect from the contrasts of places, (4, places) as in `_Contrast`."""
    change, before, level, moved = values
    total = weights.sum()
    mean = float(weights @ change / total)
    if item.measure == "percent":
        return 100.0 * followed * mean / float(weights @ level / total)
    if item.measure == "left":
        return mean / float(weights @ before / total)
    if item.measure == "slope":
        centred = moved - weights @ moved / total
        return followed * item.per * float((weights * centred) @ change / max((weights * centred) @ centred, 1e-12))
    return followed * mean


def contrasts_of(
    place: Place, personas: pd.DataFrame, effects: Sequence[PublishedEffect]
) -> tuple[list[_Contrast | None], dict[str, str]]:
    """What each effect's two policies make of the first behaviour, None where the place's data do not reach; and why. A plain
    function of its arguments, for worker processes."""
    engine = RulesEngine.for_study(place.study, load_coefficients(place.study.coefficients_file))
    found: list[_Contrast | None] = []
    left_out: dict[str, str] = {}
    for item in effects:
        try:
            found.append(_contrast(place, personas, engine, item))
        except InputError as why:
            # Too little observed, or a policy that was not yet told when the edit begins; of all places, it is the effect's file
            # that is wrong.
            found.append(None)
            left_out[item.name] = why.problem
    return found, left_out


def _contrast(place: Place, personas: pd.DataFrame, engine: RulesEngine, item: PublishedEffect) -> _Contrast:
    study, step = place.study, place.study.step
    origin, first, last = (step.first_day(day) for day in (item.train_end, item.start, item.end))
    end = min(max(last, step.after(origin, 1)), study.end)
    if not study.start <= first or last > study.end:
        raise TooLittleObserved(
            f"its data are of {study.start} to {study.end}", where=study.id, allowed=f"{first} to {last}"
        )
    edited, against = (
        apply_edits(place.timeline, list(edits), name=name, where=item.name) if edits else place.timeline
        for edits, name in ((item.edits, "edited"), (item.against, "against"))
    )

    def simulated(timeline: PolicyTimeline) -> tuple[Problem, RelativeActivity]:
        problem = build_problem(
            study, timeline, place.observations, place.cases, origin, end, inner=False, fewest=pace_of(study).past_training
        )  # fmt: skip
        means = simulate(engine, personas, problem.contexts).everyone
        return problem, window_activity(problem, problem.final, means)

    problem, observed = simulated(place.timeline)
    lines = fit_lines(problem, problem.final, observed, line_of(problem, usual_slope(problem)))
    dates = problem.final.dates

    def metric(timeline: PolicyTimeline) -> pd.Series:
        relative = observed if timeline is place.timeline else simulated(timeline)[1]
        return pd.Series(relative.metric(lines.line(relative.actual), slice(None))[:, 0], dates)

    one, other = metric(edited), metric(against)
    window = slice(pd.Timestamp(first), pd.Timestamp(last))
    moved, before = 0.0, np.nan
    if item.lever is not None:
        levels = [
            timeline.levels(dates[(dates >= window.start) & (dates <= window.stop)]) for timeline in (edited, against)
        ]
        moved = float((levels[0][item.lever] - levels[1][item.lever]).mean())
    if item.before_start is not None and item.before_end is not None:
        earlier = slice(pd.Timestamp(step.first_day(item.before_start)), pd.Timestamp(step.first_day(item.before_end)))
        before = float((one - other)[earlier].mean())
    return _Contrast(float((one - other)[window].mean()), before, float(other[window].mean()), moved)


def _record_of(
    request: KnownEffectsRequest, study: Study, tables: PanelTables, effects: Sequence[PublishedEffect]
) -> RunRecord:
    engine = engine_for(study, DEFAULT_ENGINE)
    texts = {name: content_hash(text) for name, text in engine_texts(study).items()}
    observed = {"mobility": frame_hash(tables.mobility), "policy": frame_hash(tables.policy)}
    return RunRecord(
        kind=KnownEffectsResult.kind, study_id=study.id, study_hash=study_hash(study), engine=engine.name,
        engine_version=engine.version, seed=request.seed,
        personas=study.personas if request.personas is None else request.personas,
        input_hashes={**observed, **texts, "effects": content_hash([item.model_dump(mode="json") for item in effects])},
        parameters={"study": str(request.study)},
    )  # fmt: skip
