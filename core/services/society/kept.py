"""Measurements of a society kept as runs: the test of attention, stylised facts. Found where the store has equal ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.records import RunRecord, content_hash, decode_json, encode_json
from core.result import Result
from core.services.society.attention import AttentionRequest, attention
from core.services.society.facts import FactsRequest, FactsResult, society_facts
from core.services.society.results import ENGINE, ENGINE_VERSION, SocietyResult
from core.services.studies.stored_inputs import save_text, stored_text
from core.society.attention_verdict import AttentionResult
from core.society.parameters import parameters_hash
from core.society.scenario import scenario_hash
from core.society.shipped import find_scenario
from core.store.database import Store


@dataclass(frozen=True)
class Measurement:
    """What is measured of a scenario: its request, whose field `scenario` names it, and the use case that answers it."""

    request: type[Any]
    result: type[Result]
    use_case: Callable[..., Result]


#: By what the store calls them.
MEASUREMENTS: Mapping[str, Measurement] = {
    "attention": Measurement(AttentionRequest, AttentionResult, attention),
    "facts": Measurement(FactsRequest, FactsResult, society_facts),
}


def kept_measurement(
    what: str, request: Any, store: Store, *, watch: ProgressReporter, executor: Executor, again: bool = False
) -> tuple[Result, str]:
    """A measurement and the run that keeps it: one of equal inputs in the store, else a new one. Errors as its use case."""
    began, how = time.perf_counter(), MEASUREMENTS[what]
    record = _record(what, request)
    same = None if again else store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return how.result.from_dict(same.summary), same.run_id
    result = how.use_case(request, watch=watch, executor=executor)
    values = result.as_dict()
    finished = replace(record, result_hash=content_hash(values))
    with store.transaction():
        save_text(store, record.study_hash, SocietyResult.kind, find_scenario(request.scenario).as_dict())
        store.begin_run(record)
        seconds = time.perf_counter() - began
        store.finish_run(record.run_id, {}, {**values, "what": what}, seconds=seconds, record=finished)
    watch.finish("store", "done")
    return result, record.run_id


def measured_again(
    store: Store, run_id: str, scratch: Store, folder: Path, *, watch: ProgressReporter, executor: Executor
) -> str:
    """The hash of a kept measurement that is made anew in another store, of the scenario that `store` keeps."""
    record = store.run(run_id).record
    file = folder / "scenario.json"
    file.write_text(json.dumps(stored_text(store, record.study_hash)), encoding="utf-8")
    what = str(record.parameters["what"])
    given = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.parameters["request"].items()
    }
    request = MEASUREMENTS[what].request(**given, scenario=str(file))
    _, made = kept_measurement(what, request, scratch, watch=watch, executor=executor)
    return str(scratch.run(made).record.result_hash)


def _record(what: str, request: Any) -> RunRecord:
    scenario = find_scenario(request.scenario)
    asked = decode_json(encode_json({name: value for name, value in asdict(request).items() if name != "scenario"}))
    return RunRecord(
        kind=SocietyResult.kind, study_id=scenario.id, study_hash=content_hash(scenario.as_dict()), engine=ENGINE,
        engine_version=ENGINE_VERSION, seed=scenario.seed, personas=request.households or scenario.households.number,
        input_hashes={"parameters.csv": parameters_hash()},
        parameters={"what": what, "scenario_hash": scenario_hash(scenario), "request": asked},
    )  # fmt: skip
