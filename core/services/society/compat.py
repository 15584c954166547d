"""Comparison with econsimulacra: its stresses, number for number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.inputs.files import read_list
from core.options import option
from core.result import Result
from core.society.stress_compat import stress_level


@dataclass(frozen=True)
class StressRequest:
    """Situations with the stress that econsimulacra gives them: a JSON list, each with `kind`, its inputs and `stress`."""

    vectors: Path = option("JSON list of situations with their stress", word="FILE")


@dataclass(frozen=True, kw_only=True)
class StressMismatch:
    """A situation by its place in the list, from 0: the stress that was given for it, and ours."""

    index: int
    kind: str
    given: int
    ours: int


@dataclass(frozen=True, kw_only=True)
class StressCheck(Result):
    """How many situations were computed, for how many ours is another stress, and which."""

    vectors: int
    mismatches: int
    which: tuple[StressMismatch, ...]


def check_stress(request: StressRequest) -> StressCheck:
    """Compare our integer stresses with those of a file. InputError names the situation and the key that is wrong."""
    raw = read_list(request.vectors)
    which = []
    for index, vector in enumerate(raw):
        where = f"{request.vectors.name}, vectors[{index}]"
        if not isinstance(vector, dict):
            raise InputError(f"is {vector!r}", where=where, allowed="a table: kind, its inputs and stress")
        inputs = dict(vector)
        given = inputs.pop("stress", None)
        ours = stress_level(inputs, where)
        if not isinstance(given, int) or isinstance(given, bool):
            raise InputError("has no whole number as 'stress'", where=where, allowed="stress: 0 to max_stress")
        if ours != given:
            which.append(StressMismatch(index=index, kind=inputs["kind"], given=given, ours=ours))
    return StressCheck(vectors=len(raw), mismatches=len(which), which=tuple(which))
