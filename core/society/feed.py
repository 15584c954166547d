"""What is read of the posts of the step before, and what reading does: attention, opinions, stress, passing on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.society.draws import Stream, uniforms
from core.society.posts import NONE, Kind, Posts
from core.society.world import SOCIAL, World

_TINY = np.float32(0.01)


def read(world: World) -> Posts:
    """Deliver, rank and read the posts of the step before; the reposts that follow from it."""
    posts, numbers, people = world.posts, world.numbers, world.people
    social = world.stress[SOCIAL]
    social *= np.float32((1.0 - numbers.stress_social_rate) ** world.hours)
    if not len(posts) or not world.scenario.network.feed.read or world.terms.outage:
        return NONE
    reader, post, tie, copy = _delivered(world, posts)
    if not len(reader):
        return NONE
    slots = posts.slot[post] + copy
    reader, post, tie, slots = _ranked(world, posts, reader, post, tie, slots)
    valence, place = posts.valence[post], posts.place[post]
    if world.terms.labelled:
        tie = np.where(posts.false[post], tie * np.float32(numbers.false_trust), tie)
    world.seen = (reader, place, valence)
    about = place >= 0
    opinion = np.where(about, world.quality[reader, place], np.float32(0.0))
    if world.learns:
        _learn(world, reader[about], place[about], valence[about], tie[about], slots[about])
    # How bad it was to read: the mean negativity, in full where the feed is full.
    count = np.bincount(reader, minlength=people.number)
    readers = np.flatnonzero(count)
    bad = np.bincount(reader, np.maximum(-valence, 0), people.number)[readers] / count[readers]
    full = np.minimum(1.0, count[readers] / max(world.scenario.network.feed.cap, 1))
    rate = 1.0 - (1.0 - numbers.stress_social_rate) ** world.hours
    social[readers] += (rate * bad * full).astype(np.float32)
    differs = valence * opinion < 0
    np.add.at(world.day.clashes, reader[differs], 1)
    likes = posts.likes + np.bincount(post[valence * opinion > 0], minlength=len(posts))
    return _passed_on(world, posts, reader, post, differs, likes, slots)


def _delivered(
    world: World, posts: Posts
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.uint64]]:
    """Who reads which post, with what trust; copies of a promotion are told apart by a number."""
    numbers, people, network = world.numbers, world.people, world.network
    awake = ~people.asleep[world.step * world.hours % 24]
    organic = np.flatnonzero(posts.author >= 0)
    authors = posts.author[organic]
    counts = network.first[authors + 1] - network.first[authors]
    post = np.repeat(organic, counts)
    edge = np.arange(len(post)) + np.repeat(network.first[authors] - (np.cumsum(counts) - counts), counts)
    reader = network.reader[edge].astype(np.int64)
    seen = awake[reader] & (
        uniforms(world.seed, Stream.READ, world.step, people.names[reader], posts.slot[post]) < numbers.read_rate
    )
    parts = [(reader[seen], post[seen], network.tie[edge[seen]], np.zeros(int(seen.sum()), np.uint64))]
    for number in np.flatnonzero(posts.author < 0):
        mean = posts.reach[number] * numbers.read_rate
        times = _poisson(mean, world.uniforms(Stream.REACH, slot=posts.slot[number])) * awake
        who = np.repeat(np.arange(people.number), times)
        copy = np.arange(len(who)) - np.repeat(np.cumsum(times) - times, times)
        parts.append(
            (
                who,
                np.full(len(who), number),
                np.full(len(who), numbers.promoted_tie, np.float32),
                copy.astype(np.uint64),
            )
        )
    if len(parts) == 1:
        return parts[0]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def _poisson(mean: float, draw: NDArray[np.float32]) -> NDArray[np.int64]:
    """Poisson numbers by inversion: they rise with the mean at the same draw."""
    most = int(mean + 8 * np.sqrt(mean) + 8)
    k = np.arange(1, most)
    chances = (
        np.cumsum(np.exp(-mean) * np.concatenate([[1.0], np.cumprod(mean / k)]))
        if mean < 500
        else (np.arange(most) >= mean) * 1.0
    )
    return np.searchsorted(chances, draw)


def _ranked(
    world: World,
    posts: Posts,
    reader: NDArray[np.int64],
    post: NDArray[np.int64],
    tie: NDArray[np.float32],
    slots: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.uint64]]:
    """At most the feed's cap of each reader, by score; in an order that does not depend on how households are numbered."""
    score = _TINY * uniforms(world.seed, Stream.RANK, world.step, world.people.names[reader], slots)
    if not world.terms.chronological:
        weights = world.scenario.network.feed.weights
        worth = weights.engagement * np.abs(posts.valence) + weights.popularity * np.log1p(posts.likes)
        score = score + worth[post].astype(np.float32) + np.float32(weights.tie) * tie
    # By reader and falling score, as one number: the bits of floats, those below 0 turned round, are in the floats' order.
    bits = score.view(np.int32)
    order = np.argsort((reader << 32) - (bits ^ ((bits >> 31) & 0x7FFFFFFF)), kind="stable")
    reader = reader[order]
    # Whether somebody stands behind as many of the same reader as a feed holds.
    most = world.scenario.network.feed.cap * world.hours
    kept = np.ones(len(reader), bool)
    kept[most:] = reader[most:] != reader[: max(len(reader) - most, 0)]
    order = order[kept]
    return reader[kept], post[order], tie[order], slots[order]


def _learn(
    world: World,
    reader: NDArray[np.int64],
    place: NDArray[np.int64],
    valence: NDArray[np.float32],
    tie: NDArray[np.float32],
    slots: NDArray[np.uint64],
) -> None:
    """Attention and opinion of known places move; now and then an unknown one is learnt, for the weakest that is known."""
    numbers = world.numbers
    known = world.known[reader, place]
    code, row = np.unique(reader[known] * world.restaurants + place[known], return_inverse=True)
    trust = np.bincount(row, tie[known], len(code)).astype(np.float32)
    said = np.bincount(row, tie[known] * valence[known], len(code)).astype(np.float32)
    who, what = code // world.restaurants, code % world.restaurants
    world.attention[who, what] += np.float32(numbers.attention_gain) * trust
    world.quality[who, what] += np.float32(numbers.quality_read) * (said - trust * world.quality[who, what])
    new = ~known & ~world.terms.barred[place]
    drawn = uniforms(world.seed, Stream.LEARN, world.step, world.people.names[reader[new]], slots[new])
    learnt = np.flatnonzero(new)[drawn < numbers.learn_rate * tie[new]]
    for at in learnt:
        one, there = reader[at], place[at]
        if world.known[one, there]:
            continue
        if world.known[one].sum() >= world.scenario.memory.slots:
            strength = np.where(world.known[one], world.attention[one] + world.visits[one] + world.quality[one], np.inf)
            world.known[one, strength.argmin()] = False
        world.known[one, there] = True
        world.quality[one, there] = np.float32(0.5) * valence[at]
        world.attention[one, there] = np.float32(numbers.attention_gain) * tie[at]


def _passed_on(
    world: World,
    posts: Posts,
    reader: NDArray[np.int64],
    post: NDArray[np.int64],
    differs: NDArray[np.bool_],
    likes: NDArray[np.int64],
    slots: NDArray[np.uint64],
) -> Posts:
    numbers, people = world.numbers, world.people
    heat = 1.0 + (world.stress[:, reader] * world.theta[:, None]).max(axis=0)
    chance = numbers.repost_rate * heat * np.where(differs, 0.5, 1.0) * posts.spread[post]
    passed = np.flatnonzero(uniforms(world.seed, Stream.REPOST, world.step, people.names[reader], slots) < chance)
    if not len(passed):
        return NONE
    who, what = reader[passed], post[passed]
    first = posts.author[what] >= 0
    world.day.reposts += len(passed)
    world.day.passed_on += len(np.unique(what[first & (posts.depth[what] == 0)]))
    world.day.passed_far += len(np.unique(what[first & (posts.depth[what] == 1)]))
    found = Posts.of(
        who, posts.place[what], posts.valence[what], Kind.repost, people.names[who] * np.uint64(3) + slots[passed]
    )
    found.depth, found.likes, found.false = posts.depth[what] + 1, likes[what], posts.false[what]
    return found
