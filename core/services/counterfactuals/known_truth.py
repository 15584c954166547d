"""What would truly have happened, for the places that this project generates: nowhere else is that known."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd

from core.errors import InputError
from core.policy.timeline import PolicyTimeline
from core.study import Study
from core.synthetic import orlo
from core.synthetic.worlds import MERIDIA, ORLO, KnownWorld, known_world


def true_paths(
    study: Study, observed: PolicyTimeline, timeline: PolicyTimeline, dates: pd.DatetimeIndex
) -> pd.DataFrame | None:
    """The metric without noise under a policy (dates × behaviours), with what people live with besides as it was. None where it
    is not known: of real places, of fictional ones with other data than they ship with, and under another calendar."""
    if not (study.shipped and study.fictional) or timeline.calendar != observed.calendar:
        return None
    world = _world(study.folder, study.sources["mobility"].place)
    if world is None:
        return None
    own, known = world.timeline.levels(), observed.levels()
    if not known.index.isin(own.index).all() or not own.loc[known.index].equals(known[list(own)]):
        return None
    path = timeline.levels()
    before = own.loc[own.index < path.index[0]]
    whole = PolicyTimeline.from_levels(pd.concat([before, path]), world.study, world.timeline.calendar)
    try:
        return world.expected_under(whole, dates)
    except InputError:  # days that the process never had
        return None


@lru_cache(maxsize=4)
def _world(name: str, place: str) -> KnownWorld | None:
    if name == MERIDIA:
        return known_world(MERIDIA, 0)
    if name == ORLO and place in orlo.PLACES:
        return known_world(ORLO, orlo.PLACES.index(place))
    return None
