"""What is known about the calendars of real countries: public holidays, weekends, Ramadan.

Everything here comes from the packages `holidays` and `hijridate`, with the corrections named below. Both are imported
when first needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from core.errors import InputError, nearest
from core.study import CalendarSpec, NamedDay, WorkingWeek

#: `announced` of what nobody had to announce: statutory holidays, whose dates are known within a day long before.
ALWAYS_KNOWN = date.min

#: Weekends that the `holidays` package has wrong for 2020-2022, by ISO-2. In the workplaces of the Community Mobility
#: Reports for April and May 2020 Libya's Fridays and Saturdays, Nepal's Saturdays and Afghanistan's Fridays stand out,
#: while Nepal's Sundays and Afghanistan's Saturdays are days like any other.
CORRECTED_WEEKENDS: Mapping[str, tuple[int, ...]] = {"LY": (4, 5), "NP": (5,), "AF": (4,)}

#: Countries whose national rhythm follows Ramadan, by ISO-2: those with a Muslim majority in Pew Research Center,
#: Mapping the Global Muslim Population (2009).
_PEW_2009 = (
    "AE AF AL AZ BD BF BH BN DJ DZ EG EH GM GN ID IQ IR JO KG KM KW KZ LB LY MA ML MR MV MY NE NG OM PK PS QA SA SD SL "
    "SN SO SY TD TJ TM TN TR UZ XK YE YT"
)
MUSLIM_MAJORITY = frozenset(_PEW_2009.split())


def calendar_spec_for_country(iso2: str, start: date, end: date) -> CalendarSpec:
    """The calendar of any country the `holidays` package knows, with its working weeks found from `is_weekend`.

    When a change of the week was announced, and half days, are not known to the package: a change counts as known from
    the day it took effect. Raises InputError for an unknown country.
    """
    country = _package(iso2, ())
    first, last = date(start.year, 1, 1), date(end.year, 12, 31)
    if iso2 in CORRECTED_WEEKENDS:
        spans = [(first, CORRECTED_WEEKENDS[iso2])]
    else:
        days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
        spans = weekend_spans(days, [bool(country.is_weekend(day)) for day in days])
    weeks = tuple(_week_of(iso2, since, weekend) for since, weekend in spans)
    return CalendarSpec(iso2, weeks, (), (), ramadan=iso2 in MUSLIM_MAJORITY)


def public_holidays(iso2: str, first_year: int, last_year: int) -> tuple[list[NamedDay], list[str]]:
    """The country's public holidays in these years, by day, and notes on the years without any.

    Statutory holidays are ALWAYS_KNOWN. The package's one-off days (mourning, elections, bridges set by decree) carry
    no date of announcement: they count as announced on the day itself.
    """
    years = range(first_year, last_year + 1)
    full, statutory = _package(iso2, years), _package(iso2, ())
    statutory.has_special_holidays = False
    for year in years:
        statutory.get(date(year, 1, 1))  # reading a day fills its year
    listed = [NamedDay(day, str(name), ALWAYS_KNOWN if day in statutory else day) for day, name in sorted(full.items())]
    have = {item.day.year for item in listed}
    missing = [str(year) for year in years if year not in have]
    lacking = f"The holidays package has no public holidays of {iso2} for {', '.join(missing)}: none are used."
    return listed, [lacking] if missing else []


def ramadans(start: date, end: date) -> tuple[tuple[date, date], ...]:
    """First and last days of each Ramadan that touches `start` to `end` (Umm al-Qura calendar)."""
    from hijridate import Gregorian, Hijri

    periods = []
    try:
        first = Gregorian(start.year, start.month, start.day).to_hijri().year
        last = Gregorian(end.year, end.month, end.day).to_hijri().year
        for year in range(first, last + 1):
            opening = Hijri(year, 9, 1)
            day = date.fromordinal(opening.to_gregorian().toordinal())
            periods.append((day, day + timedelta(days=opening.month_length() - 1)))
    except OverflowError:
        raise InputError(f"no Ramadan is known for {start.year} to {end.year}", allowed="years 1925 to 2076") from None
    return tuple(period for period in periods if period[1] >= start and period[0] <= end)


def weekend_spans(days: list[date], off: list[bool]) -> list[tuple[date, tuple[int, ...]]]:
    """Each weekend with the day from which it held; `days` are consecutive, a week or more, `off` says which are free.

    A weekday changes sides somewhere between two of its occurrences, so the weekdays that change together leave a few
    days open: the first of a month among them is taken, else the earliest.
    """
    state = {day.weekday(): free for day, free in zip(days[:7], off[:7], strict=True)}
    spans = [(days[0], _free(state))]
    window: tuple[date, date] | None = None
    for day, free in zip(days, off, strict=True):
        if free == state[day.weekday()]:
            continue
        since = day - timedelta(days=6)
        if window is None:
            window = (since, day)
        elif since > window[1]:  # too late to belong to the change before
            spans.append((_settled(window), _free(state)))
            window = (since, day)
        else:
            window = (max(window[0], since), min(window[1], day))
        state[day.weekday()] = free
    if window is not None:
        spans.append((_settled(window), _free(state)))
    return spans


def _package(iso2: str, years: Iterable[int]) -> Any:
    import holidays

    countries = holidays.list_supported_countries()
    if iso2 not in countries:
        raise InputError(
            f"unknown country '{iso2}'",
            where="calendar",
            allowed="ISO-2 codes of the holidays package, such as AE, DE or IN",
            nearest=nearest(iso2, countries),
        )
    return holidays.country_holidays(iso2, years=years, language="en_US")


def _free(state: Mapping[int, bool]) -> tuple[int, ...]:
    return tuple(sorted(day for day, free in state.items() if free))


def _settled(window: tuple[date, date]) -> date:
    open_days = [window[0] + timedelta(days=offset) for offset in range((window[1] - window[0]).days + 1)]
    return next((day for day in open_days if day.day == 1), open_days[0])


def _week_of(iso2: str, since: date, weekend: tuple[int, ...]) -> WorkingWeek:
    """The main day of rest is Friday where it is free, else Sunday, else the only free day; in Israel Saturday."""
    preferred = (5,) if iso2 == "IL" else (4, 6, *weekend)
    rest = tuple([day for day in preferred if day in weekend][:1])
    return WorkingWeek(since, rest, tuple(day for day in weekend if day not in rest), (), since)
