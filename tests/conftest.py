"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real observations; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("POLICYTWIN_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "google_mobility_national.parquet").is_file():
        pytest.skip(f"real data not found in {folder}: set POLICYTWIN_DATA to its folder")
    return folder
