"""Calibrations and predictions of pairs of tables that are kept: runs of their own, of no study and no population."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.records import RunRecord, content_hash
from core.services.surveys.calibrate import calibrate, calibrated, predict, predicted
from core.services.surveys.calibration_requests import CalibrateRequest, PredictRequest
from core.services.surveys.calibration_results import CalibrationResult, PredictionResult
from core.services.surveys.example import EXAMPLE, example_pair
from core.store.database import Store
from core.store.runs import StoredRun

#: What stands for a study and an engine in lists of runs: the twins were made elsewhere.
STUDY, ENGINE = "tables", "twins of a table"
FILES = ("human", "twin", "demographics", "retest")
Request = CalibrateRequest | PredictRequest


def file_hashes(request: Request) -> dict[str, str]:
    """SHA-256 of each file of a request; of the generated example, its name. InputError where one cannot be read."""
    found = {}
    for name in FILES:
        path = getattr(request, name, None)
        if path == EXAMPLE:
            found[name] = EXAMPLE
        elif path is not None:
            try:
                found[name] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            except OSError as wrong:
                raise InputError(f"cannot be read ({wrong.strerror or wrong})", where=str(path)) from None
    return found


def record_of(request: Request, hashes: Mapping[str, str]) -> RunRecord:
    """The record of a request whose files have these hashes."""
    asked = {name: Path(value).name if name in FILES and value else value for name, value in asdict(request).items()}
    kind = CalibrationResult.kind if isinstance(request, CalibrateRequest) else PredictionResult.kind
    used = {name: key for name, key in hashes.items() if getattr(request, name, None)}
    return RunRecord(
        kind=kind, study_id=STUDY, study_hash=content_hash(STUDY), engine=ENGINE, engine_version="",
        seed=0, personas=0, input_hashes=used, parameters=asked,
    )  # fmt: skip


def kept_calibration(
    store: Store, request: Request, hashes: Mapping[str, str] | None = None, again: bool = False,
    measure: Callable[[], Any] | None = None, watch: ProgressReporter | None = None,
) -> Any:  # fmt: skip
    """The result of a request: the one that is there, unless `again`, else a new one, which is kept. Files that are not at hand
    any more have `hashes`, and `measure` gives the result of what was read from them."""
    watch = watch or ProgressReporter()
    record = record_of(request, file_hashes(request) if hashes is None else hashes)
    same = None if again else store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return read_kept(same)
    result = (measure or (lambda: measured(request, watch)))()
    result = replace(result, run_id=record.run_id)
    finished = replace(record, result_hash=result.result_hash)
    with store.transaction():
        store.begin_run(record)
        store.finish_run(record.run_id, {}, result.as_dict(), seconds=result.seconds, record=finished)
    watch.finish("store", "done")
    return result


def measured(request: Request, watch: ProgressReporter | None = None) -> CalibrationResult | PredictionResult:
    """The result of a request, kept nowhere."""
    if request.human == EXAMPLE:
        tables, people = example_pair()
        if isinstance(request, CalibrateRequest):
            return calibrated(request, tables, people, watch=watch)
        return predicted(request, tables)
    return calibrate(request, watch=watch) if isinstance(request, CalibrateRequest) else predict(request)


def read_kept(run: StoredRun) -> CalibrationResult | PredictionResult:
    """What a kept run found."""
    kind = CalibrationResult if run.record.kind == CalibrationResult.kind else PredictionResult
    return kind.from_dict({**(run.summary or {}), "run_id": run.run_id})


def kept_runs(store: Store) -> list[StoredRun]:
    """All of them, newest first."""
    found = [store.runs(kind=kind.kind, status="complete") for kind in (CalibrationResult, PredictionResult)]
    names = [str(name) for table in found for name in table["run_id"]]
    return sorted((store.run(name) for name in names), key=lambda run: run.created_at, reverse=True)


def request_again(record: RunRecord, files: Mapping[str, str | Path]) -> Request:
    """The request of a kept record, with its files where they are now."""
    asked: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.parameters.items()
    }
    asked |= files
    return CalibrateRequest(**asked) if record.kind == CalibrationResult.kind else PredictRequest(**asked)
