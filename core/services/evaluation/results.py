"""What came of evaluations, as commands print them, pages draw them and the store keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Generic, Self, TypeVar

import pandas as pd

from core.cognition.registry import DEFAULT_ENGINE
from core.forecasting.backtest_scores import TWIN, BacktestRow, BacktestSummary
from core.forecasting.panel_backtest import PanelRow, PanelSummary
from core.records import code_version
from core.result import Result
from core.services.evaluation.backtest_tables import rows_of_tables
from core.validity.measured import Header
from core.validity.world_scores import WorldRow, WorldsSummary

R = TypeVar("R", bound=Result)


@dataclass(frozen=True, kw_only=True)
class BacktestResult(Result, kind="backtest"):
    """Scores of every forecaster by place, origin and horizon; `left_out` says what has none and why. The twins are by `engine`
    over `personas` people of `population`."""

    rows: tuple[BacktestRow, ...]
    summary: BacktestSummary
    left_out: Mapping[str, str] = field(default_factory=dict)
    engine: str = DEFAULT_ENGINE
    population: str
    personas: int
    code_version: str
    seconds: float
    run_id: str = ""

    @property
    def rivals(self) -> list[str]:
        """The forecasters beside the twin, in the order in which they were measured."""
        return [name for name in self.rows[0].macro_rmse if name != TWIN] if self.rows else []

    @classmethod
    def of_store(cls, summary: Mapping[str, Any], table: Callable[[str], pd.DataFrame]) -> Self:
        """The store has rows as tables."""
        rows = rows_of_tables(table, summary["forecasters"])
        return replace(cls.from_dict({**summary, "rows": ()}), rows=rows)


@dataclass(frozen=True, kw_only=True)
class PanelBacktestResult(Result, kind="panel_backtest"):
    """Errors of every forecaster by place, origin and horizon of a study's panel, for its first metric `behaviour` in `unit`;
    horizons count in `step`. `learned_from` so many places; `left_out` says what has no row and why."""

    study: str
    fictional: bool
    step: str
    behaviour: str
    label: str
    unit: str
    rows: tuple[PanelRow, ...]
    summary: PanelSummary
    left_out: Mapping[str, str] = field(default_factory=dict)
    learned_from: int
    engine: str = DEFAULT_ENGINE
    personas: int
    code_version: str
    seconds: float
    run_id: str = ""

    @property
    def rivals(self) -> list[str]:
        """The forecasters beside the twin, in the order in which they were measured."""
        return [name for name in self.rows[0].rmse if name != TWIN] if self.rows else []


@dataclass(frozen=True, kw_only=True)
class WorldsResult(Result, kind="worlds"):
    """How near contrasts over `horizon` days came to the truth in `seeds` worlds of each of these kinds. What a shipped
    measurement does not say is None."""

    worlds: tuple[str, ...]
    seeds: int
    horizon: int | None = None
    clear_effect: float
    engine: str
    personas: int | None = None
    trials: int | None = None
    summary: WorldsSummary
    rows: tuple[WorldRow, ...] = ()
    code_version: str = ""
    seconds: float = 0.0
    run_id: str = ""


@dataclass(frozen=True, kw_only=True)
class AblationRow:
    """The twin without a part: its macro RMSE (median of the draws, with their range), and the `price`, that error minus the
    whole twin's, with its interval. `distinguishable`: told from chance."""

    ablation: str
    group: str
    label: str
    personas: int
    macro_rmse: float
    macro_rmse_min: float
    macro_rmse_max: float
    price: float
    price_low: float
    price_high: float
    rmse: Mapping[str, float | None]
    seeds: tuple[int, ...]
    macro_rmse_by_seed: tuple[float, ...]
    distinguishable: bool = False

    @property
    def changes_nothing(self) -> bool:
        return self.price == self.price_low == self.price_high == 0


@dataclass(frozen=True, kw_only=True)
class AblationsResult(Result, kind="ablations"):
    """What each part of the twin of the run `of_run` is worth; the whole twin's errors are `macro_rmse` and `rmse`. Prices have
    intervals of `interval` percent over `draws` draws of the test weeks."""

    study: str
    fictional: bool
    engine: str
    of_run: str
    personas: int
    trials: int
    train_end: date
    test_end: date
    unit: str
    macro_rmse: float
    rmse: Mapping[str, float | None]
    interval: int
    draws: int
    rows: tuple[AblationRow, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LearnResult(Result):
    """Tables learned from so many `countries` up to each of `days`, in `folder`."""

    folder: str
    days: tuple[date, ...]
    countries: int
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FigureFile:
    """A measurement's file: whether it was `made` now, and how long that took or had taken."""

    made: bool
    seconds: float
    file: str


@dataclass(frozen=True, kw_only=True)
class FiguresResult(Result):
    """What was measured, whether README was `filled`, its parts that differ from the files, and the measurements that other
    code or other observations made, with why."""

    measured: Mapping[str, FigureFile]
    filled: bool
    differing: tuple[str, ...]
    stale: Mapping[str, str]


@dataclass(frozen=True)
class Measured(Generic[R]):
    """A measurement, kept or shipped, with where it comes from and, where that is known, what was asked."""

    result: R
    header: Header
    request: Any = None

    @property
    def run_id(self) -> str:
        """ "" for the shipped one."""
        return str(self.result.run_id)  # type: ignore[attr-defined]

    @property
    def current(self) -> bool:
        """Whether this very code measured it."""
        return self.header.code_version == code_version()
