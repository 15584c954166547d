"""Who follows whom: a directed graph kept in both directions as sparse rows, changed a little each day.

At the start follows go to popular accounts (a Pareto tail) or to people near in home and income, and a share is returned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.society.draws import Stream, keys, normals, uniforms
from core.society.households import Households
from core.society.scenario import Scenario


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
        number = len(self.first) - 1
        by_author = self._codes(self.first, self.reader)
        by_reader = self._codes(self.begin, self.author)
        out = np.searchsorted(by_author, gone[:, 1] * number + gone[:, 0])
        self.tie = np.delete(self.tie, out)
        by_author = np.delete(by_author, out)
        by_reader = np.delete(by_reader, np.searchsorted(by_reader, gone[:, 0] * number + gone[:, 1]))
        order = np.argsort(new[:, 1] * number + new[:, 0], kind="stable")
        codes = (new[:, 1] * number + new[:, 0])[order]
        at = np.searchsorted(by_author, codes)
        self.tie = np.insert(self.tie, at, tie[order])
        by_author = np.insert(by_author, at, codes)
        codes = np.sort(new[:, 0] * number + new[:, 1])
        by_reader = np.insert(by_reader, np.searchsorted(by_reader, codes), codes)
        self.first, self.reader = _rows(by_author, number)
        self.begin, self.author = _rows(by_reader, number)

    def follows_already(self, reader: NDArray[np.int64], author: NDArray[np.int64]) -> NDArray[np.bool_]:
        number = len(self.first) - 1
        codes = self._codes(self.begin, self.author)
        wanted = reader * number + author
        at = np.searchsorted(codes, wanted).clip(max=max(len(codes) - 1, 0))
        return codes[at] == wanted if len(codes) else np.zeros(len(wanted), bool)

    def _codes(self, first: NDArray[np.int64], other: NDArray[np.int32]) -> NDArray[np.int64]:
        number = len(first) - 1
        return np.repeat(np.arange(number, dtype=np.int64) * number, np.diff(first)) + other


def _rows(codes: NDArray[np.int64], number: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Sparse rows of sorted codes row · number + column."""
    row = codes // max(number, 1)
    first = np.searchsorted(row, np.arange(number + 1))
    return first, (codes - row * number).astype(np.int32)


def first_network(scenario: Scenario, seed: int, people: Households) -> Network:
    """The follows at the start."""
    numbers, plan, number = scenario.numbers(), scenario.network, people.number
    spread = 0.0 if scenario.households.homogeneous else numbers.degree_sd
    # Follows that are returned come on top: q of those given make a mutual share of 2q / (1 + q).
    returned = plan.mutual / (2.0 - plan.mutual)
    mean = plan.mean_follows / (1.0 + returned)
    degree = mean * np.exp(spread * normals(seed, Stream.DEGREE, 0, people.names) - spread**2 / 2)
    degree = np.minimum(np.round(degree), max(number - 1, 0)).astype(np.int64)
    reader = np.repeat(np.arange(number, dtype=np.int64), degree)
    if not len(reader):
        return _built(np.zeros((0, 2), np.int64), number, scenario, seed, people)
    slot = np.arange(len(reader)) - np.repeat(np.cumsum(degree) - degree, degree)
    who = people.names[reader]
    kind = uniforms(seed, Stream.FOLLOWEE, 0, who, 3 * slot + 1)
    where = uniforms(seed, Stream.FOLLOWEE, 0, who, 3 * slot + 2).astype(np.float64)
    fame = uniforms(seed, Stream.POPULARITY, 0, people.names).astype(np.float64) ** (-1.0 / numbers.popular_tail)
    chances = np.cumsum(fame)
    popular = np.searchsorted(chances, where * chances[-1]).clip(max=number - 1)
    # Neighbours in the order of home and income: some ranks away, in either direction.
    order = np.lexsort((people.income, people.home[:, 1], people.home[:, 0]))
    rank = np.empty(number, np.int64)
    rank[order] = np.arange(number)
    way = np.where(where < 0.5, -1, 1)
    away = (
        np.ceil(-numbers.near_scale * np.log(np.abs(2.0 * where - 1.0).clip(1e-9)))
        .astype(np.int64)
        .clip(1, max(number // 2, 1))
    )
    near = order[(rank[reader] + way * away) % number]
    author = np.where(kind < numbers.popular_share, popular, near)
    back = uniforms(seed, Stream.MUTUAL, 0, who, slot + 1) < returned
    pairs = np.stack([np.concatenate([reader, author[back]]), np.concatenate([author, reader[back]])], axis=1)
    return _built(pairs[pairs[:, 0] != pairs[:, 1]], number, scenario, seed, people)


def _built(pairs: NDArray[np.int64], number: int, scenario: Scenario, seed: int, people: Households) -> Network:
    codes = np.unique(pairs[:, 0] * number + pairs[:, 1])
    cap = scenario.network.follow_cap
    begin, author = _rows(codes, number)
    if cap is not None:
        place = np.arange(len(author)) - np.repeat(begin[:-1], np.diff(begin))
        codes = codes[place < cap]
        begin, author = _rows(codes, number)
    by_author = np.sort((codes % max(number, 1)) * number + codes // max(number, 1))
    first, reader = _rows(by_author, number)
    tie = tie_of(seed, people, reader, np.repeat(np.arange(number), np.diff(first)))
    return Network(first, reader, tie, begin, author)


def tie_of(seed: int, people: Households, reader: NDArray[np.int32], author: NDArray[np.int64]) -> NDArray[np.float32]:
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
        network.change(gone, new, tie_of(seed, people, new[:, 0].astype(np.int32), new[:, 1]))


def _one_of_row(
    network: Network, seed: int, stream: Stream, step: int, people: Households, reader: NDArray[np.int64]
) -> NDArray[np.int64]:
    degree = np.diff(network.begin)[reader]
    at = keys(seed, stream, step, people.names[reader], 2) % degree.astype(np.uint64)
    return network.author[network.begin[reader] + at.astype(np.int64)].astype(np.int64)
