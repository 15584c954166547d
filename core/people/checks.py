"""Checks of a population file that look at more than one value."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from core.errors import InputError, one_of
from core.people.spec import FULL, LEVELS, Condition, Marginal, PopulationSpec

#: Published shares are rounded, so they may miss their sum by this much before we call it an error.
ROUNDING = 0.006
#: Shares of a table that leaves something out ("not stated") must still cover this much.
LEAST_COVERED = 0.5
#: Cells of the joint distribution that is raked; beyond this the grid would not fit a laptop's memory comfortably.
LARGEST_JOINT = 2_000_000


def check_condition(spec: PopulationSpec, condition: Condition, where: str) -> None:
    """InputError where the condition names a classification or a category that does not exist."""
    for name, wanted in condition.items():
        one_of(name, spec.classifications, what="attribute or grouping", where=where)
        if not wanted:
            raise InputError(f"no category of {name} is given", where=where, allowed="at least one")
        for category in wanted:
            one_of(category, spec.classifications[name].ids, what=f"category of {name}", where=where)


def check_table(marginal: Marginal, where: str) -> None:
    """InputError where a table has a value that is no count, or shares that do not sum to the whole they are of."""
    table = marginal.table
    if not np.isfinite(table).all() or (table < 0).any():
        bad = table[~np.isfinite(table) | (table < 0)].ravel()[0]
        raise InputError(f"has the value {bad:g}", where=where, allowed="numbers of 0 and above")
    totals = np.bincount(marginal.slices, weights=table.ravel())
    if not totals.sum() > 0:
        raise InputError("counts nobody", where=where, allowed="at least one value above 0")
    if marginal.unit == "persons":
        return
    full = FULL[marginal.unit]
    least = LEAST_COVERED if marginal.left_out else 1.0 - ROUNDING
    for total in totals[totals > 0]:
        if not least * full <= total <= (1.0 + ROUNDING) * full:
            hint = " (say what is missing in left_out)" if total < full else ""
            raise InputError(f"has shares that sum to {total:g}", where=where, allowed=f"{full:g}{hint}")


def check_unique(names: Iterable[str], what: str, where: str) -> None:
    """InputError where a name is given twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{what} '{name}' is given twice", where=where, allowed="each once")
        seen.add(name)


def check_targets(spec: PopulationSpec, where: str) -> None:
    """InputError where shares are of what the population does not have, or are more than everybody."""
    known = [*spec.classifications, *spec.trait_names]
    check_unique([item.of for item in spec.target_shares], "classification", where)
    for item in spec.target_shares:
        one_of(item.of, known, what="attribute, grouping or trait", where=where)
        ids = spec.classifications[item.of].ids if item.of in spec.classifications else LEVELS
        for category, _ in item.shares:
            one_of(category, ids, what=f"category of {item.of}", where=where)
        total = sum(share for _, share in item.shares)
        whole = len(item.shares) == len(ids)
        if total > 1.0 + ROUNDING or (whole and total < 1.0 - ROUNDING):
            raise InputError(
                f"the shares of {item.of} sum to {total:g}", where=where, allowed="1" if whole else "1 at most"
            )


def check_covered(spec: PopulationSpec, where: str) -> None:
    """Every attribute has a fitted table or an assumption, and an assumption follows all that it is given."""
    fitted = {spec.classifications[name].attribute for item in spec.fitted for name in item.attributes}
    known = set(spec.raked)
    for item in spec.assumptions:
        for name in item.given:
            if spec.classifications[name].attribute not in known:
                raise InputError(
                    f"the assumption on {item.attribute} is given '{name}', which is not known before it",
                    where=where,
                    allowed=", ".join(sorted(known)),
                )
        known.add(item.attribute)
    for attribute in spec.attributes:
        if attribute.name in spec.raked and attribute.name not in fitted:
            allowed = "a marginal that is fitted, or an assumption"
            raise InputError(
                f"attribute {attribute.name} has neither table nor assumption", where=where, allowed=allowed
            )
    for table in spec.marginals:
        for name in (*table.attributes, *table.universe):
            attribute_name = spec.classifications[name].attribute
            if attribute_name not in spec.raked:
                problem = f"{attribute_name} has both an assumption and the marginal {table.name}"
                raise InputError(problem, where=where, allowed="one of the two")
    cells = math.prod(len(spec.attribute(name).ids) for name in spec.raked)
    if cells > LARGEST_JOINT:
        allowed = f"at most {LARGEST_JOINT:,}: fewer attributes with tables, or fewer categories"
        raise InputError(f"the tables span {cells:,} combinations", where=where, allowed=allowed)
