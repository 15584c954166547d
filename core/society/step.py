"""One step of the society. Everybody sees the state that the step before left, so that no order among them matters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.society.choice import choose_out, due_to_eat, meal_signal
from core.society.draws import Stream, keys, named
from core.society.feed import read
from core.society.market import commute, eat_at_home, go_shopping, serve, set_out
from core.society.morning import begin_day, begin_rumours
from core.society.posts import NONE, Kind, Posts
from core.society.world import CROWD, FATIGUE, HUNGER, World

#: Which order of a step this is: another number where phases change places, for results are then others.
STEP_ORDER = 1
#: The hour of the day at which a rumour begins: people are awake.
RUMOURS_BEGIN = 9


def advance(world: World) -> Posts:
    """The next step; the posts that are read in the one after it."""
    hour = world.step * world.hours % 24
    world.felt, world.seen = [], None
    # 0, 1: levers that are due, and at midnight pay, deliveries and prices
    if hour == 0:
        begin_day(world)
    written = [begin_rumours(world) if hour <= RUMOURS_BEGIN < hour + world.hours else NONE]
    # 2: bodies and the fading of stress and attention
    _live(world, hour)
    # 3: ways to and from work; outings arrive in `serve`
    commute(world)
    # 4: posts of the step before are delivered, ranked and read
    written.append(read(world))
    # 5: those who are due decide
    signal = meal_signal(world, hour)
    due = due_to_eat(world, signal)
    who, place, km = (world.decide or choose_out)(world, due, signal)
    stays = np.ones(world.number, bool)
    stays[who] = False
    eat_at_home(world, due[stays[due]])
    set_out(world, who, place, km)
    go_shopping(world)
    # 6, 7: who arrives is served, pays and remembers
    written.append(serve(world))
    # 8: what is published
    written += [_complaints(world), *_promotions(world, hour)]
    world.posts = _moderated(world, Posts.joined(written))
    if len(world.posts):
        np.add.at(world.day.posted, world.posts.author[world.posts.author >= 0], 1)
    return world.posts


def _live(world: World, hour: int) -> None:
    numbers, stress = world.numbers, world.stress
    row = hour // world.hours
    world.hunger += world.hunger_rate[row]
    np.minimum(world.hunger, 1, out=world.hunger)
    stress[HUNGER] += np.float32(1 - (1 - numbers.stress_hunger_rate) ** world.hours) * (world.hunger - stress[HUNGER])
    stress[FATIGUE] *= world.fatigue_left[row]
    stress[CROWD] *= np.float32(0.5 ** (world.hours / numbers.stress_crowd_half_life))
    world.attention *= np.float32(0.5 ** (world.hours / numbers.attention_half_life))
    asleep = world.people.asleep[hour] & (world.until <= world.step)
    world.day.slept += np.float32(world.hours) * asleep


def _complaints(world: World) -> Posts:
    """Those under much stress complain now and then, of no place."""
    under = (world.stress > world.too_much).any(axis=0)
    under &= ~world.people.asleep[world.step * world.hours % 24]
    who = under.nonzero()[0]
    who = who[world.uniforms(Stream.COMPLAIN, who) < world.numbers.complaint_rate * world.hours]
    if not len(who):
        return NONE
    most = (world.stress[:, who] * world.theta[:, None]).max(axis=0)
    return Posts.of(who, np.full(len(who), -1), -most, Kind.complaint, world.people.names[who] + np.uint64(5))


def _promotions(world: World, hour: int) -> list[Posts]:
    """Campaigns and adverts, as far as a ban leaves them."""
    if not world.terms.campaigns:
        return []
    names = [place.id for place in world.places[: world.restaurants]]
    found, left = [], world.terms.adverts
    for number, campaign in enumerate(world.terms.campaigns):
        if not campaign.hours[0] <= hour < campaign.hours[1] or campaign.place not in names:
            continue
        rate = campaign.posts_per_hour * world.hours
        if campaign.advert:
            rate = min(rate, left * world.hours)
            left = max(left - campaign.posts_per_hour, 0)
        if rate:
            place = np.array([names.index(campaign.place)])
            kind = Kind.advert if campaign.advert else Kind.campaign
            slot = named([1_000_000_007 + number])
            valence = np.array([campaign.valence], np.float32)
            found.append(
                Posts.of(np.array([-1]), place, valence, kind, slot, reach=rate * campaign.reach, false=campaign.false)
            )
            world.day.adverts += round(rate)
    return found


def _moderated(world: World, posts: Posts) -> Posts:
    """Without what is removed; what is removed later is read, and not passed on."""
    for number, rule in enumerate(world.terms.moderation):
        if not len(posts):
            break
        caught: NDArray[np.bool_] = (posts.valence < rule.below) | (posts.false & rule.false)
        drawn = keys(world.seed, Stream.MODERATE, world.step, posts.slot, number + 1) >> np.uint64(11)
        caught &= drawn * 2.0**-53 < rule.share
        if rule.lag_hours == 0:
            posts = posts.where(~caught)
        else:
            posts.spread &= ~caught
    return posts
