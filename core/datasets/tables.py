"""Readers of mobility, policy and cases: any known layout in, one long canonical table out.

Every reader checks what it returns and raises one `InputError` that names file, column and row; nothing comes back from
a faulty file. Dates are days without a zone (datetime64[us]); missing is NaN, never zero; rows are sorted by place and
day. Places are ISO 3166-1 alpha-3 codes for countries, ISO 3166-2 codes for regions, and what a user's own file says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets import cells, plausibility
from core.datasets.cases import new_from_totals
from core.datasets.cells import Labels
from core.datasets.files import RawFile, RawTable
from core.datasets.findings import Findings
from core.datasets.layouts import (
    MOBILITY_COLUMNS,
    WIDE,
    Layout,
    detect,
    layouts,
    panel_layout,
    published_indices,
    wide_layout,
)
from core.datasets.places import choose_places, countries, iso3_of, unknown_countries
from core.study import Codebook, Indicator, Step, load_codebook
from core.study.definition import PANEL

#: What a place is called where the file does not say and the caller does not either.
UNNAMED = "unnamed"
#: Percent changes cannot fall below this.
NOTHING_LEFT = -100.0


@dataclass(frozen=True)
class ReadTable:
    """A table as read, with what a report and a run record need to know about the file."""

    frame: pd.DataFrame
    kind: str
    layout: str
    sha256: str
    rows: int
    gaps: dict[str, int]
    duplicates: int
    #: The day of each record as it stands in the file (datetime64[us], NaT where it is none).
    days: np.ndarray = field(default_factory=lambda: np.array([], dtype="datetime64[us]"))


def read_mobility(
    path: str | Path,
    *,
    layout: str | None = None,
    place: str | Sequence[str] | None = None,
    regions: bool = False,
    columns: Sequence[str] = MOBILITY_COLUMNS,
    lowest: float | None = NOTHING_LEFT,
    allow_gaps: bool | None = None,
) -> pd.DataFrame:
    """Mobility by place and day: columns `place`, `date` and those of `columns` that the file has (float).

    layout: `google_csv`, `google_table`, `google_regions_table` or `wide_csv`; None finds out from the columns.
    place: only this one or these, by ISO-2, ISO-3 or name (of a region: ISO 3166-2 or name; a country takes all its
        regions). One place names what a `wide_csv` file without a column `place` is about.
    regions: the first-level regions of a `google_csv` file instead of the countries.
    columns: the value columns a `wide_csv` file may have; the providers' layouts have the six of Google.
    lowest: values below it are faults; None for a metric that is not a percent change.
    allow_gaps: whether days may be missing inside a place's range (they are then simply absent). None allows it where
        one of Google's files is read for several places: Google published nothing for 3 to 45 days of eight countries.

    Raises InputError.
    """
    return mobility_table(
        RawFile(path),
        layout=layout,
        place=place,
        regions=regions,
        columns=columns,
        lowest=lowest,
        allow_gaps=allow_gaps,
    ).frame


def read_policy(
    path: str | Path,
    *,
    layout: str | None = None,
    place: str | Sequence[str] | None = None,
    codebook: Codebook | None = None,
    allow_gaps: bool = False,
) -> pd.DataFrame:
    """Policy by place and day: `place`, `date`, codes, flags (`C1_Flag`), and published indices the file has.

    layout: `oxcgrt_csv` (also the tracker's later files, of which the majority's indicators are taken),
    `oxcgrt_table` or `wide_csv`. Only national rows are read. `place` and `allow_gaps` as in `read_mobility`, but no
    file may have gaps unless asked: a day without policy has no meaning. Levels and flags may be missing.

    Raises InputError.
    """
    return policy_table(RawFile(path), layout=layout, place=place, codebook=codebook, allow_gaps=allow_gaps).frame


def read_cases(
    path: str | Path, *, layout: str | None = None, place: str | Sequence[str] | None = None, allow_gaps: bool = False
) -> pd.DataFrame:
    """Newly reported cases by place and day: `place`, `date`, `new_cases` (float).

    layout: `jhu_table`, `oxcgrt_csv` or `oxcgrt_table` (differences of their cumulative counts, so that the first count
    of a place is missing, and what came between two counts stands on the day of the later), or `wide_csv`. Negative
    counts are corrections by those who reported and are kept. A count is of all days since the one before it.

    Raises InputError.
    """
    return cases_table(RawFile(path), layout=layout, place=place, allow_gaps=allow_gaps).frame


def mobility_table(
    raw: RawFile,
    *,
    layout: str | None = None,
    place: str | Sequence[str] | None = None,
    regions: bool = False,
    columns: Sequence[str] = MOBILITY_COLUMNS,
    lowest: float | None = NOTHING_LEFT,
    allow_gaps: bool | None = None,
    step: Step = Step.DAY,
) -> ReadTable:
    """`read_mobility` on an opened file, with what is known about the file."""
    book = load_codebook()
    form = _layout(raw, "mobility", layout, columns, book)
    found = form.locate(raw.columns, raw.findings)
    table, places = _select(raw, form, found, place, regions=regions)
    values = {
        name: cells.numbers(
            table,
            found[name],
            raw.findings,
            lower=lowest,
            allowed="a number" + ("" if lowest is None else f" of {lowest:g} or more") + ", or an empty cell",
        )
        for name in (columns if form.name in (WIDE, PANEL) else MOBILITY_COLUMNS)
        if name in found
    }
    if allow_gaps is None:
        allow_gaps = form.name != WIDE and len(places.values) > 1
    result = _assemble(raw, form, "mobility", table, places, found, values, allow_gaps=allow_gaps, step=step)
    if lowest == NOTHING_LEFT:
        plausibility.check_percents(result.frame, list(values), raw.findings)
    return result


def policy_table(
    raw: RawFile,
    *,
    layout: str | None = None,
    place: str | Sequence[str] | None = None,
    codebook: Codebook | None = None,
    allow_gaps: bool = False,
    complete: Sequence[str] = (),
    between: tuple[date, date] | None = None,
    step: Step = Step.DAY,
) -> ReadTable:
    """`read_policy` on an opened file, with what is known about the file.

    complete: indicators of which every level, and every flag at a level above 0, must be there; an empty one is a
        fault. between: the first and last day on which they must (None: on all).
    """
    book = codebook or load_codebook()
    form = _layout(raw, "policy", layout, (), book)
    found = form.locate(raw.columns, raw.findings)
    table, places = _select(raw, form, found, place)
    values: dict[str, np.ndarray] = {}
    for item in book.indicators:
        if item.code in found:
            values[item.code] = _level(raw, table, found[item.code], item)
        flag = f"{item.code}_Flag"
        if flag in found:
            values[flag] = cells.numbers(
                table,
                found[flag],
                raw.findings,
                lower=0,
                upper=1,
                whole=True,
                allowed="0, 1 or an empty cell",
            )
    for name in published_indices(book):
        if name in found:
            values[name] = cells.numbers(
                table, found[name], raw.findings, lower=0, upper=100, allowed="0 to 100, or an empty cell"
            )
            plausibility.check_index(values[name], found[name], raw.findings)
    result = _assemble(raw, form, "policy", table, places, found, values, allow_gaps=allow_gaps, step=step)
    if complete:
        needed = np.ones(len(table.rows), dtype=bool)
        if between is not None:
            first, last = (np.datetime64(day, "us") for day in between)
            needed = (result.days >= first) & (result.days <= last)
        for code in complete:
            if code in found:
                _complete(raw, table, found, book.indicator(code), values[code], needed)
    return result


def _complete(
    raw: RawFile, table: RawTable, found: dict[str, str], item: Indicator, level: np.ndarray, needed: np.ndarray
) -> None:
    """Report the `needed` records that lack a level, or the flag of a level above 0."""
    column, flag = found[item.code], found.get(f"{item.code}_Flag")
    empty = cells.blank(table, column, raw.findings)
    raw.findings.rows(
        needed & empty & (not empty.all() or not raw.findings.collect),
        table.rows,
        lambda _: "no level",
        column=column,
        allowed=f"a level of {item.code} ({item.name}) on every day, 0 where nothing was in force",
    )
    if flag is not None:
        raw.findings.rows(
            needed & (level > 0) & cells.blank(table, flag, raw.findings),
            table.rows,
            lambda index: f"no flag at level {level[index]:g}",
            column=flag,
            allowed=f"{item.flag_meaning or '0 or 1'} (a flag may be empty only where the level is 0)",
        )


def cases_table(
    raw: RawFile, *, layout: str | None = None, place: str | Sequence[str] | None = None, allow_gaps: bool = False
) -> ReadTable:
    """`read_cases` on an opened file, with what is known about the file."""
    form = _layout(raw, "cases", layout, (), load_codebook())
    counted = "new_cases" if "new_cases" in form.required else "cum_cases"
    wanted = Layout(
        form.name,
        form.kinds,
        form.container,
        form.days,
        {name: names for name, names in form.required.items() if name in {"place", "date", "new_cases"}}
        | ({"cum_cases": form.optional["cum_cases"]} if counted == "cum_cases" else {}),
        {name: names for name, names in form.optional.items() if name not in {"cum_cases"}},
        form.countries,
    )
    found = wanted.locate(raw.columns, raw.findings)
    table, places = _select(raw, wanted, found, place)
    lowest = 0 if counted == "cum_cases" else None
    values = {counted: cells.numbers(table, found[counted], raw.findings, lower=lowest)} if counted in found else {}
    result = _assemble(raw, wanted, "cases", table, places, found, values, allow_gaps=allow_gaps)
    if counted not in found:
        return result
    if counted == "new_cases":
        plausibility.check_new_cases(result.frame, found[counted], raw.findings)
        return result
    frame = result.frame
    frame["new_cases"] = frame.groupby("place", observed=True)["cum_cases"].transform(new_from_totals)
    return replace(result, frame=frame[["place", "date", "new_cases"]])


def _layout(raw: RawFile, kind: str, named: str | None, values: Sequence[str], book: Codebook) -> Layout:
    name = detect(raw.columns, raw.container, (kind,), named, book, raw.findings)
    if name in (WIDE, PANEL):
        make = wide_layout if name == WIDE else panel_layout
        return make(kind, raw.columns, values, book, raw.findings)
    return layouts(book)[name]


def _select(
    raw: RawFile, form: Layout, found: dict[str, str], place: str | Sequence[str] | None, *, regions: bool = False
) -> tuple[RawTable, Labels]:
    """The records to read and the place of each: rows of the right kind, of the place asked for."""
    table = raw.load(list(dict.fromkeys(found.values())))
    findings = raw.findings
    if not len(table.rows):
        findings.stop("holds no rows", allowed="at least one row below the header")
    keep = np.ones(len(table.rows), dtype=bool)
    for name in ("region", "region_2", "metro"):
        if name in found and form.name != "google_regions_table":
            empty = cells.labels(table, found[name], findings).empty
            keep &= ~empty if regions and name == "region" else empty
    if not keep.any():
        findings.stop(f"holds no {'regions' if regions else 'rows of a country as a whole'}")
    table = table.take(np.flatnonzero(keep))
    places, names = _places(table, form, found, findings, regions=regions)
    if place is not None and not (form.name == WIDE and "place" not in found):
        present = sorted(places.values)
        what = "region" if regions else "place"
        asked = [place] if isinstance(place, str) else list(place)
        chosen = {match for one in asked for match in choose_places(one, present, names, findings, what=what)}
        kept = np.flatnonzero(places.spread(np.array([value in chosen for value in places.values], dtype=bool), False))
        table, places = table.take(kept), places.take(kept)
    elif isinstance(place, str):
        places = Labels(places.positions, (place,))
    elif place is not None:
        findings.stop("does not say which places it is about", allowed="a column 'place', or one place to name it by")
    return table, places


def _places(
    table: RawTable, form: Layout, found: dict[str, str], findings: Findings, *, regions: bool
) -> tuple[Labels, dict[str, list[str]]]:
    """The canonical place of each record, and the names the file gives to places."""
    if form.name == "google_csv":
        code = cells.labels(table, found["iso2"], findings)
        unknown_countries(code, table.rows, found["iso2"], iso3_of(), findings)
        if not regions:
            place = code.rename(lambda item: iso3_of().get(item, f"unknown {item}"))
            return place, _names(place, cells.labels(table, found["country"], findings)) if "country" in found else {}
        region = cells.labels(table, found["region"], findings)
        texts = pd.Series([f"{code.at(index)}: {region.at(index)}" for index in range(len(table.rows))], dtype="str")
        if "region_code" in found:
            given = cells.labels(table, found["region_code"], findings)
            texts = texts.where(given.empty, pd.Series(given.texts(), dtype="str"))
        place = cells.labels_of(texts)
        return place, _names(place, region)
    if "place" not in found:
        return Labels(np.zeros(len(table.rows), dtype=np.int64), (UNNAMED,)), {}
    place = cells.labels(table, found["place"], findings)
    if form.countries and form.name != "google_regions_table":
        unknown_countries(place, table.rows, found["place"], countries(), findings)
    else:
        findings.rows(
            place.empty, table.rows, lambda _: "an empty place", column=found["place"], allowed="a place in each row"
        )
    label = found.get("region") if form.name == "google_regions_table" else found.get("country")
    return place, _names(place, cells.labels(table, label, findings)) if label else {}


def _names(places: Labels, words: Labels) -> dict[str, list[str]]:
    named = ~(places.empty | words.empty)
    pairs = pd.unique(places.positions[named] * len(words.values) + words.positions[named])
    names: dict[str, list[str]] = {}
    for pair in pairs:
        place, word = divmod(int(pair), len(words.values))
        names.setdefault(places.values[place], []).append(words.values[word])
    return names


def _level(raw: RawFile, table: RawTable, column: str, item: Indicator) -> np.ndarray:
    if (amount := item.amount) is not None:
        allowed = f"{amount.least:g} to {amount.most:g} {amount.unit} of {item.code} ({item.name}), or an empty cell"
        return cells.numbers(table, column, raw.findings, lower=amount.least, upper=amount.most, allowed=allowed)
    return cells.numbers(
        table,
        column,
        raw.findings,
        lower=0,
        upper=item.maximum,
        whole=True,
        allowed=f"whole levels 0 to {item.maximum} of {item.code} ({item.name}), or an empty cell",
    )


def _assemble(
    raw: RawFile,
    form: Layout,
    kind: str,
    table: RawTable,
    places: Labels,
    found: dict[str, str],
    values: dict[str, np.ndarray],
    *,
    allow_gaps: bool,
    step: Step = Step.DAY,
) -> ReadTable:
    column = found["date"]
    when = cells.days(table, column, form.days, raw.findings)
    daily = cells.check_days(places, when, table.rows, column, raw.findings, gaps_are_faults=not allow_gaps, step=step)
    if step is not Step.DAY:
        when = step.first_days(pd.DatetimeIndex(when)).to_numpy()
    order = daily.order
    frame = pd.DataFrame(
        {
            "place": pd.Series(places.take(order).texts(), dtype="str"),
            "date": when[order],
            **{name: cell[order] for name, cell in values.items()},
        }
    )
    return ReadTable(frame, kind, form.name, raw.sha256, len(table.rows), daily.gaps, daily.duplicates, when)
