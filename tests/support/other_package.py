"""A package of somebody else's that brings what registries gather, installed as pip would leave it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ENGINE = '''
"""An engine whose people stay at home the more, the more is closed."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from core.cognition.engine import Engine
from core.cognition.registry import EngineKind
from core.registry import Parameter

OBEDIENCE = Parameter(0.5, 0.0, 1.0, "share", "Share of outings given up where everything is closed")


@dataclass(frozen=True)
class Coin(Engine):
    codes: tuple[str, ...]
    signs: tuple[int, ...]
    obedience: float = OBEDIENCE.default
    name: str = "coin"
    version: str = "1"
    searched: ClassVar = {"obedience": OBEDIENCE}

    def respond(self, personas, contexts):
        closed = contexts[list(self.codes)].to_numpy(float).mean(axis=1) / 4
        days_off = np.where(contexts["day_type"].to_numpy() == "working", 0.0, 0.1)
        shift = self.obedience * 0.5 * closed[:, None] * np.array(self.signs) + days_off[:, None]
        answers = np.clip(0.5 + shift, 0.0, 1.0).astype(np.float32)
        return np.repeat(answers[None], len(personas), axis=0)


def make(study):
    return Coin(tuple(study.indicator_codes), tuple(item.expected_sign for item in study.behaviours))


COIN = EngineKind(
    name="coin", title="Coin", label="a coin that obeys", short="coin", help="Half of everybody, less what is closed.",
    make=make, parameters=Coin.searched,
)
'''


BESIDE = '''
"""A calibrator that trusts half of what was simulated, and a baseline that says zero."""

import numpy as np
import pandas as pd

from core.calibration.calibrators import Calibrator
from core.calibration.linear import LinearCalibrator
from core.forecasting.baselines import Baseline


class Median(LinearCalibrator):
    def _solve(self, activity, observed, weight):
        return np.full(activity.shape[1], 0.5), np.nanmedian(observed - 0.5 * activity, axis=0)


def worst_week(known):
    lowest = known.observed.rolling(7, min_periods=1).mean().min()
    return pd.DataFrame(np.tile(lowest, (len(known.horizon), 1)), known.horizon, known.observed.columns)


MEDIAN = Calibrator(
    name="median", label="Half of what was simulated, about the median", help="A slope of a half.",
    make=lambda upper: Median(upper=upper),
)
WORST = Baseline(name="worst_week", label="The worst week so far", help="The lowest mean of a week.", forecast=worst_week)
'''


def install(folder: Path, name: str, code: str, entry_points: str, version: str = "0.1") -> Path:
    """The package in `folder`, with the metadata that pip writes of an installed one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(dedent(code).lstrip(), encoding="utf-8")
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(dedent(entry_points).lstrip(), encoding="utf-8")
    (about / "INSTALLER").write_text("pip\n", encoding="utf-8")
    files = [
        f"{name}.py",
        *(f"{about.name}/{file}" for file in ("METADATA", "entry_points.txt", "INSTALLER", "RECORD")),
    ]
    (about / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")
    return folder


def python(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Another Python that sees what is installed in the folder; `variables` are added to its environment."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")]), str(Path.cwd())])
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": path, **variables},
    )  # fmt: skip
