"""The one table of numbers behind the `rules` engine: each with its unit and its source, or the word assumption.

A row says what a `term` does to a `behaviour` ("*" = every behaviour people leave home for):

========== ====================================== ==================================================================
term       key                                    value
========== ====================================== ==================================================================
base       (empty)                                probability on a working day, no policy, no epidemic, nobody special
persona    attribute=category                     log-odds added for such a person
trait      trait name                             log-odds added from the lowest to the highest value of the trait
day        a day type, or ramadan                 log-odds added on such a day
policy     indicator code                         log-odds taken away by that indicator at full intensity (added: below 0)
epidemic   level (1 moderate, 2 high)             log-odds taken away at that level
context    variable=class (DRY=1)                 log-odds added where that class of a study's context variable holds
remainder  (empty)                                1 for a behaviour that is what time away leaves of the day
hours      (empty)                                hours away from home on a day with this behaviour
========== ====================================== ==================================================================

With a `modifier` (attribute=category, or a trait), a day or context row adds to the shift of such people only; a policy or
epidemic row changes the size of that effect for them: effect × max(0, 1 + sum of modifier values), where a trait counts
from -0.5 to +0.5. Effects of policy therefore never change sign, whoever the person is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.content_cache import cached_by_content
from core.errors import InputError, one_of

COLUMNS = ("behaviour", "term", "key", "modifier", "value", "unit", "source", "reasoning")
UNITS = {
    "base": "probability",
    "persona": "log-odds",
    "trait": "log-odds",
    "day": "log-odds",
    "policy": "log-odds",
    "epidemic": "log-odds",
    "context": "log-odds",
    "remainder": "multiple",
    "hours": "hours per day",
}
#: The unit of a policy or epidemic row that carries a modifier.
MODIFIER_UNIT = "share of effect"
#: Terms whose rows may carry a modifier, and terms without a key.
MODIFIED = ("day", "policy", "epidemic", "context")
KEYLESS = ("base", "remainder", "hours")
#: In the column `behaviour`: everything that people leave home for.
EVERY = "*"
HOURS_PER_DAY = 24.0


@dataclass(frozen=True, eq=False)
class CoefficientTable:
    """The validated table; `rows` has the columns in `COLUMNS`, with empty strings for absent keys and modifiers."""

    rows: pd.DataFrame
    name: str

    def behaviours(self) -> tuple[str, ...]:
        """Behaviours with a base probability, in the order of the table; some may only serve the time budget."""
        return tuple(self.rows.loc[self.rows["term"] == "base", "behaviour"])

    def remainders(self) -> tuple[str, ...]:
        """Behaviours that are what time away from home leaves of the day."""
        return tuple(self.rows.loc[self.rows["term"] == "remainder", "behaviour"])

    def term(self, behaviour: str, term: str) -> pd.DataFrame:
        """The rows of a term for a behaviour, those for all behaviours ("*") included."""
        rows = self.rows
        return rows[(rows["term"] == term) & rows["behaviour"].isin([behaviour, EVERY])]

    def features(self) -> tuple[str, ...]:
        """The attribute=category pairs and traits that any row refers to, sorted."""
        rows = self.rows
        keys = set(rows.loc[rows["term"].isin(["persona", "trait"]), "key"]) | set(rows["modifier"])
        return tuple(sorted(keys - {""}))


@cached_by_content(keep=8)
def load_coefficients(path: Path) -> CoefficientTable:
    """The table at `path` (CSV); InputError names the row that is wrong."""
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except (OSError, ValueError) as wrong:  # pandas' own errors of reading, and bytes that are no text, are ValueErrors
        raise InputError(f"cannot be read ({str(wrong).splitlines()[0]})", where=str(path)) from None
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise InputError(f"has no column {missing[0]}", where=path.name, allowed=", ".join(COLUMNS))
    values = pd.to_numeric(rows["value"], errors="coerce").astype(float)
    behaviours = [*dict.fromkeys(rows.loc[rows["term"] == "base", "behaviour"]), EVERY]
    twice = rows.duplicated(["behaviour", "term", "key", "modifier"]).to_numpy()
    for position in range(len(rows)):
        row, value = rows.iloc[position], float(values.iloc[position])
        where = f"{path.name}, row {position + 2}"
        _check_row(row, value, behaviours, where)
        if twice[position]:
            raise InputError("says again what a row above says", where=where, allowed="one row for each effect")
    return CoefficientTable(rows.assign(value=values), path.name)


def _check_row(row: pd.Series, value: float, behaviours: list[str], where: str) -> None:
    """InputError where the row cannot mean anything, or would let a stricter policy send people out."""
    term, key, modifier = row["term"], row["key"], row["modifier"]
    one_of(term, UNITS, what="term", where=where)
    if term not in ("base", "remainder"):
        one_of(row["behaviour"], behaviours, what="behaviour", where=where)
    elif row["behaviour"] in ("", EVERY):
        raise InputError(f"a {term} row for the behaviour '{row['behaviour']}'", where=where, allowed="one behaviour")
    modified = term in ("policy", "epidemic") and modifier != ""
    unit = MODIFIER_UNIT if modified else UNITS[term]
    if not math.isfinite(value):
        raise InputError(f"value '{row['value']}' is not a number", where=where)
    if row["unit"] != unit:
        raise InputError(f"unit '{row['unit']}'", where=where, allowed=unit)
    if not row["source"].strip():
        raise InputError("has no source", where=where, allowed="a citation, or the word assumption")
    if modifier and term not in MODIFIED:
        raise InputError(f"a {term} row has the modifier '{modifier}'", where=where, allowed="none")
    if (key == "") != (term in KEYLESS):
        raise InputError(f"a {term} row has the key '{key}'", where=where, allowed="none" if key else "a key")
    if term in ("persona", "trait") and ("=" in key) != (term == "persona"):
        wanted = "attribute=category" if term == "persona" else "the name of a trait"
        raise InputError(f"a {term} row has the key '{key}'", where=where, allowed=wanted)
    if term == "context" and not (
        key.partition("=")[0] and key.partition("=")[2].isdigit() and int(key.partition("=")[2])
    ):
        raise InputError(
            f"a context row has the key '{key}'", where=where, allowed="variable=class, with a class from 1"
        )
    if term == "epidemic" and not modified and value < 0:
        raise InputError(f"an epidemic would raise {row['behaviour']}", where=where, allowed="values of 0 and above")
    if term == "base" and not 0 < value < 1:
        raise InputError(f"base probability {row['value']}", where=where, allowed="between 0 and 1")
    if term == "hours" and not 0 <= value <= HOURS_PER_DAY:
        raise InputError(f"{row['value']} hours of a day", where=where, allowed=f"0 to {HOURS_PER_DAY:g}")
