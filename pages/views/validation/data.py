"""What the Validation page is about: the newest backtest as tables, read once, and who it is set against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import streamlit as st

from core.report.sentences.backtests import backtest_source
from core.services.evaluation.backtests import newest_backtest, read_backtest, read_exported, shipped_path
from core.services.evaluation.results import BacktestResult, Measured
from core.services.evaluation.skill import (
    SkillComparison,
    country_table,
    interval_table,
    rivals_of,
    row_frame,
    skill_comparisons,
)
from core.store.database import Store
from core.study import Study
from core.validity.measured import domain_of
from pages.common.shell import Workspace


@dataclass(frozen=True)
class BacktestView:
    """A backtest with its tables; each is made when it is first asked for."""

    measured: Measured[BacktestResult]

    @property
    def result(self) -> BacktestResult:
        return self.measured.result

    def of_domain(self, study: Study) -> bool:
        """Whether the countries are of the study's domain."""
        return self.measured.header.domain == domain_of(study)

    @cached_property
    def rows(self) -> pd.DataFrame:
        return row_frame(self.result)

    @cached_property
    def horizons(self) -> list[int]:
        return sorted({row.horizon for row in self.result.rows})

    @cached_property
    def intervals(self) -> pd.DataFrame:
        return interval_table(self.result.rows)

    @cached_property
    def _cells(self) -> dict[str, dict[tuple[str, int], SkillComparison]]:
        return {}

    def rivals(self, against: str) -> list[str]:
        """The forecasters that this comparison admits."""
        return rivals_of(self.result.rivals, against)

    def cells(self, against: str = "best") -> dict[tuple[str, int], SkillComparison]:
        """The twin against this choice, by class of policy change and horizon."""
        if against not in self._cells:
            self._cells[against] = skill_comparisons(self.rows, self.rivals(against))
        return self._cells[against]

    def countries(self, against: str, horizon: int | None) -> pd.DataFrame:
        """A row per country for this choice and horizon (None: all)."""
        return country_table(self.rows, self.rivals(against), horizon)

    @property
    def source(self) -> str:
        """For the line beneath a figure."""
        return backtest_source(self.measured)


def backtest_view(workspace: Workspace) -> BacktestView:
    """The newest backtest of the store, else the shipped one."""
    run_id = newest_backtest(workspace.store)
    if run_id:
        return _kept(workspace.store, workspace.store.name, run_id)
    path = shipped_path()
    return _shipped(str(path), path.stat().st_mtime_ns if path.is_file() else 0)


@st.cache_resource(show_spinner=False, max_entries=4)
def _shipped(path: str, changed: int) -> BacktestView:
    return BacktestView(read_exported(shipped_path()))


@st.cache_resource(show_spinner="Reading the backtest…", max_entries=4)
def _kept(_store: Store, store_name: str, run_id: str) -> BacktestView:
    return BacktestView(read_backtest(_store, run_id))
