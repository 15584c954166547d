"""What a run was made from, kept by its content: equal data are kept once, and nothing is written over."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from core.datasets.observed import ObservedData
from core.datasets.regions import RegionTable
from core.errors import InputError, StoreError
from core.records import RunRecord, content_hash, frame_hash
from core.services.studies.inputs import StudyInputs, engine_texts, inputs_of, study_hash
from core.store.database import Store
from core.study import Study, load_study, study_from

#: Tables of days; everything else is text.
TABLES = ("mobility", "policy", "cases", "context")
#: JSON has no days, which a study file has.
_DAY = "$day"


def save_inputs(store: Store, inputs: StudyInputs) -> None:
    """Keep the study's file, its observations and the engine's tables, each under the hash that records name it by."""
    observed: dict[str, pd.DataFrame | pd.Series] = {"mobility": inputs.observations, "policy": inputs.policy}
    if inputs.cases is not None:
        observed["cases"] = inputs.cases
    if "context" in inputs.hashes:
        observed["context"] = inputs.context
    with store.transaction():
        for name, table in observed.items():
            _save_table(store, inputs.hashes[name], table)
        for name, text in inputs.texts.items():
            save_text(store, study_hash(inputs.study) if name == "study" else inputs.hashes[name], name, text)


def save_engine_texts(store: Store, study: Study) -> dict[str, str]:
    """Keep the engine's tables of a study without observations of its own, and give their hashes by name."""
    texts = engine_texts(study)
    hashes = {name: content_hash(text) for name, text in texts.items()}
    for name, text in texts.items():
        save_text(store, hashes[name], name, text)
    return hashes


def save_text(store: Store, key: str, kind: str, content: Any) -> None:
    """Keep a text, or a mapping of them, under this hash; what is there already stays."""
    with store.transaction():
        if store.read("input_texts", columns=["content_hash"], content_hash=key).empty:
            store.append("input_texts", [{"content_hash": key, "kind": kind, "content": _with_days_marked(content)}])


def save_regions(store: Store, table: RegionTable) -> str:
    """Keep what was observed of regions, and give the hash it is kept under."""
    key = content_hash(table.hashes)
    rows = table.frame.to_csv(index=False, lineterminator="\n")
    save_text(store, key, "regions", {"rows": rows, "names": table.names, "hashes": table.hashes})
    return key


def stored_regions(store: Store, record: RunRecord) -> RegionTable | None:
    """What was observed of regions when this run was made; None where it had nothing of them."""
    kept = stored_text(store, record.input_hashes["regions"]) if "regions" in record.input_hashes else None
    if kept is None:
        return None
    frame = pd.read_csv(io.StringIO(kept["rows"]), float_precision="round_trip")
    days = pd.to_datetime(frame["date"]).astype("datetime64[us]")
    return RegionTable(frame.assign(date=days), kept["names"], kept["hashes"])


def stored_text(store: Store, key: str) -> Any:
    """What was kept under this hash, or None."""
    found = store.read("input_texts", content_hash=key)
    return None if found.empty else _with_days(found["content"].iloc[0])


def stored_study(store: Store, record: RunRecord) -> Study:
    """The study as a run had it; for a run whose study was not kept, as its file says it now."""
    given = stored_text(store, record.study_hash)
    if given is None:
        return load_study(str(record.parameters.get("study", record.study_id)))
    return study_from(given, Path(f"study {record.study_id}"))


def stored_observations(store: Store, record: RunRecord) -> pd.DataFrame:
    """What was observed of the behaviours when this run was made, (days × behaviours), empty where that is not kept.

    Columns are in the order of their names.
    """
    return _table(store, record.input_hashes.get("mobility", ""))


def own_observations(store: Store, record: RunRecord, inputs: StudyInputs) -> pd.DataFrame:
    """What the run was fitted to, laid out like the observations of `inputs`, which may be others by now; NaN where the
    store does not hold them, as for a run of an earlier version whose data were replaced."""
    now = inputs.observations
    if inputs.hashes["mobility"] == record.input_hashes.get("mobility"):
        return now
    kept = stored_observations(store, record)
    return kept.reindex(index=kept.index if len(kept) else now.index, columns=now.columns)


def missing_inputs(store: Store, record: RunRecord) -> list[str]:
    """Names of the inputs of this run that the store does not hold, as for runs of earlier versions."""
    texts = set(store.read("input_texts", columns=["content_hash"])["content_hash"])
    lacking = [] if record.study_hash in texts else ["study"]
    for name, key in record.input_hashes.items():
        kept = not _table(store, key).empty if name in TABLES else key in texts
        lacking += [] if kept else [name]
    return lacking


def stored_inputs(store: Store, record: RunRecord, folder: Path) -> StudyInputs:
    """The study and all that was observed, as this run had them; the engine's tables are written into `folder`.

    Raises InputError where the store does not hold them, and StoreError where they are not what was kept.
    """
    lacking = missing_inputs(store, record)
    if lacking:
        raise InputError(f"the store does not hold its {', '.join(lacking)}", where=f"run {record.run_id}")
    given = stored_text(store, record.study_hash)
    study = _with_files(store, record, study_from(given, Path(f"study {record.study_id}")), folder)
    hashes = record.input_hashes
    mobility = _table(store, hashes["mobility"]).reindex(columns=list(study.behaviour_ids))
    policy = _policy(study, _table(store, hashes["policy"]))
    cases = _table(store, hashes["cases"])["new_cases"] if "cases" in hashes else pd.Series(dtype=float)
    context = _table(store, hashes["context"]) if "context" in hashes else pd.DataFrame()
    codes = [item.code for item in study.context]
    inputs = inputs_of(study, given, ObservedData(mobility, policy, cases, context=context.reindex(columns=codes)))
    for name, key in hashes.items():
        if name in inputs.hashes and inputs.hashes[name] != key:
            raise StoreError(f"{store.name}: the {name} of run {record.run_id} is not what was kept.")
    return inputs


def _with_files(store: Store, record: RunRecord, study: Study, folder: Path) -> Study:
    """The study with its coefficients and learned tables as files of their own."""
    coefficients = folder / study.coefficients_file.name
    coefficients.write_text(stored_text(store, record.input_hashes["coefficients"]), encoding="utf-8", newline="")
    if "learned" not in record.input_hashes:
        return replace(study, coefficients_file=coefficients, learned=None)
    learned = folder / "learned"
    for name, text in stored_text(store, record.input_hashes["learned"]).items():
        file = learned / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")
    return replace(study, coefficients_file=coefficients, learned=learned)


def _policy(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Indicators, flags and the published index in the order in which they are read."""
    names = [name for item in study.indicators for name in (item.code, f"{item.code}_Flag")]
    return table[[name for name in (*names, study.index) if name in table.columns]]


def _save_table(store: Store, key: str, table: pd.DataFrame | pd.Series) -> None:
    # Under a hash that is not its own, it would later be taken for what another run was made from.
    assert frame_hash(table) == key
    if len(store.read("observations", columns=["date"], content_hash=key)):
        return
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    tall = frame.rename_axis(index="date").melt(ignore_index=False, var_name="variable", value_name="value")
    store.append("observations", tall.reset_index().assign(content_hash=key))


def _table(store: Store, key: str) -> pd.DataFrame:
    """Values by day and variable, with NaN where nothing was observed."""
    rows = store.read("observations", columns=["date", "variable", "value"], content_hash=key)
    wide = rows.pivot(index="date", columns="variable", values="value")  # noqa: PD010 (nothing to aggregate)
    return wide.rename_axis(columns=None).set_axis(pd.DatetimeIndex(wide.index, name="date").as_unit("us"))


def _with_days_marked(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {name: _with_days_marked(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_with_days_marked(value) for value in content]
    if isinstance(content, date):
        return {_DAY: content.isoformat()}
    return content


def _with_days(content: Any) -> Any:
    if isinstance(content, dict):
        if set(content) == {_DAY}:
            text = content[_DAY]
            return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
        return {name: _with_days(value) for name, value in content.items()}
    return [_with_days(value) for value in content] if isinstance(content, list) else content
