"""Policy indices from ordinal indicators, and how far they are from the published ones.

Method: OxCGRT, technical documentation of June 2023, "Calculation of policy indices" (github.com/OxCGRT/
covid-policy-dataset, documentation_and_codebook.md, CC BY 4.0). The sub-index of an indicator with level v, maximum N,
F = 1 if it has a flag (else 0) and flag f is

    I = 100 * (v - 0.5 * (F - f)) / N    where v > 0, and 0 where v = 0,

and an index is the mean of the sub-indices of its members. Other codebooks may give levels shares of their own, amounts in
place of levels, and weights in the mean (`core.study.Indicator`).

What the tracker leaves open is decided here so that nothing missing becomes a number: a missing level gives no
sub-index, a missing flag gives none where v > 0 (the tracker leaves flags empty only where v = 0, which holds on all
177,552 national days of 2020 to 2022), and an index with a missing member has no value. Until 2022 the tracker's live
service counted one missing member as zero; in the tables used here no member is missing, so both rules agree on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import InputError, nearest, one_of
from core.study import Codebook, Indicator, load_codebook


def sub_indices(policy: pd.DataFrame, codebook: Codebook | None = None) -> pd.DataFrame:
    """The sub-index (0 to 100) of every indicator of the codebook that `policy` has a column for.

    policy: one row per day, level columns by code and flag columns `<code>_Flag`; other columns are left out. Returns
    float columns by code on the same index. Raises InputError where a flagged indicator comes without its flag column,
    or no column is an indicator.
    """
    book = codebook or load_codebook()
    present = [item for item in book.indicators if item.code in policy.columns]
    if not present:
        raise InputError(
            "no column is a policy indicator",
            where="policy table",
            allowed=", ".join(item.code for item in book.indicators),
            nearest=nearest(str(policy.columns[0]), [item.code for item in book.indicators])
            if len(policy.columns)
            else None,
        )
    return pd.DataFrame({item.code: _sub_index(policy, item) for item in present}, index=policy.index)


def policy_index(policy: pd.DataFrame, name: str, codebook: Codebook | None = None) -> pd.Series:
    """The index `name` (such as StringencyIndex), 0 to 100 and unrounded; NaN where a member is missing.

    policy: as in `sub_indices`, with every member of the index. Raises InputError for an unknown index or a member that
    has no column.
    """
    book = codebook or load_codebook()
    one_of(name, book.indices, what="policy index", where="codebook")
    members = book.indices[name]
    absent = [code for code in members if code not in policy.columns]
    if absent:
        raise InputError(
            f"{name} needs the indicator {absent[0]}, which has no column",
            where="policy table",
            allowed=", ".join(members),
            nearest=nearest(absent[0], [str(column) for column in policy.columns]),
        )
    items = [book.indicator(code) for code in members]
    return pd.Series(_weighted_mean((_sub_index(policy, item) for item in items), items), index=policy.index, name=name)


def recompute_indices(policy: pd.DataFrame, codebook: Codebook | None = None) -> pd.DataFrame:
    """Every index of the codebook whose members all have columns in `policy`, unrounded; columns by name of the index.

    Raises InputError where there is none, naming what the closest one lacks.
    """
    book = codebook or load_codebook()
    scores = sub_indices(policy, book)
    lacking = {name: [code for code in codes if code not in scores.columns] for name, codes in book.indices.items()}
    complete = [name for name, codes in lacking.items() if not codes]
    if not complete:
        closest = min(lacking, key=lambda name: len(lacking[name]))
        raise InputError(
            "no index can be computed",
            where="policy table",
            allowed=f"all members of an index; {closest} lacks {', '.join(lacking[closest])}",
        )
    values = {
        name: _weighted_mean(
            (scores[code].to_numpy() for code in book.indices[name]),
            [book.indicator(code) for code in book.indices[name]],
        )
        for name in complete
    }
    return pd.DataFrame(values, index=policy.index)


@dataclass(frozen=True)
class IndexComparison:
    """One index recomputed against what was published.

    `largest` is the largest absolute difference in points (published figures have two decimals, so up to 0.005 is
    rounding), None where no day has both; `compared` the days that have both, `published` those with a published figure.
    """

    name: str
    largest: float | None
    compared: int
    published: int


def compare_indices(table: pd.DataFrame, codebook: Codebook | None = None) -> tuple[IndexComparison, ...]:
    """Each index that `table` publishes and its levels give, recomputed and compared.

    table: levels, flags and published indices, as `core.datasets.read_policy` returns them.

    Raises InputError where `table` publishes none of the indices that can be recomputed from it.
    """
    recomputed = recompute_indices(table, codebook)
    names = [name for name in recomputed.columns if name in table.columns]
    if not names:
        raise InputError(
            "no published index to compare with", where="policy table", allowed=", ".join(map(str, recomputed.columns))
        )
    found = []
    for name in names:
        published = table[name].to_numpy(dtype=float)
        difference = np.abs(recomputed[name].to_numpy() - published)
        both = difference[~np.isnan(difference)]
        largest = float(both.max()) if len(both) else None
        found.append(IndexComparison(str(name), largest, len(both), int((~np.isnan(published)).sum())))
    return tuple(found)


def lacking_values(table: pd.DataFrame, codebook: Codebook | None = None) -> dict[str, int]:
    """On how many rows a level, or the flag of a level above 0, is missing, by column; columns that lack none are left out."""
    book = codebook or load_codebook()
    counts = {}
    for item in book.indicators:
        if item.code not in table.columns:
            continue
        counts[item.code] = int(table[item.code].isna().sum())
        flag = f"{item.code}_Flag"
        if item.has_flag and flag in table.columns:
            counts[flag] = int(((table[item.code] > 0) & table[flag].isna()).sum())
    return {column: count for column, count in counts.items() if count}


def _sub_index(policy: pd.DataFrame, item: Indicator) -> np.ndarray:
    flag = None
    if item.has_flag:
        column = f"{item.code}_Flag"
        if column not in policy.columns:
            raise InputError(
                f"the indicator {item.code} comes without its flag",
                where="policy table",
                allowed=f"a column {column} (0, 1, or empty where the level is 0)",
                nearest=nearest(column, [str(name) for name in policy.columns]),
            )
        flag = policy[column].to_numpy(dtype=float)
    return item.sub_index(policy[item.code].to_numpy(dtype=float), flag)


def _weighted_mean(scores: Iterable[np.ndarray], members: Sequence[Indicator]) -> np.ndarray:
    total = sum(item.weight * score for item, score in zip(members, scores, strict=True))
    return np.asarray(total / sum(item.weight for item in members))
