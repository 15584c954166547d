"""The library: names and notes beside things that never change, search, export, and deletion that says what goes with it."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from core.cli import main
from core.errors import InputError
from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.library.items import delete_item, dependents, export_item, library
from core.services.policies.timelines import saved_scenarios
from core.services.policies.what_ifs import what_if
from core.services.populations.synthesis import saved_populations
from core.services.studies.inputs import StudyInputs, open_study
from core.store import migrations
from core.store.database import Store
from core.store.labels import Label, read_labels, set_label


@pytest.fixture(scope="module")
def inputs() -> StudyInputs:
    return open_study("meridia")


@pytest.fixture(scope="module")
def made(short_run: Path, inputs: StudyInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit, and on it a sweep and a comparison, whose policy is kept as a scenario."""
    path = tmp_path_factory.mktemp("library") / "made.duckdb"
    shutil.copy(short_run, path)
    with Store(path) as store:
        run = store.run(str(store.runs(kind="run")["run_id"].iloc[0]))
        assert run.record.train_end is not None
        run_sweep(store, run.run_id, [0, 100])
        run_compare(store, run.run_id, [what_if("no-measures", inputs.timeline, run.record.train_end, 30)])
    return path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[Store]:
    shutil.copy(made, tmp_path / "store.duckdb")
    with Store(tmp_path / "store.duckdb") as opened:
        yield opened


def test_everything_of_the_study_is_found_by_its_name_and_its_note(store: Store, inputs: StudyInputs) -> None:
    items = library(store, inputs.study)
    by_kind = {item.kind: item for item in items}
    assert set(by_kind) == {"run", "sweep", "compare", "scenario", "population"}
    assert by_kind["sweep"].name == "Levels 0, 100" and "No measures" in by_kind["compare"].name
    set_label(store, by_kind["sweep"].id, name=" Levels  for the council ", note="Shown in December", starred=True)
    set_label(store, by_kind["scenario"].id, name="Everything open")
    set_label(store, by_kind["population"].id, name="Sixty")
    first, *others = library(store, inputs.study)
    assert first.name == "Levels for the council" and first.label.starred, "the starred come first"
    assert [item.kind for item in (first, *others) if item.holds("december COUNCIL")] == ["sweep"]
    assert list(saved_scenarios(store, inputs.study)["name"]) == ["Everything open"], "other lists say the name too"
    assert list(saved_populations(store, inputs.study)["label"]) == ["Sixty"]
    set_label(store, first.id, name="")
    assert read_labels(store)[first.id] == Label("", "Shown in December", True)


def test_what_cannot_be_named_is_refused(store: Store, inputs: StudyInputs) -> None:
    run = next(item for item in library(store, inputs.study) if item.kind == "run")
    with pytest.raises(InputError, match=f"Nearest valid: {run.id}"):
        set_label(store, run.id[:-1], name="Fit")
    with pytest.raises(InputError, match="the name has 81 characters"):
        set_label(store, run.id, name="x" * 81)
    assert read_labels(store) == {}


def test_deletion_says_what_goes_with_it_and_takes_the_names_too(store: Store, inputs: StudyInputs) -> None:
    items = {item.kind: item for item in library(store, inputs.study)}
    for item in items.values():
        set_label(store, item.id, note="mine")
    assert set(dependents(store, items["run"])) == {items["sweep"].id, items["compare"].id}
    with pytest.raises(InputError, match="2 results were made on it"):
        delete_item(store, inputs.study, items["run"])
    with pytest.raises(InputError, match="is the population of"):
        delete_item(store, inputs.study, items["population"])
    assert delete_item(store, inputs.study, items["scenario"]) == [items["scenario"].id]
    gone = delete_item(store, inputs.study, items["run"], with_dependents=True)
    assert set(gone) == {items["run"].id, items["sweep"].id, items["compare"].id}
    delete_item(store, inputs.study, items["population"])
    assert library(store, inputs.study) == () and read_labels(store) == {}


def test_each_kind_can_be_taken_along(store: Store, inputs: StudyInputs) -> None:
    items = {item.kind: item for item in library(store, inputs.study)}
    set_label(store, items["sweep"].id, name="Levels")
    sweep = next(item for item in library(store, inputs.study) if item.kind == "sweep")
    name, packed = export_item(store, inputs.study, inputs.timeline, sweep)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert name == f"{sweep.id}.zip" and f"{sweep.id}/sweeps.csv" in archive.namelist()
        assert json.loads(archive.read(f"{sweep.id}/label.json"))["name"] == "Levels"
    scenario = export_item(store, inputs.study, inputs.timeline, items["scenario"])
    assert scenario[0].endswith(".toml") and b'set = "C1"' in scenario[1]
    people = export_item(store, inputs.study, inputs.timeline, items["population"])[1].decode()
    assert people.count("\n") == 61 and "simulated" in people.splitlines()[0]


def test_a_store_of_before_opens_and_can_be_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = next(place for place, text in enumerate(migrations.MIGRATIONS) if "CREATE TABLE labels" in text)
    with duckdb.connect(str(tmp_path / "old.duckdb")) as raw:
        migrations.migrate(raw, where="old", newest=before)
    with Store(tmp_path / "old.duckdb") as opened:
        assert read_labels(opened) == {}


def test_names_are_given_and_listed_on_the_command_line(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(made, tmp_path / "store.duckdb")
    db = ["--db", str(tmp_path / "store.duckdb")]
    with Store(tmp_path / "store.duckdb") as opened:
        run_id = str(opened.runs(kind="run")["run_id"].iloc[0])
    assert main(["label", run_id, "--name", "June fit", "--note", "for the council", "--star", *db, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "id": run_id, "name": "June fit", "note": "for the council", "starred": True,
    }  # fmt: skip
    assert main(["label", run_id, "--no-star", *db]) == 0 and "June fit: for the council" in capsys.readouterr().out
    assert main(["runs", *db]) == 0 and "June fit" in capsys.readouterr().out
    assert main(["runs", *db, "--json"]) == 0
    assert {item["name"] for item in json.loads(capsys.readouterr().out)["runs"]} == {"June fit", ""}
    assert main(["label", "run-nothing", *db]) == 2 and "nothing is called" in capsys.readouterr().err
