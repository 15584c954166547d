"""Subgroup and diversity checks of a finished run, and accuracy by region over many countries.

1. diversity: how spread the run's simulated answers are, beside identical personas and one persona;
2. groups: how differently the categories of each attribute respond to the same change of policy in the simulation;
3. regions: where the study names regional observations, how well each region is forecast.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.twin import priors_of
from core.cognition.registry import DEFAULT_ENGINE, asks_model, engine_for
from core.datasets.observed import source_files
from core.datasets.regions import RegionTable, national_rows, read_regions, study_regions
from core.datasets.tables import read_mobility, read_policy
from core.errors import InputError, one_of
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.forecasting.places import Place
from core.people.personas import Population, synthesise
from core.people.population_file import load_population_spec
from core.records import RunRecord, code_version, content_hash
from core.services.audits.group_results import (
    KIND,
    NO_FILES,
    NO_SOURCE,
    GroupsResult,
    RegionAccuracy,
    RegionalAccuracy,
)
from core.services.audits.group_values import diversity_values, group_values
from core.services.audits.requests import HORIZONS, GroupsRequest, RegionsRequest
from core.services.populations.synthesis import load_population
from core.services.runs.finished import finished_run
from core.services.runs.fitted import fitted_twin
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.origins import PERSONAS, POPULATION, checked_horizons
from core.services.studies.stored_inputs import save_regions
from core.settings import observed_data, shipped_data
from core.store.database import Store
from core.validity.region_summary import region_summary
from core.validity.regions import (
    Country,
    RegionScore,
    countries_of,
    forecast_regions,
    latest_origin,
    region_of,
    region_rows,
    unscored,
)


def groups(
    request: GroupsRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    again: bool = False,
    executor: Executor = IN_THIS_PROCESS,
) -> GroupsResult:
    """The checks that were asked for, of the run that they are about: one that is in the store, else a new one."""
    run_id, _ = finished_run(request.run, store, watch=watch, executor=executor)
    return group_checks(
        store, run_id, request.run.data, origins=request.origins, horizons=request.horizons, watch=watch,
        executor=executor, again=again,
    )  # fmt: skip


def group_checks(
    store: Store,
    run_id: str,
    data: str | Path | None = None,
    *,
    origins: Sequence[date] | None = None,
    horizons: Sequence[int] = HORIZONS,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    inputs: StudyInputs | None = None,
    regions_seen: RegionTable | None = None,
    again: bool = False,
) -> GroupsResult:
    """Every check of this module on a finished run, kept as a run of its own; where the store has the same already, that,
    unless `again`.

    `origins` and `horizons` are those of the regions (default: the run's training end where enough was observed after it,
    else the latest end of a month after which it was).
    `inputs` and `regions_seen` are the study and its regions' observations where they were read already.
    Raises InputError as `fitted_twin`, for an origin or horizon that is not possible, and for a run of a language model.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    horizons = checked_horizons(horizons, "groups")
    record = store.run(run_id).record
    if asks_model(record.engine):
        raise InputError(
            f"was answered by the engine {record.engine}, which would have to be asked about people and days that it was not",
            where=f"run {run_id}",
            allowed="a run of the engine rules; for a language model `policytwin persona-audit`",
        )
    watch.report("ingest", 0, 1, "reading the study")
    inputs = inputs or open_study(str(record.parameters.get("study", record.study_id)), data)
    twin = fitted_twin(store, run_id, inputs=inputs, executor=executor)
    assert record.population_id is not None
    population = load_population(store, record.population_id)
    watch.report("simulate", 0, 1, "answers of personas")
    spread = diversity_values(store, run_id, twin, population)
    responses = group_values(twin, population, watch, executor)
    table, lacking = (regions_seen, "") if regions_seen is not None else region_table(inputs, data)
    country = None if table is None else country_with_regions(table, inputs, population)
    hashes = {} if table is None else {"regions": save_regions(store, table)}
    regions = None
    if country is not None:
        watch.report("validate", 0, 1, "regions")
        regions = _region_values(country, inputs, population, record, origins, horizons, executor)
    result = GroupsResult(
        study=record.study_id,
        fictional=inputs.study.fictional,
        engine=record.engine,
        personas=population.size,
        of_run=run_id,
        diversity=spread,
        groups=responses,
        regions=regions,
        regions_lacking=lacking,
    )
    ours = record.about(
        KIND,
        {
            "of_run": run_id,
            "origins": [] if regions is None else list(regions.origins),
            "horizons": list(horizons),
        },
        personas=population.size,
        input_hashes={**record.input_hashes, **hashes},
    )
    finished = replace(ours, result_hash=content_hash(result.content()))
    same = None if again else store.find_complete(ours.inputs_hash())
    if same is not None and same.record.result_hash == finished.result_hash:
        watch.found(same.run_id)
        return GroupsResult.from_dict(same.summary)
    result = replace(result, run_id=ours.run_id, seconds=round(time.perf_counter() - began, 3))
    with store.transaction():
        if table is not None:
            # While regions were scored, the deletion of the only run that named them may have taken them away.
            save_regions(store, table)
        store.begin_run(ours)
        store.finish_run(ours.run_id, {}, result.as_dict(), seconds=result.seconds, record=finished)
    watch.finish("store", "done")
    return result


def region_table(inputs: StudyInputs, data: str | Path | None) -> tuple[RegionTable | None, str]:
    """What was observed of the study's regions, or None and why there is nothing: NO_SOURCE or NO_FILES."""
    study = inputs.study
    if "regions" not in study.sources:
        return None, NO_SOURCE
    folder = shipped_data() / study.folder if study.shipped else observed_data(data)
    try:
        source_files(study, "regions", folder)
    except InputError:
        return None, NO_FILES
    return study_regions(study, folder), ""


def country_with_regions(table: RegionTable, inputs: StudyInputs, population: Population) -> Country:
    """The study's place with its regions. InputError where the study maps regions to an attribute or category that the
    population lacks."""
    study, key = inputs.study, inputs.study.regions
    if key is not None:
        where = f"study {study.id} [regions]"
        names = [item.name for item in population.spec.attributes]
        one_of(key.attribute, names, what="attribute", where=where)
        for category in key.categories.values():
            one_of(
                category, population.spec.attribute(key.attribute).ids, what=f"category of {key.attribute}", where=where
            )
    categories = {} if key is None else key.categories
    nation = Place(study, inputs.timeline, inputs.observations, inputs.cases, inputs.stringency)
    regions = []
    for code, rows in table.frame.groupby("place"):
        place = str(code)
        regions.append(region_of(nation, place, table.names[place], rows, categories.get(place)))
    attribute = None if key is None else key.attribute
    return Country(nation, tuple(regions), observed=True, attribute=attribute)


def regional_accuracy(
    request: RegionsRequest, *, watch: ProgressReporter | None = None, executor: Executor = IN_THIS_PROCESS
) -> RegionalAccuracy:
    """Accuracy by region over every country with regions in a table, and what was left out.

    The people are those of one population that stands in for every country. Raises InputError for a file that cannot be
    read, and an unknown country.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the tables")
    regions = read_regions(request.mobility)
    whole = _national_table(request.mobility, request.national)
    places, left_out = countries_of(regions.frame, regions.names, read_policy(request.policy), whole, request.countries)
    personas = synthesise(load_population_spec(POPULATION), PERSONAS, request.seed).personas
    work = [(country, personas, request.origins, request.horizons) for country in places]
    with executor.share(personas):
        done = each_of(country_rows, work, watch, "validate", "countries", executor)
    rows = tuple(row for part, _ in done for row in part)
    for _, without in done:
        left_out |= without
    return RegionalAccuracy(
        rows=rows,
        summary=region_summary(rows),
        names={item.code: item.nation.study.title for item in places},
        left_out=left_out,
        national=whole is not None,
        origins=tuple(map(str, request.origins)),
        priors=priors_of(places[0].nation.study, request.origins) if places else "none",
        engine=DEFAULT_ENGINE,
        population=POPULATION,
        personas=PERSONAS,
        code_version=code_version(),
        seconds=round(time.perf_counter() - began, 2),
    )


def country_rows(
    country: Country, personas: pd.DataFrame, origins: Sequence[date], horizons: Sequence[int], engine: Any = None
) -> tuple[list[RegionScore], dict[str, str]]:
    """Scores of one country's regions, and what has none and why."""
    done = [forecast_regions(country, personas, origin, max(horizons), engine) for origin in origins]
    found = [item for part in done for item in part.regions]
    left_out = {what: why for part in done for what, why in part.left_out.items()}
    return region_rows(found, horizons), left_out | unscored(found, horizons)


def _national_table(mobility: Path, national: Path | None) -> pd.DataFrame | None:
    """Mobility of countries: its own file, else the countries' rows of a file in Google's own layout, which holds both,
    else None. InputError for a file that should hold them and cannot be read."""
    if national is not None:
        return read_mobility(national, allow_gaps=True)
    return national_rows(mobility)


def _region_values(
    country: Country,
    inputs: StudyInputs,
    population: Population,
    record: RunRecord,
    origins: Sequence[date] | None,
    horizons: Sequence[int],
    executor: Executor,
) -> RegionAccuracy:
    """Accuracy by region of the study's place, with the engine as the study gives it: what the run searched may rest on
    days after an earlier origin."""
    chosen = sorted(set(origins)) if origins else _default_origins(country, record, horizons)
    engine = engine_for(inputs.study, record.engine)
    asked = (country, population.personas, chosen, horizons, engine)
    rows, left_out = executor.submit(country_rows, *asked).result() if chosen else ([], {})
    return RegionAccuracy(
        origins=tuple(map(str, chosen)),
        regions={item.code: item.name for item in country.regions},
        rows=tuple(rows),
        summary=region_summary(rows),
        left_out=left_out,
        priors=priors_of(country.nation.study, chosen),
    )


def _default_origins(country: Country, record: RunRecord, horizons: Sequence[int]) -> list[date]:
    """The run's training end where the longest horizon after it was observed, else the latest end of a month."""
    latest = latest_origin(country, max(horizons))
    if latest is None:
        return []
    assert record.train_end is not None
    observed = max(pd.Timestamp(item.observations.index.max()).date() for item in country.regions)
    reaches = observed - record.train_end >= timedelta(days=int(np.ceil(0.85 * max(horizons))))
    return [record.train_end if reaches else latest]
