"""A run about to start: everything read, nothing computed; and its record."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace

from core.calibration.calibrators import CALIBRATORS
from core.calibration.problem import Problem, build_problem
from core.calibration.twin import priors_of
from core.cognition.engine import ResponseEngine
from core.cognition.registry import engine_for
from core.errors import InputError
from core.forecasting.baselines import BASELINES
from core.people.personas import Population
from core.records import RunRecord
from core.services.language.engines import ASKING, answering
from core.services.policies.timelines import save_timeline
from core.services.populations.synthesis import load_population, make_population, population_id, save_population
from core.services.studies.inputs import StudyInputs, open_study, study_hash
from core.services.studies.requests import ASKED_PERSONAS, RunRequest, checked_personas
from core.services.studies.splits import check_split
from core.services.studies.stored_inputs import save_inputs
from core.simulation.simulate import size_of_blocks
from core.store.database import Store

#: Where a run record names the calibrators and baselines of other packages that stand beside the twin.
BESIDE = "beside"
#: Trials of the paper's calibrator per behaviour: its lines have a closed-form start, so few are needed.
PAPER_TRIALS = 60


@dataclass(frozen=True)
class Prepared:
    """A run about to start: everything read, nothing computed."""

    request: RunRequest
    inputs: StudyInputs
    population: Population
    problem: Problem
    engine: ResponseEngine
    attributes: tuple[str, ...]
    seconds: float


def prepare(request: RunRequest, store: Store | None = None, inputs: StudyInputs | None = None) -> Prepared:
    """Step 1, with `inputs` where the study was read already. InputError where the study, the split or the population is not
    possible."""
    started = time.perf_counter()
    inputs = inputs or open_study(request.study, request.data)
    study = inputs.study
    train_end, test_end = request.train_end or study.train_end, request.test_end or study.end
    check_split(inputs, train_end, test_end, request.data)
    if request.population_id is not None and store is not None:
        population = load_population(store, request.population_id)
    else:
        usual = study.personas if request.asking is None else ASKED_PERSONAS
        population = make_population(study, usual if request.personas is None else request.personas, request.seed)
    if request.asking is None:
        engine = engine_for(study, request.engine)
    else:
        checked_personas(population.size, request.engine)
        engine = answering(study, request.asking, store)
    problem = build_problem(
        study,
        inputs.timeline,
        inputs.observations,
        inputs.cases,
        train_end,
        test_end,
        seasons=request.asking is not None,
    )
    if not inputs.observations.reindex(problem.final.horizon).notna().to_numpy().any():
        raise InputError(
            f"nothing was observed after {train_end} up to {test_end}",
            where=f"study {study.id}",
            allowed="a test period with observations",
        )
    request = replace(request, train_end=train_end, test_end=test_end, personas=population.size)
    attributes = tuple(item.name for item in population.spec.attributes)
    return Prepared(request, inputs, population, problem, engine, attributes, time.perf_counter() - started)


def complete_run(request: RunRequest, store: Store) -> str | None:
    """The newest complete run with these inputs, or None. One whose model left questions unanswered counts only where the
    request allows that too."""
    wanted = unsaved_record(prepare(request, store)).inputs_hash()
    found = store.runs(kind="run", status="complete")
    allowed = request.asking is not None and request.asking.allow_failures
    for row in found[found["inputs_hash"] == wanted].to_dict("records"):
        if allowed or not (row["summary"].get(ASKING) or {}).get("failed"):
            return str(row["run_id"])
    return None


def record_of(prepared: Prepared, store: Store) -> RunRecord:
    """The run record, with study, population and timeline kept in the store."""
    inputs, population = prepared.inputs, prepared.population
    save_study(store, inputs)
    save_population(store, inputs.study, population, f"{population.size:,} personas")
    save_timeline(store, inputs.study, inputs.timeline)
    return unsaved_record(prepared)


def unsaved_record(prepared: Prepared) -> RunRecord:
    """The run record alone."""
    request, inputs, population = prepared.request, prepared.inputs, prepared.population
    study, engine = inputs.study, prepared.engine
    beside = {**CALIBRATORS.others(), **BASELINES.others()}
    return RunRecord(
        kind="run",
        study_id=study.id,
        study_hash=study_hash(study),
        engine=engine.name,
        engine_version=engine.version,
        model_id=engine.model_id,
        prompt_version=engine.prompt_version,
        seed=request.seed,
        personas=population.size,
        input_hashes=inputs.hashes,
        population_id=population_id(population),
        population_hash=population.content_hash,
        timeline_id=inputs.timeline.id,
        timeline_hash=inputs.timeline.id,
        parameters={
            "trials": request.trials,
            "paper_trials": PAPER_TRIALS,
            "block": size_of_blocks(population.size),
            "study": str(request.study),
            "keep_responses": request.keep_responses,
            **({ASKING: engine.description} if engine.asks_model else {}),
            **({BESIDE: beside} if beside else {}),
        },
        train_end=request.train_end,
        test_end=request.test_end,
        calibrator="twin",
        priors=priors_of(prepared.problem.study, [prepared.problem.final.origin]),
    )


def save_study(store: Store, inputs: StudyInputs) -> None:
    """Keep the study as it is now, and what it was read from under its content."""
    study = inputs.study
    spec = json.loads(json.dumps({"title": study.title, "place": study.place, "summary": study.summary}))
    row = {"study_id": study.id, "title": study.title, "fictional": study.fictional, "spec": spec}
    with store.transaction():
        store.replace("studies", [{**row, "spec_hash": study_hash(study)}], study_id=study.id)
        save_inputs(store, inputs)
