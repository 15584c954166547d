"""Edits of many people at once, and one more of somebody: a trait shifted, a group made larger or smaller, a persona cloned."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.people.personas import MAX_PERSONAS, Population, refitted
from core.people.raking import integer_weights
from core.people.text import describe

#: The largest share of all inhabitants that a group may be given: somebody else has to be left.
LARGEST_SHARE = 0.99


def shift_trait(population: Population, group: np.ndarray, trait: str, by: float) -> Population:
    """The population with a trait of everybody in `group` (personas,) of bool moved `by` so much, within 0 to 1; weights stay,
    texts follow. InputError for an unknown trait, a shift outside -1 to 1, or nobody in the group."""
    spec = population.spec
    one_of(trait, spec.trait_names, what="trait", where="group")
    _check_group(population, group)
    if not -1.0 <= by <= 1.0:
        raise InputError(
            f"{trait} moved by {by:g}", where="group", allowed="-1 to 1", nearest=f"{np.clip(by, -1, 1):g}"
        )
    frame = population.personas.copy()
    frame.loc[group, trait] = np.clip(frame.loc[group, trait].to_numpy(float) + by, 0.0, 1.0)
    frame.loc[group, "text"] = pd.Series(describe(frame[group], spec), frame.index[group], dtype="str")
    return refitted(population, frame)


def set_share(population: Population, group: np.ndarray, share: float) -> Population:
    """The population with `group` (personas,) of bool as a `share` (0 to 1) of all inhabitants, all others in proportion; whole
    weights sum to the same total. InputError for a share that cannot be, and where the group is nobody or everybody."""
    _check_group(population, group)
    weight = population.personas["weight"].to_numpy(float)
    inside = float(weight[group].sum())
    if group.all():
        raise InputError("the group is everybody", where="group", allowed="a group with somebody outside")
    if not 0.0 <= share <= LARGEST_SHARE:
        raise InputError(
            f"a share of {100 * share:g}%", where="group", allowed=f"0 to {100 * LARGEST_SHARE:g}%",
            nearest=f"{100 * float(np.clip(share, 0.0, LARGEST_SHARE)):g}",
        )  # fmt: skip
    total = weight.sum()
    wanted = np.where(group, weight * share * total / inside, weight * (1.0 - share) * total / (total - inside))
    return refitted(population, population.personas.assign(weight=integer_weights(wanted, population.spec.total)))


def clone_persona(population: Population, persona_id: int) -> Population:
    """The population with one more persona like this one, at the end; the two share its weight. InputError for an unknown
    one, one that stands for a single inhabitant, and where there are as many personas as there may be."""
    frame = population.personas
    if persona_id not in range(population.size):
        raise InputError(
            f"there is no persona {persona_id}",
            where=f"population {population.spec.id}",
            allowed=f"0 to {population.size - 1}",
        )
    if population.size >= MAX_PERSONAS:
        raise InputError(f"{population.size + 1:,} personas", where="population", allowed=f"{MAX_PERSONAS:,} at most")
    weight = int(frame["weight"].iloc[persona_id])
    if weight < 2:
        raise InputError(f"stands for {weight} inhabitant", where=f"persona {persona_id}", allowed="2 or more to share")
    row = frame.iloc[[persona_id]].assign(persona_id=population.size, weight=weight // 2)
    row["text"] = describe(row, population.spec)
    both = pd.concat([frame, row], ignore_index=True).astype(frame.dtypes.to_dict())
    both.loc[persona_id, "weight"] = weight - weight // 2
    return refitted(population, both)


def _check_group(population: Population, group: np.ndarray) -> None:
    if not np.asarray(group, dtype=bool).any():
        raise InputError(
            "nobody is in the group", where=f"population {population.spec.id}", allowed="a group with people"
        )
