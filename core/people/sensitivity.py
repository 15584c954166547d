"""What if the assumed traits were otherwise: the same people and weights with other traits, for further runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from core.people.personas import Population
from core.people.spec import PopulationSpec, Trait
from core.people.text import attribute_codes, describe
from core.people.traits import EDGE, concentration, draw_traits, persona_means, trait_quantiles, trait_values

#: How far a trait's mean is moved, on the scale of the trait.
SHIFT = 0.15
LOWER, HIGHER, NO_SPREAD, REDRAWN = "lower", "higher", "no spread", "all traits: redrawn"


def trait_variants(population: Population, seed: int = 1, *, texts: bool = True) -> dict[str, Population]:
    """Populations that differ in one assumption on traits each: three for each trait, called `trait: kind`, and one with all
    traits drawn anew.

    lower, higher: the trait's mean moved by SHIFT; everybody keeps their rank. no spread: everybody has the mean of
    people like them. redrawn: all traits drawn with `seed`, which must not be that of the population. The specification
    of each variant says what it assumes. Without `texts` the personas keep their old texts, which is faster and enough
    for engines that do not read them.
    """
    if seed == population.seed:
        seed += 1
    spec = population.spec
    codes = attribute_codes(population.personas, spec)
    variants = {}
    for trait in spec.traits:
        means = persona_means(spec, trait, codes, population.size)
        quantiles = trait_quantiles(trait, means, population.personas[trait.name].to_numpy(dtype=float))
        for kind, other in _others(trait).items():
            changed = replace(spec, traits=tuple(other if item is trait else item for item in spec.traits))
            values = trait_values(other, persona_means(changed, other, codes, population.size), quantiles)
            variants[f"{trait.name}: {kind}"] = _with_traits(population, changed, {trait.name: values}, texts)
    drawn = draw_traits(spec, codes, population.size, seed)
    columns = {name: drawn[name].to_numpy() for name in spec.trait_names}
    variants[REDRAWN] = replace(_with_traits(population, spec, columns, texts), seed=seed)
    return variants


def _others(trait: Trait) -> dict[str, Trait]:
    strength = concentration(trait)
    others = {}
    for kind, change in ((LOWER, -SHIFT), (HIGHER, SHIFT)):
        mean = float(np.clip(trait.mean + change, EDGE, 1 - EDGE))
        # The same concentration as before: a Beta's spread has to shrink near 0 and 1.
        spread = 0.0 if np.isinf(strength) else float(np.sqrt(mean * (1 - mean) / (strength + 1)))
        others[kind] = replace(trait, mean=mean, spread=spread)
    others[NO_SPREAD] = replace(trait, spread=0.0)
    return others


def _with_traits(
    population: Population, spec: PopulationSpec, values: Mapping[str, np.ndarray], texts: bool
) -> Population:
    personas = population.personas.assign(**values)
    if texts:
        personas["text"] = pd.Series(describe(personas, spec), dtype="str")
    return replace(population, spec=spec, personas=personas)
