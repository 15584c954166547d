"""Many questions to one model: each is asked once, at a bounded pace, and ends with one right answer or one failure.

What is asked: 1. equal questions become one; 2. what the cache knows is not asked; 3. a call waits for room under the
caps, for its turn under the limits per minute, and for the end of any pause the server asked for; 4. a refused or
broken call is made again after a growing random wait; 5. a text that is no answer goes back with what is wrong about
it; 6. what came of it is kept at once. No answer is made up, and none is taken from another question.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from time import monotonic
from typing import Any

from core.cognition.llm.admission import Admission
from core.cognition.llm.answer_writer import AnswerWriter
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import AskProgress, Limits
from core.cognition.llm.outcomes import Outcome, Taken
from core.cognition.llm.own_loop import in_own_loop
from core.cognition.llm.pacing import Timing, backoff
from core.cognition.llm.prices import Price
from core.cognition.llm.replies import is_whole
from core.cognition.llm.secret_text import secret_values, telling_values, without_values
from core.cognition.llm.types import (
    AnswerError,
    Denied,
    FormRefused,
    ModelSpec,
    Provider,
    ProviderError,
    Question,
    QuotaExhausted,
    RateLimited,
    Rejected,
    Reply,
    Unavailable,
)
from core.errors import Cancelled, InputError

__all__ = ["AskProgress", "Limits", "Outcome", "ask_all"]

#: Seconds beyond the specification's timeout after which a provider that does not end a call itself is given up on.
GRACE = 15.0
#: Seconds between reports of progress and looks at whether to stop.
TICK = 0.2
#: Seconds over which the speed is measured; longer where a server is so slow that fewer rounds of answers than
#: ROUNDS came in them, for the moment within a round says nothing about the time left.
WINDOW = 30.0
ROUNDS = 4

#: What is on record of a question whose calls were made in vain because the run ended.
ENDED_BEFORE = "the run ended before there was an answer"
STOPPED = "stopped; what was answered is kept, and the same run goes on from there"


def ask_all(
    questions: Sequence[Question],
    provider: Provider,
    spec: ModelSpec,
    parse: Callable[[str], Any],
    cache: AnswerCache | None = None,
    limits: Limits | None = None,
    on_progress: Callable[[AskProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    *,
    run_id: str | None = None,
    price: Price | None = None,
    timing: Timing | None = None,
) -> list[Outcome]:
    """The outcomes of `questions`, in their order; equal questions share one.

    `parse(text)` gives the answer or raises AnswerError, whose sentence is sent back to the model. Answers come from
    `cache` where it has them, and go into it as they come, with `run_id`; without one nothing outlives the call. Where
    two threads ask the same question at the same moment, both call, and the answer that is kept is the first's.
    `on_progress` is called a few times a second in the calling thread, and at the end.

    Runs an event loop of its own in the calling thread (or beside it, where that thread has one already), and closes
    `provider` at the end, which belongs to this call.

    Whatever is raised, what was answered is kept. Raises Cancelled when `should_stop` says so, and Denied when the key is
    refused, which end all calls in flight; QuotaExhausted when nothing is left to ask with and BudgetReached at a cap of
    `limits`, both after the calls in flight, which may be answered yet; RateLimited or Unavailable when the server asks
    to wait longer than `limits.max_wait`; InputError for a question that cannot be stored or holds a key from the
    environment, and for a cap on an unknown cost; StoreError where answers cannot be kept, and inside a transaction of
    the store, for which the writing thread would wait for ever.
    """
    limits = limits or Limits()
    with nullcontext(cache) if cache is not None else AnswerCache() as answers:
        answers.store.check_apart()
        asking = _Asking(provider, spec, parse, answers, limits, price, timing or Timing(), run_id)
        asking.on_progress, asking.should_stop = on_progress, should_stop
        return in_own_loop(lambda: asking.run(questions))


class _Asking:
    """One run of the pipe. All but the writer_of_answers's thread is in one event loop, so that nothing here needs a lock."""

    on_progress: Callable[[AskProgress], None] | None = None
    should_stop: Callable[[], bool] | None = None

    def __init__(
        self,
        provider: Provider,
        spec: ModelSpec,
        parse: Callable[[str], Any],
        cache: AnswerCache,
        limits: Limits,
        price: Price | None,
        timing: Timing,
        run_id: str | None,
    ) -> None:
        self.provider, self.spec, self.parse, self.cache = provider, spec, parse, cache
        self.limits, self.timing, self.run_id = limits, timing, run_id
        self.door = Admission(spec, limits, price, timing)
        self.budget = self.door.budget
        # A model may repeat what it was never told on purpose; what is kept, shown or sent back must not.
        self.secrets = secret_values()
        self.outcomes: dict[str, Outcome] = {}
        self.total = self.cached = self.failed = 0
        #: Which of the workers wait for a reply now.
        self.calling: set[asyncio.Task[Any] | None] = set()

    async def run(self, questions: Sequence[Question]) -> list[Outcome]:
        try:
            keys = [question.key(self.spec) for question in questions]
            distinct = dict(zip(keys, questions, strict=True))
            self._check(distinct)
            self._look_up(distinct)
            asked = [(key, question) for key, question in distinct.items() if key not in self.outcomes]
            if asked:
                with AnswerWriter(self.cache, self.spec, self.run_id) as writer_of_answers:
                    await self._ask(asked, writer_of_answers)
            self._report(0.0, None)
            if self.door.cap is not None:
                raise self.budget.reached(self.door.cap)
            return [self.outcomes[key] for key in keys]
        finally:
            await self.provider.aclose()

    def _check(self, distinct: dict[str, Question]) -> None:
        for question in distinct.values():
            for text in (question.system, question.prompt):
                if not text.isascii() and text != text.encode("utf-8", "replace").decode("utf-8"):
                    raise InputError("a prompt holds half a surrogate pair, which no file can keep", where="question")
                for name, value in telling_values(self.secrets).items():
                    if value in text:
                        raise InputError(
                            f"a prompt holds the value of {name}", where="question", allowed="text without keys"
                        )

    def _look_up(self, distinct: dict[str, Question]) -> None:
        stale = []
        for key, stored in self.cache.find(distinct).items():
            try:
                answer = self.parse(stored.raw)
            except AnswerError:
                # Kept by another version of the parser; to this one it is no answer.
                stale.append(key)
                continue
            self.outcomes[key] = stored.outcome(answer)
        if stale:
            self.cache.forget(stale)
        self.total, self.cached = len(distinct), len(self.outcomes)

    async def _ask(self, asked: list[tuple[str, Question]], writer_of_answers: AnswerWriter) -> None:
        line = iter(asked)
        workers = [
            asyncio.create_task(self._work(line, writer_of_answers))
            for _ in range(min(self.limits.concurrency, len(asked), getattr(self.provider, "at_once", len(asked))))
        ]
        watcher = asyncio.create_task(self._watch(writer_of_answers))
        tasks = [watcher, *workers]
        spent: QuotaExhausted | None = None
        try:
            pending = set(workers)
            while pending:
                done, _ = await asyncio.wait({*pending, watcher}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    try:
                        task.result()
                    except QuotaExhausted as wrong:
                        spent = spent or wrong
                pending -= done
                if spent is not None:
                    pending &= self.calling
            if spent is not None:
                raise spent
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, line: Iterator[tuple[str, Question]], writer_of_answers: AnswerWriter) -> None:
        for key, question in line:
            taken = Taken()
            try:
                outcome = await self._answer(key, question, taken)
            except BaseException:
                # The run ends here; the calls that were made are on record all the same.
                if taken.calls:
                    writer_of_answers.put(question, taken.outcome(key, failure=ENDED_BEFORE))
                raise
            if outcome is None:
                if taken.calls:
                    writer_of_answers.put(question, taken.outcome(key, failure=ENDED_BEFORE))
                return
            self.outcomes[key] = outcome
            self.failed += not outcome.answered
            writer_of_answers.put(question, outcome)

    async def _answer(self, key: str, question: Question, taken: Taken) -> Outcome | None:
        """What becomes of one question; None where the run ends before."""
        repair: str | None = None
        faults = repairs = 0
        while True:
            ticket = await self.door.enter(question, repair)
            if ticket is None:
                return None
            taken.calls += 1
            begun = monotonic()
            try:
                reply = await self._call(question, repair)
            except (Denied, QuotaExhausted):
                # Before anybody else has a turn, for a key that is refused is not to be tried again.
                self.door.refused = True
                raise
            except FormRefused:
                self.door.settle(question, ticket, None)
                taken.seconds += monotonic() - begun
                continue
            except (RateLimited, Unavailable) as wrong:
                self.door.settle(question, ticket, None)
                taken.seconds += monotonic() - begun
                faults += 1
                if self.door.refused:
                    return None
                if faults >= self.limits.max_attempts:
                    return taken.outcome(key, failure=f"no reply in {faults} attempts; the last: {wrong}")
                await self._back_off(wrong, faults)
                continue
            except ProviderError as wrong:
                billed = wrong.reply if isinstance(wrong, Rejected) else None
                self.door.settle(question, ticket, billed)
                if billed is None:
                    taken.seconds += monotonic() - begun
                else:
                    taken.add(replace(billed, text=without_values(billed.text, self.secrets)))
                return taken.outcome(key, failure=f"refused: {wrong}")
            self.door.settle(question, ticket, reply)
            reply = replace(reply, text=without_values(reply.text, self.secrets))
            taken.add(reply)
            try:
                return taken.outcome(key, answer=self._read(reply))
            except AnswerError as wrong:
                if repairs >= self.limits.max_repairs:
                    return taken.outcome(key, failure=f"no valid answer in {repairs + 1} replies; the last: {wrong}")
                repairs += 1
                repair = str(wrong)

    def _read(self, reply: Reply) -> Any:
        """The answer in a reply. AnswerError where there is none, and where the reply was cut before it was one."""
        if reply.cut is not None and not is_whole(reply.text):
            raise AnswerError(f"The reply was cut before the answer was whole ({reply.cut}). Answer more briefly.")
        return self.parse(reply.text)

    async def _call(self, question: Question, repair: str | None) -> Reply:
        worker = asyncio.current_task()
        self.calling.add(worker)
        try:
            async with asyncio.timeout(self.spec.timeout + GRACE):
                return await self.provider.ask(question, self.spec, repair=repair)
        except TimeoutError:
            raise Unavailable(f"no reply within {self.spec.timeout + GRACE:g} s") from None
        finally:
            self.calling.discard(worker)

    async def _back_off(self, wrong: RateLimited | Unavailable, faults: int) -> None:
        asked_for = wrong.retry_after
        if asked_for is not None and asked_for > self.limits.max_wait:
            said, most = str(wrong).rstrip("."), self.limits.max_wait
            raise type(wrong)(
                f"{said}. The server asks to wait {asked_for:,.0f} s, more than the {most:,.0f} s that this run would "
                "wait; what was answered is kept, and the same run goes on from there.",
                asked_for,
            )
        wait = backoff(faults, self.timing, base=self.limits.backoff_base, cap=self.limits.backoff_cap)
        if asked_for is not None:
            wait = asked_for + min(wait, self.limits.backoff_base)
            if isinstance(wrong, RateLimited):
                # The limit is on all calls with this key: others would only be refused as well.
                self.door.pause(asked_for)
        await self.timing.sleep(wait)

    async def _watch(self, writer_of_answers: AnswerWriter) -> None:
        seen: deque[tuple[float, int, int]] = deque([(monotonic(), self.budget.calls, len(self.outcomes))])
        enough = ROUNDS * self.limits.concurrency
        while True:
            if self.should_stop is not None and self.should_stop():
                raise Cancelled(STOPPED)
            writer_of_answers.check()
            seen.append((monotonic(), self.budget.calls, len(self.outcomes)))
            while len(seen) > 2 and seen[-1][0] - seen[1][0] > WINDOW and seen[-1][2] - seen[1][2] >= enough:
                seen.popleft()
            seconds = seen[-1][0] - seen[0][0]
            calls, answers = seen[-1][1] - seen[0][1], seen[-1][2] - seen[0][2]
            left = (self.total - len(self.outcomes)) * seconds / answers if answers else None
            self._report(calls / seconds if seconds > 0 else 0.0, left)
            await asyncio.sleep(TICK)

    def _report(self, speed: float, left: float | None) -> None:
        if self.on_progress is None:
            return
        done = len(self.outcomes)
        self.on_progress(
            AskProgress(
                done=done,
                total=self.total,
                failed=self.failed,
                cached=self.cached,
                calls=self.budget.calls,
                calls_per_second=speed,
                seconds_left=0.0 if done == self.total else left,
                cost=self.budget.cost,
            )
        )
