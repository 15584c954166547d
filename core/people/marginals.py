"""The tables of a population: reading them, showing them, editing them, and turning them into what raking needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.people.checks import check_table
from core.people.population_file import (
    available_populations,
    load_population_spec,
    spec_from_dict,
)
from core.people.raking import MarginTarget, RakingResult, rake
from core.people.spec import FULL, Assumption, Attribute, Category, Marginal, PopulationSpec, Trait

__all__ = [
    "Assumption",
    "Attribute",
    "Category",
    "Marginal",
    "PopulationSpec",
    "Trait",
    "available_populations",
    "edited",
    "load_population_spec",
    "margin_target",
    "marginal_frame",
    "raked_joint",
    "sources_frame",
    "spec_from_dict",
]

#: Seeds only shape the start, and old tables contradict each other a little: this many passes are enough.
SEED_PASSES = 200


def marginal_frame(spec: PopulationSpec, name: str) -> pd.DataFrame:
    """The marginal as rows: one column of category ids for each of its classifications, and `value` in its unit.

    Cells that cannot hold anybody of the table's universe are left out; `edited` takes the frame back.
    """
    marginal = spec.marginal(name)
    axes = [spec.classifications[axis].ids for axis in marginal.attributes]
    index = pd.MultiIndex.from_product(axes, names=list(marginal.attributes))
    frame = pd.Series(marginal.table.ravel(), index=index, name="value").reset_index()
    return frame[spec.inside(marginal).ravel()].reset_index(drop=True)


def edited(spec: PopulationSpec, marginal: str, new_table: np.ndarray | pd.DataFrame) -> PopulationSpec:
    """The specification with other numbers in one table: an array of its shape, or the rows of `marginal_frame`.

    Shares are scaled back to their whole (a slider that moves one share moves the others). The table is then said to be
    edited by the user; source and numbers of the original are kept in it. InputError where numbers or rows are wrong.
    """
    old = spec.marginal(marginal)
    where = f"marginal {old.name}"
    if isinstance(new_table, pd.DataFrame):
        table = _table_of(spec, old, new_table, where)
    else:
        table = np.asarray(new_table, dtype=float)
        if table.shape != old.table.shape:
            raise InputError(f"the new table has shape {table.shape}", where=where, allowed=str(old.table.shape))
    check_table(replace(old, table=table, unit="persons"), where)
    if (table[~spec.inside(old)] > 0).any():
        raise InputError("counts people outside the table's universe", where=where, allowed="0 there")
    new = replace(old, table=table)
    if old.unit != "persons":
        new = replace(old, table=new.shares.reshape(table.shape) * FULL[old.unit], left_out="")
    original = old.original_source or old.source
    new = replace(
        new,
        source=f"edited by the user; originally: {original}",
        quality="edited",
        original_source=original,
        original_table=old.table if old.original_table is None else old.original_table,
    )
    return replace(spec, marginals=tuple(new if item is old else item for item in spec.marginals))


def _table_of(spec: PopulationSpec, marginal: Marginal, frame: pd.DataFrame, where: str) -> np.ndarray:
    for column in (*marginal.attributes, "value"):
        if column not in frame.columns:
            allowed = ", ".join((*marginal.attributes, "value"))
            raise InputError(f"the new table has no column '{column}'", where=where, allowed=allowed)
    expected = marginal_frame(spec, marginal.name)
    keys = list(marginal.attributes)
    for column in keys:
        for value in pd.unique(frame[column]):
            one_of(str(value), spec.classifications[column].ids, what=f"category of {column}", where=where)
    if frame.duplicated(keys).any():
        twice = " · ".join(frame.loc[frame.duplicated(keys), keys].iloc[0])
        raise InputError(f"the row {twice} is given twice", where=where, allowed="each once")
    merged = expected[keys].merge(frame[[*keys, "value"]], on=keys, how="outer", indicator=True)
    for side, problem in (("left_only", "is missing"), ("right_only", "is outside the table's universe")):
        rows = merged[merged["_merge"] == side]
        if len(rows):
            raise InputError(f"the row {' · '.join(rows[keys].iloc[0])} {problem}", where=where)
    values = pd.to_numeric(merged["value"], errors="coerce").to_numpy(dtype=float)
    table = np.zeros(marginal.table.shape)
    axes = [spec.classifications[name].ids for name in keys]
    positions = tuple([ids.index(value) for value in merged[name]] for ids, name in zip(axes, keys, strict=True))
    table[positions] = values
    return table


def sources_frame(spec: PopulationSpec) -> pd.DataFrame:
    """What everything in the population rests on, one row each: columns `name`, `label`, `used_as` ("fit", "seed",
    "assumed attribute", "assumed trait"), `source`, `quality`, `year`, `note`.
    """
    rows = [(m.name, m.label, m.use, m.source, m.quality, m.year, m.note) for m in spec.marginals]
    for item in spec.assumptions:
        label = spec.attribute(item.attribute).label
        rows.append((item.attribute, label, "assumed attribute", item.source, "assumption", "", item.reasoning))
    for trait in spec.traits:
        rows.append((trait.name, trait.label, "assumed trait", trait.source, "assumption", "", trait.reasoning))
    return pd.DataFrame(rows, columns=["name", "label", "used_as", "source", "quality", "year", "note"])


def margin_target(spec: PopulationSpec, marginal: Marginal, codes: Mapping[str, np.ndarray], size: int) -> MarginTarget:
    """The marginal over `size` people, or cells, whose category positions by attribute are `codes`."""
    cells = spec.margin_cells(marginal, codes, size)
    return MarginTarget(marginal.name, cells, marginal.shares, marginal.slices)


def joint_codes(spec: PopulationSpec) -> dict[str, np.ndarray]:
    """Category positions of each cell of the raked joint distribution, in C order: attribute -> int (cells,)."""
    shape = [len(spec.attribute(name).ids) for name in spec.raked]
    return dict(zip(spec.raked, (axis.ravel() for axis in np.indices(shape)), strict=True))


def raked_joint(spec: PopulationSpec) -> RakingResult:
    """The joint distribution of the attributes that have tables; one axis for each, in the order of `spec.raked`.

    Starts even over all that is not impossible, takes the shape of the seed tables, then is raked to the fitted ones.
    """
    codes = joint_codes(spec)
    size = len(next(iter(codes.values())))
    even = np.ones(size)
    for item in spec.impossible:
        even[spec.matches(item.when, codes, size)] = 0.0
    if not even.any():
        raise InputError("everybody is impossible", where=f"population {spec.id} [impossible]")
    seeds = [margin_target(spec, item, codes, size) for item in spec.marginals if item.use == "seed"]
    fitted = [margin_target(spec, item, codes, size) for item in spec.fitted]
    try:
        start = rake(even, seeds, max_iterations=SEED_PASSES).joint if seeds else even
        result = rake(start, fitted)
    except ValueError as wrong:
        raise InputError(f"cannot be raked: {wrong}", where=f"population {spec.id}") from None
    shape = tuple(len(spec.attribute(name).ids) for name in spec.raked)
    return replace(result, joint=result.joint.reshape(shape))


def conflicting_tables(spec: PopulationSpec, raked: RakingResult) -> tuple[str, ...]:
    """The fitted tables that cannot all be met, in the order of the file: those that the raking missed, and those that each
    of them cannot be met together with. (The table that is raked last is always met, however wrong it is.)"""
    if not raked.conflicts:
        return ()
    codes = joint_codes(spec)
    even = np.ones(len(next(iter(codes.values()))))
    for item in spec.impossible:
        even[spec.matches(item.when, codes, len(even))] = 0.0
    targets = {item.name: margin_target(spec, item, codes, len(even)) for item in spec.fitted}
    found = set(raked.conflicts)
    for missed in raked.conflicts:
        for name, target in targets.items():
            if name not in found and not _agree(even, targets[missed], target):
                found.add(name)
    return tuple(name for name in targets if name in found)


def _agree(even: np.ndarray, one: MarginTarget, other: MarginTarget) -> bool:
    try:
        return not rake(even, [one, other]).conflicts
    except ValueError:  # nobody could be in both
        return False
