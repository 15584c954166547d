"""The step of a study: how long one period of its data lasts. A period is named by its first day."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:  # not for `--help`
    import numpy as np
    import pandas as pd

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_PER_YEAR = {"month": 12, "year": 1}
_LAST_YEAR = 9999


class Step(StrEnum):
    """A day, a week from Monday, a calendar month or a calendar year."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"

    @property
    def cycle(self) -> int:
        """After how many periods the same place of the week (days) or of the year comes again."""
        return {Step.DAY: 7, Step.WEEK: 53, Step.MONTH: 12, Step.YEAR: 1}[self]

    @property
    def usual_days(self) -> float:
        """How many days a period has on average."""
        return {Step.DAY: 1.0, Step.WEEK: 7.0, Step.MONTH: 365.25 / 12, Step.YEAR: 365.25}[self]

    def first_day(self, day: date) -> date:
        """The first day of the period that a day lies in."""
        return self.after(day, 0)

    def after(self, day: date, count: int) -> date:
        """The first day of the period `count` periods after (before, where negative) the one of this day. InputError beyond
        what a calendar has."""
        try:
            if self is Step.DAY:
                return day + timedelta(days=count)
            if self is Step.WEEK:
                return day + timedelta(days=7 * count - day.weekday())
            year, month = divmod(self._number(day) + count, _PER_YEAR[self])
            return date(year, month + 1, 1)
        except (OverflowError, ValueError):
            raise InputError(f"{count} {self}s after {day}", allowed=f"a day up to the year {_LAST_YEAR}") from None

    def last_day(self, day: date) -> date:
        """The last day of the period that a day lies in."""
        return day if self is Step.DAY else self.after(day, 1) - timedelta(days=1)

    def between(self, first: date, last: date) -> int:
        """How many periods after that of `first` the one of `last` is."""
        if self in (Step.DAY, Step.WEEK):
            return (self.first_day(last) - self.first_day(first)).days // (7 if self is Step.WEEK else 1)
        return self._number(last) - self._number(first)

    def periods(self, first: date, last: date) -> pd.DatetimeIndex:
        """The first days of all periods from that of `first` to that of `last`, named `date`."""
        import pandas as pd

        frequency = {Step.DAY: "D", Step.WEEK: "W-MON", Step.MONTH: "MS", Step.YEAR: "YS"}[self]
        return pd.date_range(self.first_day(first), self.first_day(last), freq=frequency, unit="us", name="date")

    def first_days(self, dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The first day of each day's period, without its hour, in microseconds."""
        import pandas as pd

        days = dates.normalize().as_unit("us")
        if self is Step.DAY:
            return days
        if self is Step.WEEK:
            return days - pd.to_timedelta(days.day_of_week, unit="D")
        return days.to_period("M" if self is Step.MONTH else "Y").to_timestamp().as_unit("us")

    def places(self, dates: pd.DatetimeIndex, first: date) -> np.ndarray:
        """How many periods after that of `first` each day's is, (days,) of int."""
        import numpy as np

        days = dates.to_numpy().astype("datetime64[D]")
        if self in (Step.DAY, Step.WEEK):
            passed = (days - np.datetime64(self.first_day(first))).astype(np.int64)
            return passed if self is Step.DAY else passed // 7
        unit = "datetime64[M]" if self is Step.MONTH else "datetime64[Y]"
        return np.asarray((days.astype(unit) - np.datetime64(first).astype(unit)).astype(np.int64))

    def in_cycle(self, dates: pd.DatetimeIndex) -> np.ndarray:
        """The place of each period in the cycle, from 0, (days,) of int: weekday from Monday, week or month of the year."""
        import numpy as np

        if self is Step.DAY:
            return dates.day_of_week.to_numpy()
        if self is Step.WEEK:
            return np.asarray(dates.isocalendar()["week"].to_numpy(int) - 1)
        return dates.month.to_numpy() - 1 if self is Step.MONTH else np.zeros(len(dates), dtype=int)

    def text(self, day: date) -> str:
        """The period of a day as one writes it: 2015-03-31, 2015-03, 2015; a week by its Monday."""
        return self.first_day(day).isoformat()[: {Step.MONTH: 7, Step.YEAR: 4}.get(self, 10)]

    def _number(self, day: date) -> int:
        return day.year if self is Step.YEAR else 12 * day.year + day.month - 1


def parse_period(text: str) -> date | None:
    """The first day of a day, month or year as `Step.text` writes it; None where it is none."""
    parts = text.strip().split("-")
    try:
        if not all(part.isascii() and part.isdigit() for part in parts) or len(parts[0]) != 4:
            return None
        return date(*(int(part) for part in [*parts, "1", "1"][: max(len(parts), 3)]))
    except (TypeError, ValueError):
        return None
