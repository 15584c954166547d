"""The path of a policy: what its interventions add up to on each day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.policy import interventions as entries
from core.policy.calendar import Calendar, as_days
from core.policy.indices import policy_index, sub_indices
from core.policy.interventions import Intervention
from core.records import content_hash
from core.study import Codebook, EffectDynamics, Indicator, Step

#: Stringency index (0-100) from which a day counts as one under restrictions. Assumption: about one strict measure.
RESTRICTED_FROM = 20.0
#: Days below that in a row after which a spell of restrictions is over. Assumption: two weeks of normal life.
RESET_AFTER_DAYS = 14


@dataclass(frozen=True)
class PolicyPath:
    """Interventions on `indicators` and the calendar, from `start` to `end`, both included.

    `index` names the index that `stringency` shows. `id` follows from the content: equal timelines have equal ids.
    `notes` says what was assumed about the data. Raises InputError for interventions that are not valid and for a
    calendar that does not cover the timeline.
    """

    id: str = field(init=False)
    name: str
    parent_id: str | None
    interventions: tuple[Intervention, ...]
    calendar: Calendar
    indicators: tuple[Indicator, ...]
    index: str
    start: date
    end: date
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise InputError("the timeline has no name")
        if self.end < self.start:
            raise InputError(f"end {self.end} is before start {self.start}", where=f"timeline '{self.name}'")
        if self.calendar.start > self.start or self.calendar.end < self.end:
            covered = f"{self.calendar.start} to {self.calendar.end}"
            raise InputError(f"the calendar covers {covered}", where=self._where, allowed=f"{self.start} to {self.end}")
        known = {name for item in self.indicators for name in item.indices}
        one_of(self.index, sorted(known), what="index", where=self._where)
        for name in ("start", "end"):
            object.__setattr__(self, name, self.step.first_day(getattr(self, name)))
        by_code = entries.by_code(self.indicators)
        items = {entries.checked(item, by_code, self.start, self.end, step=self.step) for item in self.interventions}
        order = {code: position for position, code in enumerate(by_code)}
        kept = sorted(
            (item for item in items if item.level != by_code[item.indicator].none),
            key=lambda item: (order[item.indicator], item.start, item.end or self.end, item.level, item.flag or 0),
        )
        object.__setattr__(self, "interventions", tuple(kept))
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40] or "timeline"
        object.__setattr__(self, "id", f"{slug}-{content_hash(self._content())[:10]}")

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Every period of the timeline by its first day."""
        return self.step.periods(self.start, self.end)

    @property
    def step(self) -> Step:
        """How long one period of the timeline lasts."""
        return self.calendar.step

    def levels(self, dates: pd.DatetimeIndex | None = None) -> pd.DataFrame:
        """Levels and flags on `dates` (default: every day), one float column each, as in the policy data.

        A flag is NaN at level 0. Raises InputError for dates outside the timeline.
        """
        index, rows = self._rows(dates)
        return self._levels.iloc[rows].set_axis(index)

    def intensities(self, dates: pd.DatetimeIndex | None = None) -> pd.DataFrame:
        """Each indicator's sub-index over 100, in [0, 1], on `dates` (default: every day); columns are the codes."""
        index, rows = self._rows(dates)
        return self._intensities.iloc[rows].set_axis(index)

    def stringency(self, dates: pd.DatetimeIndex | None = None) -> pd.Series:
        """The study's index (0-100; `index` names it) on `dates` (default: every day)."""
        index, rows = self._rows(dates)
        return self._stringency.iloc[rows].set_axis(index)

    def days_under_restriction(
        self,
        dates: pd.DatetimeIndex | None = None,
        *,
        threshold: float = RESTRICTED_FROM,
        reset_after: int = RESET_AFTER_DAYS,
    ) -> pd.Series:
        """How many days the current spell of restrictions has lasted on each of `dates`; 0 outside a spell.

        A spell begins on the first day with an index of `threshold` or more and counts on through shorter relief: it
        ends with the `reset_after`-th day below in a row. The count looks back to the timeline's first day, never
        ahead. Both numbers are assumptions (see RESTRICTED_FROM, RESET_AFTER_DAYS).
        """
        if reset_after < 1:
            raise InputError(f"reset_after is {reset_after}", where=self._where, allowed="1 or more days")
        index, rows = self._rows(dates)
        lasted = np.zeros(len(self.dates), dtype=np.int64)
        count = below = 0
        for position, restricted in enumerate(self._stringency.to_numpy() >= threshold):
            below = 0 if restricted else below + 1
            count = count + 1 if restricted or (count and below < reset_after) else 0
            lasted[position] = count
        return pd.Series(lasted[rows], index=index, name="days_under_restriction")

    def effects(self, dynamics: Sequence[EffectDynamics], dates: pd.DatetimeIndex | None = None) -> pd.DataFrame:
        """How much of each lever's effect there is on `dates` (default: every period): its intensity as `dynamics` let it build
        up, wear away and wear off; columns are the codes in `dynamics`. Nothing is remembered of before the first period.

        What wears off is a second memory, of what people have got used to: it follows the effect with the half-life `wears_off`
        and takes the share 1 − `stays` of itself away, never more than there is."""
        index, rows = self._rows(dates)
        found = {}
        for item in dynamics:
            wanted = told_of(self._intensities[item.lever].to_numpy(float), item.announced_before)
            rising, falling = (1.0 - 2.0 ** (-1.0 / life) if life else 1.0 for life in (item.builds_up, item.persists))
            tiring = 1.0 - 2.0 ** (-1.0 / item.wears_off) if item.wears_off else 0.0
            effect = np.empty(len(wanted))
            now, used_to = wanted[0], 0.0
            for position, goal in enumerate(wanted):
                now += (goal - now) * (rising if goal > now else falling)
                effect[position] = now - np.clip((1.0 - item.stays) * used_to, min(now, 0.0), max(now, 0.0))
                used_to += (now - used_to) * tiring
            found[item.lever] = effect[rows]
        return pd.DataFrame(found, index=index)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the indicators, in order."""
        return tuple(item.code for item in self.indicators)

    def indicator(self, code: str) -> Indicator:
        """The indicator of this code. Raises InputError with the nearest code."""
        one_of(code, self.codes, what="policy indicator", where=self._where)
        return self.indicators[self.codes.index(code)]

    @property
    def _where(self) -> str:
        return f"timeline '{self.name}'"

    def _content(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "parent_id": self.parent_id,
            "indicators": list(self.codes),
            "index": self.index,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "interventions": [
                {
                    "indicator": item.indicator,
                    "level": item.level,
                    "flag": item.flag,
                    "start": item.start.isoformat(),
                    "end": None if item.end is None else item.end.isoformat(),
                }
                for item in self.interventions
            ],
            "calendar": self.calendar.to_dict(),
        }

    @property
    def _last_day(self) -> date:
        return self.step.after(self.end, 1) - timedelta(days=1)

    def _position(self, day: date) -> int:
        return self.step.between(self.start, day)

    def _rows(self, dates: pd.DatetimeIndex | None) -> tuple[pd.DatetimeIndex, np.ndarray]:
        if dates is None:
            return self.dates, np.arange(self._position(self.end) + 1)
        index = as_days(dates, self.start, self._last_day, where=self._where)
        return index, self.step.places(index, self.start)

    @cached_property
    def _states(self) -> np.ndarray:
        """Days x indicators: the strictest state in force (see `interventions`). Not to be written to."""
        states = np.full((self._position(self.end) + 1, len(self.indicators)), np.nan)
        column = {code: position for position, code in enumerate(self.codes)}
        for item in self.interventions:
            indicator = self.indicators[column[item.indicator]]
            rows = slice(self._position(item.start), self._position(item.end or self.end) + 1), column[item.indicator]
            state = entries.state_of(indicator, item.level, item.flag)
            states[rows] = entries.strictest(states[rows], state, indicator)
        states = np.where(np.isnan(states), [item.none for item in self.indicators], states)
        states.flags.writeable = False
        return states

    def _states_of(self, code: str) -> np.ndarray:
        return self._states[:, self.codes.index(code)]

    @cached_property
    def _levels(self) -> pd.DataFrame:
        columns: dict[str, np.ndarray] = {}
        for position, indicator in enumerate(self.indicators):
            states = self._states[:, position]
            columns[indicator.code] = states if indicator.amount is not None else states // 2
            if indicator.has_flag:
                columns[f"{indicator.code}_Flag"] = np.where(states > 0, states % 2, np.nan)
        return pd.DataFrame(columns, index=self.dates)

    @cached_property
    def _codebook(self) -> Codebook:
        return Codebook.of(self.indicators)

    @cached_property
    def _intensities(self) -> pd.DataFrame:
        return sub_indices(self._levels, self._codebook)[list(self.codes)] / 100.0

    @cached_property
    def _stringency(self) -> pd.Series:
        return policy_index(self._levels, self.index, self._codebook)


def told_of(level: np.ndarray, ahead: int) -> np.ndarray:
    """The most of a level in each period and the `ahead` ones after it: what people have been told of, (periods,)."""
    padded = np.concatenate([level, np.full(ahead, -np.inf)])
    return np.lib.stride_tricks.sliding_window_view(padded, ahead + 1).max(axis=-1)
