"""Countries and their codes, and the choice of places in a table.

`data/codebooks/countries.csv`: ISO 3166-1 alpha-2 and alpha-3 codes with usual English names (names mostly as in the
public-domain table of the tz database), and Kosovo under the code the OxCGRT tracker gives it. Latitudes are those of where
most people live, to the degree; where a country is small or was not looked at, of its zones in the tz database.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.content_cache import cached_by_content
from core.datasets.cells import Labels
from core.datasets.findings import Findings
from core.errors import nearest
from core.settings import shipped_data

COUNTRIES_FILE = "countries.csv"
#: Where countries stand on a map of equal tiles, column and row from the top left: neighbours are near each other, areas are not.
TILES_FILE = "country_tiles.csv"

#: Codes that files give for countries and ISO 3166-1 does not, by the alpha-3 code that is meant: of the European Union,
#: of sports and of older standards.
USUAL_MISTAKES = {
    "UK": "GBR", "ENG": "GBR", "EL": "GRC", "GRE": "GRC", "GER": "DEU", "SUI": "CHE", "NED": "NLD", "DEN": "DNK",
    "POR": "PRT", "CRO": "HRV", "SLO": "SVN", "BUL": "BGR", "LAT": "LVA", "UAE": "ARE", "KSA": "SAU", "RSA": "ZAF",
    "PHI": "PHL", "INA": "IDN", "MAS": "MYS", "VIE": "VNM", "CHI": "CHL", "PUR": "PRI", "ROM": "ROU", "ZAR": "COD",
    "ZR": "COD", "TP": "TLS", "TMP": "TLS", "BU": "MMR", "BUR": "MMR", "YU": "SRB", "WBG": "PSE", "KS": "XKX", "KOS": "XKX",
    "KSV": "XKX", "RKS": "XKX",
}  # fmt: skip


@dataclass(frozen=True)
class Country:
    """One country: ISO 3166-1 alpha-2 and alpha-3, its usual English name, and its latitude in degrees (south below 0)."""

    iso2: str
    iso3: str
    name: str
    latitude: float


def countries() -> Mapping[str, Country]:
    """Every country by its alpha-3 code."""
    return _read_countries(shipped_data() / "codebooks" / COUNTRIES_FILE)


@cached_by_content()
def _read_countries(path: Path) -> Mapping[str, Country]:
    with path.open(encoding="utf-8", newline="") as handle:
        return {
            row["iso3"]: Country(row["iso2"], row["iso3"], row["name"], float(row["latitude"]))
            for row in csv.DictReader(handle)
        }


def country_tiles() -> Mapping[str, tuple[int, int]]:
    """Column and row of a country's tile by its alpha-3 code; some countries have none."""
    return _read_tiles(shipped_data() / "codebooks" / TILES_FILE)


@cached_by_content()
def _read_tiles(path: Path) -> Mapping[str, tuple[int, int]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return {row["iso3"]: (int(row["column"]), int(row["row"])) for row in csv.DictReader(handle)}


def iso3_of() -> Mapping[str, str]:
    """Alpha-3 by alpha-2."""
    return _read_iso3(shipped_data() / "codebooks" / COUNTRIES_FILE)


@cached_by_content()
def _read_iso3(path: Path) -> Mapping[str, str]:
    return {country.iso2: country.iso3 for country in _read_countries(path).values()}


def aliases_of(place: str, names: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Everything a user may call `place`: its code, its other code, and its names here and in the file."""
    country = countries().get(place)
    known = (country.iso2, country.name) if country else ()
    return (place, *known, *names.get(place, ()))


def choose_places(
    wanted: str, present: Sequence[str], names: Mapping[str, Sequence[str]], findings: Findings, *, what: str = "place"
) -> list[str]:
    """The places among `present` that `wanted` means: a code or name of one, or a country of which regions are present.

    Raises InputError with the nearest valid value where there is none.
    """
    asked = wanted.strip().casefold()
    matching = [place for place in present if asked in {alias.casefold() for alias in aliases_of(place, names)}]
    if not matching:
        country = next(
            (
                item
                for item in countries().values()
                if asked in {item.iso2.casefold(), item.iso3.casefold(), item.name.casefold()}
            ),
            None,
        )
        if country is not None:
            matching = [place for place in present if place.startswith((f"{country.iso2}-", f"{country.iso2}: "))]
    if matching:
        return matching
    by_alias = {alias: place for place in present for alias in aliases_of(place, names)}
    shown = ", ".join(present[:12]) + (f" and {len(present) - 12} more" if len(present) > 12 else "")
    findings.stop(f"holds no {what} '{wanted}'", allowed=shown or "none", nearest=nearest(wanted, by_alias))


def unknown_countries(
    codes: Labels, rows: np.ndarray, column: str, valid: Mapping[str, object], findings: Findings
) -> None:
    """Report records whose country code is empty or not in `valid` (alpha-2 or alpha-3 codes)."""
    findings.rows(
        codes.spread(np.array([code not in valid for code in codes.values], dtype=bool), True),
        rows,
        lambda index: f"unknown place '{codes.at(index)}'",
        column=column,
        allowed="ISO 3166-1 country codes",
        nearest=lambda index: _meant(codes.at(index), valid),
    )


def _meant(code: str, valid: Mapping[str, object]) -> str | None:
    """The valid code of the country that a wrong one means, by its other code, its name or a usual mistake."""
    asked = code.strip().casefold()
    for country in countries().values():
        known = {country.iso2.casefold(), country.iso3.casefold(), country.name.casefold()}
        if asked in known or USUAL_MISTAKES.get(code.strip().upper()) == country.iso3:
            return country.iso2 if country.iso2 in valid else country.iso3
    return nearest(code, valid)
