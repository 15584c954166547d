"""Logs of choices, and the delay-discounting tasks of the public panel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from choice_cases import log_of, made_choices, write_log

from core.cli import main
from core.report.renderers.terminal import terminal_text
from core.report.sentences.replicated_choices import choices_document
from core.services.evaluation.replicated_choices import replicate_choices
from core.services.evaluation.replication_results import ChoicesReplication, ChoicesRequest


def test_people_who_came_twice_are_foreseen_by_those_who_came_once(tmp_path: Path) -> None:
    choices = made_choices(60, seed=3)
    again = log_of(choices.take(np.arange(15)), wave="again")
    again.loc[again["order"] == 1, "waits"] = 1 - again.loc[again["order"] == 1, "waits"]
    found = replicate_choices(ChoicesRequest(write_log(tmp_path / "log.csv", log_of(choices), again)))
    task = found.tasks["made"]
    assert (task.people, task.panel, task.choices, task.later_people) == (15, 45, 15 * 15, 15)
    assert task.retest == pytest.approx(15 / 16, abs=1e-3)
    assert task.engines["person"].accuracy > task.engines["majority"].accuracy
    assert ChoicesReplication.from_dict(json.loads(json.dumps(found.as_dict()))) == found
    assert f"{100 * task.engines['person'].accuracy:.1f}%" in terminal_text(choices_document(found))


def test_people_of_a_second_log_are_not_learned_from(tmp_path: Path) -> None:
    learned, new = log_of(made_choices(40, seed=3)), log_of(made_choices(20, seed=4))
    other = write_log(tmp_path / "new.csv", new)
    apart = replicate_choices(ChoicesRequest(write_log(tmp_path / "log.csv", learned), other))
    leaky = replicate_choices(ChoicesRequest(write_log(tmp_path / "leaky.csv", learned, new), other))
    assert apart.tasks == leaky.tasks and (apart.tasks["made"].people, apart.tasks["made"].panel) == (20, 40)
    assert apart.tasks["made"].retest is None and apart.tasks["made"].later == {}


def test_without_anybody_who_came_twice_everybody_is_foreseen_by_others(tmp_path: Path) -> None:
    found = replicate_choices(ChoicesRequest(write_log(tmp_path / "log.csv", log_of(made_choices(50, seed=3)))))
    assert (found.tasks["made"].people, found.tasks["made"].panel) == (50, 40)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda log: log.rename(columns={"waits": "wait"}), "Nearest valid: wait"),
        (lambda log: log.assign(waits=[2, *log["waits"][1:]]), "row 2, column waits"),
        (lambda log: log.assign(larger=[0, *log["larger"][1:]]), "row 2, column larger"),
        (lambda log: log.assign(later_days=["soon", *log["later_days"][1:]]), "row 2, column later_days"),
        (lambda log: log.assign(order=1), "row 3, column order"),
        (lambda log: log.head(0), "has no choices"),
        (lambda log: log.head(48), "2 people to learn from"),
    ],
)
def test_faults_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], change, said: str) -> None:  # type: ignore[no-untyped-def]
    path = write_log(tmp_path / "log.csv", change(log_of(made_choices(20, seed=3))))
    assert main(["tune", "score", "--log", str(path), "--json"]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""


def test_a_task_that_nobody_learned_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write_log(tmp_path / "log.csv", log_of(made_choices(20, seed=3)))
    other = write_log(tmp_path / "new.csv", log_of(made_choices(20, seed=4), task="maid"))
    assert main(["tune", "score", "--log", str(log), "--predict", str(other)]) == 2
    assert "Nearest valid: made" in capsys.readouterr().err


@pytest.mark.real_data
def test_delay_discounting_of_unseen_people(
    real_data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = real_data / "people" / "no_licence_file" / "self_regulation" / "choices.parquet"
    log = pd.read_parquet(path)
    log = log[log["task"] == "kirby"].sample(frac=1.0, random_state=0)  # the order of rows is nothing
    log.to_parquet(tmp_path / "kirby.parquet")
    assert main(["tune", "score", "--log", str(tmp_path / "kirby.parquet"), "--engine", "person", "--json"]) == 0
    kirby = json.loads(capsys.readouterr().out)["tasks"]["kirby"]
    assert kirby["engines"]["person"]["accuracy"] >= 0.866 and kirby["lead"]["low"] > 0
    assert kirby["engines"]["question"]["accuracy"] == pytest.approx(0.786, abs=0.01)
    assert kirby["retest"] == pytest.approx(0.844, abs=0.01) and kirby["engines"]["majority"]["correlation"] is None
