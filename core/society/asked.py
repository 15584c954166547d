"""A language model decides what is done by those whom the rules find due: rules say when, the model says what.

Households in an equal situation are one question. The answer is a probability for each way to eat, and each household's own
draw chooses: a thousand households share answers without becoming alike. After arXiv 2606.19904 on explicit timing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.replies import object_in
from core.cognition.llm.types import AnswerError, Question
from core.errors import PolicyTwinError
from core.society.choice import distances, open_now, to_pay, utility_of, within_limits
from core.society.draws import Stream
from core.society.scenario import STRESSES
from core.society.world import World

PROMPT_VERSION = "society-1"
WAYS = ("home", "first", "second", "other")
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {way: {"type": "integer", "minimum": 0, "maximum": 100} for way in WAYS},
    "required": list(WAYS),
    "additionalProperties": False,
}
#: Whole percents may miss their sum by so much, for rounding.
SLACK = 2

_STRESS_WORDS = {
    "hunger": "hungry",
    "fatigue": "tired from being on the way",
    "crowd": "weary of crowds",
    "money": "worried about money",
    "sleep": "short of sleep",
    "social": "upset by what they read",
}
_CALM = ("as on other days", "with nothing that weighs on them in particular")

#: The pipe, or whoever asks as it does: questions, and what reads a reply; an outcome for each.
Ask = Callable[[Sequence[Question], Callable[[str], Any]], list[Outcome]]


class NoDecision(PolicyTwinError):
    """A model gave no right answer to a situation. Nothing is made up: the same command goes on from what was answered."""


@dataclass
class AskedDecider:
    """Decides by `ask(questions, parse)`, the pipe with its cache, caps and price; an answer that is known is not asked again.

    `asked` counts distinct situations, `decisions` the households that decided by them.
    """

    ask: Ask
    known: dict[str, tuple[float, ...]] = field(default_factory=dict)
    decisions: int = 0

    @property
    def asked(self) -> int:
        return len(self.known)

    def __call__(
        self, world: World, due: NDArray[np.int64], signal: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Who goes out, to which restaurant, and how far it is (km), as `choice.choose_out`."""
        found = situations(world, due, signal)
        self.decisions += len(found.who)
        texts = sorted(set(found.texts) - self.known.keys())
        if texts:
            outcomes = self.ask([question_of(text) for text in texts], read_answer)
            for text, outcome in zip(texts, outcomes, strict=True):
                if outcome.answer is None:
                    raise NoDecision(f"A situation has no right answer ({outcome.failure}); what was answered is kept.")
                self.known[text] = tuple(outcome.answer)
        if not len(found.who):
            empty = np.zeros(0, np.int64)
            return empty, empty, np.zeros(0, np.float32)
        shares = np.array([self.known[text] for text in found.texts])
        drawn = world.uniforms(Stream.GO_OUT, found.who)
        way = (np.cumsum(shares, axis=1) < drawn[:, None]).sum(axis=1).clip(max=len(WAYS) - 1)
        place = np.where(way == 1, found.first, np.where(way == 2, found.second, _others(world, found)))
        goes = (way > 0) & (place >= 0)
        rows = np.flatnonzero(goes)
        return found.who[rows], place[rows], found.km[rows, place[rows]]


@dataclass(eq=False)
class Situations:
    """Households with somewhere to go: what each is told, the two places that stand out (-1: none), and the rest."""

    who: NDArray[np.int64]
    texts: list[str]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    utility: NDArray[np.float32]
    km: NDArray[np.float32]


def situations(world: World, due: NDArray[np.int64], signal: float) -> Situations:
    """What those who are due know, in words; whoever has nowhere to go eats at home and is not asked for."""
    count = world.restaurants
    there = open_now(world)[:count]
    none = np.zeros(0, np.int64)
    if not len(due) or not there.any():
        return Situations(none, [], none, none, np.zeros((0, count), np.float32), np.zeros((0, count), np.float32))
    shown, tax, subsidy = to_pay(world)
    net = shown + tax - subsidy
    km = distances(world, due)
    funds = world.ledger.cash[due] + np.where(world.terms.voucher_places[:count].any(), world.ledger.voucher[due], 0)
    can = world.known[due] & there & (net <= funds[:, None]) & within_limits(world, due, km)
    some = np.flatnonzero(can.any(axis=1))
    who, km, can = due[some], km[some], can[some]
    utility = np.where(can, utility_of(world, who, net, km), -np.inf).astype(np.float32)
    order = np.argsort(-utility, axis=1, kind="stable")
    first = order[:, 0]
    second = np.where(can.sum(axis=1) > 1, order[:, min(1, count - 1)], -1)
    texts = [
        _text(world, int(one), int(a), int(b), net, km[row], signal, int(can[row].sum()))
        for row, (one, a, b) in enumerate(zip(who, first, second, strict=True))
    ]
    return Situations(who, texts, first, second, utility, km)


def question_of(situation: str) -> Question:
    """A situation as a question. It holds words of ours alone."""
    system = (
        "You estimate what people in a fictional town do. Of a hundred people in the situation that is described, say how many "
        "eat at home, go to the first place, go to the second place, and go to another place. The four whole numbers sum to 100."
    )
    prompt = f'{situation}\nAnswer with JSON: {{"home": …, "first": …, "second": …, "other": …}}.'
    return Question(system, prompt, _SCHEMA, PROMPT_VERSION, "situation", 0)


def read_answer(text: str) -> list[float]:
    """Probabilities in the order of WAYS. AnswerError says what is wrong with a reply."""
    raw = object_in(text, WAYS)
    values = []
    for way in WAYS:
        value = raw.get(way)
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 or not 0 <= value <= 100:
            raise AnswerError(f"The key {way} must be a whole number from 0 to 100.")
        values.append(value)
    if abs(sum(values) - 100) > SLACK:
        raise AnswerError(f"The four numbers sum to {sum(values)}, and must sum to 100.")
    return [value / sum(values) for value in values]


def _others(world: World, found: Situations) -> NDArray[np.int64]:
    """Another place than the two, by the rules' own utility; -1 where there is none."""
    utility = found.utility / np.float32(world.numbers.nest)
    rows = np.arange(len(found.who))
    for taken in (found.first, found.second):
        utility[rows[taken >= 0], taken[taken >= 0]] = -np.inf
    gumbel = -np.log(-np.log(world.uniforms(Stream.PLACE, found.who[:, None], np.arange(1, utility.shape[1] + 1))))
    best = (utility + gumbel).argmax(axis=1)
    return np.where(np.isfinite(utility).any(axis=1), best, -1)


def _text(
    world: World,
    one: int,
    first: int,
    second: int,
    net: NDArray[np.int64],
    km: NDArray[np.float32],
    signal: float,
    places: int,
) -> str:
    """At most 120 words: who, when, how they are, what they know. Numbers are binned, so that equal situations read the same."""
    people = world.people
    income = ("little", "rather little", "rather much", "much")[people.quartile[one] - 1]
    who = f"Somebody with {income} income {'and a job' if people.employed[one] else 'and no job'}."
    hour = world.step * world.hours % 24
    when = "breakfast" if hour < 11 else "lunch" if hour < 16 else "dinner"
    usual = "It is a usual hour for" if signal > 0.5 else "It is not a usual hour, and they are hungry enough for"
    lines = [who, f"{usual} {when}.", _state(world, one)]
    if world.ledger.voucher[one] > 0:
        lines.append("They hold a voucher for places to eat.")
    for name, place in (("First", first), ("Second", second)):
        if place >= 0:
            lines.append(f"{name} place: {_place(world, one, place, net, km)}.")
    if second < 0:
        lines.append("They know no second place.")
    lines.append("They know other places too." if places > 2 else "They know no other place.")
    return " ".join(lines)


def _state(world: World, one: int) -> str:
    """How they feel: the two strongest stresses; where stress changes nothing, as many neutral words."""
    level = world.stress[:, one]
    order = [int(at) for at in np.argsort(-level, kind="stable")[:2] if level[at] >= 0.3]
    parts = [
        f"{'very ' if level[at] >= 0.6 else ''}{_STRESS_WORDS[STRESSES[at]]}" if world.theta[at] else _CALM[number]
        for number, at in enumerate(order)
    ]
    return f"They are {' and '.join(parts) if parts else _CALM[0]}."


def _place(world: World, one: int, place: int, net: NDArray[np.int64], km: NDArray[np.float32]) -> str:
    dear = float(net[place]) / float(world.wage[one])
    price = "cheap for them" if dear < 0.4 else "neither cheap nor dear for them" if dear < 0.9 else "dear for them"
    opinion = world.quality[one, place]
    liked = (
        "liked"
        if opinion > 0.4
        else "thought good"
        if opinion > 0.1
        else "thought so-so"
        if opinion > -0.2
        else "disliked"
    )
    heard = world.attention[one, place]
    talk = "much talked of" if heard > 1.5 else "talked of" if heard > 0.3 else "not talked of"
    wait = world.crowding[one, place]
    full = "crowded" if wait > 0.6 else "sometimes full" if wait > 0.15 else "with room"
    far = "near" if km[place] <= 2 else "some way off" if km[place] <= 5 else "far"
    own = "been there before" if world.visits[one, place] else "never been there"
    return f"{price}, {liked}, {talk}, {full}, {far}, {own}"
