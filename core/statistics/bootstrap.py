"""The bootstrap: generators that nothing but the seed decides, and how often each unit is drawn.

What is drawn with replacement is the unit whose rows share their luck: weeks, for errors of neighbouring days go together;
countries; generated worlds; personas. Source: Künsch (1989), The jackknife and the bootstrap for general stationary
observations, Annals of Statistics 17(3). Where the units are personas with weights, whole counts would leave some out, and
standard exponential multiples of the weights take their place: the Bayesian bootstrap, Rubin (1981), doi
10.1214/aos/1176345338.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DAYS_PER_BLOCK = 7
#: Draws, and as many where they cost little.
DRAWS = 1000
MANY_DRAWS = 2000


def generator_of(seed: int, *stream: int) -> np.random.Generator:
    """A generator of random numbers; other numbers of a `stream` make independent ones of the same seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=stream)))


def block_starts(days: int, block: int = DAYS_PER_BLOCK) -> np.ndarray:
    """The first days of consecutive blocks, weeks unless told otherwise; the last one is shorter where the days do not divide."""
    return np.arange(0, days, block)


def unit_counts(units: int, draws: int, seed: int, strata: Sequence[object] | None = None) -> np.ndarray:
    """How often each unit is drawn, (draws, units): as many as there are, with replacement, within each of its `strata` (one
    label a unit; none: all together)."""
    generator = generator_of(seed)
    if strata is None:
        return generator.multinomial(units, np.full(units, 1 / units), size=draws).astype(float)
    labels = np.array([str(label) for label in strata])
    counts = np.zeros((draws, units))
    for label in dict.fromkeys(labels.tolist()):
        own = np.flatnonzero(labels == label)
        counts[:, own] = generator.multinomial(len(own), np.full(len(own), 1 / len(own)), size=draws)
    return counts


def exponential_multiples(
    generator: np.random.Generator, draws: int, units: int, kind: type[np.floating] = np.float64
) -> np.ndarray:
    """What each unit's weight is multiplied by in each draw of the Bayesian bootstrap, (draws, units)."""
    return np.asarray(generator.standard_exponential((draws, units), dtype=kind))
