"""Personas: people drawn from the raked joint distribution, with whole-number weights that match the marginals.

A population of N personas stands for all inhabitants: each has a weight, the number of inhabitants it counts for.
Demographic cells are drawn by systematic sampling along the sorted joint distribution, then the weights are raked to
the same tables on the sample. A few personas cannot match every table: several draws are tried, weights are also found
by non-negative least squares, and the fit with the smallest largest error is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.people.marginals import conflicting_tables, joint_codes, margin_target, raked_joint
from core.people.raking import MarginTarget, fit_weights, indicator_matrix, integer_weights, rake
from core.people.reweighting import reweighted, target_fit
from core.people.spec import PopulationSpec
from core.people.text import attribute_codes, describe
from core.people.traits import draw_traits

MAX_PERSONAS = 100_000
#: With few personas chance matters, so several draws are tried: (personas below which, draws). Above, one will do.
DRAWS = ((200, 48), (5_000, 12))
#: Below this many, weights are also found by least squares, whose cost grows with the cube of the number.
LEAST_SQUARES = 500
#: Passes of raking on the sample; where some category has nobody there is no exact solution to reach.
SAMPLE_PASSES = 500
#: Streams of random numbers under one seed; the traits have their own.
_DRAW, _ASSUMED = 0, 1


@dataclass(frozen=True, eq=False)
class Population:
    """Synthetic people and how well they match the tables.

    `personas`: one row each, with `persona_id` (0..N-1), `weight` (int64, inhabitants it stands for; they sum to the
    population's total), the attributes (str categories), the traits (float in [0, 1]) and `text`.
    `fit`: one row per table and cell, with `marginal`, `category`, `use` ("fit" or "seed"), `source`, `quality`,
    `target` and `achieved` (shares of all inhabitants) and `error` (achieved - target, percentage points).
    Where the population is that of a place, its shares are what is fitted, and the tables are seeds.
    `conflicts` names fitted tables that contradict one another: no number of personas meets them all.
    """

    spec: PopulationSpec
    personas: pd.DataFrame
    fit: pd.DataFrame
    seed: int
    conflicts: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.personas)

    @property
    def effective_size(self) -> float:
        """Kish's effective sample size, (Σw)²/Σw²: how many equally weighted personas the weights are worth."""
        weight = self.personas["weight"].to_numpy(dtype=float)
        return float(weight.sum() ** 2 / (weight**2).sum())

    @property
    def largest_error(self) -> float:
        """The largest error of a fitted table's category, in percentage points of all inhabitants."""
        return abs(float(self._worst["error"]))

    @property
    def largest_error_at(self) -> str:
        """Where the largest error is: "marginal: category"."""
        return f"{self._worst['marginal']}: {self._worst['category']}"

    @property
    def _worst(self) -> pd.Series:
        fitted = self.fit[self.fit["use"] == "fit"]
        return fitted.iloc[int(fitted["error"].abs().to_numpy().argmax())]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the specification and of every persona's values, as hexadecimal digits."""
        digest = hashlib.sha256(self.spec.content_hash.encode())
        for column in self.personas.columns:
            digest.update(column.encode())
            values = self.personas[column]
            if pd.api.types.is_numeric_dtype(values):
                digest.update(values.to_numpy().tobytes())
            else:
                digest.update("\x00".join(values).encode())
        return digest.hexdigest()


def synthesise(spec: PopulationSpec, personas: int, seed: int = 0) -> Population:
    """`personas` people of the population. The same specification, number and seed give the same people everywhere.

    InputError where the number is not within 1 to MAX_PERSONAS.
    """
    if not isinstance(personas, int | np.integer) or isinstance(personas, bool) or not 1 <= personas <= MAX_PERSONAS:
        close = min(max(int(personas), 1), MAX_PERSONAS) if isinstance(personas, int | float | np.number) else 1
        allowed = f"a whole number from 1 to {MAX_PERSONAS:,}"
        raise InputError(f"{personas} personas", where=f"population {spec.id}", allowed=allowed, nearest=str(close))
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed {seed}", where=f"population {spec.id}", allowed="a whole number of 0 and above")
    raked = raked_joint(spec)
    cell_codes = joint_codes(spec)
    mass = raked.joint.ravel()
    targets = [margin_target(spec, item, cell_codes, len(mass)).absolute(mass) for item in spec.fitted]
    cells, weights = _best_draw(raked.joint, targets, personas, spec.total, seed)
    codes = {name: values[cells] for name, values in cell_codes.items()}
    _draw_assumed(spec, codes, personas, np.random.SeedSequence(seed, spawn_key=(_ASSUMED,)))
    frame = pd.DataFrame({"persona_id": np.arange(personas, dtype=np.int64), "weight": weights})
    for attribute in spec.attributes:
        ids = np.array(attribute.ids, dtype=object)
        frame[attribute.name] = pd.Series(ids[codes[attribute.name]], dtype="str")
    traits = draw_traits(spec, codes, personas, seed)
    frame = pd.concat([frame, traits], axis=1)
    if spec.target_shares:
        frame = reweighted(spec, frame, spec.target_shares)
    frame["text"] = pd.Series(describe(frame, spec), dtype="str")
    return Population(spec, frame, _fit(spec, mass, cell_codes, frame), seed, conflicting_tables(spec, raked))


def restore(spec: PopulationSpec, personas: pd.DataFrame, seed: int = 0) -> Population:
    """The population of personas that were stored: columns as in `Population.personas`, in any order; fit recomputed.

    InputError where a column or value is not of this specification.
    """
    columns = ["persona_id", "weight", *(item.name for item in spec.attributes), *spec.trait_names]
    where = f"personas of {spec.id}"
    for name in columns:
        if name not in personas.columns:
            raise InputError(f"has no column '{name}'", where=where, allowed=", ".join(columns))
    frame = personas[columns].sort_values("persona_id").reset_index(drop=True)
    for attribute in spec.attributes:
        for value in pd.unique(frame[attribute.name]):
            one_of(str(value), attribute.ids, what=f"category of {attribute.name}", where=where)
        frame[attribute.name] = frame[attribute.name].astype("str")
    frame = frame.astype({"persona_id": "int64", "weight": "int64", **dict.fromkeys(spec.trait_names, "float64")})
    if not (frame["persona_id"] == np.arange(len(frame))).all():
        raise InputError(
            "persona_id does not count up from 0", where=where, allowed=f"0 to {len(frame) - 1}, each once"
        )
    if (frame["weight"] < 0).any() or frame["weight"].sum() != spec.total:
        raise InputError(f"weights sum to {frame['weight'].sum()}", where=where, allowed=f"{spec.total}, none negative")
    for name in spec.trait_names:
        if not frame[name].between(0.0, 1.0).all():
            raise InputError(f"{name} has a value outside 0 to 1", where=where, allowed="0 to 1")
    frame["text"] = pd.Series(describe(frame, spec), dtype="str")
    raked = raked_joint(spec)
    fit = _fit(spec, raked.joint.ravel(), joint_codes(spec), frame)
    return Population(spec, frame, fit, seed, conflicting_tables(spec, raked))


def edit_persona(population: Population, persona_id: int, changes: Mapping[str, Any]) -> Population:
    """The population with attributes or traits of one persona changed; weights stay, text and fit follow.

    InputError where an attribute, trait or category does not exist, a trait is outside 0 to 1, or nobody can be so.
    """
    spec = population.spec
    where = f"persona {persona_id}"
    if isinstance(persona_id, bool) or persona_id not in range(population.size):
        allowed = f"0 to {population.size - 1}"
        raise InputError(f"there is no persona {persona_id}", where=f"population {spec.id}", allowed=allowed)
    attributes = [item.name for item in spec.attributes]
    row = population.personas.iloc[[persona_id]].copy()
    for name, value in changes.items():
        one_of(name, [*attributes, *spec.trait_names], what="attribute or trait", where=where)
        if name in attributes:
            row[name] = pd.Series([spec.attribute(name).category(str(value)).id], index=row.index, dtype="str")
        else:
            row[name] = _trait_value(name, value, where)
    codes = attribute_codes(row, spec)
    for item in spec.impossible:
        if spec.matches(item.when, codes, 1)[0]:
            combination = ", ".join(f"{name} {row[spec.classifications[name].attribute].iloc[0]}" for name in item.when)
            raise InputError(f"{combination} cannot be: {item.reason}", where=where)
    row["text"] = pd.Series(describe(row, spec), index=row.index, dtype="str")
    frame = population.personas.copy()
    for name in (*changes, "text"):
        frame.loc[persona_id, name] = row[name].iloc[0]
    return refitted(population, frame)


def _trait_value(name: str, value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} '{value}' is not a number", where=where, allowed="0 to 1") from None
    if not 0.0 <= number <= 1.0:
        nearest = None if np.isnan(number) else f"{min(max(number, 0.0), 1.0):g}"
        raise InputError(f"{name} is {value}", where=where, allowed="0 to 1", nearest=nearest)
    return number


def _best_draw(
    joint: np.ndarray, targets: Sequence[MarginTarget], size: int, total: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cells (size,) of the joint and whole weights (size,) with the smallest largest error among the draws tried."""
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for attempt in range(next((draws for below, draws in DRAWS if size < below), 1)):
        random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_DRAW, attempt)))
        # Systematic sampling spreads the sample best over the attribute sorted by first; draws differ in which it is.
        order = np.arange(joint.ndim) if attempt == 0 else random.permutation(joint.ndim)
        cells = np.sort(_systematic(joint, order, size, random))
        for weights in _weights(cells, targets, total):
            error = _largest(cells, weights / total, targets)
            if best is None or error < best[0]:
                best = error, cells, weights
    assert best is not None
    return best[1], best[2]


def _systematic(joint: np.ndarray, order: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Cells (size,) at evenly spaced points of the cumulated distribution, the axes sorted in `order`."""
    numbers = np.arange(joint.size).reshape(joint.shape).transpose(order).ravel()
    cumulated = np.cumsum(joint.ravel()[numbers])
    points = (np.arange(size) + random.random()) / size * cumulated[-1]
    position = np.searchsorted(cumulated, points, side="right")
    # A point can land on the very end by rounding; the last cell that anybody is in is then meant.
    last = np.searchsorted(cumulated, cumulated[-1], side="left")
    return numbers[np.minimum(position, last)]


def _weights(cells: np.ndarray, targets: Sequence[MarginTarget], total: int) -> list[np.ndarray]:
    """Candidate whole weights (size,) for the drawn cells, which are sorted."""
    unique, inverse, counts = np.unique(cells, return_inverse=True, return_counts=True)
    here = [replace(target, cells=target.cells[unique]) for target in targets]
    mass = rake(counts / len(cells), here, max_iterations=SAMPLE_PASSES).joint
    candidates = [_whole(mass, counts, inverse, total)]
    if len(cells) < LEAST_SQUARES:
        membership, wanted = indicator_matrix([replace(target, cells=target.cells[cells]) for target in targets])
        candidates.append(integer_weights(fit_weights(membership, wanted), total))
    return candidates


def _whole(mass: np.ndarray, counts: np.ndarray, inverse: np.ndarray, total: int) -> np.ndarray:
    """Whole weights of people from the mass of their cells: rounded by cell, then shared out within each.

    Equal people have equal fractions; rounded one by one, a whole cell would round the same way and bias the tables.
    """
    cell_total = integer_weights(mass, total)
    if (cell_total < counts).any():
        return integer_weights((mass / counts)[inverse], total)
    first = np.cumsum(counts) - counts
    rank = np.arange(len(inverse)) - first[inverse]
    return cell_total[inverse] // counts[inverse] + (rank < (cell_total % counts)[inverse])


def _largest(cells: np.ndarray, mass: np.ndarray, targets: Sequence[MarginTarget]) -> float:
    # The last cell of an absolute target is everybody outside the table's universe, which no source speaks of.
    found = [(replace(target, cells=target.cells[cells]).achieved(mass) - target.shares)[:-1] for target in targets]
    return float(np.abs(np.concatenate(found)).max())


def _draw_assumed(spec: PopulationSpec, codes: dict[str, np.ndarray], size: int, seed: np.random.SeedSequence) -> None:
    """Adds the assumed attributes to `codes`, each given those before it.

    Within each row of an assumption, people get evenly spread quantiles: a Kronecker sequence (Roberts' generalised
    golden ratio) with one dimension per assumption, so that neighbours differ and assumptions do not line up.
    """
    random = np.random.default_rng(seed)
    dimensions = len(spec.assumptions)
    ratio = 2.0
    for _ in range(40):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    for number, assumption in enumerate(spec.assumptions, start=1):
        step, offset = ratio**-number, random.random()
        drawn = np.zeros(size, dtype=np.int64)
        open_ = np.ones(size, dtype=bool)
        for row in assumption.rows:
            here = np.flatnonzero(open_ & spec.matches(row.when, codes, size))
            open_[here] = False
            quantiles = (offset + (np.arange(len(here)) + 1) * step) % 1.0
            bounds = np.cumsum(row.shares)[:-1] / row.shares.sum()
            drawn[here] = np.searchsorted(bounds, quantiles, side="right")
        codes[assumption.attribute] = drawn


def _fit(
    spec: PopulationSpec, mass: np.ndarray, cell_codes: Mapping[str, np.ndarray], personas: pd.DataFrame
) -> pd.DataFrame:
    blocks = []
    for item in spec.marginals:
        inside = spec.inside(item).ravel()
        target = margin_target(spec, item, cell_codes, len(mass)).absolute(mass).shares[:-1]
        block = pd.DataFrame({"marginal": item.name, "category": spec.cell_names(item)}).assign(
            use=item.use, source=item.source, quality=item.quality, target=target
        )
        blocks.append(block[inside])
    fit = pd.concat(blocks, ignore_index=True)
    return _with_achieved(spec, fit.assign(use="seed") if spec.target_shares else fit, personas)


def refitted(population: Population, personas: pd.DataFrame) -> Population:
    """The population with other personas of the same tables, and how well these meet them."""
    return replace(population, personas=personas, fit=_with_achieved(population.spec, population.fit, personas))


def _with_achieved(spec: PopulationSpec, fit: pd.DataFrame, personas: pd.DataFrame) -> pd.DataFrame:
    codes = attribute_codes(personas, spec)
    mass = personas["weight"].to_numpy(dtype=float) / spec.total
    achieved = [
        margin_target(spec, item, codes, len(personas)).achieved(mass)[spec.inside(item).ravel()]
        for item in spec.marginals
    ]
    values = np.concatenate(achieved)
    fit = fit.iloc[: len(values)].assign(achieved=values)
    if spec.target_shares:
        fit = pd.concat([fit, target_fit(spec, personas)], ignore_index=True)
    return fit.assign(error=100.0 * (fit["achieved"] - fit["target"]))
