"""The library: everything of a study in a store that has a name of its own or may be given one."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from core.csv_out import csv_text
from core.policy.scenario import scenario_file_name, scenario_text
from core.policy.timeline import PolicyTimeline
from core.services.library.archive import export_run
from core.services.library.store_care import delete_runs, runs_on
from core.services.policies.timelines import delete_scenario, load_timeline, saved_scenarios
from core.services.populations.synthesis import delete_population, load_population, runs_with, saved_populations
from core.store.database import Store
from core.store.labels import Label, read_labels
from core.study import Study

SCENARIO, POPULATION = "scenario", "population"
#: Kinds of runs that are about no one study: they are in every study's library.
OF_NO_STUDY = ("backtest", "worlds", "survey_calibration", "survey_prediction", "donors", "society", "replicate")


@dataclass(frozen=True)
class LibraryItem:
    """A run of any kind, a scenario or a population. `about` says in words what it is; `parameters` is what a run was asked,
    and `of_run` the run that it was made on ("" for none)."""

    id: str
    kind: str
    about: str
    label: Label
    created_at: datetime
    status: str = "complete"
    of_run: str = ""
    population_id: str = ""
    timeline_id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """What it is called, else what it is."""
        return self.label.name or self.about

    def holds(self, text: str) -> bool:
        """Whether every word of a search is somewhere in it."""
        whole = " ".join((self.id, self.kind, self.about, self.label.name, self.label.note)).casefold()
        return all(word in whole for word in text.casefold().split())


def library(store: Store, study: Study) -> tuple[LibraryItem, ...]:
    """Everything of the study, starred first, then newest first."""
    labels = read_labels(store)
    found = store.runs()
    found = found[(found["study_id"] == study.id) | found["kind"].isin(OF_NO_STUDY)]
    items = [_run_item(row, labels) for row in found.to_dict("records")]
    for row in saved_scenarios(store, study).to_dict("records"):
        items.append(_made(row, "timeline_id", SCENARIO, f"“{row['name']}”", labels))
    for row in saved_populations(store, study).to_dict("records"):
        more = "" if "persona" in row["label"] else f", {row['personas']:,} personas"
        items.append(_made(row, "population_id", POPULATION, f"{row['label']}{more}", labels))
    return tuple(sorted(items, key=lambda item: (item.label.starred, item.created_at), reverse=True))


def dependents(store: Store, item: LibraryItem) -> tuple[str, ...]:
    """What was made on it, by id: results on a run, runs of a population, scenarios of a scenario."""
    if item.kind == POPULATION:
        return tuple(runs_with(store, item.id))
    if item.kind == SCENARIO:
        return tuple(
            str(name) for name in store.read("timelines", columns=["timeline_id"], parent_id=item.id)["timeline_id"]
        )
    return tuple(runs_on(store, [item.id]))


def delete_item(store: Store, study: Study, item: LibraryItem, *, with_dependents: bool = False) -> list[str]:
    """Delete it, and return the ids of all that is gone. Results on a run go too `with_dependents`, and keep it from being
    deleted without; scenarios made of a scenario stay as they are. InputError where it cannot be."""
    if item.kind == POPULATION:
        delete_population(store, study, item.id)
    elif item.kind == SCENARIO:
        delete_scenario(store, study, item.id)
    else:
        return delete_runs(store, [item.id], dependents=with_dependents)
    return [item.id]


def export_item(store: Store, study: Study, observed: PolicyTimeline, item: LibraryItem) -> tuple[str, bytes]:
    """The item as a file to take along, and that file's name: a run's tables and record as ZIP, a scenario as TOML, people as
    CSV. InputError for a run that is not complete."""
    if item.kind == SCENARIO:
        timeline = load_timeline(store, study, item.id)
        return scenario_file_name(item.label.name or timeline.name), scenario_text(timeline, observed).encode()
    if item.kind == POPULATION:
        personas = load_population(store, item.id).personas
        return f"{item.id}.csv", csv_text(personas.assign(simulated=True)).encode()
    held = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="policytwin-") as folder:
        files = export_run(store, item.id, Path(folder) / "export")
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in files:
                packed.write(path, f"{item.id}/{path.name}")
            packed.writestr(f"{item.id}/label.json", json.dumps(vars(item.label), ensure_ascii=False))
    return f"{item.id}.zip", held.getvalue()


def _made(row: Mapping[Any, Any], key: str, kind: str, about: str, labels: Mapping[str, Label]) -> LibraryItem:
    name = str(row[key])
    return LibraryItem(name, kind, about, labels.get(name, Label()), row["created_at"].to_pydatetime())


def _run_item(row: Mapping[Any, Any], labels: Mapping[str, Label]) -> LibraryItem:
    record, name = row["record"], str(row["run_id"])
    parameters = record.get("parameters") or {}
    return LibraryItem(
        name, str(row["kind"]), _about(str(row["kind"]), record, parameters, row["summary"] or {}), labels.get(name, Label()),
        row["created_at"].to_pydatetime(), str(row["status"]), str(parameters.get("of_run") or ""),
        str(record.get("population_id") or ""), str(record.get("timeline_id") or ""), parameters,
    )  # fmt: skip


def _about(kind: str, record: Mapping[str, Any], parameters: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """What a run is about, in a few words."""
    match kind:
        case "run":
            ends = [date.fromisoformat(str(record[name])) for name in ("train_end", "test_end") if record.get(name)]
            days = ", ".join(
                f"{word} to {day:%-d %b %Y}" for word, day in zip(("trained", "tested"), ends, strict=False)
            )
            return f"{days[:1].upper()}{days[1:]}, {record['personas']:,} personas"
        case "sweep":
            return f"Levels {', '.join(f'{level:g}' for level in parameters.get('levels', ()))}"
        case "compare":
            return "; ".join(item["name"] for item in summary.get("scenarios", ())) or "policies"
        case "projection":
            many = len(parameters.get("scenarios", ()))
            beside = f", {many} polic{'y' if many == 1 else 'ies'} beside it" if many else ""
            return f"From {parameters['origin']} to {parameters['until']}{beside}"
        case "ask":
            return str((summary.get("question") or {}).get("text", "a question"))
        case "survey_calibration" | "survey_prediction":
            return " · ".join(str(parameters[name]) for name in ("human", "question") if parameters.get(name))
    return f"{kind.replace('_', ' ').capitalize()} of {record['study_id']}"
