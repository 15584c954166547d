"""A run's result made by hand, to see what is said of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from core.services.runs.results import RunResult


def run_result(changes: dict[str, Any] | None = None, **errors: float) -> RunResult:
    """A result in which forecasters have these errors, by either measure and for one behaviour."""
    values: dict[str, Any] = {
        "run_id": "run-1", "study": "meridia", "fictional": True, "engine": "rules", "personas": 10, "days": 60, "contexts": 9,
        "behaviours": 1, "train_end": date(2030, 8, 13), "test_end": date(2030, 9, 15), "macro_rmse": errors,
        "rmse": {"retail": errors}, "mae": {"retail": errors}, "calibration_gap": 0.0, "parameters": {"fatigue": 0.5},
        "calibrators": {}, "inner_score": 1.0, "seconds": {"total": 1.0}, "result_hash": "h", "rung": "the code ran",
        "bounds": {"fatigue": (0.0, 0.9)},
    }  # fmt: skip
    return RunResult(**values | (changes or {}))
