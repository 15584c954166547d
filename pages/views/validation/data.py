"""What the Validation page is about: the newest backtest as tables, read once, and who it is set against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import streamlit as st

from core.services.evaluation.backtests import (
    KIND,
    MeasuredBacktest,
    read_backtest,
    read_exported,
    shipped_path,
)
from core.services.evaluation.skill import (
    SkillComparison,
    country_table,
    interval_table,
    rivals_of,
    row_frame,
    skill_comparisons,
)
from core.store.database import Store
from pages.common.shell import Workspace


@dataclass(frozen=True)
class BacktestView:
    """A backtest with its tables; each is made when it is first asked for."""

    measured: MeasuredBacktest

    @cached_property
    def rows(self) -> pd.DataFrame:
        return row_frame(self.measured)

    @cached_property
    def horizons(self) -> list[int]:
        return [int(item) for item in sorted(self.rows["horizon"].unique())]

    @cached_property
    def intervals(self) -> pd.DataFrame:
        return interval_table(self.measured)

    @cached_property
    def _cells(self) -> dict[tuple[str, bool], dict[tuple[str, int], SkillComparison]]:
        return {}

    def rivals(self, against: str) -> list[str]:
        """The forecasters that this comparison admits."""
        return rivals_of(self.measured.rivals, against)

    def cells(self, against: str = "best", kept_out_only: bool = False) -> dict[tuple[str, int], SkillComparison]:
        """The twin against this choice, by class of policy change and horizon."""
        key = (against, kept_out_only)
        if key not in self._cells:
            rows = self.rows[self.rows["kept_out"]] if kept_out_only else self.rows
            self._cells[key] = skill_comparisons(rows, self.rivals(against))
        return self._cells[key]

    @cached_property
    def _countries(self) -> dict[tuple[str, int | None], pd.DataFrame]:
        return {}

    def countries(self, against: str, horizon: int | None) -> pd.DataFrame:
        """A row per country for this choice and horizon (None: all)."""
        key = (against, horizon)
        if key not in self._countries:
            self._countries[key] = country_table(self.rows, self.rivals(against), horizon)
        return self._countries[key]

    @property
    def source(self) -> str:
        """For the line beneath a figure."""
        where = f"run {self.measured.run_id}" if self.measured.run_id else "the measurement shipped with PolicyTwin"
        return (
            f"{where}, {self.measured.measured_on:%-d %B %Y}, version {self.measured.made_by}; real countries, observed by "
            "Google (Community Mobility Reports) and OxCGRT (policy). Twin: rules engine, not a language model."
        )


def backtest_view(workspace: Workspace) -> BacktestView:
    """The newest backtest of the store, else the shipped one."""
    found = workspace.store.runs(kind=KIND, status="complete", limit=1)
    if found.empty:
        path = shipped_path()
        return _shipped(str(path), path.stat().st_mtime_ns if path.is_file() else 0)
    return _kept(workspace.store, workspace.store.name, str(found["run_id"].iloc[0]))


@st.cache_resource(show_spinner=False, max_entries=4)
def _shipped(path: str, changed: int) -> BacktestView:
    return BacktestView(read_exported(shipped_path()))


@st.cache_resource(show_spinner="Reading the backtest…", max_entries=4)
def _kept(_store: Store, store_name: str, run_id: str) -> BacktestView:
    return BacktestView(read_backtest(_store, run_id))
