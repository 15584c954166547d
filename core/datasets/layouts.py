"""The layouts the importers know, and which one a file has.

A layout maps our names ("place", "date", "parks", "C1", "C1_Flag") to the columns of the file. Providers' layouts are
those of Google's Community Mobility Reports, the OxCGRT tracker and the tables extracted from them; `wide_csv` is the
layout of files users write themselves and of the project's own tables; `panel_table` that of a table of many places, whose
further columns do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.datasets.cells import PERIODS
from core.datasets.column_names import ColumnNames
from core.datasets.findings import Findings
from core.errors import nearest, one_of
from core.study import Codebook
from core.study.definition import PANEL

MOBILITY_COLUMNS = (
    "retail_and_recreation",
    "grocery_and_pharmacy",
    "parks",
    "transit_stations",
    "workplaces",
    "residential",
)
GOOGLE_SUFFIX = "_percent_change_from_baseline"
#: OxCGRT's later files carry one variant of the indicators that depend on vaccination: what holds for the majority (M),
#: and for international travel everyone or the vaccinated (EV). Files in the older layout have the bare code.
VARIANTS = ("", "M", "EV")
#: A file has a layout if it has more than this share of the layout's columns; the rest are reported as missing.
RECOGNISED = 0.5
#: Without these no record can be told from another.
STRUCTURAL = frozenset({"place", "iso2", "region", "date"})
#: Beside that of panels, the layout whose columns a study or a kind of table names.
WIDE = "wide_csv"
#: Unknown columns of a user's own file that are named one by one.
NAMED_UNKNOWN = 5
#: Columns of OxCGRT's raw release: one policy for everyone (E), or two, for the vaccinated (V) and the others (NV).
_DIFFERENTIATED = re.compile(r"([CEH][0-9])(E|NV|V)[_.]", re.IGNORECASE)


class Unreadable(Exception):
    """Reading cannot go on; what is wrong is among the findings. Raised only where they are collected."""


@dataclass(frozen=True)
class Layout:
    """What a layout is called, what it holds, how it is stored, and what columns it has (ours -> the file's).

    Each of ours maps to the names it may have in the file, the usual one first.
    """

    name: str
    kinds: tuple[str, ...]
    container: str
    days: str
    required: Mapping[str, tuple[str, ...]]
    optional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    countries: bool = True

    def share_present(self, columns: Sequence[str]) -> float:
        """How much of the layout's required columns the file has, 0 to 1."""
        known = ColumnNames(columns)
        return sum(known.find(names) is not None for names in self.required.values()) / len(self.required)

    def locate(self, columns: Sequence[str], findings: Findings) -> dict[str, str]:
        """Our names -> the file's columns. A required column that is absent is a fault."""
        found = {}
        absent = []
        known = ColumnNames(columns)
        for name, names in {**self.required, **self.optional}.items():
            actual = known.find(names)
            if actual is not None:
                found[name] = actual
            elif name in self.required:
                absent.append((name, names[0]))
        spare = [column for column in columns if column and column not in found.values()]
        for position, (_, column) in enumerate(absent):
            looks_like = nearest(column, spare)
            findings.add(
                f"has no column '{column}'" + (f" (there is '{looks_like}')" if looks_like else ""),
                row=1,
                allowed=f"the layout {self.name}, which has {', '.join(names[0] for names in self.required.values())}",
                nearest=column if looks_like else None,
                others=len(absent) - position - 1,
            )
        if any(name in STRUCTURAL for name, _ in absent):
            raise Unreadable
        return found


def _same(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


def published_indices(codebook: Codebook) -> tuple[str, ...]:
    """The names under which files carry an index: plain, and averaged over vaccination status."""
    return tuple(f"{name}{suffix}" for name in codebook.indices for suffix in ("", "_Average"))


def policy_columns(codebook: Codebook) -> tuple[str, ...]:
    """Codes and flags of the codebook, each flag after its code."""
    return tuple(
        column
        for item in codebook.indicators
        for column in ((item.code, f"{item.code}_Flag") if item.has_flag else (item.code,))
    )


def layouts(codebook: Codebook) -> dict[str, Layout]:
    """Every layout with fixed columns, by name. `wide_csv` has none and is not among them."""
    tracker: dict[str, tuple[str, ...]] = {}
    for item in codebook.indicators:
        tracker[item.code] = tuple(f"{item.code}{variant}_{item.name}" for variant in VARIANTS)
        if item.has_flag:
            tracker[f"{item.code}_Flag"] = tuple(
                # Until autumn 2020 flags were called so.
                f"{item.code}{variant}_{called}"
                for called in ("Flag", "IsGeneral")
                for variant in VARIANTS
            )
    indices = _same(published_indices(codebook))
    cumulative = {"cum_cases": ("ConfirmedCases",)}
    known = (
        Layout(
            "google_csv",
            ("mobility",),
            "csv",
            "%Y-%m-%d",
            {
                "iso2": ("country_region_code",),
                "region": ("sub_region_1",),
                "date": ("date",),
                **{name: (f"{name}{GOOGLE_SUFFIX}",) for name in MOBILITY_COLUMNS},
            },
            {
                "country": ("country_region",),
                "region_2": ("sub_region_2",),
                "metro": ("metro_area",),
                "region_code": ("iso_3166_2_code",),
            },
        ),
        Layout(
            "google_table",
            ("mobility",),
            "parquet",
            "%Y-%m-%d",
            {"place": ("iso3",), "date": ("date",), **_same(MOBILITY_COLUMNS)},
            {"country": ("country_region",)},
        ),
        Layout(
            "google_regions_table",
            ("mobility",),
            "parquet",
            "%Y-%m-%d",
            {
                "place": ("iso_3166_2_code",),
                "iso2": ("country_region_code",),
                "region": ("sub_region_1",),
                "date": ("date",),
                **_same(MOBILITY_COLUMNS),
            },
        ),
        Layout(
            "oxcgrt_csv",
            ("policy", "cases"),
            "csv",
            "%Y%m%d",
            {"place": ("CountryCode",), "date": ("Date",), **tracker},
            {
                "country": ("CountryName",),
                "region": ("RegionName",),
                "region_2": ("RegionCode",),
                "jurisdiction": ("Jurisdiction",),
                **indices,
                **cumulative,
            },
        ),
        Layout(
            "oxcgrt_table",
            ("policy", "cases"),
            "parquet",
            "%Y-%m-%d",
            {"place": ("CountryCode",), "date": ("date",), **_same(policy_columns(codebook))},
            {"country": ("CountryName",), **indices, **cumulative},
        ),
        Layout(
            "jhu_table",
            ("cases",),
            "parquet",
            "%Y-%m-%d",
            {"place": ("CountryCode",), "date": ("date",), "new_cases": ("new_cases",)},
        ),
    )
    return {layout.name: layout for layout in known}


def wide_layout(
    kind: str, columns: Sequence[str], values: Sequence[str], codebook: Codebook, findings: Findings
) -> Layout:
    """The layout of a `wide_csv` file of this kind with these columns.

    Beside `date` and, where the file is of several places, `place`: mobility has columns from `values`, policy has
    codes, their flags and published indices, cases have `new_cases`. Any other column is a fault, and so is a flagged
    code without its flag.
    """
    if kind == "policy":
        values = (*policy_columns(codebook), *published_indices(codebook))
    elif kind == "cases":
        values = ("new_cases",)
    allowed = ("date", "place", *values)
    unknown = [position for position, column in enumerate(columns) if column not in allowed]
    if len(unknown) > NAMED_UNKNOWN:
        shown = ", ".join(f"'{columns[position][:30]}'" for position in unknown[:3])
        findings.stop(
            f"{len(unknown)} of {len(columns)} columns are none that is known here ({shown} and others)",
            row=1,
            allowed=f"a provider's layout ({', '.join(layouts(codebook))}), or your own with {', '.join(allowed)}",
        )
    for position in unknown:
        column = columns[position]
        findings.add(
            f"column {position + 1} is called '{column[:60]}'" if column else f"column {position + 1} has no name",
            row=1,
            allowed=", ".join(allowed),
            nearest=nearest(column, [name for name in allowed if name not in columns]),
        )
    present = [name for name in values if name in columns]
    if kind == "policy":
        flagged = [item.code for item in codebook.indicators if item.has_flag and item.code in present]
        present += [f"{code}_Flag" for code in flagged if f"{code}_Flag" not in present]
        has_values = any(item.code in present for item in codebook.indicators)
    else:
        has_values = bool(present)
    if not has_values:
        wanted = values[0] if len(values) == 1 else f"at least one of {', '.join(values)}"
        findings.stop(f"has no column of {kind}", row=1, allowed=wanted)
    return Layout(
        WIDE,
        (kind,),
        "csv",
        "%Y-%m-%d",
        {"date": ("date",), **_same(present)},
        _same(["place"]),
        countries=False,
    )


def panel_layout(
    kind: str, columns: Sequence[str], values: Sequence[str], codebook: Codebook, findings: Findings
) -> Layout:
    """The layout of a `panel_table` file: `place`, `date`, and those of the wanted columns that it has; further ones are not
    read. Mobility is wanted by `values`, policy by the codebook."""
    wanted = (*policy_columns(codebook), *published_indices(codebook)) if kind == "policy" else tuple(values)
    present = [name for name in wanted if name in columns]
    if not present:
        findings.stop(
            f"has none of the columns {', '.join(wanted[:12])}",
            row=1,
            allowed=f"place, date and at least one of them (there are {', '.join(columns[:20])})",
            nearest=nearest(wanted[0], columns),
        )
    return Layout(
        PANEL, (kind,), "csv", PERIODS, {"place": ("place",), "date": ("date",), **_same(present)}, countries=False
    )


def detect(
    columns: Sequence[str],
    container: str,
    kinds: Sequence[str],
    named: str | None,
    codebook: Codebook,
    findings: Findings,
) -> str:
    """The name of the layout of a file with these columns; `named` is what the caller says it is.

    Raises InputError where the columns fit no layout of these kinds, or the file is not stored as the layout is.
    """
    known = {name: item for name, item in layouts(codebook).items() if set(item.kinds) & set(kinds)}
    if named is not None:
        if named == PANEL:
            return named
        one_of(named, [*known, WIDE, PANEL], what="layout", where=findings.file)
        expected = known[named].container if named in known else "csv"
        if expected != container:
            words = {"csv": "a CSV file", "parquet": "a Parquet file"}
            findings.stop(f"is not {words[expected]}", allowed=f"{words[expected]} in the layout {named}")
        return named
    _refuse_raw_release(columns, codebook, findings)
    fitting = {name: item.share_present(columns) for name, item in known.items() if item.container == container}
    best = max(fitting, key=lambda name: fitting[name], default=None)
    if best is not None and fitting[best] > RECOGNISED:
        return best
    other = {
        name: item.share_present(columns)
        for name, item in layouts(codebook).items()
        if item.container == container and name not in known
    }
    found = max(other, key=lambda name: other[name], default=None)
    if found is not None and other[found] > RECOGNISED:
        holds = " and ".join(layouts(codebook)[found].kinds)
        findings.stop(
            f"holds {holds} (layout {found}), not {' or '.join(kinds)}", allowed=f"a file of {' or '.join(kinds)}"
        )
    if container == "csv":
        return WIDE
    closest = known[best] if best is not None else None
    wanted = ", ".join(names[0] for names in closest.required.values()) if closest else "none"
    findings.stop(
        f"holds no table of {' or '.join(kinds)} that is known here", allowed=f"a table with the columns {wanted}"
    )


def _refuse_raw_release(columns: Sequence[str], codebook: Codebook, findings: Findings) -> None:
    known = ColumnNames(columns)
    apart = {found[1].upper() for column in columns if (found := _DIFFERENTIATED.match(column))}
    lacking = [
        item.code
        for item in codebook.indicators
        if item.code in apart and known.find(f"{item.code}{variant}_{item.name}" for variant in VARIANTS) is None
    ]
    if lacking:
        findings.stop(
            f"is the tracker's raw release: {lacking[0]} is there for everyone (E), the vaccinated (V) and others (NV) "
            "apart, and no one policy is said to hold",
            row=1,
            allowed="OxCGRT_nat_latest.csv, or OxCGRT_compact_national_v1.csv with the majority's policy (M)",
        )


def wide_kind(columns: Sequence[str], codebook: Codebook) -> str:
    """What a `wide_csv` file holds, from its columns: policy, cases, or else mobility."""
    if any(column in columns for column in policy_columns(codebook)):
        return "policy"
    return "cases" if "new_cases" in columns else "mobility"
