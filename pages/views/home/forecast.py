"""The forecast against what happened, for the first screen: the same view as on the Calibration page."""

from __future__ import annotations

from core.store.runs import StoredRun
from pages.common.curve_view import curve_view
from pages.common.shell import Workspace


def forecast_view(workspace: Workspace, run: StoredRun, key: str) -> None:
    """Controls and figure of a run's curves; `key` begins the names of its choices in the URL."""
    curve_view(workspace, run, key)
