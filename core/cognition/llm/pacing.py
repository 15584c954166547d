"""How fast a run may ask: limits per minute, waits after a refusal, and what time is while it is tested."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

MINUTE = 60.0


@dataclass(frozen=True)
class Timing:
    """The clock by which a run waits. `speed` makes its seconds shorter than real ones, so that tests of waits of
    minutes take moments; `seed` fixes the jitter. Results never depend on either."""

    speed: float = 1.0
    seed: int | None = None
    _random: np.random.Generator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_random", np.random.default_rng(np.random.SeedSequence(self.seed)))

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        """Waits so many of this clock's seconds."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    def up_to(self, seconds: float) -> float:
        """A random time between 0 and `seconds`."""
        return float(self._random.uniform(0.0, seconds))


class Pace:
    """A limit per minute, as a leaky bucket without a burst (the generic cell rate algorithm, ITU-T I.371).

    Each reservation is given the moment at which it may start, in the order of reservations: moments are apart by what
    the earlier one takes, so that calls that start late take nothing from those behind them. Of calls that take 1,
    never more than the limit start in any 60 seconds; of tokens never more than the limit and one call's.
    """

    def __init__(self, per_minute: float, now: Callable[[], float]) -> None:
        self._each = MINUTE / per_minute
        self._now = now
        self._free = now()

    def reserve(self, amount: float = 1.0) -> float:
        """Takes `amount` and returns how many seconds to wait before starting (0 and above)."""
        now = self._now()
        start = max(now, self._free)
        self._free = start + amount * self._each
        return start - now

    def correct(self, difference: float) -> None:
        """Says that a reservation took so much more (or less, below 0) than was reserved."""
        self._free += difference * self._each


def backoff(attempt: int, timing: Timing, *, base: float, cap: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1): anything from 0 to base · 2^(attempt − 1), at most
    `cap`. Full jitter spreads the calls that failed together best (M. Brooker, "Exponential Backoff And Jitter", AWS
    Architecture Blog, 2015)."""
    return timing.up_to(min(cap, base * 2.0 ** min(attempt - 1, 32)))
