"""What an earlier version left with its users opens today: files made by commit dce2b25, before the names and rooms changed."""

from __future__ import annotations

import json
import tarfile
from datetime import date
from pathlib import Path

import pytest

from core.cli import main
from core.errors import InputError
from core.people.population_file import load_population_spec
from core.policy.scenario import load_scenario
from core.services.counterfactuals.results import ComparisonResult, SweepResult
from core.services.library.archive import load_result
from core.services.policies.timelines import load_draft, load_timeline, saved_scenarios
from core.services.populations.synthesis import load_population, saved_populations
from core.services.runs.fitted import fitted_twin
from core.services.studies.inputs import open_study
from core.store.database import Store

ARCHIVE = Path(__file__).resolve().parents[2] / "data" / "made_by_dce2b25.tar.xz"
#: Kinds of run as that version called them, where today's name is another.
RENAMED = {"crowd": "persona_audit"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run of every kind, a saved scenario, population and draft, their files, and an export."""
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def runs(files: Path) -> dict[str, dict[str, str]]:
    """By kind: `run_id`, and the `result_hash` it had."""
    found = json.loads((files / "ids.json").read_text())
    return {RENAMED.get(kind, kind): run for kind, run in found.items()}


def test_every_run_is_listed_shown_and_has_its_result(
    files: Path, runs: dict[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(files / "store.duckdb") as store:
        assert {row["kind"]: row["run_id"] for row in store.runs().to_dict("records")} == {
            kind: run["run_id"] for kind, run in runs.items()
        }
        for kind, run in runs.items():
            record = store.run(run["run_id"]).record
            assert record.kind == kind and record.result_hash == run["result_hash"]
            result = load_result(store, run["run_id"])
            assert type(result).from_dict(result.as_dict()) == result
        swept, compared = (load_result(store, runs[kind]["run_id"]) for kind in ("sweep", "compare"))
        assert isinstance(swept, SweepResult) and isinstance(compared, ComparisonResult)
        assert [item.level for item in swept.levels] == [0.0, 50.0, 100.0] and swept.origin == date(2030, 8, 13)
        assert compared.scenarios[0].name == "Measures lifted 30 days later"
    for run in runs.values():
        assert main(["show", run["run_id"], "--db", str(files / "store.duckdb")]) == 0
        assert run["run_id"] in capsys.readouterr().out


def test_parameters_have_the_names_of_today(files: Path, runs: dict[str, dict[str, str]]) -> None:
    with Store(files / "store.duckdb") as store:
        run_id = runs["run"]["run_id"]
        found = {
            *store.run(run_id).summary["parameters"],
            *(name for row in store.read_result("trials", run_id)["parameters"] for name in row),
            *(name for row in store.read_result("calibrations", run_id)["parameters"] for name in row),
        }
        assert "policy_effect_weight" in found and "slope_shrinkage" in found
        assert not [name for name in found if name == "policy_trust" or name.startswith("line_share")]
        with pytest.raises(InputError, match=r"was made from other \w+ than is there now.*Allowed: a new run"):
            fitted_twin(store, run_id)


def test_scenarios_populations_and_drafts_open(files: Path) -> None:
    inputs = open_study("meridia")
    read = load_scenario(files / "scenario.toml", inputs.timeline)
    spec = load_population_spec(files / "population.toml")
    with Store(files / "store.duckdb") as store:
        saved = saved_scenarios(store, inputs.study)
        assert "Measures lifted 30 days later" in set(saved["name"])
        assert read.name in set(saved["name"])
        for identifier in saved["timeline_id"]:
            load_timeline(store, inputs.study, identifier).levels()
        kept = saved_populations(store, inputs.study)
        sizes = {
            label: load_population(store, key).size
            for key, label in zip(kept["population_id"], kept["label"], strict=True)
        }
        assert sizes["kept people"] == 40
        assert [item.name for item in spec.attributes] == [
            item.name for item in load_population(store, str(kept["population_id"].iloc[0])).spec.attributes
        ]
        # Its policy was edited on data that are others by now; it stays for who opens it on those.
        assert len(store.read("drafts")) == 1 and load_draft(store, inputs.study, inputs.timeline) is None


def test_a_run_is_exported_over_its_own_export(files: Path, runs: dict[str, dict[str, str]]) -> None:
    words = ["export", runs["run"]["run_id"], "--to", str(files / "export"), "--db", str(files / "store.duckdb")]
    assert main(words) == 0
    assert {"record.json", "scores.csv", "trials.journal"} <= {item.name for item in (files / "export").iterdir()}


def test_a_run_made_from_other_data_says_so(
    files: Path, runs: dict[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rerun", runs["run"]["run_id"], "--db", str(files / "store.duckdb"), "--workers", "1"]) == 1
    said = capsys.readouterr().out
    assert "not the same result" in said and "Changed since" in said and "store does not hold its" in said


def test_a_command_answers_to_the_name_it_had(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["crowd", "--help"])
    assert ended.value.code == 0 and "how a run's personas answer" in " ".join(capsys.readouterr().out.split())
