"""What the store holds: listing, showing and exporting runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from core.csv_out import write_csv
from core.errors import InputError, one_of
from core.files_out import written_together
from core.records import RunRecord, encode_json
from core.result import RESULTS, Result, result_class
from core.store.database import Store
from core.store.labels import Label, read_labels
from core.store.runs import StoredRun
from core.store.schema import RUN_TABLES

#: Persona-level answers of simulations stay in the store; those to a survey question are what was asked for.
LEFT_IN_STORE = ("responses", "response_chunks")
#: Every other table of a run, so that no new one is forgotten.
EXPORTED = tuple(name for name in RUN_TABLES if name not in LEFT_IN_STORE)
#: Tables of a run that are measured or chosen, and not simulated.
MEASURED = ("scores", "trials", "contexts")
#: Says whose export a folder is.
RECORD_FILE = "record.json"
#: The scenario of a society, as its commands read it.
SCENARIO_FILE = "scenario.json"
#: Where the kinds of result that a store keeps are defined.
_KINDS = (
    "core.services.audits.group_results", "core.services.audits.results", "core.services.counterfactuals.projection_results",
    "core.services.counterfactuals.results",
    "core.services.evaluation.donors", "core.services.evaluation.known_effects",
    "core.services.evaluation.replication_results",
    "core.services.evaluation.results", "core.services.evaluation.sensitivity",
    "core.services.runs.results", "core.services.society.results",
    "core.services.society.facts", "core.society.attention_verdict",
    "core.services.surveys.calibration_results", "core.services.surveys.correct", "core.services.surveys.results",
)  # fmt: skip


@dataclass(frozen=True)
class ListedRun:
    """A run as lists show it; `created_at` is UTC. `name`, `note` and `starred` are people's own."""

    run_id: str
    kind: str
    study: str
    engine: str
    status: str
    created_at: str
    seconds: float | None
    message: str | None
    name: str = ""
    note: str = ""
    starred: bool = False


def list_runs(store: Store, study: str | None = None) -> tuple[ListedRun, ...]:
    """Runs, newest first."""
    found, labels = store.runs(study_id=study), read_labels(store)
    return tuple(
        ListedRun(
            run_id=row["run_id"],
            kind=row["kind"],
            study=row["study_id"],
            engine=row["engine"],
            status=row["status"],
            created_at=str(row["created_at"])[:19],
            seconds=None if pd.isna(row["seconds"]) else float(row["seconds"]),
            message=None if pd.isna(row["message"]) else row["message"],
            **vars(labels.get(row["run_id"], Label())),
        )
        for row in found.to_dict("records")
    )


def load_result(store: Store, run_id: str) -> Result:
    """What came of a complete run, as its own class. InputError where it is not complete, or of a kind that has none."""
    run = store.run(run_id)
    if not run.complete:
        raise InputError(f"is {run.status}", where=f"run {run_id}", allowed="a complete run")
    for module in _KINDS:
        import_module(module)
    found = result_class(run.record.kind, run.summary or {})
    if found is None:
        kinds = {item.kind for item in RESULTS.values()}
        one_of(run.record.kind, tuple(sorted(kinds)), what="kind of result", where=f"run {run_id}")
        raise InputError("is of no kind of result that this version knows", where=f"run {run_id}")
    return found.of_store(_filled(run), lambda table: store.read_result(table, run_id))


def _filled(run: StoredRun) -> dict[str, Any]:
    """A summary, with what earlier versions left to the record."""
    return {"run_id": run.run_id, "origin": run.record.train_end, **(run.summary or {})}


def export_run(store: Store, run_id: str, folder: Path) -> tuple[Path, ...]:
    """Write a complete run's tables as CSV, its record as JSON, and its trials as an Optuna journal; the files.

    All files or none. InputError where the run is unknown or not complete, where the folder cannot be written, and where a
    file of one of the names is in it that is not of an export of this run; DiskFull where there is no room.
    """
    run = store.run(run_id)
    if not run.complete:
        raise InputError(f"is {run.status}", where=f"run {run_id}", allowed="a complete run")
    with written_together(
        folder, f"an export of the run {run_id}", lambda found: _exported_run(found) == run_id
    ) as stage:
        names = [path.name for path in _write(store, run, stage)]
    return tuple(folder / name for name in names)


def _exported_run(folder: Path) -> str | None:
    """The run whose export is in a folder; None where there is none."""
    try:
        return RunRecord.from_json((folder / RECORD_FILE).read_text(encoding="utf-8")).run_id
    except (OSError, UnicodeDecodeError, InputError):
        return None


def _write(store: Store, run: StoredRun, folder: Path) -> list[Path]:
    # What exports need takes a second to import: lists do not wait for it.
    from core.services.language.engines import ASKING
    from core.services.runs.journal import write_journal
    from core.services.surveys.ask import KIND, survey_result
    from core.services.surveys.results import distribution_table

    written = []
    for table in EXPORTED:
        rows = store.read_result(table, run.run_id)
        if rows.empty:
            continue
        if run.record.kind == KIND:
            result = survey_result(run)
            rows = _labelled(rows, result.labels)
            shares = folder / "survey_distribution.csv"
            write_csv(distribution_table(result), shares)
            written.append(shares)
        for column in [name for name in rows.columns if rows[name].dtype == object]:
            rows[column] = [_cell(value) for value in rows[column]]
        path = folder / f"{table}.csv"
        write_csv(rows.assign(simulated=table not in MEASURED), path)
        written.append(path)
    record = folder / RECORD_FILE
    record.write_text(json.dumps(json.loads(run.record.to_json()), indent=1) + "\n", encoding="utf-8")
    written.append(record)
    if isinstance(run.summary, dict) and run.summary.get(ASKING):
        asking = folder / "asking.json"
        asking.write_text(json.dumps(run.summary[ASKING], indent=1) + "\n", encoding="utf-8")
        written.append(asking)
    if run.record.kind == "society":
        written += _write_society(store, run, folder)
    journal = write_journal(store, run, folder / "trials.journal")
    return [*written, *([journal] if journal else [])]


def _write_society(store: Store, run: StoredRun, folder: Path) -> list[Path]:
    """The scenario of a society, and where it has arms their contrasts and the governance record."""
    from core.services.society.governance import governance_record
    from core.services.society.reading import scenario_again, society_result

    values = {SCENARIO_FILE: scenario_again(store, run.run_id).as_dict()}
    if "arms" in run.record.parameters:
        values["governance.json"] = governance_record(store, run.run_id).as_dict()
    for name, value in values.items():
        (folder / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    written = [folder / name for name in values]
    if "arms" in run.record.parameters:
        written.append(folder / "society_contrasts.csv")
        write_csv(society_result(store, run.run_id).frame().assign(simulated=True), written[-1])
    return written


def _labelled(rows: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Survey answers with a column for each answer's probability in place of the list; empty where there is no answer."""
    given = [[None] * len(labels) if answer is None else list(answer) for answer in rows["answer"]]
    place = list(rows.columns).index("answer")
    shares = pd.DataFrame(given, columns=[f"probability: {label}" for label in labels], index=rows.index, dtype=float)
    return pd.concat([rows.iloc[:, :place], shares, rows.iloc[:, place + 1 :]], axis=1)


def _cell(value: Any) -> Any:
    """A value as a CSV cell: objects and lists as JSON."""
    return value if value is None or isinstance(value, str) else encode_json(value)
