"""The stresses of econsimulacra: every recorded situation, and some of our own worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.errors import InputError
from core.society.stress_compat import circular_variance, stress_level

USUAL: dict[str, dict[str, Any]] = {
    "consumption": {
        "item2weight": {"rice": 2.0, "tea": 1.0}, "target_quantity": 10, "window_size": 24, "time_decay": 0.5, "history": [],
    },
    "move": {
        "home": [0, 0], "target_distance": 10.0, "window_size": 24, "time_decay": 1.0, "home_comfort": 0.4, "history": [],
    },
    "state": {
        "target_buying_power": 20.0, "target_relative_wealth": -1.0, "target_wealth_growth": 0.0, "window_size": 5,
        "buying_power_weight": 1.0, "relative_wealth_weight": 1.0, "wealth_drawdown_weight": 1.0, "history": [],
    },
    "sleep": {"current_time": 24, "target_sleep_duration": 8.0, "window_size": 24, "history": []},
    "crowd": {"target_num_nearby": 4, "nearby": 4},
}  # fmt: skip


def situation(kind: str, step: int = 24, **given: Any) -> dict[str, Any]:
    shared = {"kind": kind, "current_time_step": step, "max_stress": 100, "tolerance_threshold": 50}
    return {**shared, **USUAL[kind], **given}


@pytest.mark.parametrize(
    ("vector", "level"),
    [
        (situation("consumption", 23), 0),  # nothing eaten, but the window is not full
        (situation("consumption"), 100),
        (situation("consumption", history=[["rice", 2, 24], ["rice", 2, 23], ["tea", 50, -1]]), 40),  # 4 + 2 of 10
        (situation("consumption", history=[["rice", 7.33, 24]]), 46),  # 14.66: too much is stress too; 46.6 is cut
        (situation("consumption", 0, history=[["bread", 1, -25]]), 0),  # no weight is needed for what is too long ago
        (situation("move", 23), 0),
        (situation("move", history=[[0, 0, 3], [0, 0, 9]]), 100),  # on the spot is not moved
        (situation("move", history=[[0, 0, 3], [3, 4, 9]]), 50),
        (situation("move", history=[[3, 1, 3], [0, 1, 4], [0, 0, 5]]), 36),  # 4 of 10, at home: int(60 × .6) = 36
        (situation("move", 30, history=[[9, 9, 5], [3, 4, 6], [0, 0, 29]]), 30),  # the leg into the window does not count
        (situation("state", 4), 0),
        (situation("state", 5), 100),
        (situation("state", history=[[90, 0.0, 25, 23], [90, -2.0, 25, 24]]), 49),  # 1 / (2 + 1e-8): below a half
        (situation("state", history=[[100, None, None, 20], [75, None, None, 24]]), 24),  # lost a quarter
        (situation("state", history=[[100, 0.0, 5, 24], [1, -9.0, 0, 25]]), 74),  # what is yet to come is not seen
        (situation("sleep"), 100),
        (situation("sleep", 12, current_time=12), 0),
        (situation("sleep", history=[[20, None]]), 35),  # 4 of 8 hours: 50, weighs .7; a single sleep is regular
        (situation("sleep", history=[[-8, 4], [18, 22]]), 4),  # enough; variances .034 and .293: .3 × 16 = 4.8
        (situation("sleep", 12, current_time=12, history=[[0, 4]]), 0),  # half a window: half the target
        (situation("crowd", nearby=None), 0),
        *[(situation("crowd", nearby=n), level) for n, level in enumerate([100, 75, 50, 0, 0, 0, 50, 75, 100, 100])],
    ],
)  # fmt: skip
def test_known_levels(vector: dict[str, Any], level: int) -> None:
    assert stress_level(vector, "here") == level


def test_moments_are_steps_of_an_hour() -> None:
    steps = situation("sleep", history=[[3, 5], [20, 22]])
    moments = situation("sleep", current_time="2025-03-02 00:00:00") | {
        "history": [["2025-03-01 03:00:00", "2025-03-01 05:00:00"], ["2025-03-01 20:00:00", "2025-03-01 22:00:00"]]
    }
    assert stress_level(steps, "here") == stress_level(moments, "here") > 0


def test_hours_around_midnight_are_alike() -> None:
    assert circular_variance([23.0, 1.0]) < 0.04
    assert circular_variance([0.0, 12.0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        ({"nearby": 3}, r"no key 'kind'"),
        ({"kind": "crowds"}, r"unknown kind 'crowds'.*Nearest valid: crowd"),
        ({key: value for key, value in situation("crowd").items() if key != "nearby"}, r"'nearby' is missing"),
        (situation("crowd", nearbye=3), r"unknown key 'nearbye'.*Nearest valid: nearby"),
        (situation("crowd", target_num_nearby=0), r"cannot be computed"),
        (situation("consumption", history=[["rise", 1, 20]]), r"unknown item 'rise'.*Nearest valid: rice"),
        (situation("move", history=[[1, 2]]), r"history: entry 1 has 2 numbers"),
        (situation("sleep", history=[[9, 3]]), r"history: entry 1 ends before it starts"),
        (situation("crowd", tolerance_threshold=101), r"tolerance_threshold: is 101.*Nearest valid: 100"),
    ],
)
def test_what_is_no_situation_is_said(vector: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=r"vectors\[4\].*" + said):
        stress_level(vector, "vectors[4]")


def test_the_command_counts_mismatches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps([situation("crowd", stress=0), situation("crowd", nearby=1, stress=74)]))
    assert main(["society", "stress", "--vectors", str(file), "--json"]) == 0
    which = [{"index": 1, "kind": "crowd", "given": 74, "ours": 75}]
    assert json.loads(capsys.readouterr().out) == {"vectors": 2, "mismatches": 1, "which": which}
    file.write_text(json.dumps([situation("crowd")]))
    assert main(["society", "stress", "--vectors", str(file)]) == 2
    assert "vectors[0]: has no whole number as 'stress'" in capsys.readouterr().err


@pytest.mark.real_data
def test_every_recorded_situation(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = real_data / "society" / "econsimulacra_stress_vectors.json"
    assert main(["society", "stress", "--vectors", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"vectors": 156, "mismatches": 0, "which": []}
