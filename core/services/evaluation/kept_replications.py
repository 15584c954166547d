"""Replications that are kept: runs of their own, of no study. Nothing of a single person is in them; files count by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.records import RUNGS, RunRecord, content_hash
from core.result import Result, result_class
from core.services.evaluation.replicated_choices import replicate_choices
from core.services.evaluation.replicated_effects import replicate_effects
from core.services.evaluation.replicated_twins import replicate_twins
from core.services.evaluation.replication_files import AGAIN, FIRST, ITEMS, PEOPLE, found_file
from core.services.evaluation.replication_results import AnswersRequest, ChoicesRequest, EffectsRequest, TwinsRequest
from core.services.evaluation.replications import replicate_answers
from core.services.evaluation.twin_scores import HUMAN, TWIN
from core.store.database import Store
from core.store.runs import StoredRun

STUDY, KIND = "people", "replicate"
#: By what is replicated: the request, what makes it, and the fields that are files or folders.
MAKERS: Mapping[str, tuple[type, Callable[[Any], Result], tuple[str, ...]]] = {
    "answers": (AnswersRequest, replicate_answers, ("answers", "predict")),
    "effects": (EffectsRequest, replicate_effects, ("effects",)),
    "twins": (TwinsRequest, replicate_twins, ("twins", "retest", "people", "scores")),
    "choices": (ChoicesRequest, replicate_choices, ("log", "predict")),
}
Request = AnswersRequest | EffectsRequest | ChoicesRequest | TwinsRequest


def replicated(request: Request) -> Any:
    """The result of a request, kept nowhere."""
    return MAKERS[_what(request)][1](request)


def kept_replication(
    request: Request, store: Store, *, again: bool = False, watch: ProgressReporter | None = None
) -> Any:
    """The result that the store has for this request, unless `again`, else a new one, which is kept."""
    watch = watch or ProgressReporter()
    record = record_of(request)
    same = None if again else store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return read_replication(same)
    result = replace(replicated(request), run_id=record.run_id)
    finished = replace(record, result_hash=result.result_hash, rung=RUNGS[2] if result.pattern else RUNGS[0])
    with store.transaction():
        store.begin_run(record)
        store.finish_run(record.run_id, {}, result.as_dict(), seconds=result.seconds, record=finished)
    watch.finish("store", "done")
    return result


def record_of(request: Request) -> RunRecord:
    """The record of a request: `files` are the names of its files, by field and part."""
    what = _what(request)
    files = {
        f"{field}/{part.stem}" if Path(given).is_dir() else field: part
        for field in MAKERS[what][2] if (given := getattr(request, field)) is not None for part in _parts(Path(given))
    }  # fmt: skip
    asked = {name: value for name, value in asdict(request).items() if name not in MAKERS[what][2]}
    return RunRecord(
        kind=KIND, study_id=STUDY, study_hash=content_hash(STUDY), engine=str(asked.get("engine", what)), engine_version="",
        seed=request.seed, personas=0, input_hashes={name: _hash(path) for name, path in files.items()},
        parameters={"what": what, **asked, "files": {name: path.name for name, path in files.items()}},
    )  # fmt: skip


def read_replication(run: StoredRun) -> Any:
    """What a kept run found."""
    summary = run.summary or {}
    kind = result_class(KIND, summary)
    assert kind is not None
    return kind.from_dict({**summary, "run_id": run.run_id})


def replicated_again(record: RunRecord, files: Mapping[str, Path]) -> Any:
    """A kept record's result made again, from its files where they are now."""
    made, make, _ = MAKERS[str(record.parameters["what"])]
    asked = {name: value for name, value in record.parameters.items() if name not in ("what", "files")}
    for name, path in files.items():
        field, folder, _ = name.partition("/")
        asked[field] = path.parent if folder else path
    return make(made(**asked))


def _what(request: Request) -> str:
    return next(name for name, (made, _, _) in MAKERS.items() if isinstance(request, made))


def _parts(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    found = [found_file(given, Path(name).stem) for name in (FIRST, AGAIN, ITEMS, PEOPLE, HUMAN, TWIN)]
    return [path for path in found if path is not None]


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror or wrong})", where=str(path)) from None
