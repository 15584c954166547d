"""From what runs and measurements return to the figures that are kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from core.services.evaluation.ablation_parts import CONTROL
from core.services.runs.costs import cost_before
from core.services.studies.requests import ModelOptions, RunRequest
from core.validity.measured import (
    AblationPrices,
    EstimatorScores,
    Header,
    KnownWorlds,
    Price,
    Split,
    WorldScores,
)
from core.validity.paired import Difference

#: Of the estimates that README shows: a cheap model of a provider, and a small one on this machine.
MODEL, OWN_MODEL, OWN_SERVER = "gemini-2.5-flash-lite", "qwen3:4b", "http://127.0.0.1:11434/v1"
OWN_PERSONAS = 5


def split_of(values: Mapping[str, Any]) -> Split:
    """The figures of a finished run, from its summary."""
    levels = values["intervals"]["levels"]
    return Split(
        train_end=date.fromisoformat(values["train_end"]),
        test_end=date.fromisoformat(values["test_end"]),
        macro={name: value for name, value in values["macro_rmse"].items() if value is not None},
        coverage={int(level): item["coverage"] for level, item in levels.items()},
        width={int(level): item["width"] for level, item in levels.items()},
    )


def prices_of(values: Mapping[str, Any], header: Header) -> AblationPrices:
    """The prices of measured ablations, dearest first."""
    rows = sorted(values["rows"], key=lambda row: -row["price"])
    searched = [macro for row in rows if row["ablation"] == CONTROL for macro in row["macro_rmse_by_seed"]]
    return AblationPrices(
        header=header,
        study=values["study"],
        train_end=date.fromisoformat(values["train_end"]),
        test_end=date.fromisoformat(values["test_end"]),
        interval=values["interval"],
        chance=float(np.ptp([values["macro_rmse"], *searched])),
        prices=tuple(
            Price(
                ablation=row["ablation"],
                label=row["label"],
                personas=row["personas"],
                price=row["price"],
                low=row["price_low"],
                high=row["price_high"],
                apart=row["distinguishable"],
            )
            for row in rows
            if row["ablation"] != CONTROL
        ),
    )


def known_worlds_scores(values: Mapping[str, Any], header: Header) -> KnownWorlds:
    """The scores of the measurement in generated worlds."""
    summary = values["summary"]
    return KnownWorlds(
        header=header,
        kinds=tuple(values["worlds"]),
        seeds=values["seeds"],
        engine=values["engine"],
        clear_effect=values["clear_effect"],
        overall=_scores(summary["overall"]),
        by_world={name: _scores(item) for name, item in summary["by_world"].items()},
        by_distance={name: _scores(item) for name, item in summary["by_distance"].items()},
        working_week={name: _scores(item) for name, item in summary["working_week"].items()},
    )


def _scores(item: Mapping[str, Any]) -> WorldScores:
    estimators = {name: _estimator(said) for name, said in item["estimators"].items()}
    return WorldScores(rows=item["rows"], rms_truth=item["rms_truth"], estimators=estimators)


def _estimator(said: Mapping[str, Any]) -> EstimatorScores:
    found = said.get("against_twin")
    against = None if found is None else Difference(*(found[key] for key in ("value", "lower", "upper", "units")))
    return EstimatorScores(said["rmse"], said["overstated"], said["right_sign"], said["coverage"], against)


def asking_costs(data: Path | None) -> tuple[dict[str, Any], dict[str, int]]:
    """What `run uae --estimate` says, and the calls of other ways of asking. Nothing is asked, and no key is needed."""
    asking = ModelOptions("gemini", model=MODEL)
    uae = RunRequest("uae", data, engine="gemini", asking=asking)
    ways = {
        "uae": uae,
        "uae_days_apart": replace(uae, asking=replace(asking, days="apart")),
        "uae_levels": replace(uae, asking=replace(asking, design="levels")),
        "meridia_own": RunRequest(
            "meridia",
            engine="openai",
            personas=OWN_PERSONAS,
            asking=ModelOptions("openai", model=OWN_MODEL, base_url=OWN_SERVER),
        ),
    }
    costs = {name: cost_before(None, request) for name, request in ways.items()}
    return costs["uae"].as_dict(), {name: cost.calls for name, cost in costs.items()}
