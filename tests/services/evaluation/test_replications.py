"""People's answers predicted from folders of a panel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from panel_cases import made_panel, write_folder

from core.cli import main
from core.errors import InputError
from core.portrait.panel import AnswerPanel
from core.report.renderers.terminal import terminal_text
from core.report.sentences.replications import answers_document
from core.services.evaluation.replication_results import AnswersReplication, AnswersRequest
from core.services.evaluation.replications import replicate_answers

SELF_REGULATION = Path("people/no_licence_file/self_regulation")


def panel_folder(place: Path, ending: str = "csv") -> Path:
    """A hundred people, of whom forty answered twice."""
    first, again = made_panel(100, seed=4)
    return write_folder(place, first, again.take(range(40)), ending)


def test_memory_beats_the_mode_and_its_own_shuffled_history(tmp_path: Path) -> None:
    found = replicate_answers(AnswersRequest(panel_folder(tmp_path / "panel")))
    assert (found.people, found.panel, found.items) == (40, 60, 20)
    memory, mode, shuffled = (found.engines[name] for name in ("memory", "mode", "shuffled"))
    assert memory.exact > mode.exact > 0 and memory.exact > shuffled.exact
    assert memory.low < memory.normalised.exact < memory.high
    assert mode.correlation is None and mode.normalised.correlation is None
    assert memory.normalised.exact == pytest.approx(memory.exact / found.retest.exact, abs=1e-3)
    assert AnswersReplication.from_dict(json.loads(json.dumps(found.as_dict()))) == found
    text = terminal_text(answers_document(found))
    assert f"{memory.normalised.exact:.3f}" in text and "No language model was asked" in text


def test_people_of_a_second_folder_are_predicted_and_never_learned_from(tmp_path: Path) -> None:
    new, newly = made_panel(30, seed=5)
    other = write_folder(tmp_path / "new", new, newly, "parquet")
    first, again = made_panel(100, seed=4)
    apart = replicate_answers(AnswersRequest(write_folder(tmp_path / "panel", first, again), other))
    assert (apart.people, apart.panel) == (30, 100)
    mixed = AnswerPanel(first.people + new.people, first.items, np.vstack([first.codes, new.codes]))
    leaky = write_folder(tmp_path / "leaky", mixed, again)
    caught = replicate_answers(AnswersRequest(leaky, other))
    assert caught.engines == apart.engines
    assert list(caught.left_out.values()) == [30]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "answers_again.csv").rename(folder / "answers_agian.csv"), "answers_agian.csv"),
        (lambda folder: edit(folder, "answers_first", lambda frame: frame.rename(columns={"scale1.2": "scale1_2"})), "scale1_2"),
        (lambda folder: edit(folder, "items", lambda frame: frame.rename(columns={"survey": "surveys"})), "surveys"),
        (lambda folder: cell(folder, 3, "scale0.1", 9), "row 5, column scale0.1"),
        (lambda folder: cell(folder, 3, "scale0.1", 1.5), "whole numbers from 1 to 3"),
        (lambda folder: cell(folder, 3, "scale0.1", "often"), "row of p4-003, column scale0.1"),
        (lambda folder: cell(folder, 3, "worker", "p4-001"), "'p4-001' is there twice"),
        (lambda folder: edit(folder, "items", lambda frame: frame.assign(choices=1)), "2 to 100"),
        (lambda folder: edit(folder, "answers_again", lambda frame: frame.head(4)), "4 people answered twice"),
    ],
)  # fmt: skip
def test_faults_are_named_with_their_place(tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil, said) -> None:  # type: ignore[no-untyped-def]
    folder = panel_folder(tmp_path / "panel")
    spoil(folder)
    assert main(["replicate", "--answers", str(folder), "--json"]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == "" and captured.err.count("\n") == 1


def edit(folder: Path, name: str, change) -> None:  # type: ignore[no-untyped-def]
    path = folder / f"{name}.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def cell(folder: Path, row: int, column: str, value: object) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    edit(folder, "answers_first", change)


def test_without_a_file_of_people_nothing_is_said_of_groups(tmp_path: Path) -> None:
    folder = panel_folder(tmp_path / "panel")
    (folder / "people.csv").unlink()
    found = replicate_answers(AnswersRequest(folder))
    assert found.parity == {} and "cell" not in found.engines
    with pytest.raises(InputError, match="a file people"):
        replicate_answers(AnswersRequest(folder, engine="cell"))


@pytest.mark.real_data
def test_the_self_regulation_panel(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replicate", "--answers", str(real_data / SELF_REGULATION), "--engine", "memory", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    memory, mode = found["engines"]["memory"], found["engines"]["mode"]
    assert found["retest"]["exact"] == pytest.approx(0.656, abs=0.001)
    assert mode["normalised"]["exact"] == pytest.approx(0.751, abs=0.003) and mode["correlation"] is None
    assert memory["normalised"]["exact"] >= 0.83 and memory["normalised"]["partial"] >= 0.96
    assert memory["normalised"]["correlation"] >= 0.84 and memory["low"] > mode["high"]
    assert 0.9 <= found["spread"]["variance_ratio"] <= 1.1
    assert found["spread"]["log_score"] < found["spread"]["log_score_of_shares"]
    for name, exact in {"ridge": 0.837, "neighbours": 0.828, "demographics": 0.701}.items():
        assert found["engines"][name]["normalised"]["exact"] == pytest.approx(exact, abs=0.01)
