"""From what runs and measurements return to the figures that are kept of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.services.evaluation.ablation_parts import CONTROL
from core.services.evaluation.results import AblationsResult, WorldsResult
from core.services.runs.costs import cost_before
from core.services.studies.requests import ModelOptions, RunRequest
from core.store.database import Store
from core.validity.measured import AblationPrices, Header, KnownWorlds, Price, Split


@dataclass(frozen=True)
class Bench:
    """What measuring needs: the folder of observations (None where there is none), a store that keeps finished runs, who
    works and who watches."""

    data: Path | None
    store: Store
    watch: ProgressReporter
    executor: Executor


#: How long it took, and what is to be written once it is said where it comes from.
Made: TypeAlias = tuple[float, Callable[[Header], Any]]
Measure: TypeAlias = Callable[[Bench], Made]

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


def prices_of(result: AblationsResult, header: Header) -> AblationPrices:
    """The prices of measured ablations, dearest first."""
    rows = sorted(result.rows, key=lambda row: -row.price)
    searched = [macro for row in rows if row.ablation == CONTROL for macro in row.macro_rmse_by_seed]
    return AblationPrices(
        header=header,
        study=result.study,
        train_end=result.train_end,
        test_end=result.test_end,
        interval=result.interval,
        chance=float(np.ptp([result.macro_rmse, *searched])),
        prices=tuple(
            Price(row.ablation, row.label, row.personas, row.price, row.price_low, row.price_high, row.distinguishable)
            for row in rows
            if row.ablation != CONTROL
        ),
    )


def known_worlds_scores(result: WorldsResult, header: Header) -> KnownWorlds:
    """The scores of the measurement in generated worlds."""
    found = result.summary
    return KnownWorlds(
        header, result.worlds, result.seeds, result.engine, result.clear_effect, found.overall, found.by_world,
        found.by_distance, found.working_week,
    )  # fmt: skip


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
