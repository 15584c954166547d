"""Psychographic traits: assumed Beta distributions whose means depend on who the person is.

No source here says how such traits are spread in any population. Every number is an assumption of the population file;
`core.people.sensitivity` varies them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import betainc, betaincinv, expit, logit

from core.people.spec import PopulationSpec, Trait

#: Values are kept to this many decimals, so that machines whose libraries differ in the last bits agree.
DECIMALS = 6
#: Means stay this far from 0 and 1, where a Beta distribution degenerates.
EDGE = 0.02
#: Keeps the traits' random numbers apart from others drawn with the same seed.
_STREAM = 2


def concentration(trait: Trait) -> float:
    """Sum of the two Beta parameters, from mean m and standard deviation s: m·(1 - m)/s² - 1; infinite for s = 0."""
    return np.inf if trait.spread == 0 else trait.mean * (1 - trait.mean) / trait.spread**2 - 1


def persona_means(spec: PopulationSpec, trait: Trait, codes: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Each person's expected trait, (size,): the trait's mean shifted on the logit scale by their categories.

    `codes` are category positions by attribute.
    """
    log_odds = np.full(size, logit(trait.mean))
    for name, shifts in trait.shifts.items():
        chosen = spec.classifications[name]
        by_category = np.array([shifts.get(category, 0.0) for category in chosen.ids])
        log_odds += by_category[chosen.of][codes[chosen.attribute]]
    return np.clip(expit(log_odds), EDGE, 1 - EDGE)


def trait_values(trait: Trait, means: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """The trait at each person's quantile of a Beta distribution with their mean, (size,), in [0, 1]."""
    strength = concentration(trait)
    if np.isinf(strength):
        return np.round(means, DECIMALS)
    return np.round(betaincinv(means * strength, (1 - means) * strength, quantiles), DECIMALS)


def trait_quantiles(trait: Trait, means: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The quantile at which each value lies for such a person, (size,); a half where nobody differs."""
    strength = concentration(trait)
    if np.isinf(strength):
        return np.full(len(values), 0.5)
    return betainc(means * strength, (1 - means) * strength, values)


def draw_traits(spec: PopulationSpec, codes: Mapping[str, np.ndarray], size: int, seed: int) -> pd.DataFrame:
    """One column per trait, `size` rows. Quantiles are stratified: one in each of `size` slices, in random order."""
    columns = {}
    for number, trait in enumerate(spec.traits):
        random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM, number)))
        quantiles = (random.permutation(size) + random.random(size)) / size
        columns[trait.name] = trait_values(trait, persona_means(spec, trait, codes, size), quantiles)
    return pd.DataFrame(columns, index=pd.RangeIndex(size))
