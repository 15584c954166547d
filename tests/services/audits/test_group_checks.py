"""Checks of a finished run: diversity, who responds more, regions; kept, read again, said in words and drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from small_runs import SHORT, TEST_END, TRAIN_END

from core.cli import main
from core.errors import InputError
from core.execution.executor import Executor
from core.report.document import Figure
from core.report.renderers.terminal import terminal_text
from core.report.sentences.groups import RESPONSE, explained_table, groups_document, response_blocks
from core.services.audits.group_results import ASKED_AGAIN, NO_SOURCE, STORED, GroupsResult
from core.services.audits.groups import group_checks
from core.services.runs.finished import newest_about
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.study import load_study
from core.validity.parity import parity
from core.validity.region_summary import region_table

REQUEST = RunRequest("meridia", personas=200, trials=2, **SHORT)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, GroupsResult]]:
    """A store with a run of Meridia, the run's id, and its checks."""
    path = tmp_path_factory.mktemp("groups") / "store.duckdb"
    with Store(path) as store:
        run_id = run_study(REQUEST, store).run_id
        assert newest_about(store, run_id, GroupsResult) is None
        values = group_checks(store, run_id)
    yield path, run_id, values


def test_the_checks_are_kept_with_a_record_and_found_again(checked: tuple[Path, str, GroupsResult]) -> None:
    path, run_id, values = checked
    with Store(path) as store:
        kept = newest_about(store, run_id, GroupsResult)
        run = store.run(values.run_id)
        assert newest_about(store, "run-19990101-0000000000", GroupsResult) is None
    assert kept == values == GroupsResult.from_dict(json.loads(json.dumps(values.as_dict(), allow_nan=False)))
    assert (run.record.kind, run.record.parameters["of_run"], run.complete) == ("groups", run_id, True)
    assert run.record.result_hash is not None and values.fictional and values.engine == "rules"


def test_the_run_differs_from_identical_personas_and_from_one(checked: tuple[Path, str, GroupsResult]) -> None:
    found = checked[2].diversity
    own = found.population
    assert found.source == STORED and own.personas == own.compared == 200
    assert 100 < own.distinct <= own.kish <= 200 and own.collapse < 0.01 and own.dimensions > 1
    assert all(0 < share < 1 for share in own.explained.values())
    assert own.deviation["working"]["workplaces"] > own.deviation["rest"]["workplaces"]
    for other in (found.identical_personas, found.single_persona):
        assert (other.personas, other.distinct, other.collapse, other.dimensions) == (1, 1.0, 1.0, 0.0)
        assert not any(other.explained.values())
    assert set(found.macro_rmse) == {"twin", "identical_personas", "single_persona"}


def test_what_explains_the_spread_is_what_the_engine_asks_about(checked: tuple[Path, str, GroupsResult]) -> None:
    found = checked[2].diversity
    shares = {item.attribute: item.share for item in found.explained_by}
    # In the table of the rules whether somebody works decides on workplaces, and their usual means on transit.
    assert shares["occupation"]["workplaces"] > 0.9 and shares["transport"]["transit"] > 0.9
    assert shares["sex"]["transit"] < 0.1
    together = found.explained_together
    for behaviour, share in together.attributes.items():
        best = max(item.share[behaviour] for item in found.explained_by if item.kind == "attribute")
        assert best - 1e-3 <= share <= together.attributes_and_traits[behaviour] + 1e-3 <= 1.001


def test_answers_that_were_not_kept_are_asked_again_and_are_the_same(
    checked: tuple[Path, str, GroupsResult],
) -> None:
    with Store.memory() as store:
        run = run_study(replace(REQUEST, keep_responses=False), store)
        again = group_checks(store, run.run_id).diversity
    found = checked[2].diversity
    assert again.source == ASKED_AGAIN
    one, other = (item.population for item in (found, again))
    assert set(one.deviation) == set(other.deviation)
    for kind, deviation in one.deviation.items():
        assert other.deviation[kind] == pytest.approx(deviation, abs=2e-4)
    assert other.explained == pytest.approx(one.explained, abs=2e-4)
    for part in ("distinct", "collapse", "dimensions"):
        assert getattr(other, part) == pytest.approx(getattr(one, part), abs=2e-2), part


def test_a_response_is_called_a_difference_in_simulated_response_and_no_accuracy(
    checked: tuple[Path, str, GroupsResult],
) -> None:
    groups = checked[2].groups
    said = terminal_text(groups_document(checked[2], load_study("meridia")))
    assert "Difference in simulated response" in said and "not how accurate" in said and "was not observed" in said
    study = load_study("meridia")
    for attribute in groups.attributes:
        categories = {item.label: item for item in attribute.categories}
        assert sum(item.people for item in categories.values()) == study.inhabitants
        assert sum(item.personas for item in categories.values()) == 200
        assert set(attribute.small) == {name for name, item in categories.items() if item.personas < 10}
        for item in attribute.extremes:
            behaviour, sign = item.behaviour, study.behaviour(item.behaviour).expected_sign
            most, least = (categories[end].change[behaviour] for end in (item.most, item.least))
            assert item.difference == pytest.approx(most - least, abs=2e-4)
            assert sign * item.difference >= 0
            assert not {item.most, item.least} & set(attribute.small)
            named = [
                sign * other.change[behaviour]
                for other in categories.values()
                if other.label not in attribute.small and other.change[behaviour] is not None
            ]
            assert max(named) == pytest.approx(sign * most) and min(named) == pytest.approx(sign * least)
    for item in study.behaviours:
        assert groups.everyone[item.id] * item.expected_sign > 0, "the strictest policy moves everybody as expected"


def test_checks_do_not_depend_on_who_works(
    checked: tuple[Path, str, GroupsResult], tmp_path: Path, processes: Executor
) -> None:
    path, run_id, values = checked
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(path.read_bytes())
    with Store(copy) as store:
        again = group_checks(store, run_id, executor=processes)
        assert newest_about(store, run_id, GroupsResult) == again
    assert again.content() == values.content()


def test_a_study_without_regions_says_so(checked: tuple[Path, str, GroupsResult]) -> None:
    values = checked[2]
    assert values.regions is None and values.regions_lacking == NO_SOURCE
    text = terminal_text(groups_document(values, load_study("meridia")))
    assert "(fictional)" in text and "rules engine (offline behavioural model, not a language model)" in text
    assert (
        "No observations of regions are known for Meridia" in text
        and RESPONSE.capitalize() in text
        and "Occupation (13)" in text
    )


def test_the_command_prints_the_checks_of_the_run_it_finds(
    short_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = ["--train-end", str(TRAIN_END), "--test-end", str(TEST_END)]
    command = ["groups", "meridia", "--personas", "60", "--trials", "2", *days, "--db", str(short_store)]
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    with Store(short_store) as store:
        assert len(store.runs(kind="run")) == 1 and store.run(printed["run_id"]).complete
    assert {"diversity", "groups", "regions", "of_run", "run_id", "seconds"} <= set(printed)
    assert main([*command, "--horizons", "999"]) == 2
    assert "1 to 365" in capsys.readouterr().err


def test_figures_show_what_the_values_say(checked: tuple[Path, str, GroupsResult]) -> None:
    values = checked[2]
    labels = {item.id: item.label for item in load_study("meridia").behaviours}
    table = explained_table(values.diversity, labels).set_index("Attribute (categories)")
    shares = {
        f"{item.label} ({item.categories})": 100 * item.share["transit"] for item in values.diversity.explained_by
    }
    assert table[labels["transit"]].to_dict().items() >= shares.items() and len(table) == len(shares) + 2
    attribute = values.groups.attributes[0]
    said, figure = response_blocks(values, load_study("meridia"), attribute, "retail")
    assert isinstance(figure, Figure) and attribute.extremes[0].most in str(said)
    shown = [item.change["retail"] for item in attribute.categories if item.change["retail"] is not None]
    assert list(figure.draw().data[0].x) == list(figure.data["change"]) == shown


def test_parity_is_the_worst_groups_error_less_the_bests() -> None:
    found = parity({"a": 2.0, "b": 5.0, "c": np.nan, "d": 3.5})
    assert found is not None
    assert (found.best, found.worst, found.difference, found.mean, found.groups) == ("a", "b", 3.0, 3.5, 3)
    assert parity({"a": 1.0, "b": np.nan}) is None and parity({}) is None
    equal = parity({"a": 1.0, "b": 1.0})
    assert equal is not None and equal.difference == 0.0


@pytest.mark.real_data
def test_the_emirates_are_checked_from_an_origin_their_data_reach(real_data: Path) -> None:
    with Store.memory() as store:
        run = run_study(RunRequest("uae", data=real_data, personas=60, trials=1, test_end=date(2021, 7, 31)), store)
        values = group_checks(store, run.run_id, real_data)
        regions = values.regions
        assert regions.origins == ("2020-12-31",) and "Dubai" in regions.regions.values()
        table, incomplete = region_table(regions.rows, "uae", 90)
        assert len(table) == 7 and incomplete == [] and regions.left_out == {}
        assert "national_twin_own_people" in table
        text = terminal_text(groups_document(values, load_study("uae")))
        assert "Umm Al Quawain" in text and "nothing searched" in text
        record = store.run(values.run_id).record
        assert "regions" in record.input_hashes and list(record.parameters["origins"]) == ["2020-12-31"]
        early = group_checks(store, run.run_id, real_data, origins=[date(2020, 9, 30)], horizons=[30])
        assert {row.origin for row in early.regions.rows} == {"2020-09-30"}
        with pytest.raises(InputError, match="1 to 365"):
            group_checks(store, run.run_id, real_data, horizons=[0])
