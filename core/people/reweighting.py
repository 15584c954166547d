"""Weights of the people of one place: those of the whole population, moved as little as the place's shares ask for.

Raking the weights to the shares gives, of all weights with these shares, the closest to those there were in Kullback-Leibler
divergence (`core.people.raking`): whoever a place has more of counts more, and nobody else is drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.errors import InputError
from core.people.raking import MarginTarget, integer_weights, rake
from core.people.spec import LEVEL_CUTS, LEVELS, PopulationSpec
from core.people.text import attribute_codes
from core.study.definition import TargetShares

#: Where shares of a place are from: the study says it of its table of places.
SOURCE = "the place's own shares"


def reweighted(spec: PopulationSpec, personas: pd.DataFrame, targets: tuple[TargetShares, ...]) -> pd.DataFrame:
    """The personas with the weights of a place. InputError where none of them is what the place's people are."""
    weight = personas["weight"].to_numpy(dtype=float)
    mass = weight / weight.sum()
    try:
        found = rake(mass, [_margin(spec, personas, item, mass) for item in targets])
    except ValueError:
        named = ", ".join(item.of for item in targets)
        raise InputError(
            f"none of {len(personas):,} personas has what the shares of {named} ask for", where=f"population {spec.id}",
            allowed="more personas, or other shares",
        ) from None  # fmt: skip
    return personas.assign(weight=integer_weights(found.joint, spec.total))


def target_fit(spec: PopulationSpec, personas: pd.DataFrame) -> pd.DataFrame:
    """How well the weights meet the place's shares, rows as in `Population.fit`."""
    mass = personas["weight"].to_numpy(dtype=float) / spec.total
    rows = []
    for item in spec.target_shares:
        ids, codes = _categories(spec, personas, item)
        achieved = np.bincount(codes, weights=mass, minlength=len(ids))
        for category, share in item.shares:
            about = {"marginal": item.of, "category": category, "use": "fit", "source": SOURCE, "quality": "estimate"}
            rows.append({**about, "target": share, "achieved": float(achieved[ids.index(category)])})
    return pd.DataFrame(rows)


def _categories(spec: PopulationSpec, personas: pd.DataFrame, item: TargetShares) -> tuple[tuple[str, ...], np.ndarray]:
    """The categories that shares are of, and which each persona is in, int (personas,)."""
    if item.of in spec.classifications:
        chosen = spec.classifications[item.of]
        return chosen.ids, chosen.of[attribute_codes(personas, spec)[chosen.attribute]]
    return LEVELS, np.digitize(personas[item.of].to_numpy(dtype=float), LEVEL_CUTS)


def _margin(spec: PopulationSpec, personas: pd.DataFrame, item: TargetShares, mass: np.ndarray) -> MarginTarget:
    ids, codes = _categories(spec, personas, item)
    shares = np.bincount(codes, weights=mass, minlength=len(ids))
    named = [ids.index(category) for category, _ in item.shares]
    given = np.array([share for _, share in item.shares])
    rest = np.ones(len(ids), dtype=bool)
    rest[named] = False
    left, others = max(1.0 - given.sum(), 0.0), shares[rest].sum()
    shares[rest] = shares[rest] * (left / others) if others > 0 else left / max(rest.sum(), 1)
    shares[named] = given
    return MarginTarget(item.of, codes, shares / shares.sum(), np.zeros(len(ids), dtype=np.int64))
