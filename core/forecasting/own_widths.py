"""Widths of intervals from one place's own past, where nothing was learned from others.

One place's errors are few and hang together: those of days ahead of one origin, and of origins whose days overlap, tell
little more than one error would. So the unit is a block, the days of one class of horizon ahead of one origin, and only
blocks that do not overlap count. Each block counts alike, and one more stands for the block to come, of which nothing is
known (Dunn, Wasserman and Ramdas (2023), Distribution-free prediction sets for two-layer hierarchical models, pooled CDFs).
What the blocks are too few for is
1. within a class, the width of the level below, widened as a t distribution with as many blocks is;
2. between classes, that of the class before, grown as a random walk is;
3. else not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.stats import t

from core.calibration.pace import PACES
from core.forecasting.intervals import PastErrors, Widths, borrowed
from core.statistics.levels import LEVELS

#: Fewer blocks than this tell nothing about a class.
FEWEST_BLOCKS = 3
#: Fewer observed days than this share of a block do not make one.
BLOCK_SHARE = 0.5
#: The spread of a random walk grows with the root of the horizon.
OWN_GROWTH = 0.5


@dataclass(frozen=True)
class OwnWidths:
    """Widths, and how many independent origins stand behind each class of them, {behaviour: (classes,)}."""

    widths: Widths
    blocks: Mapping[str, np.ndarray]


def own_widths(past: PastErrors, forecaster: str, origin: date) -> OwnWidths:
    """Widths known at `origin` from a place's errors on days up to it."""
    widths, blocks, classes = {}, {}, PACES[past.step].classes
    for column, behaviour in enumerate(past.behaviours):
        sizes = np.abs(past.errors[forecaster][..., column]) / past.scales[forecaster][..., column]
        found = np.full((len(LEVELS), len(classes)), np.nan)
        counts = np.zeros(len(classes), dtype=int)
        for place, (first, last) in enumerate(zip((0, *classes[:-1]), classes, strict=True)):
            kept = _blocks(sizes, past, origin, first, last)
            counts[place] = len(kept)
            if len(kept) >= FEWEST_BLOCKS:
                found[:, place] = _of_blocks(kept)
        widths[behaviour], blocks[behaviour] = borrowed(found, OWN_GROWTH, classes), counts
    return OwnWidths(Widths(widths, classes), blocks)


def _blocks(sizes: np.ndarray, past: PastErrors, known_until: date, first: int, last: int) -> list[np.ndarray]:
    """The latest blocks that do not overlap, newest first: their observed sizes."""
    kept: list[np.ndarray] = []
    begun: date | None = None
    origins, step = past.origins, past.step
    for number in range(len(origins) - 1, -1, -1):
        if begun is not None and step.between(origins[number], begun) < last - first:
            continue
        over = min(last, step.between(origins[number], known_until))
        part = sizes[number, first : max(over, first)]
        part = part[np.isfinite(part)]
        if len(part) >= BLOCK_SHARE * (last - first):
            kept.append(part)
            begun = origins[number]
    return kept


def _of_blocks(blocks: list[np.ndarray]) -> np.ndarray:
    """Half-widths by level, (levels,)."""
    values = np.concatenate(blocks)
    shares = np.concatenate([np.full(len(part), 1.0 / (len(part) * (len(blocks) + 1))) for part in blocks])
    order = values.argsort()
    reached = np.cumsum(shares[order])
    widths = np.full(len(LEVELS), np.nan)
    for row, level in enumerate(LEVELS):
        at = int(np.searchsorted(reached, level / 100 - 1e-12))
        if at < len(values):
            widths[row] = values[order][at]
        elif row:
            quantiles = t.ppf(0.5 + np.array([level, LEVELS[row - 1]]) / 200, len(blocks) - 1)
            widths[row] = widths[row - 1] * quantiles[0] / quantiles[1]
    return widths
