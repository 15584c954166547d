"""Single interventions, and their two other forms: the daily states of an indicator and the rows of a table.

A **state** folds level and flag into one number, 2·level + flag, where an indicator without a flag counts as general
(flag 1) and level 0 is state 0. States order as sub-indices do, for a flag never takes more than half a level off. The
state of a lever that is set to an amount is the amount.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.policy.calendar import as_date
from core.study import Indicator, Step


@dataclass(frozen=True)
class Intervention:
    """One indicator at one level (a whole number, or an amount in its unit) from `start` to `end`, both included; `end` None
    means to the timeline's end.

    `flag` is 0 (targeted) or 1 (general) and None for an indicator without a flag.
    """

    indicator: str
    level: float
    flag: int | None
    start: date
    end: date | None = None


def checked(
    item: Intervention,
    indicators: Mapping[str, Indicator],
    start: date,
    end: date,
    *,
    step: Step = Step.DAY,
    where: str | None = None,
) -> Intervention:
    """`item` with plain numbers, from the first day of a period to that of another. Raises InputError for what the codebook or
    the timeline does not allow.

    `indicators` is by code. The level may be 0, which is no measure; the flag is then dropped.
    """
    where = where or f"intervention on {item.indicator} from {item.start}"
    one_of(item.indicator, indicators, what="policy indicator", where=where)
    level, flag = checked_level(indicators[item.indicator], item.level, item.flag, where=where)
    first = step.first_day(as_date(item.start, where=where))
    last = None if _blank(item.end) else step.first_day(as_date(item.end, where=where))
    for name, day in (("start", first), ("end", last)):
        if day is not None and not start <= day <= end:
            closest = start if day < start else end
            raise InputError(
                f"{name} {day} lies outside the timeline",
                where=where,
                allowed=f"{start} to {end}",
                nearest=str(closest),
            )
    if last is not None and last < first:
        raise InputError(f"end {last} is before start {first}", where=where, allowed=f"{first} to {end}, or none")
    return Intervention(item.indicator, level, flag, first, last)


def checked_level(indicator: Indicator, level: object, flag: object, *, where: str) -> tuple[float, int | None]:
    """Level and flag as numbers, whole ones but for amounts. Raises InputError for a level that the indicator lacks and a flag
    that is not 0 or 1."""
    if indicator.amount is not None:
        return _checked_amount(indicator, level, flag, where), None
    allowed = f"0 to {indicator.maximum} ({indicator.name})"
    whole = _whole(level)
    if whole is None:
        raise InputError(f"{indicator.code} level {level} is not a whole number", where=where, allowed=allowed)
    if not 0 <= whole <= indicator.maximum:
        closest = str(0 if whole < 0 else indicator.maximum)
        raise InputError(f"{indicator.code} has no level {whole}", where=where, allowed=allowed, nearest=closest)
    if _blank(flag):
        if indicator.has_flag and whole > 0:
            raise InputError(f"{indicator.code} level {whole} has no flag", where=where, allowed=_flags(indicator))
        return whole, None
    if not indicator.has_flag:
        raise InputError(f"{indicator.code} has no flag, but {flag} is given", where=where, allowed="none")
    if _whole(flag) not in (0, 1):
        raise InputError(f"{indicator.code} flag {flag} is not valid", where=where, allowed=_flags(indicator))
    return whole, _whole(flag) if whole > 0 else None


def _checked_amount(indicator: Indicator, level: object, flag: object, where: str) -> float:
    amount = indicator.amount
    assert amount is not None
    allowed = f"{amount.least:g} to {amount.most:g} {amount.unit} ({indicator.name})"
    if isinstance(level, (bool, np.bool_)) or not isinstance(level, (int, float, np.integer, np.floating)):
        raise InputError(f"{indicator.code} {level} is not a number", where=where, allowed=allowed)
    value = float(level)
    if not amount.least <= value <= amount.most:
        closest = None if math.isnan(value) else f"{min(max(value, amount.least), amount.most):g}"
        raise InputError(f"{indicator.code} cannot be {value:g}", where=where, allowed=allowed, nearest=closest)
    if not _blank(flag):
        raise InputError(f"{indicator.code} has no flag, but {flag} is given", where=where, allowed="none")
    return value + 0.0  # turns −0 into 0


def state_of(indicator: Indicator, level: float, flag: int | None) -> float:
    """The state of a valid level and flag."""
    if indicator.amount is not None:
        return level
    return 0.0 if level == 0 else 2.0 * level + (1 if flag is None else flag)


def level_and_flag(state: float, indicator: Indicator) -> tuple[float, int | None]:
    """The level and flag behind a state; the flag is None for no measure and for an indicator without one."""
    if indicator.amount is not None:
        return state, None
    level, flag = divmod(int(state), 2)
    return level, (flag if indicator.has_flag and state else None)


def strictest(states: np.ndarray, state: float, indicator: Indicator) -> np.ndarray:
    """Of each state and another one the stricter; NaN is none yet."""
    stricter = np.fmin if indicator.full < indicator.none else np.fmax
    return np.asarray(stricter(states, state))


def runs(states: np.ndarray) -> list[tuple[float, int, int]]:
    """Run-length encoding of a 1-d array: (state, first position, last position) of each stretch, in order."""
    if not len(states):
        return []
    firsts = np.concatenate(([0], np.flatnonzero(np.diff(states)) + 1))
    lasts = np.concatenate((firsts[1:], [len(states)])) - 1
    return [(float(states[first]), int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]


def encoded(states: np.ndarray, indicator: Indicator, start: date, step: Step = Step.DAY) -> list[Intervention]:
    """The interventions of an array with the state of each period from that of `start` on; the last period leaves them open."""
    found = []
    for state, first, last in runs(states):
        if state != indicator.none:
            level, flag = level_and_flag(state, indicator)
            end = None if last == len(states) - 1 else step.after(start, last)
            found.append(Intervention(indicator.code, level, flag, step.after(start, first), end))
    return found


def observed_states(
    policy: pd.DataFrame, indicator: Indicator, days: pd.DatetimeIndex, *, carry_forward: bool
) -> tuple[np.ndarray, str | None]:
    """The daily states of an indicator in a policy frame on `days`, and a note on what was carried forward.

    A level is missing where its day or its value is, or where it is above 0 and has a flag that is missing. Missing
    raises InputError, unless `carry_forward` and something was known before; so does what the codebook does not allow.
    """
    code = indicator.code
    for column in (code, f"{code}_Flag") if indicator.has_flag else (code,):
        one_of(column, policy.columns, what="column", where="policy")
    level = pd.to_numeric(policy[code].reindex(days)).to_numpy(dtype=float, na_value=np.nan)
    missing = np.isnan(level)
    flag = np.ones(len(days))
    if indicator.amount is not None:
        wrong = ~missing & ((level < indicator.amount.least) | (level > indicator.amount.most))
    else:
        wrong = ~missing & ((level < 0) | (level > indicator.maximum) | (level != np.floor(level)))
    if indicator.has_flag:
        flag = pd.to_numeric(policy[f"{code}_Flag"].reindex(days)).to_numpy(dtype=float, na_value=np.nan)
        missing |= (level > 0) & np.isnan(flag)
        wrong |= (level > 0) & ~np.isin(flag, (0.0, 1.0)) & ~np.isnan(flag)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        values = level[row], flag[row] if indicator.has_flag else None
        checked_level(indicator, *values, where=f"policy, {code} on {days[row].date()}")
    states = level
    if indicator.amount is None:
        states = np.where(missing | (level == 0), 0.0, 2 * np.nan_to_num(level) + np.nan_to_num(flag))
    if not missing.any():
        return states, None
    rows = np.flatnonzero(missing)
    first, last = days[rows[0]].date(), days[rows[-1]].date()
    problem = f"{code} is missing on {len(rows)} days ({first} to {last})"
    if missing[0]:
        raise InputError(f"{problem}, and nothing is known before", where="policy", allowed="a level on the first day")
    if not carry_forward:
        raise InputError(problem, where="policy", allowed="a level on every day, with its flag where it is above 0")
    known = np.maximum.accumulate(np.where(missing, 0, np.arange(len(days))))
    return states[known], f"{problem}: the level before was carried forward."


def in_words(state: float, indicator: Indicator) -> str:
    """A state as an analyst would say it."""
    if state == indicator.none:
        return "no measure"
    level, flag = level_and_flag(state, indicator)
    said = level_in_words(level, indicator)
    return said if flag is None else f"{said}, {flag_in_words(indicator, flag)}"


def level_in_words(level: float, indicator: Indicator) -> str:
    """A level with what it means, or an amount with its unit."""
    if indicator.amount is not None:
        return f"{level:g} {indicator.amount.unit}"
    return f"level {level:g} ({indicator.levels[int(level)]})"


def level_in_scale(level: float, indicator: Indicator) -> str:
    """A level with what it means and how far the scale goes."""
    if indicator.amount is not None:
        return f"{level:g} {indicator.amount.unit} ({indicator.full:g} in full)"
    return f"Level {level:g} of {indicator.maximum}: {indicator.levels[int(level)]}"


def to_frame(interventions: Iterable[Intervention]) -> pd.DataFrame:
    """One row per intervention, columns indicator, level, flag, start, end: text, Int64 (a float where some level is no whole
    number), nullable Int64, day, day (missing where open)."""
    items = list(interventions)
    whole = all(float(item.level).is_integer() for item in items)
    return pd.DataFrame(
        {
            "indicator": pd.Series([item.indicator for item in items], dtype="str"),
            "level": pd.Series([item.level for item in items], dtype="Int64" if whole else "float64"),
            "flag": pd.Series([pd.NA if item.flag is None else item.flag for item in items], dtype="Int64"),
            "start": pd.to_datetime(pd.Series([item.start for item in items], dtype="object")).astype("datetime64[us]"),
            "end": pd.to_datetime(pd.Series([item.end for item in items], dtype="object")).astype("datetime64[us]"),
        }
    )


def shifted_runs(states: np.ndarray, days: int, first: int, last: int) -> np.ndarray:
    """`states` with the changes at positions `first` to `last` moved by `days` (negative: earlier).

    A change is a day whose state is not that of the day before; the first day holds none. What was in force stays in
    force until the next change, so nothing lapses in between. Changes keep their order: one that another overtakes
    never happens. What leaves the array is gone.
    """
    moved = states.copy()
    found = runs(states)
    if not found:
        return moved
    effective = len(states)
    for state, position, _ in reversed(found[1:]):
        target = position + days if first <= position <= last else position
        until, effective = effective, min(effective, target)
        moved[max(effective, 0) : max(until, 0)] = state
    moved[: max(effective, 0)] = found[0][0]
    return moved


def by_code(indicators: Sequence[Indicator]) -> dict[str, Indicator]:
    return {item.code: item for item in indicators}


def _blank(value: object) -> bool:
    if value is None or value is pd.NaT or value is pd.NA:
        return True
    if isinstance(value, str):
        return value.strip() == ""
    return isinstance(value, float) and math.isnan(value)


def _whole(value: object) -> int | None:
    if isinstance(value, (bool, np.bool_)):
        return None
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)
    return None


def _flags(indicator: Indicator) -> str:
    return f"0 or 1 ({indicator.flag_meaning})" if indicator.flag_meaning else "0 or 1"


def flag_in_words(indicator: Indicator, flag: int) -> str:
    """What a flag says of where or for whom the measure holds."""
    for part in indicator.flag_meaning.split(";"):
        value, _, meaning = part.partition(":")
        if value.strip() == str(flag) and meaning:
            return meaning.strip()
    return "general" if flag else "targeted"
