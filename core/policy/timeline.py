"""The policy of a place over time: dated interventions and the calendar, observed or edited.

A timeline never changes. Every edit returns a new one that names its parent. On a day with several interventions of
one indicator the strictest counts: the highest level, and at equal levels the general one. Their order means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError
from core.policy import interventions as entries
from core.policy.calendar import Calendar, as_date, calendar_for, weekday_numbers
from core.policy.interventions import Intervention
from core.policy.path import RESET_AFTER_DAYS, RESTRICTED_FROM, PolicyPath
from core.study import Codebook, NamedDay, Study, WorkingWeek, codebook_of

__all__ = ["RESET_AFTER_DAYS", "RESTRICTED_FROM", "Intervention", "LevelChange", "PolicyTimeline"]


@dataclass(frozen=True)
class LevelChange:
    """A stretch of days, both ends included, on which an indicator differs between two timelines."""

    indicator: str
    level: float
    flag: int | None
    other_level: float
    other_flag: int | None
    start: date
    end: date


@dataclass(frozen=True)
class PolicyTimeline(PolicyPath):
    """A policy path that can be made from data, edited, compared and stored. For its fields see `PolicyPath`."""

    @classmethod
    def from_levels(
        cls,
        policy: pd.DataFrame,
        study: Study,
        calendar: Calendar | None = None,
        *,
        name: str = "Observed",
        start: date | None = None,
        end: date | None = None,
        carry_forward: bool = False,
        codebook: Codebook | None = None,
    ) -> PolicyTimeline:
        """The timeline of a policy frame (index `date`; columns such as `C1`, `C1_Flag`) with a row a period, from its first.

        Missing is never zero: a missing day, level, or flag of a level above 0 raises InputError. With `carry_forward`
        it takes the last known value, which `notes` reports; `end` may then lie beyond the data. What is missing from
        the first day on cannot be carried and always raises. `calendar` defaults to the study's.
        """
        index_codes = (codebook or codebook_of(study)).indices.get(study.index, ())
        lacking = [code for code in index_codes if code not in study.indicator_codes]
        if lacking:
            raise InputError(
                f"{study.index} needs {', '.join(lacking)}", where=f"study {study.id}", allowed=", ".join(index_codes)
            )
        if policy.empty:
            raise InputError("the policy has no days", where=f"study {study.id}")
        index = study.step.first_days(pd.DatetimeIndex(policy.index))
        if index.has_duplicates:
            twice = index[index.duplicated()][0].date()
            raise InputError(f"{twice} is there twice", where="policy", allowed=f"one row a {study.step}")
        frame = policy.set_axis(index)
        first, last = start or index.min().date(), end or index.max().date()
        days = study.step.periods(first, last)
        found: list[Intervention] = []
        notes: list[str] = []
        for indicator in study.indicators:
            states, gap = entries.observed_states(frame, indicator, days, carry_forward=carry_forward)
            found.extend(entries.encoded(states, indicator, days[0].date(), study.step))
            notes.extend([gap] if gap else [])
        calendar = calendar or calendar_for(study.calendar, min(first, study.baseline_start), last)
        return cls(
            name=name,
            parent_id=None,
            interventions=tuple(found),
            calendar=calendar,
            indicators=study.indicators,
            index=study.index,
            start=first,
            end=last,
            notes=tuple(notes),
        )

    def in_force(self, day: date) -> dict[str, tuple[float, int | None]]:
        """Level and flag of every indicator on a day, by code."""
        states = self._states[self._window(day, day)[0]].tolist()
        pairs = zip(states, self.indicators, strict=True)
        return {item.code: entries.level_and_flag(state, item) for state, item in pairs}

    def with_intervention(self, intervention: Intervention, *, name: str | None = None) -> PolicyTimeline:
        """A child with one more intervention: it can tighten, and where something stricter holds it has no effect."""
        said = f"{intervention.indicator} level {intervention.level} added"
        return self._child(name or f"{self.name}, {said}", interventions=(*self.interventions, intervention))

    def without(
        self,
        what: Intervention | str,
        *,
        start: date | None = None,
        end: date | None = None,
        name: str | None = None,
    ) -> PolicyTimeline:
        """A child without this intervention, or with the indicator of this code at level 0 from `start` to `end`."""
        if isinstance(what, str):
            return self.with_constant(
                {what: self.indicator(what).none}, start, end, name=name or f"{self.name}, without {what}"
            )
        kept = self._others(what)
        return self._child(name or f"{self.name}, without {what.indicator} level {what.level}", interventions=kept)

    def with_interventions(self, items: Iterable[Intervention], *, name: str | None = None) -> PolicyTimeline:
        """A child with these interventions in the place of all there were."""
        return self._child(name or f"{self.name}, edited", interventions=tuple(items))

    def with_constant(
        self,
        levels: Mapping[str, float | tuple[float, int | None]],
        start: date | None = None,
        end: date | None = None,
        *,
        name: str | None = None,
    ) -> PolicyTimeline:
        """A child that holds these indicators from `start` to `end` (default: all days), whatever was in force.

        `levels` maps a code to (level, flag), or to a level alone, which then is general.
        """
        first, last = self._window(start, end)
        changed = {}
        for code, wanted in levels.items():
            indicator = self.indicator(code)
            pair = wanted if isinstance(wanted, tuple) else (wanted, 1 if indicator.has_flag and wanted != 0 else None)
            states = self._states_of(code).copy()
            states[first : last + 1] = entries.state_of(
                indicator, *entries.checked_level(indicator, *pair, where=self._where)
            )
            changed[code] = states
        return self._with_states(changed, name or f"{self.name}, {' and '.join(levels)} set")

    def tightened(
        self,
        steps: int = 1,
        indicators: Iterable[str] | None = None,
        start: date | None = None,
        end: date | None = None,
        *,
        name: str | None = None,
    ) -> PolicyTimeline:
        """A child with `steps` levels (for an amount: notches) more, or fewer where negative, from `start` to `end`, within each
        one's scale.

        Flags stay as they are; a measure that was not in force starts as general.
        """
        first, last = self._window(start, end)
        changed = {}
        for code in self._codes(indicators):
            states, indicator = self._states_of(code).copy(), self.indicator(code)
            part = states[first : last + 1]
            if indicator.amount is not None:
                notch = np.sign(indicator.full - indicator.none) * indicator.amount.notch
                moved = (part + int(steps) * notch).round(9)
                states[first : last + 1] = np.clip(moved, indicator.amount.least, indicator.amount.most)
            else:
                level = np.clip(part // 2 + int(steps), 0, indicator.maximum)
                flag = np.where(part == 0, 1, part % 2)
                states[first : last + 1] = np.where(level == 0, 0, 2 * level + flag)
            changed[code] = states
        return self._with_states(changed, name or f"{self.name}, {'tightened' if steps >= 0 else 'relaxed'}")

    def relaxed(
        self,
        steps: int = 1,
        indicators: Iterable[str] | None = None,
        start: date | None = None,
        end: date | None = None,
        *,
        name: str | None = None,
    ) -> PolicyTimeline:
        """A child with `steps` levels fewer: the reverse of `tightened`."""
        return self.tightened(-steps, indicators, start, end, name=name)

    def shifted(
        self,
        days: int,
        indicators: str | Iterable[str] | None = None,
        start: date | None = None,
        end: date | None = None,
        *,
        name: str | None = None,
    ) -> PolicyTimeline:
        """A child whose changes of policy between `start` and `end` come `days` periods later (earlier where negative).

        What was in force stays so until the next change, so nothing lapses in between; a change that a later one
        overtakes never happens; changes that leave the timeline are gone. See `interventions.shifted_runs`.
        """
        first, last = self._window(start, end)
        codes = self._codes([indicators] if isinstance(indicators, str) else indicators)
        changed = {code: entries.shifted_runs(self._states_of(code), int(days), first, last) for code in codes}
        said = f"{abs(int(days))} {self.step}s {'later' if days >= 0 else 'earlier'}"
        return self._with_states(changed, name or f"{self.name}, {said}")

    def with_working_week(
        self,
        from_date: date,
        rest_days: Iterable[int | str],
        weekend_days: Iterable[int | str] = (),
        half_days: Iterable[int | str] = (),
        *,
        announced: date | None = None,
        until: date | None = None,
        name: str | None = None,
    ) -> PolicyTimeline:
        """A child with another working week from `from_date` on, or to `until`. Weekdays by name or number (Monday 0).

        It counts as known from `announced` (default: the day it starts).
        """
        rest, weekend, half = (
            weekday_numbers(days, where=self._where) for days in (rest_days, weekend_days, half_days)
        )
        week = WorkingWeek(as_date(from_date), rest, weekend, half, as_date(announced or from_date))
        calendar = self.calendar.edited(working_week=week, until=until)
        return self._child(name or f"{self.name}, working week from {from_date}", calendar=calendar)

    def with_holiday(
        self, day: date, holiday: str, *, announced: date | None = None, name: str | None = None
    ) -> PolicyTimeline:
        """A child with one more public holiday, known from `announced` (default: the day itself)."""
        entry = NamedDay(as_date(day), holiday, as_date(announced or day))
        return self._child(name or f"{self.name}, holiday on {day}", calendar=self.calendar.edited(add=[entry]))

    def without_holiday(self, day: date, *, name: str | None = None) -> PolicyTimeline:
        """A child on whose `day` there is no public holiday."""
        calendar = self.calendar.edited(remove=[as_date(day)])
        return self._child(name or f"{self.name}, no holiday on {day}", calendar=calendar)

    def renamed(self, name: str, *, parent_id: str | None) -> PolicyTimeline:
        """The same policy under another name and parent, as when several edits make one scenario."""
        return replace(self, name=name, parent_id=parent_id)

    def to_frame(self) -> pd.DataFrame:
        """The interventions as a table: columns indicator, level, flag, start, end (missing where open)."""
        return entries.to_frame(self.interventions)

    def level_changes(self, other: PolicyTimeline) -> list[LevelChange]:
        """The stretches on which an indicator's level or flag is not what it is in `other`, by indicator and day.

        Compares the days both cover. Raises InputError where the two have different indicators.
        """
        if self.indicators != other.indicators:
            raise InputError(f"'{other.name}' has other indicators", where=self._where, allowed=", ".join(self.codes))
        first, last = max(self.start, other.start), min(self.end, other.end)
        found = []
        for indicator in self.indicators:
            mine = self._states_of(indicator.code)[self._position(first) : self._position(last) + 1]
            theirs = other._states_of(indicator.code)[other._position(first) :][: len(mine)]
            pairs, codes = np.unique(np.column_stack([mine, theirs]), axis=0, return_inverse=True)
            for pair, since, until in entries.runs(codes.reshape(-1)):
                own, others = pairs[int(pair)].tolist()
                if own != others:
                    span = self.step.after(first, since), self.step.after(first, until)
                    levels = *entries.level_and_flag(own, indicator), *entries.level_and_flag(others, indicator)
                    found.append(LevelChange(indicator.code, *levels, *span))
        return found

    def changes(self, other: PolicyTimeline) -> list[str]:
        """In plain words, what differs from `other`, such as the parent: measures first, then the calendar."""
        said = []
        for item in self.level_changes(other):
            indicator = self.indicator(item.indicator)
            new = entries.in_words(entries.state_of(indicator, item.level, item.flag), indicator)
            old = entries.in_words(entries.state_of(indicator, item.other_level, item.other_flag), indicator)
            span = f"{item.start}" if item.start == item.end else f"{item.start} to {item.end}"
            said.append(f"{indicator.code} {indicator.name}, {span}: {new} instead of {old}")
        if (self.start, self.end) != (other.start, other.end):
            said.append(f"It covers {self.start} to {self.end} instead of {other.start} to {other.end}")
        return said + self.calendar.changes(other.calendar)

    def to_dict(self) -> dict[str, Any]:
        """All of the timeline in JSON's types, indicators by code; `from_dict` reads it back."""
        return {"id": self.id, "notes": list(self.notes), **self._content()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], study: Study) -> PolicyTimeline:
        """The timeline that `to_dict` wrote, with the study's indicators. Raises InputError where it was altered."""
        try:
            timeline = cls(
                name=raw["name"],
                parent_id=raw["parent_id"],
                interventions=tuple(Intervention(**item) for item in raw["interventions"]),
                calendar=Calendar.from_dict(raw["calendar"]),
                indicators=tuple(study.indicator(code) for code in raw["indicators"]),
                index=raw["index"],
                start=as_date(raw["start"]),
                end=as_date(raw["end"]),
                notes=tuple(raw["notes"]),
            )
            stored = raw["id"]
        except KeyError as missing:
            raise InputError(f"the key {missing} is missing", where="stored timeline") from None
        if timeline.id != stored:
            raise InputError(f"the content is not that of {stored}", where="stored timeline", allowed=timeline.id)
        return timeline

    def _child(self, name: str, **changes: Any) -> PolicyTimeline:
        return replace(self, name=name, parent_id=self.id, **changes)

    def _others(self, wanted: Intervention) -> tuple[Intervention, ...]:
        wanted = entries.checked(wanted, entries.by_code(self.indicators), self.start, self.end, step=self.step)
        if wanted not in self.interventions:
            there = [item for item in self.interventions if item.indicator == wanted.indicator]
            listed = ", ".join(f"level {item.level} from {item.start}" for item in there[:20]) or "none"
            raise InputError(
                f"no intervention {wanted.indicator} level {wanted.level} from {wanted.start}",
                where=self._where,
                allowed=f"of {wanted.indicator}: {listed}",
            )
        return tuple(item for item in self.interventions if item != wanted)

    def _codes(self, wanted: Iterable[str] | None) -> tuple[str, ...]:
        return self.codes if wanted is None else tuple(self.indicator(code).code for code in wanted)

    def _window(self, start: date | None, end: date | None) -> tuple[int, int]:
        """Positions of the first and last day of an edit."""
        first, last = (self.step.first_day(as_date(day)) for day in (start or self.start, end or self.end))
        for name, day in (("start", first), ("end", last)):
            if not self.start <= day <= self.end:
                closest = self.start if day < self.start else self.end
                raise InputError(
                    f"{name} {day} lies outside",
                    where=self._where,
                    allowed=f"{self.start} to {self.end}",
                    nearest=str(closest),
                )
        if last < first:
            raise InputError(f"end {last} is before start {first}", where=self._where, allowed=f"{first} to {self.end}")
        return self._position(first), self._position(last)

    def _with_states(self, changed: Mapping[str, np.ndarray], name: str) -> PolicyTimeline:
        """A child whose indicators named in `changed` follow these daily states; the others keep their entries."""
        kept = [item for item in self.interventions if item.indicator not in changed]
        for code, states in changed.items():
            kept.extend(entries.encoded(states, self.indicator(code), self.start, self.step))
        return self._child(name, interventions=tuple(kept))
