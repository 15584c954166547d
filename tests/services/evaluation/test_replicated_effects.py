"""Files of effects, and the megastudies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli import main

#: r with people of GPT-4 and of experts, as PEOPLE measured it.
MEGASTUDIES = {
    "Tappin": 0.77, "Voelkel2025": 0.70, "DellavignaPope": 0.69, "Saccardo2024": 0.65, "Allen2023": 0.49, "Milkman2022": 0.49,
    "Doell": 0.44, "Zickfeld": 0.36, "Goldwert": 0.30, "SDC": 0.27, "Dellavigna": 0.27, "Mason": 0.24, "Broockman": 0.23,
    "Milkman2023": 0.17, "Milkman2021": 0.05,
}  # fmt: skip
EXPERTS = {
    "DellavignaPope": 0.77, "Milkman2022": -0.14, "Doell": 0.50, "Zickfeld": 0.17, "SDC": 0.40, "Dellavigna": 0.30,
    "Broockman": 0.15, "Milkman2023": 0.15, "Milkman2021": -0.20,
}  # fmt: skip


def write_effects(path: Path) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "dataset": ["one-a"] * 10 + ["one-b"] * 10 + ["two"] * 12, "condition": [f"arm {row % 10}" for row in range(32)],
            "effect": random.normal(size=32), "effect_se": 0.1, "own": random.normal(size=32),
        }
    )  # fmt: skip
    frame.to_csv(path, index=False)
    return frame


def test_studies_are_named_before_the_dash_and_their_parts_are_blocks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = write_effects(tmp_path / "effects.csv")
    asked = ["replicate", "--effects", str(tmp_path / "effects.csv"), "--predictor", "own"]
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: (item["effects"], item["blocks"]) for name, item in found["studies"].items()} == {
        "one": (20, 2), "two": (12, 1),
    }  # fmt: skip
    two = frame[frame.dataset == "two"]
    assert found["studies"]["two"]["r"] == pytest.approx(two.effect.corr(two.own), abs=1e-3)
    assert found["studies"]["two"]["expert_r"] is None
    assert main(asked) == 0
    assert "Did own foresee the effects of 2 experiments?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.rename(columns={"effect_se": "efect_se"}), "has no column 'effect_se'"),
        (lambda frame: frame.rename(columns={"own": "gpt_4"}), "Nearest valid"),
        (lambda frame: frame.assign(effect=["large", *frame.effect[1:]]), "row 2, column effect"),
        (lambda frame: frame.assign(effect_se=-1.0), "row 2, column effect_se"),
        (lambda frame: frame.head(3), "no study can be judged"),
    ],
)
def test_faults_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], change, said: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "effects.csv"
    change(write_effects(path)).to_csv(path, index=False)
    predictor = [] if "gpt_4" in path.read_text() else ["--predictor", "own"]
    assert main(["replicate", "--effects", str(path), *predictor, "--json"]) == 2
    assert said in capsys.readouterr().err


def test_one_thing_is_replicated_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replicate", "--json"]) == 2
    assert "one of --answers, --effects" in capsys.readouterr().err
    assert main(["replicate", "--effects", "F", "--predict", "D", "--json"]) == 2
    assert "--predict: goes with --answers, not with --effects" in capsys.readouterr().err


@pytest.mark.real_data
def test_fifteen_megastudies(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = real_data / "people" / "treatment_effects" / "megastudy_effects.csv"
    assert main(["replicate", "--effects", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    studies = found["studies"]
    assert {name: item["r"] for name, item in studies.items()} == pytest.approx(MEGASTUDIES, abs=0.01)
    assert {name: item["expert_r"] for name, item in studies.items() if item["expert_r"] is not None} == pytest.approx(
        EXPERTS, abs=0.01
    )
    lost = {name for name, item in studies.items() if not item["line_beats_mean"]}
    assert lost == {"Goldwert", "Mason", "Milkman2021", "Milkman2023"} and found["pooled"]["line_beats_mean"] == 11
    assert {name for name, item in studies.items() if item["disattenuated_r"] is None} == {"Allen2023", "Doell"}
