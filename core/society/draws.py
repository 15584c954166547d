"""Random numbers by counter: each is a hash of what it is for, so that arms with equal seeds share every draw.

A draw depends on the seed, the stream (what is drawn), the step, who draws and a slot; not on the order in which others
draw, on how many there are, or on who computes it (common random numbers; splitmix64 of Steele, Lea and Flood 2014).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = 0x9E3779B97F4A7C15
_SLOT = np.uint64(0xD1B54A32D192ED03)
_WHO = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_MASK = (1 << 64) - 1
_30, _27, _31, _41 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(41)


class Stream(IntEnum):
    """What a number is drawn for. Numbers are part of every result: new ones are added at the end."""

    HOME = 1
    WORK = 2
    INCOME = 3
    SLEEP = 4
    POSTING = 5
    DEGREE = 6
    POPULARITY = 7
    FOLLOWEE = 8
    MUTUAL = 9
    TIE = 10
    KNOWN = 11
    QUALITY = 12
    GO_OUT = 13
    PLACE = 14
    EXPLORE = 15
    NEW_PLACE = 16
    SERVED = 17
    NOISE = 18
    POST = 19
    COMPLAIN = 20
    READ = 21
    RANK = 22
    REPOST = 23
    LEARN = 24
    REACH = 25
    SHOP = 26
    SHOP_HOUR = 27
    EAT = 28
    UNFOLLOW = 29
    FOLLOW = 30
    REPRICE = 31
    MODERATE = 32
    BELIEVE = 33
    CASH = 34
    SPEAKER = 35
    REMOVED = 36
    JOB = 37


def _mixed(value: int) -> int:
    value = (value ^ (value >> 30)) * int(_MIX_1) & _MASK
    value = (value ^ (value >> 27)) * int(_MIX_2) & _MASK
    return value ^ (value >> 31)


def keys(seed: int, stream: Stream, step: int, who: NDArray[np.uint64], slot: ArrayLike = 0) -> NDArray[np.uint64]:
    """A number of 64 bits for each of `who` (ids times `_WHO`, see `named`) and each slot, which broadcast."""
    base = _mixed(((seed * 0x2545F4914F6CDD1D + stream) * _GOLDEN + step * 0xD6E8FEB86659FD93) & _MASK)
    if isinstance(slot, int | np.integer):
        found = who + np.uint64((base + int(slot) * int(_SLOT)) & _MASK)
    else:
        found = who + (np.asarray(slot).astype(np.uint64) * _SLOT + np.uint64(base))
    found ^= found >> _30
    found *= _MIX_1
    found ^= found >> _27
    found *= _MIX_2
    found ^= found >> _31
    return found


def uniforms(seed: int, stream: Stream, step: int, who: NDArray[np.uint64], slot: ArrayLike = 0) -> NDArray[np.float32]:
    """Numbers within (0, 1), as `keys`; of 23 bits, so that none is 0 or 1."""
    whole = keys(seed, stream, step, who, slot)
    whole >>= _41
    found = whole.astype(np.float32)
    found += np.float32(0.5)
    found *= np.float32(2.0**-23)
    return found


def named(ids: ArrayLike) -> NDArray[np.uint64]:
    """Ids as `keys` and `uniforms` take them."""
    return (np.asarray(ids).astype(np.uint64) + np.uint64(1)) * _WHO


def normals(seed: int, stream: Stream, step: int, who: NDArray[np.uint64], slot: int = 0) -> NDArray[np.float64]:
    """Standard normal numbers by Box and Muller, from two slots of the stream."""
    first = uniforms(seed, stream, step, who, 2 * slot + 1).astype(np.float64)
    second = uniforms(seed, stream, step, who, 2 * slot + 2)
    return np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
