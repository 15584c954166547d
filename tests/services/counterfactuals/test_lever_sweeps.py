"""A sweep over one lever: its own levels or amounts, all others as at the end of training; kept, told and made again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.counterfactual.fitted import at_origin
from core.errors import InputError
from core.options import command_words
from core.report.documents import document_of
from core.report.renderers.terminal import terminal_text
from core.services.counterfactuals.requests import SweepRequest
from core.services.counterfactuals.run import run_sweep
from core.services.library.reruns import rerun
from core.services.runs.fitted import fitted_twin
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str, str]]:
    path = tmp_path_factory.mktemp("sweeps") / "s.duckdb"
    with Store(path) as store:
        water = run_study(RunRequest("orlo", personas=20, trials=1, place="Dale"), store).run_id
        pandemic = run_study(RunRequest("meridia", personas=20, trials=1), store).run_id
        yield store, water, pandemic


def test_the_lever_moves_and_nothing_else(fitted: tuple[Store, str, str]) -> None:
    store, water, _ = fitted
    result, sweep = run_sweep(store, water, [2, 7, 4], lever="W")
    moment = at_origin(fitted_twin(store, water))
    assert [item.level for item in result.levels] == [7, 4, 2], "from the loosest to the strictest"
    for item in sweep.levels:
        assert item.policy.levels["S"] == moment["S"] and item.policy.levels["P"] == moment["P"]
    outdoor = [item.metric["outdoor"] for item in result.levels]
    assert outdoor == sorted(outdoor, reverse=True) and result.monotone and result.lever == "W"
    same = next(item for item in sweep.levels if item.policy.target == moment["W"])
    assert np.isclose(same.policy.realised, sweep.levels[1].policy.realised)
    text = terminal_text(document_of(store, result.run_id))
    assert "if watering days were held at 7, 4, 2 days a week?" in text and "between watering days 7 and 2" in text
    assert rerun(store, result.run_id).same and run_sweep(store, water, [2, 4, 7], lever="W")[0].run_id == result.run_id


def test_without_levels_a_lever_goes_in_even_steps_from_nothing_to_all(fitted: tuple[Store, str, str]) -> None:
    store, water, pandemic = fitted
    water_levers = (water, "S", [0, 8, 16, 28, 36]), (water, "W", [7, 5, 3, 2, 0])
    for run_id, lever, wanted in (*water_levers, (pandemic, "C1", [0, 1, 2, 3])):
        assert [item.level for item in run_sweep(store, run_id, lever=lever)[0].levels] == wanted
    assert [item.level for item in run_sweep(store, water)[0].levels] == [0, 25, 50, 75, 100]
    request = SweepRequest(RunRequest("orlo", place="Dale"), lever="S")
    assert command_words(request) == ["orlo@Dale", "--lever", "S"]


def test_flags_of_the_others_stay(fitted: tuple[Store, str, str]) -> None:
    store, _, pandemic = fitted
    _, sweep = run_sweep(store, pandemic, [0, 3], lever="C1")
    twin = fitted_twin(store, pandemic)
    moment, study = at_origin(twin), twin.problem.study
    for item in sweep.levels:
        row = item.policy.row(study)
        for lever in study.indicators:
            if lever.has_flag and lever.code != "C1" and moment[lever.code] > 0:
                assert row[f"{lever.code}_Flag"] == moment[f"{lever.code}_Flag"]


def test_what_a_lever_cannot_be_is_refused(fitted: tuple[Store, str, str]) -> None:
    store, water, pandemic = fitted
    for run_id, lever, levels, said in (
        (water, "S", [90], r"S cannot be 90.*0 to 50"),
        (water, "Z", [1], r"unknown lever 'Z'.*S, W, P"),
        (pandemic, "C1", [1.5], "whole number"),
        (water, "S", [], "no level given"),
    ):
        with pytest.raises(InputError, match=said):
            run_sweep(store, run_id, levels, lever=lever)
    with pytest.raises(InputError, match="stringency level 120"):
        SweepRequest(RunRequest("meridia"), (120.0,))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sweep", "orlo", "--place", "Dale", "--personas", "10", "--trials", "1", "--lever", "P", "--levels", "1,2"]
    assert main([*words, "--db", str(tmp_path / "s.duckdb"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lever"] == "P" and [item["level"] for item in found["levels"]] == [1.0, 2.0]
