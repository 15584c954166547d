"""Files in the providers' layouts with made-up numbers, for tests of the importers and of fetching."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from core.datasets.layouts import GOOGLE_SUFFIX, MOBILITY_COLUMNS
from core.study import load_codebook

GOOGLE_HEADER = (
    "country_region_code",
    "country_region",
    "sub_region_1",
    "sub_region_2",
    "metro_area",
    "iso_3166_2_code",
    "census_fips_code",
    "place_id",
    "date",
    *(f"{name}{GOOGLE_SUFFIX}" for name in MOBILITY_COLUMNS),
)


def days(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`."""
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]


def text(rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def google_csv(
    first: date, last: date, *, seed: int = 0, regions: Sequence[tuple[str, str]] = (("Dubai", "AE-DU"),)
) -> str:
    """Google's fifteen columns for the UAE: the country, then each region."""
    rng = np.random.default_rng(seed)
    rows: list[list[object]] = [list(GOOGLE_HEADER)]
    for region, code in (("", ""), *regions):
        for day in days(first, last):
            numbers = rng.integers(-80, 60, size=6).tolist()
            rows.append(["AE", "United Arab Emirates", region, "", "", code, "", "place", day.isoformat(), *numbers])
    return text(rows)


def tracker_header() -> list[str]:
    """The columns of the tracker's table before July 2022, as far as they matter, and two that do not."""
    header = ["CountryName", "CountryCode", "RegionName", "RegionCode", "Jurisdiction", "Date"]
    for item in load_codebook().indicators:
        header.append(f"{item.code}_{item.name}")
        if item.has_flag:
            header.append(f"{item.code}_Flag")
    return [*header, "M1_Wildcard", "ConfirmedCases", "ConfirmedDeaths", "StringencyIndex", "StringencyIndexForDisplay"]


def tracker_csv(first: date, last: date, *, seed: int = 0) -> str:
    """The tracker's layout: the UAE, another country, and a region of a third that must not be read."""
    rng = np.random.default_rng(seed)
    rows: list[list[object]] = [list(tracker_header())]
    places = (
        ("United Arab Emirates", "ARE", "", ""),
        ("Oman", "OMN", "", ""),
        ("United States", "USA", "Ohio", "US_OH"),
    )
    for name, code, region, region_code in places:
        cases = 0
        for day in days(first, last):
            row: list[object] = [name, code, region, region_code, "NAT_TOTAL", day.strftime("%Y%m%d")]
            for item in load_codebook().indicators:
                level = int(rng.integers(0, item.maximum + 1))
                row.append(f"{level}.00")
                if item.has_flag:
                    row.append(f"{int(rng.integers(0, 2))}.00" if level else "")
            cases += int(rng.integers(0, 50))
            rows.append([*row, "a note, with\na line break" if day.day == 1 else "", f"{cases}.00", "0.00", "", ""])
    return text(rows)
