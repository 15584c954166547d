"""When newer observations come: the last forecast is kept first, so that it can be seen against them; then they are taken in."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from core.forecasting.places import last_observed
from core.result import Result
from core.services.counterfactuals.projection_results import Came, ProjectionResult, what_came
from core.services.counterfactuals.projections import furthest, kept_projection, look_ahead, projected
from core.services.runs.fitted import changed_inputs, latest_run
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.newer import NewerRequest, NewerTables, newer_tables
from core.services.studies.own import AddStudyRequest, add_study, unplaced
from core.store.database import Store
from core.study import load_study
from core.study.definition import AT


@dataclass(frozen=True, kw_only=True)
class RefreshedStudy(Result):
    """What newer tables brought, and of each place with a twin what came against its last forecast (by the projection's id)."""

    tables: NewerTables
    forecasts: Mapping[str, str]
    came: Mapping[str, tuple[Came, ...]]


def refresh(request: NewerRequest, store: Store) -> RefreshedStudy:
    """Keep a projection of the newest run of the study (of each place of it), made of the old tables alone; then take in the
    newer ones. Runs stay as they were; a new one is fitted on the newer tables. InputError as `newer_tables`, before anything is
    kept."""
    with newer_tables(request) as (tables, path), unplaced(path.parent):
        made = {
            name: result
            for name in _names(store, request.id)
            if (result := _last_forecast(store, name, open_study(name))) is not None
        }
        add_study(AddStudyRequest(path))
    came = {name: what_came(result, open_study(name).observations) for name, result in made.items()}
    return RefreshedStudy(tables=tables, forecasts={name: item.run_id for name, item in made.items()}, came=came)


def _names(store: Store, study: str) -> list[str]:
    """The study, and each place of it, of which there is a complete run."""
    own = load_study(study).folder
    ids = store.runs(kind="run", status="complete")["study_id"].astype(str)
    return sorted({name for name in ids if name.split(AT)[0] == own})


def _last_forecast(store: Store, study: str, inputs: StudyInputs) -> ProjectionResult | None:
    """The forecast of the study's newest run as far ahead as makes sense; None where its inputs have changed since."""
    run = latest_run(store, study)
    if run is None or changed_inputs(run, inputs):
        return None
    began = time.perf_counter()
    until = furthest(inputs.study, last_observed(inputs))
    return kept_projection(store, projected(look_ahead(store, run.run_id, inputs, until), store), [], began)
