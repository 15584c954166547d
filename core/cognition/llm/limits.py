"""What a run of questions may take, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.errors import InputError


@dataclass(frozen=True)
class Limits:
    """How a run may ask. Raises InputError for a value out of range.

    `concurrency` calls are in flight at most. `requests_per_minute` and `tokens_per_minute` (both directions) are the
    provider's limits. A question is given up after `max_attempts` calls that got no reply, or when `max_repairs` more
    texts were no answer either. Waits between attempts grow from `backoff_base` to `backoff_cap` seconds; where the
    server asks for more than `max_wait` seconds the run stops. `max_calls`, `max_tokens` and `max_cost` (in the
    price's currency) are caps on what this run spends, of which `spent_calls` and `spent_tokens_in` and `_out` are gone
    already.
    """

    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_attempts: int = 6
    max_repairs: int = 2
    backoff_base: float = 1.0
    backoff_cap: float = 60.0
    max_wait: float = 300.0
    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    spent_calls: int = 0
    spent_tokens_in: float = 0.0
    spent_tokens_out: float = 0.0

    def __post_init__(self) -> None:
        least = {"concurrency": 1, "max_attempts": 1, "max_repairs": 0, "max_calls": 0, "max_tokens": 0, "max_cost": 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if value is not None and not value >= lowest:
                raise InputError(
                    f"{name} is {value}", where="limits", allowed=f"{lowest} and above", nearest=str(lowest)
                )
        for name in ("requests_per_minute", "tokens_per_minute", "backoff_base", "backoff_cap", "max_wait"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name} is {value}", where="limits", allowed="a number above 0")


@dataclass(frozen=True)
class AskProgress:
    """How far a run is. `done` of `total` distinct questions, of which `cached` were known and `failed` have failed. `calls`
    and `cost` count what the limits say was spent before, too.

    `calls_per_second` is over the last half minute, or longer where answers are slow; `seconds_left` is None until the
    first answers are there. `cost` is None where the price is unknown.
    """

    done: int
    total: int
    failed: int
    cached: int
    calls: int
    calls_per_second: float
    seconds_left: float | None
    cost: float | None


class Rounds:
    """Progress of several rounds of questions, `total` in all, told as one."""

    def __init__(self, on_progress: Callable[[AskProgress], None] | None) -> None:
        self._on_progress = on_progress
        self.total = 0
        self._before: AskProgress | None = None
        self._last: AskProgress | None = None

    def begin(self) -> None:
        """A new round: what was told last is done."""
        self._before = self._last

    def tell(self, now: AskProgress) -> None:
        """Hands on how far the round is, with the rounds before it."""
        before = self._before
        if before is not None:
            now = replace(
                now,
                done=before.done + now.done,
                failed=before.failed + now.failed,
                cached=before.cached + now.cached,
            )
        self._last = replace(now, total=self.total)
        if self._on_progress is not None:
            self._on_progress(self._last)
