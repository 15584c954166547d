"""Small stores with complete runs, damaged on purpose or on a disk of six megabytes."""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli import main
from core.records import RunRecord
from core.store import Store

ROOT = Path(__file__).resolve().parents[2]
DAYS = pd.date_range("2030-01-01", periods=400)


def record(**changes: object) -> RunRecord:
    given = {"kind": "run", "study_id": "meridia", "study_hash": "aa", "engine": "rules", "engine_version": "1"}
    # A fixed version, for others may edit the source while tests run.
    given |= {"code_version": "fixed"}
    return RunRecord(**{**given, "seed": 7, "personas": 4, **changes})  # type: ignore[arg-type]


def forecasts(seed: int, days: pd.DatetimeIndex = DAYS) -> pd.DataFrame:
    frame = pd.DataFrame({"date": days, "phase": "test", "value": np.random.default_rng(seed).normal(size=len(days))})
    frame["lower"], frame["upper"] = frame["value"] - 1, frame["value"] + 1
    parts = [
        frame.assign(forecaster=name, behaviour=f"b{n}") for name in ("twin", "paper", "linear") for n in range(20)
    ]
    return pd.concat(parts, ignore_index=True)


def filled(path: Path, runs: int = 2) -> list[str]:
    """A store with complete runs; their ids."""
    ids = []
    with Store(path) as store:
        for seed in range(runs):
            made = record(seed=seed)
            store.begin_run(made)
            store.finish_run(made.run_id, {"forecasts": forecasts(seed)}, {"run_id": made.run_id})
            ids.append(made.run_id)
    return ids


def flipped(good: Path, place: int, to: Path, count: int = 1) -> Path:
    raw = bytearray(good.read_bytes())
    for position in range(place, place + count):
        raw[position] ^= 0xFF
    to.write_bytes(raw)
    return to


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(list(words))
    return code, capsys.readouterr().err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of six megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a file system of six megabytes can only be mounted by root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system of six megabytes: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def scores(value: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "forecaster": ["twin", "twin"],
            "behaviour": ["transit", "macro"],
            "metric": "rmse",
            "value": [value, math.nan],
        }
    )


def expect(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    got = process.stdout.readline().strip()
    if got != line:
        process.kill()
        pytest.fail(f"expected {line!r}, got {got!r}: {process.communicate()[1]}")
