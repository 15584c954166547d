"""Origins and horizons of many places, and the people who stand for everybody in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.errors import InputError, in_range

LONGEST_HORIZON = 365
#: People of a twin where hundreds of fits are made.
#: The population whose people answer for those of a country without tables of its own.
POPULATION, PERSONAS = "world", 300


def checked(origins: Sequence[date], horizons: Sequence[int], where: str) -> tuple[tuple[date, ...], tuple[int, ...]]:
    """Origins and horizons, each once, in order; InputError for none, and for a horizon that makes no sense."""
    if not origins:
        raise InputError("no origin is given", where=where, allowed="one or more days")
    return tuple(sorted(set(origins))), checked_horizons(horizons, where)


def checked_horizons(horizons: Sequence[int], where: str) -> tuple[int, ...]:
    """The horizons, each once, in order; InputError for none and for one that makes no sense."""
    if not horizons:
        raise InputError("no horizon is given", where=where, allowed="one or more numbers of days")
    for horizon in horizons:
        in_range(horizon, 1, LONGEST_HORIZON, f"a horizon of {horizon} days", where=where)
    return tuple(sorted(set(horizons)))
