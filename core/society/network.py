"""Who follows whom: a directed graph kept in both directions as sparse rows, changed a little each day.

At the start follows go to popular accounts (a Pareto tail) or to people near in home and income, and a share is returned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from core.society.draws import Stream, keys, normals, uniforms
from core.society.households import Households
from core.society.scenario import Scenario

#: Follows that are drawn at once.
AT_A_TIME = 1 << 18


@dataclass(eq=False)
class Network:
    """E follows. By author: the followers of i are `reader[first[i]:first[i + 1]]`, each with a `tie` in (0, 1). By reader:
    i follows `author[begin[i]:begin[i + 1]]`. Both hold the same follows, each row in rising order."""

    first: NDArray[np.int64]
    reader: NDArray[np.int32]
    tie: NDArray[np.float32]
    begin: NDArray[np.int64]
    author: NDArray[np.int32]

    @property
    def follows(self) -> int:
        return len(self.reader)

    def change(self, gone: NDArray[np.int64], new: NDArray[np.int64], tie: NDArray[np.float32]) -> None:
        """Take out and put in follows, rows (reader, author); `tie` is of the new ones. None that is there is put in again."""
        at = _places(self.first, self.reader, gone[:, 1], gone[:, 0])
        self.reader, self.tie = np.delete(self.reader, at), np.delete(self.tie, at)
        self.first = self.first - _steps(gone[:, 1], len(self.first))
        order = np.lexsort((new[:, 0], new[:, 1]))
        at = _places(self.first, self.reader, new[order, 1], new[order, 0])
        self.reader, self.tie = np.insert(self.reader, at, new[order, 0]), np.insert(self.tie, at, tie[order])
        self.first = self.first + _steps(new[:, 1], len(self.first))
        self.author = np.delete(self.author, _places(self.begin, self.author, gone[:, 0], gone[:, 1]))
        self.begin = self.begin - _steps(gone[:, 0], len(self.begin))
        order = np.lexsort((new[:, 1], new[:, 0]))
        at = _places(self.begin, self.author, new[order, 0], new[order, 1])
        self.author = np.insert(self.author, at, new[order, 1])
        self.begin = self.begin + _steps(new[:, 0], len(self.begin))

    def follows_already(self, reader: NDArray[np.int64], author: NDArray[np.int64]) -> NDArray[np.bool_]:
        at = _places(self.begin, self.author, reader, author)
        there = at < self.begin[reader + 1]
        there[there] = self.author[at[there]] == author[there]
        return there


def _places(
    first: NDArray[np.int64], values: NDArray[np.int32], row: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Where each wanted value is in its row, or belongs: a search by halves of all at once."""
    low, high = first[row], first[row + 1]
    while (left := low < high).any():
        middle = (low + high) // 2
        less = left & (values[np.minimum(middle, len(values) - 1)] < wanted)
        low, high = np.where(less, middle + 1, low), np.where(left & ~less, middle, high)
    return low


def _steps(row: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """By how much each row begins later when these rows grow by one."""
    return np.concatenate([[0], np.cumsum(np.bincount(row, minlength=length - 1))])


def _rows(codes: NDArray[np.int64], number: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Sparse rows of sorted codes row · number + column."""
    starts = np.arange(number + 1) * number
    first = np.searchsorted(codes, starts)
    column = np.repeat(starts[:-1], np.diff(first))
    return first, np.subtract(codes, column, out=column).astype(np.int32)


def first_network(scenario: Scenario, seed: int, people: Households) -> Network:
    """The follows at the start."""
    numbers, plan, number = scenario.numbers(), scenario.network, people.number
    spread = 0.0 if scenario.households.homogeneous else numbers.degree_sd
    # Follows that are returned come on top: q of those given make a mutual share of 2q / (1 + q).
    returned = plan.mutual / (2.0 - plan.mutual)
    mean = plan.mean_follows / (1.0 + returned)
    keen = normals(seed, Stream.DEGREE, 0, people.names)
    degree = mean * np.exp(spread * keen - spread**2 / 2)
    degree = np.minimum(np.round(degree), max(number - 1, 0)).astype(np.int64)
    # Those who follow many are followed by many, though nobody has the whole town for followers.
    both = numbers.fame_keen
    score = both * keen + np.sqrt(1 - both**2) * normals(seed, Stream.POPULARITY, 0, people.names)
    fame = ndtr(-score).clip(1e-12) ** (-1.0 / numbers.popular_tail)
    fame = np.minimum(fame, fame.sum() * 0.3 / max(mean, 1.0))
    chances = np.cumsum(fame)
    # Among neighbours in the order of home and income, too, the better known are followed sooner.
    order = np.lexsort((people.income, people.home[:, 1], people.home[:, 0]))
    rank = np.empty(number, np.int64)
    rank[order] = np.arange(number)
    along, reach = np.concatenate([[0.0], np.cumsum(fame[order])]), round(numbers.near_scale)
    first, last = along[np.maximum(rank - reach, 0)], along[np.minimum(rank + reach + 1, number)]
    parts = []
    # Some readers at a time: all follows at once would need several times the memory of what is kept of them.
    for some in np.array_split(np.arange(number), degree.sum() // AT_A_TIME + 1):
        reader = np.repeat(some, degree[some])
        slot = np.arange(len(reader)) - np.repeat(np.cumsum(degree[some]) - degree[some], degree[some])
        who = people.names[reader]
        popular = uniforms(seed, Stream.FOLLOWEE, 0, who, 3 * slot + 1) < numbers.popular_share
        where = uniforms(seed, Stream.FOLLOWEE, 0, who, 3 * slot + 2).astype(np.float64)
        author = np.searchsorted(chances, where * chances[-1]).clip(max=number - 1)
        near = reader[~popular]
        at = first[near] + where[~popular] * (last[near] - first[near])
        author[~popular] = order[np.searchsorted(along, at, side="right").clip(1, number) - 1]
        back = uniforms(seed, Stream.MUTUAL, 0, who, slot + 1) < returned
        back &= reader != author
        parts += [(reader * number + author)[reader != author], author[back] * number + reader[back]]
    codes = np.concatenate(parts)
    del parts
    codes.sort()
    return _built(codes[np.diff(codes, prepend=-1) > 0], number, scenario, seed, people)


def _built(codes: NDArray[np.int64], number: int, scenario: Scenario, seed: int, people: Households) -> Network:
    """From sorted codes reader · number + author."""
    cap = scenario.network.follow_cap
    begin, author = _rows(codes, number)
    if cap is not None:
        place = np.arange(len(author)) - np.repeat(begin[:-1], np.diff(begin))
        begin, author = _rows(codes[place < cap], number)
    codes = author * np.int64(number)
    codes += np.repeat(np.arange(number), np.diff(begin))
    codes.sort()
    first, reader = _rows(codes, number)
    of = np.repeat(np.arange(number, dtype=np.int32), np.diff(first))
    tie = np.empty(len(reader), np.float32)
    for at in range(0, len(reader), AT_A_TIME):
        some = slice(at, at + AT_A_TIME)
        tie[some] = tie_of(seed, people, reader[some], of[some])
    return Network(first, reader, tie, begin, author)


def tie_of(
    seed: int, people: Households, reader: NDArray[np.integer], author: NDArray[np.integer]
) -> NDArray[np.float32]:
    """How much one heeds the other, in (0, 1): drawn for each pair."""
    return uniforms(seed, Stream.TIE, 0, people.names[reader], people.names[author])


def daily_changes(
    network: Network,
    seed: int,
    step: int,
    people: Households,
    clashes: NDArray[np.int32],
    numbers: object,
    cap: int | None,
) -> None:
    """A day's follows: some give one up, sooner after posts that clash with what they think, and some begin one of two hops."""
    give_up = numbers.unfollow_rate + numbers.unfollow_clash * (clashes >= 3)  # type: ignore[attr-defined]
    degree = np.diff(network.begin)
    leaving = np.flatnonzero((uniforms(seed, Stream.UNFOLLOW, step, people.names) < give_up) & (degree > 0))
    gone = np.stack([leaving, _one_of_row(network, seed, Stream.UNFOLLOW, step, people, leaving)], axis=1).astype(
        np.int64
    )
    begins = (uniforms(seed, Stream.FOLLOW, step, people.names) < numbers.follow_rate) & (degree > 0)  # type: ignore[attr-defined]
    if cap is not None:
        begins &= degree < cap
    reader = np.flatnonzero(begins)
    hop = _one_of_row(network, seed, Stream.FOLLOW, step, people, reader)
    reader, hop = reader[degree[hop] > 0], hop[degree[hop] > 0]
    at = keys(seed, Stream.FOLLOW, step, people.names[reader], 3) % degree[hop].astype(np.uint64)
    author = network.author[network.begin[hop] + at.astype(np.int64)].astype(np.int64)
    fresh = (author != reader) & ~network.follows_already(reader, author)
    new = np.stack([reader[fresh], author[fresh]], axis=1)
    if len(gone) or len(new):
        network.change(gone, new, tie_of(seed, people, new[:, 0], new[:, 1]))


def _one_of_row(
    network: Network, seed: int, stream: Stream, step: int, people: Households, reader: NDArray[np.int64]
) -> NDArray[np.int64]:
    degree = np.diff(network.begin)[reader]
    at = keys(seed, stream, step, people.names[reader], 2) % degree.astype(np.uint64)
    return network.author[network.begin[reader] + at.astype(np.int64)].astype(np.int64)
