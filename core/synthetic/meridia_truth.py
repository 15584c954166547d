"""The known effects of Meridia: every constant of the process that generates the fictional country's data.

All values are invented: chosen so that the series look like those of a middle-sized country in an epidemic, and some of them
searched until policy went and simple forecasts compared as in real countries. `data/meridia/README.md` says how, states the
process in words and formulas and prints these tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

#: First day of the simulated history; nothing is in force and nobody is ill before it.
HISTORY_START = date(2029, 12, 1)
BASELINE_START = date(2030, 1, 3)
BASELINE_END = date(2030, 2, 6)
STUDY_START = date(2030, 2, 15)
STUDY_END = date(2031, 12, 31)


def _known(unit: str, meaning: str, default: Any) -> Any:
    return field(default=default, metadata={"unit": unit, "meaning": meaning})


def _column(unit: str, meaning: str) -> Any:
    return field(metadata={"unit": unit, "meaning": meaning})


@dataclass(frozen=True)
class Activity:
    """One thing people leave home for. `school` and `social` are hidden: they matter to the epidemic and to the
    time at home, but nobody counts them."""

    id: str = _column("", "name of the activity")
    weekly_visits: tuple[float, ...] = _column("visits per 1,000 people a day", "ordinary visits, Monday to Sunday")
    home_elasticity: float = _column("", "power with which fewer visits than ordinary lengthen the time at home")
    essential_share: float = _column("share of the week's quietest day", "visits that no measure and no fear prevents")
    holiday: float = _column("multiple of ordinary visits", "visits on a public holiday")
    season: tuple[float, ...] = _column("multiple of January", "mid-month anchors January to December, linear between")
    caution: float = _column("fraction of caution", "how much of the voluntary caution reaches this activity")
    habit_share: float = _column("fraction of restraint", "share of a followed restraint that turns into habit")
    contact_weight: float = _column("share of contacts", "share of infectious contacts outside the household")
    trips: float = _column("transit trips per visit", "trips by public transport that an ordinary visit causes")
    noise: float = _column("relative standard deviation", "day-to-day noise of the visits, first-order autoregressive")
    reporting_noise: float = _column("percentage points", "standard deviation of the noise of the published figure")


@dataclass(frozen=True)
class Lever:
    """One indicator of policy: its dose response, its strength by activity, and when the government uses it."""

    code: str = _column("", "indicator of the policy tracker")
    maximum: int = _column("ordinal level", "the strictest level")
    has_flag: bool = _column("", "whether it can be targeted at a part of the country")
    exponent: float = _column("", "exponent h of the Hill curve")
    half_dose: float = _column("fraction of the maximum", "dose k of the Hill curve")
    strength: tuple[float, ...] = _column("fraction of visits", "largest reduction, in the order of the activities")
    tighten_at: tuple[float, ...] = _column("cases per 100,000 a day", "government pressure at which each level is set")
    hold_weeks: int = _column("weeks", "shortest time between a change and an easing")
    later: float = _column("multiple of the thresholds", "reached over the winter of 2030/31 (`later_dates`)")


@dataclass(frozen=True)
class Decree:
    """A measure set for reasons that have nothing to do with the epidemic: at least (or at most) this level."""

    start: date
    end: date
    code: str
    level: int
    flag: int
    at_most: bool
    reason: str


@dataclass(frozen=True)
class Holiday:
    """A public holiday of Meridia with the day it was gazetted."""

    day: date
    name: str
    announced: date


# Order of the columns: the activities. Transit is direct: trips also fall with the visits they serve.
ACTIVITY_ORDER = ("retail", "grocery", "parks", "transit", "workplaces", "school", "social")

_ACTIVITIES = (
    Activity(
        "retail", (385, 380, 390, 420, 500, 610, 430), 0.02, 0.12, 0.78,
        (1.0, 1.0, 1.03, 1.05, 1.06, 1.06, 1.02, 0.99, 1.03, 1.04, 1.07, 1.16), 0.62, 0.275, 0.12, 0.12, 0.0482, 0.7,
    ),
    Activity(
        "grocery", (300, 295, 300, 315, 370, 420, 240), 0.005, 0.45, 0.62,
        (1.0, 1.0, 1.02, 1.03, 1.03, 1.02, 0.98, 0.97, 1.01, 1.02, 1.03, 1.12), 0.30, 0.092, 0.06, 0.06, 0.045, 0.7,
    ),
    Activity(
        "parks", (70, 70, 74, 75, 84, 140, 155), 0.006, 0.10, 1.45,
        (1.0, 1.06, 1.22, 1.45, 1.7, 1.88, 1.95, 1.9, 1.6, 1.3, 1.08, 0.98), 0.25, 0.0, 0.02, 0.1, 0.082, 1.0,
    ),
    # Its visits follow from the other activities' trips, so its weekly profile is a multiple of those, not a count.
    Activity(
        "transit", (0.98, 0.98, 1.0, 1.0, 1.06, 1.02, 0.94), 0.02, 0.00, 0.92,
        (1.0, 1.0, 1.01, 1.02, 1.03, 1.03, 1.02, 1.0, 1.02, 1.02, 1.01, 1.0), 0.55, 0.214, 0.12, 0.0, 0.0386, 0.7,
    ),
    Activity(
        "workplaces", (418, 424, 424, 420, 398, 128, 84), 0.115, 0.70, 0.30,
        (1.0, 1.01, 1.01, 1.0, 1.0, 0.99, 0.93, 0.87, 1.0, 1.01, 1.01, 0.95), 0.35, 0.428, 0.26, 0.34, 0.0257, 0.7,
    ),
    Activity(
        "school", (195, 195, 195, 195, 190, 14, 6), 0.03, 0.20, 0.05,
        (1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.42, 0.4, 0.95, 1.0, 1.0, 0.92), 0.20, 0.0, 0.14, 0.3, 0.0161, 0.0,
    ),
    Activity(
        "social", (230, 225, 240, 260, 350, 520, 470), 0.035, 0.15, 1.40,
        (1.0, 1.0, 1.01, 1.02, 1.04, 1.06, 1.08, 1.07, 1.03, 1.02, 1.02, 1.1), 0.70, 0.122, 0.28, 0.14, 0.0643, 0.0,
    ),
)  # fmt: skip

_LEVERS = (
    # maximum, flag, h, k, strength by activity in the order above, thresholds by level, weeks held, later
    Lever("C1", 3, True, 1.6, 0.45, (0.032, 0.013, 0.019, 0.038, 0.096, 0.618, 0.038), (4.0, 9.0, 20.0), 3, 3.53),
    Lever("C2", 3, True, 2.2, 0.55, (0.408, 0.064, 0.051, 0.038, 0.421, 0.064, 0.096), (3.0, 10.0, 26.0), 2, 2.56),
    Lever("C3", 2, True, 1.2, 0.50, (0.102, 0.013, 0.127, 0.038, 0.019, 0.0, 0.153), (2.0, 6.0), 3, 0.84),
    Lever("C4", 4, True, 1.4, 0.60, (0.178, 0.045, 0.166, 0.038, 0.051, 0.0, 0.331), (2.0, 5.0, 11.0, 22.0), 2, 0.7),
    Lever("C5", 2, True, 2.0, 0.60, (0.064, 0.038, 0.025, 0.319, 0.076, 0.051, 0.038), (15.0, 23.0), 2, 2.56),
    Lever("C6", 3, True, 1.8, 0.50, (0.357, 0.217, 0.37, 0.166, 0.255, 0.159, 0.382), (7.0, 17.0, 60.0), 2, 2.12),
    Lever("C7", 2, True, 1.5, 0.50, (0.076, 0.051, 0.089, 0.127, 0.051, 0.013, 0.102), (8.0, 20.0), 2, 1.52),
    Lever("C8", 4, False, 1.3, 0.70, (0.064, 0.019, 0.038, 0.076, 0.019, 0.0, 0.025), (1.0, 3.0, 9.0, 24.0), 4, 0.84),
    Lever("H1", 2, True, 1.0, 0.40, (0.032, 0.013, 0.013, 0.025, 0.025, 0.0, 0.038), (0.5, 2.5), 6, 1.0),
    Lever("H6", 4, True, 1.5, 0.55, (0.019, 0.006, 0.013, 0.032, 0.006, 0.0, 0.013), (4.0, 8.0, 16.0, 60.0), 5, 0.19),
)  # fmt: skip

# Every decree starts on a Thursday, like every other change, so that it too is announced three days before.
_DECREES = (
    Decree(date(2030, 2, 14), date(2030, 5, 1), "H1", 1, 1, False, "alarm abroad"),
    Decree(date(2030, 2, 14), date(2030, 8, 7), "C8", 1, 1, False, "alarm abroad"),
    Decree(date(2030, 7, 4), date(2030, 8, 21), "C7", 1, 0, False, "dispute between two provinces"),
    Decree(date(2030, 9, 5), date(2030, 10, 16), "C1", 1, 0, True, "promise that schools open in autumn"),
    Decree(date(2030, 11, 14), date(2030, 12, 11), "C2", 3, 1, False, "standstill voted for its own sake"),
    Decree(date(2030, 12, 19), date(2031, 1, 8), "C6", 2, 0, False, "night quiet over the Frost Fair"),
    Decree(date(2031, 2, 6), date(2031, 3, 5), "C2", 1, 0, True, "court ruling for shopkeepers"),
    Decree(date(2031, 5, 22), date(2031, 6, 18), "C5", 1, 1, False, "works on the metro of the capital"),
    Decree(date(2031, 7, 10), date(2031, 8, 20), "C4", 1, 1, True, "summer of festivals"),
    Decree(date(2031, 9, 4), date(2031, 10, 1), "C3", 1, 0, False, "security for the jubilee"),
    Decree(
        date(2031, 10, 30), date(2031, 11, 26), "C2", 3, 1, False, "second standstill, promised before the election"
    ),
    Decree(
        date(2031, 10, 30), date(2031, 11, 26), "C6", 2, 1, False, "second standstill, promised before the election"
    ),
)

_GAZETTED_2030 = date(2028, 11, 15)
_GAZETTED_2031 = date(2029, 11, 14)

HOLIDAYS = (
    Holiday(date(2030, 1, 1), "New Year", _GAZETTED_2030),
    Holiday(date(2030, 3, 20), "Thaw Day", _GAZETTED_2030),
    Holiday(date(2030, 5, 9), "Harbour Day", _GAZETTED_2030),
    Holiday(date(2030, 6, 3), "Two Rivers Monday", _GAZETTED_2030),
    Holiday(date(2030, 6, 21), "Long Day", _GAZETTED_2030),
    Holiday(date(2030, 8, 14), "Founders' Day", _GAZETTED_2030),
    Holiday(date(2030, 10, 11), "Charter Day", _GAZETTED_2030),
    Holiday(date(2030, 11, 4), "Day of Names", _GAZETTED_2030),
    Holiday(date(2030, 12, 24), "Frost Fair", _GAZETTED_2030),
    Holiday(date(2030, 12, 25), "Frost Fair", _GAZETTED_2030),
    Holiday(date(2030, 12, 26), "Frost Fair", _GAZETTED_2030),
    Holiday(date(2031, 1, 1), "New Year", _GAZETTED_2031),
    Holiday(date(2031, 3, 20), "Thaw Day", _GAZETTED_2031),
    Holiday(date(2031, 5, 9), "Harbour Day", _GAZETTED_2031),
    Holiday(date(2031, 6, 2), "Two Rivers Monday", _GAZETTED_2031),
    Holiday(date(2031, 6, 20), "Long Day", _GAZETTED_2031),
    Holiday(date(2031, 8, 14), "Founders' Day", _GAZETTED_2031),
    Holiday(date(2031, 9, 26), "Jubilee of the Charter", date(2031, 7, 14)),
    Holiday(date(2031, 10, 10), "Charter Day", _GAZETTED_2031),
    Holiday(date(2031, 11, 3), "Day of Names", _GAZETTED_2031),
    Holiday(date(2031, 12, 24), "Frost Fair", _GAZETTED_2031),
    Holiday(date(2031, 12, 25), "Frost Fair", _GAZETTED_2031),
    Holiday(date(2031, 12, 26), "Frost Fair", _GAZETTED_2031),
)

#: (behaviour, first day, last day) of the cells that the fictional statistics office never published.
UNPUBLISHED = (
    ("parks", date(2030, 9, 2), date(2030, 9, 8)),
    ("transit", date(2031, 7, 15), date(2031, 7, 17)),
)


@dataclass(frozen=True)
class MeridiaTruth:
    """All known effects. Each field carries `unit` and `meaning` in its metadata; `known_effects` tabulates them."""

    activities: tuple[Activity, ...] = _known("table", "what people leave home for", _ACTIVITIES)
    levers: tuple[Lever, ...] = _known("table", "what a policy can set, and what it does", _LEVERS)
    decrees: tuple[Decree, ...] = _known("table", "measures unrelated to the epidemic", _DECREES)
    holidays: tuple[Holiday, ...] = _known("table", "public holidays", HOLIDAYS)

    inhabitants: int = _known("persons", "people in Meridia", 4_200_000)
    home_hours: tuple[float, ...] = _known(
        "hours a day",
        "time at home in an ordinary January, Monday to Sunday",
        (17.2, 17.2, 17.1, 17.0, 16.7, 18.4, 19.3),
    )
    trend: tuple[tuple[date, float], ...] = _known(
        "date, multiple",
        "of ordinary visits, linear between the dates: what changes for good without any measure or illness",
        (
            (date(2030, 2, 15), 1.0),
            (date(2030, 9, 1), 0.96),
            (date(2031, 3, 31), 0.98),
            (date(2031, 12, 31), 1.06),
        ),
    )
    home_limit: float = _known("hours a day", "the most time at home that a day's mean can reach", 23.6)
    home_reporting_noise: float = _known("percentage points", "noise of the published time at home", 0.35)

    targeted_reach: float = _known("share of people", "people whom a targeted measure binds at its own level", 0.5)
    shared_part: float = _known("fraction", "part of the weaker measures that adds to the strongest", 0.35)
    anticipation: tuple[float, ...] = _known(
        "fraction of the coming restraint", "felt 1, 2, 3 days before", (0.3, 0.15, 0.05)
    )
    tightening_half_life: float = _known("days", "half of a new restraint is adopted", 3.0)
    easing_half_life: float = _known("days", "half of a lifted restraint is dropped", 23.0)
    erosion_half: float = _known("full-restraint days", "burden that halves what can erode of adherence", 32.0)
    erosion_floor: float = _known("fraction", "adherence that no burden erodes", 0.8)
    burden_half_life: float = _known("days", "half of a burden is forgotten", 500.0)
    habit_build_half_life: float = _known("days", "half of a habit is formed under restraint", 55.0)
    habit_loss_half_life: float = _known("days", "half of a habit is lost without restraint", 320.0)

    caution_scale: float = _known("fraction of visits", "caution at the reference of reported cases", 0.3)
    caution_reference: float = _known(
        "cases per 100,000 a day", "reported cases at which caution equals its scale", 10.0
    )
    caution_exponent: float = _known("", "power of the reported cases", 0.45)
    caution_cap: float = _known("fraction of visits", "the most that caution can be", 0.4)
    caution_information: float = _known("fraction", "gain of caution under the fullest information campaign", 0.3)
    caution_window: int = _known("days", "days of reported cases, up to yesterday, that people average", 7)

    reproduction: float = _known("persons", "people one case infects in an ordinary January", 2.4)
    latent_days: float = _known("days", "mean time from infection to infectiousness", 3.5)
    infectious_days: float = _known("days", "mean time of infectiousness", 5.0)
    immune_days: float = _known("days", "mean time of immunity", 349.0)
    household_share: float = _known("share of contacts", "contacts inside the household, never reduced", 0.26)
    mask_strength: float = _known("fraction of transmission", "prevented by the strictest rule on face coverings", 0.4)
    border_strength: float = _known("fraction of imports", "prevented by closed borders", 0.85)
    crowding: float = _known("", "power of relative visits that gives relative contacts at a place", 1.5)
    vaccinated: float = _known(
        "fraction of susceptible people a day", "made immune from `first_vaccination` on", 0.0005
    )
    first_vaccination: date = _known("date", "first vaccination", date(2031, 3, 1))  # noqa: RUF009
    imports: float = _known("infections a day", "brought in from abroad from `first_import` on", 11.0)
    first_import: date = _known("date", "first infection brought in", date(2030, 2, 10))  # noqa: RUF009
    epidemic_season: tuple[float, ...] = _known(
        "multiple of January",
        "transmission, mid-month anchors January to December",
        (1.0, 0.99, 0.95, 0.90, 0.86, 0.83, 0.82, 0.83, 0.88, 0.94, 0.98, 1.0),
    )
    lineages: tuple[tuple[date, float], ...] = _known(
        "date, multiple",
        "transmissibility of the lineage in circulation, linear between the dates",
        (
            (date(2030, 2, 10), 1.0),
            (date(2030, 12, 20), 1.0),
            (date(2031, 2, 20), 1.56),
            (date(2031, 7, 10), 1.56),
            (date(2031, 9, 1), 2.0),
        ),
    )
    reported_share: float = _known("fraction of infections", "infections that become reported cases", 0.3)
    report_delays: tuple[float, ...] = _known(
        "share by days of delay",
        "reported 0, 1, … days after infectiousness begins",
        (0.0, 0.05, 0.15, 0.25, 0.25, 0.2, 0.1),
    )
    report_weekly: tuple[float, ...] = _known(
        "multiple", "reporting on Monday to Sunday", (0.92, 1.16, 1.14, 1.1, 1.08, 0.88, 0.72)
    )
    report_noise: float = _known("relative standard deviation", "day-to-day noise of reported cases", 0.07)

    review_weekday: int = _known("weekday, Monday = 0", "the government reviews and announces", 0)
    announcement_days: int = _known("days", "from the announcement to the change", 3)
    data_delay: int = _known("days", "age of the newest cases the government looks at", 4)
    growth_limits: tuple[float, float] = _known(
        "multiple", "bounds on week-over-week growth by which pressure is scaled", (0.53, 1.87)
    )
    ease_below: float = _known("fraction of the threshold", "pressure below which a level is given up", 0.3)
    ease_fast_below: float = _known("fraction of the threshold", "pressure below which no targeted step is made", 0.18)
    later_dates: tuple[date, date] = _known(
        "dates", "between which thresholds move to their `later` multiple", (date(2030, 11, 1), date(2031, 3, 1))
    )
    general_from: float = _known("multiple of the threshold", "pressure from which a measure is general", 1.13)
    postponed: float = _known("probability", "that a due change waits for the next review", 0.15)
    tolerance: tuple[tuple[date, float], ...] = _known(
        "date, multiple",
        "of the thresholds, linear between the dates: at first the government is alarmed, later it is used to it",
        (
            (date(2030, 2, 15), 0.071),
            (date(2030, 4, 15), 0.112),
            (date(2030, 6, 15), 0.8),
            (date(2030, 10, 1), 0.5),
            (date(2031, 12, 1), 2.507),
        ),
    )

    noise_persistence: float = _known("correlation", "of the day-to-day noise with the day before", 0.58)
    noise_common: float = _known("share of variance", "of the day-to-day noise common to all activities", 0.35)


#: The truth behind the data that ship.
TRUTH = MeridiaTruth()


def known_effects(truth: MeridiaTruth = TRUTH) -> list[tuple[str, Any, str, str]]:
    """Every constant as (name, value, unit, meaning); rows of the tables are named `activities.retail.caution`."""
    rows: list[tuple[str, Any, str, str]] = []
    for item in fields(truth):
        value = getattr(truth, item.name)
        if item.name in ("activities", "levers"):
            for entry in value:
                first, *rest = fields(entry)
                rows += [
                    (
                        f"{item.name}.{getattr(entry, first.name)}.{column.name}",
                        getattr(entry, column.name),
                        column.metadata["unit"],
                        column.metadata["meaning"],
                    )
                    for column in rest
                ]
        elif item.metadata["unit"] != "table":
            rows.append((item.name, value, item.metadata["unit"], item.metadata["meaning"]))
    return rows


def effects_tables(truth: MeridiaTruth = TRUTH) -> str:
    """All known effects as Markdown tables; `data/meridia/README.md` holds them word for word."""
    scalars = [
        (name, value, unit, meaning)
        for name, value, unit, meaning in known_effects(truth)
        if not name.startswith(("activities.", "levers."))
    ]
    by_activity = [
        (column.name, column.metadata["unit"], *(getattr(item, column.name) for item in truth.activities))
        for column in fields(Activity)[1:]
    ]
    plain = [column for column in fields(Lever) if column.name != "strength"]
    sections = {
        "Constants": [("name", "value", "unit", "meaning"), *scalars],
        "Activities": [("", "unit", *(item.id for item in truth.activities)), *by_activity],
        "Levers: the largest reduction, as a fraction of visits": [
            ("code", *(item.id for item in truth.activities)),
            *((lever.code, *lever.strength) for lever in truth.levers),
        ],
        "Levers: dose response and use": [
            tuple(column.name for column in plain),
            *(tuple(getattr(lever, column.name) for column in plain) for lever in truth.levers),
        ],
        "Decrees": [
            ("from", "to", "code", "level", "flag", "reading", "reason"),
            *(
                (item.start, item.end, item.code, item.level, item.flag, "at most" if item.at_most else "at least",
                 item.reason)
                for item in truth.decrees
            ),
        ],
        "Holidays": [
            ("day", "name", "announced"),
            *((item.day, item.name, item.announced) for item in truth.holidays),
        ],
    }  # fmt: skip
    return "\n\n".join(f"### {title}\n\n{_markdown(rows)}" for title, rows in sections.items())


def _markdown(rows: list[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(_text(cell) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ("; " if any(isinstance(item, tuple) for item in value) else ", ").join(_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)
