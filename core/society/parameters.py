"""Numbers of the society that no scenario states, each with range, unit, status and source in `data/society/parameters.csv`.

Status: `published` (its source states it), `start` (a first value, its source beside it), `tuned` (found
by `policytwin society tune`, or by hand on the same facts), `assumption` (nobody measured it).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from functools import cache
from typing import Any

from core.errors import InputError, nearest
from core.settings import shipped_data


@dataclass(frozen=True)
class Parameter:
    """One number, as its row states it."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    status: str
    source: str


@cache
def registered() -> Mapping[str, Parameter]:
    """The parameters by name, in the order of the file."""
    with (shipped_data() / "society" / "parameters.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["name"]: Parameter(
            row["name"],
            float(row["value"]),
            float(row["low"]),
            float(row["high"]),
            row["unit"],
            row["status"],
            row["source"],
        )
        for row in rows
    }


@cache
def parameters_hash() -> str:
    """SHA-256 of the file's bytes: what was registered before a run."""
    return hashlib.sha256((shipped_data() / "society" / "parameters.csv").read_bytes()).hexdigest()


def parameters(changed: Mapping[str, float], where: str = "parameters") -> Any:
    """All parameters as attributes of one frozen object, `changed` ones as given. InputError for unknown names, and for
    values outside the range of their row."""
    known = registered()
    for name, value in changed.items():
        if name not in known:
            raise InputError(
                f"unknown parameter '{name}'",
                where=where,
                allowed="the names in data/society/parameters.csv",
                nearest=nearest(name, list(known)),
            )
        row = known[name]
        if not row.low <= value <= row.high:
            raise InputError(
                f"{name} is {value:g}",
                where=where,
                allowed=f"{row.low:g} to {row.high:g} {row.unit}",
                nearest=f"{min(max(value, row.low), row.high):g}",
            )
    return _values(tuple(changed.get(name, row.value) for name, row in known.items()))


@cache
def _values(values: tuple[float, ...]) -> Any:
    kind = make_dataclass("Parameters", [(name, float) for name in registered()], frozen=True)
    return kind(*values)
