"""What kind of day a day is: working weeks, public holidays and Ramadan, as far as they are known on a given day.

The calendar belongs to the policy context: a government can move the weekend or announce a holiday, and a forecaster
may use only what was announced by the origin. Weekdays count from Monday = 0. A calendar covers whole years.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.policy.countries import calendar_spec_for_country, public_holidays, ramadans
from core.policy.surroundings import Surroundings, surroundings_of
from core.study import WEEKDAYS, CalendarSpec, NamedDay, Step, Study, WorkingWeek

__all__ = [
    "DAY_TYPES",
    "Calendar",
    "as_date",
    "as_days",
    "calendar_for",
    "calendar_spec_for_country",
    "period_kinds",
    "week_from_dict",
    "week_to_dict",
    "weekday_numbers",
]

DAY_TYPES = ("working", "half", "weekend", "rest", "holiday")


@dataclass(frozen=True)
class Calendar:
    """Working weeks, holidays and Ramadan from `start` to `end`, both included; or, where `step` is longer than a day, the
    kinds of periods (`kinds`: of each month from January, or the one of all). `context` is what else people live with.

    Of `working_weeks` the last one to have started is in force; before the first, the first. Several entries of
    `holidays` may name the same day. `ramadan` holds first and last days. `notes` says what the sources lack.
    Raises InputError where weekdays are not 0 to 6 or in two groups, two weeks start on one day, or something is
    announced after it begins.
    """

    start: date
    end: date
    working_weeks: tuple[WorkingWeek, ...]
    holidays: tuple[NamedDay, ...]
    ramadan: tuple[tuple[date, date], ...]
    notes: tuple[str, ...] = ()
    step: Step = Step.DAY
    kinds: tuple[str, ...] = ()
    context: tuple[Surroundings, ...] = ()

    def __post_init__(self) -> None:
        if self.step is Step.DAY and not self.working_weeks:
            raise InputError("the calendar has no working week", allowed="at least one")
        for week in self.working_weeks:
            _check_week(week)
        starts = [week.start for week in self.working_weeks]
        for day in starts:
            if starts.count(day) > 1:
                raise InputError(f"two working weeks start on {day}", where="calendar", allowed="one on a day")
        for item in self.holidays:
            if item.announced > item.day:
                raise InputError(
                    f"the holiday {item.name} of {item.day} is announced on {item.announced}",
                    where="calendar",
                    allowed=f"up to {item.day}",
                )
        object.__setattr__(self, "working_weeks", tuple(sorted(self.working_weeks, key=lambda week: week.start)))
        object.__setattr__(self, "holidays", tuple(sorted(set(self.holidays), key=_holiday_order)))

    def known(self, known_by: date | None) -> tuple[tuple[WorkingWeek, ...], tuple[NamedDay, ...]]:
        """The working weeks and holidays announced by the end of `known_by` (None: all of them).

        Some week is always in force: where none was announced yet, the first counts as known.
        """
        if known_by is None:
            return self.working_weeks, self.holidays
        weeks = tuple(week for week in self.working_weeks if week.announced <= known_by)
        return weeks or self.working_weeks[:1], tuple(item for item in self.holidays if item.announced <= known_by)

    def days(self, dates: pd.DatetimeIndex, known_by: date | None = None) -> pd.DataFrame:
        """The kind of each day, as far as announced by `known_by` (None: with hindsight).

        Returns one row per entry of `dates`, in its order, index `date`; columns `day_type` (one of DAY_TYPES),
        `ramadan` (bool) and `holiday` (names joined by "; ", or ""). A holiday on a day of rest is a holiday.
        Raises InputError for dates outside the calendar.
        """
        index = as_days(dates, self.start, self.end, where="calendar")
        if self.step is not Step.DAY:
            kind = np.asarray(self.kinds, dtype=object)[(index.month.to_numpy() - 1) % len(self.kinds)]
            none = {"day_type": kind, "ramadan": False, "holiday": ""}
            return pd.DataFrame(none, index=index).astype({"day_type": "str", "holiday": "str"})
        weeks, holidays = self.known(known_by)
        days = index.to_numpy().astype("datetime64[D]")
        weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        kind = _kinds(weeks[0])[weekday]
        for week in weeks[1:]:
            kind = np.where(days >= np.datetime64(week.start), _kinds(week)[weekday], kind)
        names: dict[date, list[str]] = {}
        for item in holidays:
            listed = names.setdefault(item.day, [])
            if item.name not in listed:
                listed.append(item.name)
        holiday = ["; ".join(names.get(day, ())) for day in days.astype(object)]
        ramadan = np.zeros(len(days), dtype=bool)
        for first, last in self.ramadan:
            ramadan |= (days >= np.datetime64(first)) & (days <= np.datetime64(last))
        return pd.DataFrame(
            {
                "day_type": np.where([name != "" for name in holiday], "holiday", kind).astype(str),
                "ramadan": ramadan,
                "holiday": holiday,
            },
            index=index,
        ).astype({"day_type": "str", "holiday": "str"})

    def surroundings(self, dates: pd.DatetimeIndex, known_by: date | None = None) -> dict[str, np.ndarray]:
        """The class of each context variable on each day by its code, as far as known by `known_by`."""
        return {item.code: item.levels(dates, known_by) for item in self.context}

    def edited(
        self,
        *,
        add: Iterable[NamedDay] = (),
        remove: Iterable[date] = (),
        working_week: WorkingWeek | None = None,
        until: date | None = None,
    ) -> Calendar:
        """A new calendar with holidays added or removed and another working week.

        `working_week` holds from its start for good, so later changes of the week no longer happen; with `until` it
        holds to that day, and what would have been in force afterwards comes back. Removals come before additions.
        Raises InputError for days outside the calendar and for the removal of a day that is no holiday.
        """
        if self.step is not Step.DAY:
            raise InputError(
                f"a {self.step} has no working week and no holidays", where="calendar", allowed="edits of measures"
            )
        holidays = list(self.holidays)
        for day in remove:
            if all(item.day != day for item in holidays):
                closest = min((item.day for item in holidays), key=lambda item: abs(item - day), default=None)
                raise InputError(
                    f"{day} is not a holiday",
                    where="calendar",
                    allowed="days that are holidays",
                    nearest=None if closest is None else closest.isoformat(),
                )
            holidays = [item for item in holidays if item.day != day]
        for item in add:
            if not self.start <= item.day <= self.end:
                raise _outside(item.day, self.start, self.end, "calendar")
            holidays.append(item)
        weeks = self.working_weeks if working_week is None else self._weeks_with(working_week, until)
        return replace(self, working_weeks=weeks, holidays=tuple(holidays))

    def changes(self, other: Calendar) -> list[str]:
        """In plain words, what this calendar has that `other` has not, and the reverse."""
        said = []
        if self.working_weeks != other.working_weeks:
            for week in self.working_weeks:
                if week not in other.working_weeks:
                    said.append(f"The working week from {week.start}: {_week_in_words(week)}")
            for week in other.working_weeks:
                if all(item.start != week.start for item in self.working_weeks):
                    said.append(f"No change of the working week on {week.start}")
        mine, theirs = _by_day(self.holidays), _by_day(other.holidays)
        for day in sorted(mine.keys() | theirs.keys()):
            if day not in theirs:
                said.append(f"{day} is a holiday ({_names(mine[day])})")
            elif day not in mine:
                said.append(f"{day} is not a holiday ({_names(theirs[day])})")
            elif mine[day] != theirs[day]:
                said.append(f"The holiday of {day} ({_names(mine[day])}) is named or announced otherwise")
        return said

    def to_dict(self) -> dict[str, Any]:
        """All of the calendar in JSON's types; `from_dict` reads it back."""
        other: dict[str, Any] = {} if self.step is Step.DAY else {"step": str(self.step), "kinds": list(self.kinds)}
        other |= {"context": [item.to_dict() for item in self.context]} if self.context else {}
        return {
            **other,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "working_weeks": [week_to_dict(week) for week in self.working_weeks],
            "holidays": [
                {"day": item.day.isoformat(), "name": item.name, "announced": item.announced.isoformat()}
                for item in self.holidays
            ],
            "ramadan": [[first.isoformat(), last.isoformat()] for first, last in self.ramadan],
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Calendar:
        """The calendar that `to_dict` wrote."""
        try:
            return cls(
                start=as_date(raw["start"]),
                end=as_date(raw["end"]),
                working_weeks=tuple(week_from_dict(week) for week in raw["working_weeks"]),
                holidays=tuple(
                    NamedDay(as_date(item["day"]), item["name"], as_date(item["announced"])) for item in raw["holidays"]
                ),
                ramadan=tuple((as_date(first), as_date(last)) for first, last in raw["ramadan"]),
                notes=tuple(raw.get("notes", ())),
                step=Step(raw.get("step", Step.DAY)),
                kinds=tuple(raw.get("kinds", ())),
                context=tuple(Surroundings.from_dict(item) for item in raw.get("context", ())),
            )
        except KeyError as missing:
            raise InputError(f"the key {missing} is missing", where="stored calendar") from None

    def _weeks_with(self, week: WorkingWeek, until: date | None) -> tuple[WorkingWeek, ...]:
        if week.start > self.end:
            raise InputError(f"a working week starts on {week.start}", where="calendar", allowed=f"up to {self.end}")
        before = tuple(item for item in self.working_weeks if item.start < week.start)
        if until is None:
            return (*before, week)
        if until < week.start:
            raise InputError(f"a working week ends on {until}", where="calendar", allowed=f"from {week.start} on")
        resumes = until + timedelta(days=1)
        after = tuple(item for item in self.working_weeks if item.start > resumes)
        due = [item for item in self.working_weeks if item.start <= resumes] or list(self.working_weeks[:1])
        back = replace(due[-1], start=resumes, announced=max(due[-1].announced, week.announced))
        return (*before, week, back, *after)


def calendar_for(spec: CalendarSpec, start: date, end: date) -> Calendar:
    """The calendar of all years that `start` to `end` touch.

    The package's statutory holidays count as known in advance, its one-off days (mourning, elections, bridges set by
    decree) only from the day itself, unless the study lists them with the day they were announced.
    Raises InputError for a country the `holidays` package does not know and for years without a Hijri calendar.
    """
    if end < start:
        raise InputError(f"a calendar from {start} to {end}", allowed="an end that is not before the start")
    start, end = date(start.year, 1, 1), date(end.year, 12, 31)
    own = tuple(item for item in spec.holidays if start <= item.day <= end)
    listed: list[NamedDay] = []
    notes: list[str] = []
    if spec.country is not None:
        struck = set(spec.not_holidays)
        listed, notes = public_holidays(spec.country, start.year, end.year)
        listed = [item for item in listed if item.day not in struck]
    ramadan = ramadans(start, end) if spec.ramadan else ()
    return Calendar(start, end, spec.working_weeks, (*listed, *own), ramadan, tuple(notes), spec.step, spec.kinds)


def observed_calendar(study: Study, first: date, last: date, context: pd.DataFrame) -> Calendar:
    """The calendar of a study whose policy is known from `first` to `last`, with its context variables as observed (periods ×
    codes; before the study they are as at its start). InputError where a value is missing."""
    calendar = calendar_for(study.calendar, min(first, study.baseline_start), max(study.end, study.baseline_end, last))
    if not study.context:
        return calendar
    rows = context.reindex(study.step.periods(study.start, last))
    where = f"context of {study.place}"
    around = [surroundings_of(item, rows[item.code], study.step, where) for item in study.context]
    return replace(calendar, context=tuple(around))


def period_kinds(spec: CalendarSpec) -> tuple[str, ...]:
    """The kinds that a period of this calendar can be of, each once."""
    return DAY_TYPES if spec.step is Step.DAY else tuple(dict.fromkeys(spec.kinds))


def as_date(value: object, *, where: str | None = None) -> date:
    """A day given as date, timestamp or ISO text. Raises InputError for anything else, missing values included."""
    if isinstance(value, datetime):  # pandas' Timestamp and NaT are datetimes
        if value is pd.NaT:
            raise InputError("a date is missing", where=where, allowed="a day such as 2021-06-30")
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, np.datetime64):
        return as_date(pd.Timestamp(value), where=where)
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise InputError(f"'{value}' is not a date", where=where, allowed="a day such as 2021-06-30") from None


def as_days(dates: pd.DatetimeIndex, start: date, end: date, *, where: str) -> pd.DatetimeIndex:
    """`dates` as days without zone in microseconds, named `date`. Raises InputError outside `start` to `end`."""
    index = pd.DatetimeIndex(dates)
    if index.tz is not None:
        index = index.tz_localize(None)
    index = index.normalize().as_unit("us").rename("date")
    if index.hasnans:
        raise InputError("a date is missing", where=where, allowed=f"{start} to {end}")
    if len(index) and (index.min().date() < start or index.max().date() > end):
        wrong = index.min() if index.min().date() < start else index.max()
        raise _outside(wrong.date(), start, end, where)
    return index


def weekday_numbers(names: Iterable[int | str], *, where: str | None = None) -> tuple[int, ...]:
    """Weekdays given by English name or number (Monday = 0), as sorted numbers."""
    numbers = set()
    for item in names:
        if isinstance(item, str):
            numbers.add(WEEKDAYS.index(one_of(item.lower(), WEEKDAYS, what="weekday", where=where)))
        else:
            numbers.add(int(item))
    return tuple(sorted(numbers))


def week_to_dict(week: WorkingWeek) -> dict[str, Any]:
    """A working week in JSON's types, weekdays by name."""
    return {
        "start": week.start.isoformat(),
        "announced": week.announced.isoformat(),
        "rest_days": [WEEKDAYS[day] for day in week.rest_days],
        "weekend_days": [WEEKDAYS[day] for day in week.weekend_days],
        "half_days": [WEEKDAYS[day] for day in week.half_days],
    }


def week_from_dict(raw: Mapping[str, Any], *, where: str | None = None) -> WorkingWeek:
    """The working week that `week_to_dict` wrote; groups of days and `announced` (the start) may be left out."""
    start = as_date(raw["start"], where=where)
    rest, weekend, half = (
        weekday_numbers(raw.get(key, ()), where=where) for key in ("rest_days", "weekend_days", "half_days")
    )
    return WorkingWeek(start, rest, weekend, half, as_date(raw.get("announced", start), where=where))


def _check_week(week: WorkingWeek) -> None:
    where = f"working week from {week.start}"
    listed = [*week.rest_days, *week.weekend_days, *week.half_days]
    for day in listed:
        if day not in range(7):
            raise InputError(f"there is no weekday {day}", where=where, allowed="0 (Monday) to 6 (Sunday)")
        if listed.count(day) > 1:
            raise InputError(
                f"{WEEKDAYS[day].capitalize()} is listed twice",
                where=where,
                allowed="each day once, as day of rest, weekend day or half day",
            )
    if week.announced > week.start:
        raise InputError(f"it is announced on {week.announced}", where=where, allowed=f"up to {week.start}")


def _kinds(week: WorkingWeek) -> np.ndarray:
    """The kind of each weekday, Monday first."""
    kinds = np.full(7, "working", dtype="<U8")
    for kind, days in (("half", week.half_days), ("weekend", week.weekend_days), ("rest", week.rest_days)):
        kinds[list(days)] = kind
    return kinds


def _holiday_order(item: NamedDay) -> tuple[date, date, str]:
    return item.day, item.announced, item.name


def _by_day(holidays: Iterable[NamedDay]) -> dict[date, tuple[NamedDay, ...]]:
    grouped: dict[date, tuple[NamedDay, ...]] = {}
    for item in holidays:
        grouped[item.day] = (*grouped.get(item.day, ()), item)
    return grouped


def _names(items: Iterable[NamedDay]) -> str:
    return "; ".join(item.name for item in items)


def _week_in_words(week: WorkingWeek) -> str:
    groups = (("rest", week.rest_days), ("weekend", week.weekend_days), ("half day", week.half_days))
    said = [f"{kind} {' and '.join(WEEKDAYS[day].capitalize() for day in days)}" for kind, days in groups if days]
    return ", ".join(said) or "no day off"


def _outside(day: date, start: date, end: date, where: str) -> InputError:
    allowed = f"{start} to {end}"
    return InputError(f"{day} lies outside", where=where, allowed=allowed, nearest=str(start if day < start else end))


DAY_WORDS = {
    "working": "working day",
    "half": "half working day",
    "weekend": "weekend day",
    "rest": "weekly day of rest",
    "holiday": "public holiday",
}


def kind_in_words(kind: str) -> str:
    """A kind of period as one says it; one of the study's own by its name."""
    return DAY_WORDS.get(kind, kind.replace("_", " ").capitalize())
