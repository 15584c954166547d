"""Files of observations as a user might have them, and what is said of wrong ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from provider_files import text

from core.datasets.layouts import MOBILITY_COLUMNS
from core.errors import InputError
from core.study import Source, Study, load_study

UAE = load_study("uae")
FIRST, LAST = date(2020, 2, 15), date(2020, 3, 30)
DAYS = pd.date_range(FIRST, LAST)
POLICY_COLUMNS = ["date", "C1", "C1_Flag", "C8"]
GOOD_POLICY = [[f"2031-01-{day:02d}", day % 4, 1 if day % 4 else "", day % 5] for day in range(1, 11)]
#: Function-scoped folders are fine: every example writes its own file anew.
LENIENT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def wide(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return text([columns, *rows])


def refused(read: Callable[[], object], *says: str) -> str:
    with pytest.raises(InputError) as caught:
        read()
    message = str(caught.value)
    assert "\n" not in message
    for words in says:
        assert words in message, message
    return message


def own_study(folder: Path, **changes: object) -> Study:
    """The UAE study with wide tables in `folder`, from 2020-03-01 to 2020-04-30."""
    sources = {kind: Source(f"{kind}.csv", "wide_csv", "Here") for kind in ("mobility", "policy", "cases")}
    return dataclasses.replace(UAE, start=date(2020, 3, 1), end=date(2020, 4, 30), sources=sources, **changes)  # type: ignore[arg-type]


def write_own(folder: Path, *, policy_from: str = "2019-11-01", policy_to: str = "2020-05-31", drop: str = "") -> None:
    def table(first: str, last: str, columns: Sequence[str], start: int) -> str:
        days = pd.date_range(first, last)
        return wide(
            ["date", *columns],
            [[day.date(), *((start + step) % 2 for _ in columns)] for step, day in enumerate(days)],
        )

    write(folder, table("2020-03-05", "2020-06-30", MOBILITY_COLUMNS, 0), "mobility.csv")
    codes = [
        name
        for item in UAE.indicators
        for name in ((item.code, f"{item.code}_Flag") if item.has_flag else (item.code,))
        if name != drop
    ]
    write(folder, table(policy_from, policy_to, codes, 1), "policy.csv")
    write(folder, table("2020-02-20", "2020-04-10", ["new_cases"], 0), "cases.csv")
