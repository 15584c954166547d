"""A few adults who differ as much as people here do: the faces of a population."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from core.people.personas import Population
from core.people.text import attribute_codes

ADULT_FROM = 18
#: Clusters per person that is shown.
TRIED = 3


def adults(population: Population) -> np.ndarray:
    """Who is grown up, (personas,) of bool; everybody where no age is known, or nobody is."""
    ages = population.spec.age_attribute
    if ages is None:
        return np.ones(population.size, dtype=bool)
    first = np.array([item.age[0] if item.age else 0 for item in ages.categories])
    grown = first[attribute_codes(population.personas, population.spec)[ages.name]] >= ADULT_FROM
    return grown if grown.any() else np.ones(population.size, dtype=bool)


def contrasted(population: Population, count: int = 6) -> list[int]:
    """Numbers of so many adults (fewer where there are fewer), the first the most usual: people are clustered by attributes and
    traits, and of the people next to the clusters' middles those are taken who are furthest apart. The same people always give
    the same."""
    rows = np.flatnonzero(adults(population))
    points = _points(population, rows)
    weight = np.maximum(population.personas["weight"].to_numpy(float)[rows], 1e-9)
    clusters = min(TRIED * count, len(np.unique(points, axis=0)))
    found = KMeans(clusters, n_init=2, random_state=0).fit(points, sample_weight=weight)
    away = ((points - found.cluster_centers_[found.labels_]) ** 2).sum(axis=1)
    middles = [
        int(inside[int(away[inside].argmin())])
        for inside in (np.flatnonzero(found.labels_ == cluster) for cluster in range(clusters))
        if len(inside)
    ]
    stands_for = np.bincount(found.labels_, weights=weight)
    chosen = [max(middles, key=lambda row: float(stands_for[found.labels_[row]]))]
    while len(chosen) < min(count, len(middles)):
        gaps = [min(float(((points[row] - points[taken]) ** 2).sum()) for taken in chosen) for row in middles]
        chosen.append(middles[int(np.argmax(gaps))])
    return [int(rows[row]) for row in chosen]


def _points(population: Population, rows: np.ndarray) -> np.ndarray:
    """People as points, (rows, dimensions): each attribute counts alike, however many categories it has, and so do traits."""
    spec = population.spec
    codes = attribute_codes(population.personas, spec)
    parts = [np.eye(len(item.categories))[codes[item.name][rows]] / np.sqrt(2.0) for item in spec.attributes]
    if spec.traits:
        values = population.personas[list(spec.trait_names)].to_numpy(float)[rows]
        spread = values.std(axis=0)
        parts.append((values - values.mean(axis=0)) / np.where(spread > 0, 2.0 * spread, 1.0))
    return np.hstack(parts)
