"""The regions of countries: their observations under ISO 3166-2 codes, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets import cells
from core.datasets.cells import Labels
from core.datasets.files import RawFile
from core.datasets.layouts import detect
from core.datasets.observed import source_files
from core.datasets.places import iso3_of
from core.datasets.tables import mobility_table
from core.errors import InputError
from core.study import Study, load_codebook

CODE, NAME = "iso_3166_2_code", "sub_region_1"
#: What is empty in a row of Google's file that is about a country as a whole.
PARTS = (NAME, "sub_region_2", "metro_area")


@dataclass(frozen=True)
class RegionTable:
    """Observations of regions: `frame` as `read_mobility` gives it (`place` is a region), `names` by place, and the
    SHA-256 of each file by its name."""

    frame: pd.DataFrame
    names: dict[str, str]
    hashes: dict[str, str]


def country_of(region: str) -> str | None:
    """The ISO 3166-1 alpha-3 code of the country of a region (`AE-DU`, or `AE: Dubai` where a file gives no code)."""
    return iso3_of().get(region[:2]) if region[2:3] in ("-", ":") else None


def read_regions(path: str | Path, *, layout: str | None = None, place: str | None = None) -> RegionTable:
    """The first-level regions of a `google_regions_table` or `google_csv` file, of one country or of all it has.

    Days may be missing inside a region's range. Raises InputError as `read_mobility`, and for a file without regions.
    """
    raw = RawFile(path)
    if NAME not in raw.columns:
        raise InputError(
            f"has no column '{NAME}'",
            where=raw.path.name,
            allowed="a table of regions: Google's own file, or one with sub_region_1 and iso_3166_2_code",
        )
    read = mobility_table(raw, layout=layout, place=place, regions=True, allow_gaps=True)
    return RegionTable(read.frame, _names(raw, set(read.frame["place"])), {raw.path.name: raw.sha256})


def national_rows(path: str | Path) -> pd.DataFrame | None:
    """The countries' own rows of a file in Google's layout, which may hold them beside those of regions; None where the
    file is of another layout or has none. InputError as `read_mobility` where it has some that cannot be read."""
    raw = RawFile(path)
    if detect(raw.columns, raw.container, ("mobility",), None, load_codebook(), raw.findings) != "google_csv":
        return None
    parts = [name for name in PARTS if name in raw.columns]
    table = raw.load(parts)
    whole = np.logical_and.reduce([cells.labels(table, name, raw.findings).empty for name in parts])
    return mobility_table(raw, layout="google_csv", allow_gaps=True).frame if whole.any() else None


def study_regions(study: Study, folder: str | Path | None) -> RegionTable | None:
    """The regions of a study whose file names them under `[sources.regions]`; None where it names none.

    Raises InputError where the files are not there or cannot be read, and where two of them have the same days.
    """
    if "regions" not in study.sources:
        return None
    source, paths = source_files(study, "regions", folder)
    parts = [read_regions(path, layout=source.layout, place=source.place) for path in paths]
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    twice = frame.duplicated(["place", "date"])
    if twice.any():
        row = frame[twice].iloc[0]
        raise InputError(
            f"{row['place']} has the day {row['date'].date()} twice",
            where=" + ".join(path.name for path in paths),
            allowed="each day once",
        )
    names = {key: value for part in parts for key, value in part.names.items()}
    hashes = {key: value for part in parts for key, value in part.hashes.items()}
    return RegionTable(frame.sort_values(["place", "date"], ignore_index=True), names, hashes)


def _names(raw: RawFile, places: set[str]) -> dict[str, str]:
    """What the file calls each of these regions; a region without a name is called by its code."""
    columns = [name for name in (CODE, NAME) if name in raw.columns]
    table = raw.load(columns)
    found: dict[str, Labels] = {name: cells.labels(table, name, raw.findings) for name in columns}
    words = pd.Series(found[NAME].texts(), dtype="str")
    names = {place: place.partition(": ")[2] or place for place in places}
    if CODE in found:
        pairs = dict.fromkeys(zip(found[CODE].texts(), words, strict=True))
        names |= {str(code): str(name) for code, name in pairs if code in places and name}
    return names
