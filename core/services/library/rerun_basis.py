"""What a run that is made again starts from: its inputs as they were, its people, timelines and answers.

The study and observations come from the store, where they are kept by their content; those of a run of an earlier version
are read from their files, and every difference is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.cognition.llm.prompts import LETTER_TEXTS, load_prompts
from core.errors import InputError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.records import RunRecord, content_hash
from core.services.language.engines import ASKING
from core.services.studies.changes import INPUT_WORDS, input_changes
from core.services.studies.inputs import StudyInputs, engine_texts, open_study, study_hash
from core.services.studies.stored_inputs import missing_inputs, stored_inputs
from core.store.database import Store
from core.store.runs import StoredRun
from core.store.schema import RUN_TABLES
from core.study import load_study


class Unavailable(InputError):
    """What a run needs is nowhere to be found: said as the user's input, and not as a change."""


@dataclass
class Again:
    """A run about to be made again. `about` is the run that its study and people are of: itself, or the one that it is
    about. `scratch` takes the results, `folder` the files."""

    store: Store
    run: StoredRun
    about: StoredRun
    scratch: Store
    folder: Path
    data: Path | None
    watch: ProgressReporter
    executor: Executor
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def record(self) -> RunRecord:
        return self.run.record

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.run.record.parameters


def copy_basis(again: Again) -> None:
    """What the run rests on, into the store in memory: people, timelines, answers, and the run that it is about."""
    store, scratch, record = again.store, again.scratch, again.record
    rows: list[tuple[str, dict[str, Any]]] = []
    populations = {str(item) for item in (record.population_id, again.about.record.population_id) if item}
    timelines = {str(item) for item in (record.timeline_id, again.about.record.timeline_id) if item}
    for name in ("populations", "personas"):
        rows += [(name, {"population_id": sorted(populations)})] if populations else []
    for name in ("timelines", "interventions"):
        rows += [(name, {"timeline_id": sorted(timelines)})] if timelines else []
    if again.about is not again.run:
        rows += [(name, {"run_id": again.about.run_id}) for name in ("runs", *RUN_TABLES)]
    if record.kind == "persona_audit" and "mobility" in record.input_hashes:
        rows.append(("observations", {"content_hash": record.input_hashes["mobility"]}))
    for model in sorted({_model(record), _model(again.about.record)} - {""}):
        rows.append(("llm_calls", {"model": model}))
    with scratch.transaction():
        for name, chosen in rows:
            scratch.append(name, store.read(name, unfinished=True, **chosen))


def _model(record: RunRecord) -> str:
    said = record.parameters.get(ASKING) or record.parameters
    return str(said.get("model") or "")


def inputs_of_run(again: Again) -> StudyInputs:
    """The study with its observations as the run had them, from the store; for a run of an earlier version, whose inputs are
    not kept, as they are now, with every difference among the changes."""
    record = again.about.record
    lacking = missing_inputs(again.store, record)
    if not lacking:
        inputs = stored_inputs(again.store, record, again.folder)
        if study_hash(inputs.study) != record.study_hash:
            again.changes.append("the study: its file is read otherwise than then")
        again.notes += _files_now(record)
        return inputs
    again.notes.append(f"The store does not hold its {', '.join(lacking)}: they were read from their files.")
    inputs = open_study(str(record.parameters.get("study", record.study_id)), again.data)
    if study_hash(inputs.study) != record.study_hash:
        again.changes.append("the study: its file says something else than then")
    again.changes += input_changes(record.input_hashes, inputs.hashes)
    return inputs


def _files_now(record: RunRecord) -> list[str]:
    """What of the study's file and of the engine's tables says something else by now; the run's own were used."""
    try:
        study = load_study(str(record.parameters.get("study", record.study_id)))
        texts = engine_texts(study)
    except (InputError, OSError):
        return ["Its study's file is gone or changed: the store's copy was used."]
    other = study_hash(study) != record.study_hash
    return [
        *(["Its study's file says something else by now: the store's copy was used."] if other else []),
        *(
            f"{INPUT_WORDS[name][:1].upper()}{INPUT_WORDS[name][1:]} say something else by now: the run's own were used."
            for name, text in texts.items()
            if name in record.input_hashes and record.input_hashes[name] != content_hash(text)
        ),
    ]


def check_prompts(again: Again) -> None:
    """Says where the prompts of a language model are other ones than they were."""
    said = again.about.record.parameters.get(ASKING)
    if said is None:
        return
    letters = LETTER_TEXTS if "rotations" in said else None
    if load_prompts(str(said["prompts"]), letters=letters).hash != said["prompts_hash"]:
        again.changes.append(f"the prompts {said['prompts']}: other content than then")
