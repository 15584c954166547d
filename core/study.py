"""A study: the place, the period, what is measured, what a policy can set, and where the data are.

One TOML file describes a study. A file may name another with `extends`; its own keys win. Nothing in the engine knows
what the behaviours or the indicators are about: all of that is said here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.errors import InputError, nearest, one_of
from core.settings import shipped_data

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Behaviour:
    """One outcome dimension.

    `column` is its column in the observations. `expected_sign` is the direction in which a stricter policy moves it
    (-1 for leaving home, +1 for staying). `upper` is the most that activity can be, as a multiple of baseline activity.
    """

    id: str
    label: str
    text: str
    unit: str
    column: str
    expected_sign: int
    upper: float


@dataclass(frozen=True)
class Indicator:
    """One lever of policy: ordinal levels 0..`maximum`, and a flag (0 targeted, 1 general) where `has_flag`."""

    code: str
    name: str
    maximum: int
    has_flag: bool
    flag_meaning: str
    levels: tuple[str, ...]
    indices: tuple[str, ...]


@dataclass(frozen=True)
class WorkingWeek:
    """A working week in force from `start`; weekdays count from Monday = 0.

    `rest_days` is the main weekly day of rest, `weekend_days` any further days off, `half_days` are worked in part.
    `announced` is the first day on which a forecaster could know of it.
    """

    start: date
    rest_days: tuple[int, ...]
    weekend_days: tuple[int, ...]
    half_days: tuple[int, ...]
    announced: date


@dataclass(frozen=True)
class NamedDay:
    """A holiday given by the study itself, with the day it was announced."""

    day: date
    name: str
    announced: date


@dataclass(frozen=True)
class CalendarSpec:
    """What a calendar is built from. `country` is an ISO-2 code of the `holidays` package, or None for listed days only."""

    country: str | None
    working_weeks: tuple[WorkingWeek, ...]
    holidays: tuple[NamedDay, ...]
    not_holidays: tuple[date, ...]
    ramadan: bool


@dataclass(frozen=True)
class Source:
    """One table of observations: `file` in the data folder, its `layout`, and the `place` to take from it.

    `file` may be a pattern such as `20??_AE.csv`; the files it matches are read one after the other. `alternatives` are
    tried in turn where the file is absent: the same observations in another provider's layout.
    """

    file: str
    layout: str
    place: str
    alternatives: tuple[Source, ...] = ()


@dataclass(frozen=True)
class RegionKey:
    """Which attribute of the population says where in the country people live: `categories` maps the codes of the regions
    in the source `regions` (ISO 3166-2) to its categories."""

    attribute: str
    categories: Mapping[str, str]


@dataclass(frozen=True)
class Study:
    """A study as its file describes it. Dates are calendar days, both ends included.

    `code` (ISO 3166-1 alpha-3) says which country this is among those that others learn from, so that it never learns
    from itself; without, the mobility source and the calendar tell (`core.calibration.learned.own_code`).
    """

    id: str
    title: str
    place: str
    summary: str
    fictional: bool
    start: date
    end: date
    train_end: date
    baseline_start: date
    baseline_end: date
    metric: str
    metric_unit: str
    behaviours: tuple[Behaviour, ...]
    indicators: tuple[Indicator, ...]
    index: str
    calendar: CalendarSpec
    sources: Mapping[str, Source]
    shipped: bool
    population_file: Path
    personas: int
    coefficients_file: Path
    learned: Path | None
    latitude: float | None
    epidemic_thresholds: tuple[float, ...]
    inhabitants: int
    sweep_order: tuple[str, ...]
    citation: str
    regions: RegionKey | None = None
    code: str | None = None

    @property
    def behaviour_ids(self) -> tuple[str, ...]:
        return tuple(item.id for item in self.behaviours)

    @property
    def indicator_codes(self) -> tuple[str, ...]:
        return tuple(item.code for item in self.indicators)

    def behaviour(self, name: str) -> Behaviour:
        one_of(name, self.behaviour_ids, what="behaviour", where=f"study {self.id}")
        return next(item for item in self.behaviours if item.id == name)

    def indicator(self, code: str) -> Indicator:
        one_of(code, self.indicator_codes, what="policy indicator", where=f"study {self.id}")
        return next(item for item in self.indicators if item.code == code)


@dataclass(frozen=True)
class Codebook:
    """All indicators of a policy tracker and the indices made of them (name -> codes). Source in `source`."""

    indicators: tuple[Indicator, ...]
    indices: Mapping[str, tuple[str, ...]]
    source: str

    def indicator(self, code: str) -> Indicator:
        one_of(code, [item.code for item in self.indicators], what="policy indicator", where="codebook")
        return next(item for item in self.indicators if item.code == code)


def available_studies() -> tuple[str, ...]:
    """The ids of the studies that ship with PolicyTwin."""
    return tuple(sorted(path.stem for path in (shipped_data() / "studies").glob("*.toml")))


def load_codebook(path: Path | None = None) -> Codebook:
    """The codebook of the OxCGRT tracker (shipped), or the one at `path`."""
    path = path or shipped_data() / "codebooks" / "oxcgrt.toml"
    raw = _read_toml(path)
    indicators = tuple(
        Indicator(
            code=item["code"],
            name=item["name"],
            maximum=int(item["maximum"]),
            has_flag=bool(item.get("flag", False)),
            flag_meaning=item.get("flag_meaning", ""),
            levels=tuple(item["levels"]),
            indices=tuple(item.get("indices", ())),
        )
        for item in raw["indicators"]
    )
    for item in indicators:
        if len(item.levels) != item.maximum + 1:
            raise InputError(
                f"{item.code} describes {len(item.levels)} levels",
                where=path.name,
                allowed=f"{item.maximum + 1} (0 to {item.maximum})",
            )
    names = sorted({name for item in indicators for name in item.indices})
    indices = {name: tuple(item.code for item in indicators if name in item.indices) for name in names}
    return Codebook(indicators, indices, raw["source"])


def load_study(name: str | Path) -> Study:
    """The study with this id among those shipped, or the one in this TOML file."""
    path = _study_path(name)
    return study_from(_read_with_parents(path), path)


def given_study(name: str | Path) -> dict[str, Any]:
    """What the study's file says, with what it extends filled in: the whole of it, as TOML's own types."""
    return _read_with_parents(_study_path(name))


def study_from(given: Mapping[str, Any], path: Path) -> Study:
    """The study that `given_study` describes; `path` is where it came from, for what is wrong with it."""
    try:
        return _study(dict(given), path)
    except KeyError as missing:
        raise InputError(f"the key {missing} is missing", where=str(path)) from None
    except (TypeError, ValueError, AttributeError) as wrong:
        raise InputError(f"cannot be read as a study ({wrong})", where=str(path)) from None


def _study_path(name: str | Path) -> Path:
    path = Path(name)
    if path.suffix == ".toml":
        return path
    one_of(str(name), available_studies(), what="study")
    return shipped_data() / "studies" / f"{name}.toml"


def _study(raw: dict[str, Any], path: Path) -> Study:
    codebook = load_codebook()
    start, end, train_end = raw["start"], raw["end"], raw["train_end"]
    if not start < train_end < end:
        raise InputError(
            f"train_end {train_end} does not lie inside the study",
            where=str(path),
            allowed=f"after {start}, before {end}",
        )
    base = shipped_data()
    return Study(
        id=raw["id"],
        title=raw["title"],
        place=raw["place"],
        summary=raw["summary"],
        fictional=bool(raw["fictional"]),
        start=start,
        end=end,
        train_end=train_end,
        baseline_start=raw["measurement"]["baseline_start"],
        baseline_end=raw["measurement"]["baseline_end"],
        metric=raw["measurement"]["kind"],
        metric_unit=raw["measurement"]["unit"],
        behaviours=tuple(
            Behaviour(
                id=item["id"],
                label=item["label"],
                text=item["text"],
                unit=item["unit"],
                column=item["column"],
                expected_sign=int(item["expected_sign"]),
                upper=float(item["upper"]),
            )
            for item in raw["behaviours"]
        ),
        indicators=tuple(codebook.indicator(code) for code in raw["indicators"]),
        index=raw["index"],
        calendar=_calendar(raw["calendar"], path),
        sources={kind: _source(item) for kind, item in raw["sources"].items()},
        shipped=bool(raw.get("shipped", False)),
        population_file=base / raw["population"]["file"],
        personas=int(raw["population"]["personas"]),
        coefficients_file=base / raw["engine"]["coefficients"],
        learned=base / raw["forecast"]["learned"] if "learned" in raw.get("forecast", {}) else None,
        latitude=_latitude(raw, path),
        epidemic_thresholds=tuple(float(value) for value in raw["engine"]["epidemic_thresholds"]),
        inhabitants=int(raw["population"]["inhabitants"]),
        sweep_order=tuple(raw["sweep"]["order"]),
        citation=raw.get("citation", ""),
        regions=_region_key(raw["regions"]) if "regions" in raw else None,
        code=raw.get("code"),
    )


def _latitude(raw: dict[str, Any], path: Path) -> float | None:
    if "latitude" not in raw:
        return None
    latitude = float(raw["latitude"])
    if not -90.0 <= latitude <= 90.0:
        raise InputError(f"latitude {latitude:g}", where=str(path), allowed="-90 (south) to 90 (north)")
    return latitude


def _region_key(raw: dict[str, Any]) -> RegionKey:
    return RegionKey(raw["attribute"], {str(code): str(category) for code, category in raw["categories"].items()})


def _source(raw: dict[str, Any]) -> Source:
    others = tuple(_source({"place": raw["place"], **item}) for item in raw.get("alternatives", ()))
    return Source(raw["file"], raw["layout"], raw["place"], others)


def _calendar(raw: dict[str, Any], path: Path) -> CalendarSpec:
    def days(names: list[str]) -> tuple[int, ...]:
        return tuple(
            WEEKDAYS.index(one_of(day.lower(), WEEKDAYS, what="weekday", where=f"{path} [calendar]")) for day in names
        )

    weeks = tuple(
        WorkingWeek(
            start=item["start"],
            rest_days=days(item["rest_days"]),
            weekend_days=days(item.get("weekend_days", [])),
            half_days=days(item.get("half_days", [])),
            announced=item.get("announced", item["start"]),
        )
        for item in raw["working_weeks"]
    )
    if not weeks:
        raise InputError("no working week is given", where=f"{path} [calendar]", allowed="at least one")
    return CalendarSpec(
        country=raw.get("country"),
        working_weeks=tuple(sorted(weeks, key=lambda week: week.start)),
        holidays=tuple(
            NamedDay(item["day"], item["name"], item.get("announced", item["day"])) for item in raw.get("holidays", [])
        ),
        not_holidays=tuple(raw.get("not_holidays", ())),
        ramadan=bool(raw.get("ramadan", False)),
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as handle:
            return tomllib.load(handle)
    except FileNotFoundError:
        beside = [item.name for item in path.parent.glob(f"*{path.suffix}")] if path.parent.is_dir() else []
        raise InputError("no such file", where=str(path), nearest=nearest(path.name, beside)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise InputError(f"is not valid TOML ({wrong})", where=str(path)) from None


def _read_with_parents(path: Path) -> dict[str, Any]:
    raw = _read_toml(path)
    parent = raw.pop("extends", None)
    if parent is None:
        return raw
    beside, shipped = path.parent / parent, shipped_data() / "studies" / parent
    return _merge(_read_with_parents(beside if beside.is_file() else shipped), raw)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both_tables else value
    return merged
