"""When a question may be asked: room under the caps, a turn under the limits per minute, the end of every pause."""

from __future__ import annotations

import asyncio

from core.cognition.llm.budget import BudgetTracker, tokens_of, tokens_to_answer, tokens_to_say
from core.cognition.llm.limits import Limits
from core.cognition.llm.pacing import Pace, Timing
from core.cognition.llm.prices import Price
from core.cognition.llm.providers.asking import with_repair
from core.cognition.llm.types import ModelSpec, Question, Reply

__all__ = ["Admission"]


class Admission:
    """The door through which every call of one run goes. It lives in one event loop, so that nothing here needs a lock.

    `cap` is the cap that is reached, in words: calls in flight end, and no other begins. Where `refused` is set, the key
    or its quota is, and nobody else has a turn.
    """

    def __init__(self, spec: ModelSpec, limits: Limits, price: Price | None, timing: Timing) -> None:
        self.spec, self.limits, self.timing = spec, limits, timing
        self.budget = BudgetTracker(
            max_calls=limits.max_calls, max_tokens=limits.max_tokens, max_cost=limits.max_cost, price=price
        )
        self.budget.calls = limits.spent_calls
        self.budget.tokens_in, self.budget.tokens_out = limits.spent_tokens_in, limits.spent_tokens_out
        requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
        self.requests = None if requests is None else Pace(requests, timing.now)
        self.tokens = None if tokens is None else Pace(tokens, timing.now)
        self.counting = tokens is not None or limits.max_tokens is not None or limits.max_cost is not None
        self.cap: str | None = None
        self.refused = False
        self._paused_until = timing.now()
        self._settled = asyncio.Event()

    async def enter(self, question: Question, repair: str | None) -> int | None:
        """Waits until the question may be asked; a ticket for `settle`, or None where the run is ending."""
        said, answered = self._estimate(question, "high")
        if repair is not None and self.counting:
            said += tokens_of(with_repair("", repair)).high
        while self.cap is None and not self.refused:
            cap = self.budget.lacking(said, answered)
            if cap is None:
                break
            if not self.budget.may_come_free():
                self.cap = cap
                break
            self._settled.clear()
            await self._settled.wait()
        if self.cap is not None or self.refused:
            return None
        ticket = self.budget.start(said, answered)
        await self._turn(question)
        return None if self.refused else ticket

    def settle(self, question: Question, ticket: int, reply: Reply | None) -> None:
        """What the call took, in place of what it was thought to take at most; None where nothing was billed."""
        said, answered = self._estimate(question, "typical")
        if reply is None:
            took_in = took_out = 0.0
        else:
            took_in = said if reply.tokens_in is None else reply.tokens_in
            took_out = answered if reply.tokens_out is None else reply.tokens_out
        self.budget.settle(ticket, took_in, took_out)
        self._settled.set()
        if self.tokens is not None and reply is not None:
            self.tokens.correct(took_in + took_out - said - answered)

    def pause(self, seconds: float) -> None:
        """Nobody has a turn for so long."""
        self._paused_until = max(self._paused_until, self.timing.now() + seconds)

    async def _turn(self, question: Question) -> None:
        """Waits for the end of a pause and for the turn under the limits per minute.

        A turn that comes up during a pause is lost, and another is taken after it: otherwise all that waited would ask
        at the same moment when the pause ends, above the limits.
        """
        while True:
            while (wait := self._paused_until - self.timing.now()) > 0:
                await self.timing.sleep(wait + self.timing.up_to(self.limits.backoff_base))
            wait = 0.0 if self.requests is None else self.requests.reserve()
            if self.tokens is not None:
                wait = max(wait, self.tokens.reserve(sum(self._estimate(question, "typical"))))
            if wait <= 0:
                return
            await self.timing.sleep(wait)
            if self._paused_until <= self.timing.now():
                return

    def _estimate(self, question: Question, end: str) -> tuple[float, float]:
        if not self.counting:
            return 0.0, 0.0
        return (
            getattr(tokens_to_say(question), end),
            getattr(tokens_to_answer(question.schema, self.spec.max_output_tokens), end),
        )
