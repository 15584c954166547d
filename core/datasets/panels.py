"""Tables of many places (`panel_table`), and the study and observations of any one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.content_cache import cached_by_content
from core.datasets.cells import labels, numbers
from core.datasets.files import RawFile
from core.datasets.observed import (
    HISTORY,
    ObservedData,
    behaviour_columns,
    check_logarithms,
    context_columns,
    find_source,
    source_label,
    study_folder,
)
from core.datasets.tables import NOTHING_LEFT, ReadTable, mobility_table, policy_table
from core.errors import InputError, one_of
from core.study import Study, TargetShares, codebook_of
from core.study.definition import CHANGES, PANEL


@dataclass(frozen=True)
class PanelTables:
    """What was observed of many places, rows sorted by place and period: `mobility` with a column per behaviour id and
    `policy` as in `ObservedData`, and `context` with the columns that the study names (no rows where it has none), all with
    `place` and `date`; and `shares` of people by place, as columns of the study's table of places (likewise)."""

    mobility: pd.DataFrame
    policy: pd.DataFrame
    hashes: dict[str, str]
    context: pd.DataFrame
    shares: pd.DataFrame


def load_panel(study: Study, folder: str | Path | None = None) -> PanelTables:
    """Read the study's sources from `folder` (None: its own) for all places. InputError as `load_observed`, and for a source
    of one place."""
    if not study.is_panel:
        layout = study.sources["mobility"].layout
        raise InputError(
            f"has the layout {layout}, which is of one place", where=f"study {study.id}", allowed=f"the layout {PANEL}"
        )
    place = Path(folder) if study.shipped and folder is not None else study_folder(study, folder)
    if not place.is_dir():
        raise InputError("is not a folder", where=str(place), allowed="a folder with the study's files")
    hashes: dict[str, str] = {}

    def read(kind: str, reader: Callable[..., ReadTable], **options: Any) -> pd.DataFrame:
        source, paths = find_source(study, kind, place)
        if source.layout != PANEL:
            raise InputError(
                f"has the layout {source.layout}, which is of one place",
                where=f"study {study.id}, sources.{kind}",
                allowed=f"the layout {PANEL}",
                nearest=PANEL,
            )
        parts = []
        for path in paths:
            raw = RawFile(path)
            hashes[path.name] = raw.sha256
            parts.append(reader(raw, layout=PANEL, step=study.step, allow_gaps=True, **options).frame)
        table = pd.concat(parts, ignore_index=True)
        twice = table.duplicated(["place", "date"])
        if twice.any():
            name, day = table.loc[twice, ["place", "date"]].iloc[0]
            raise InputError(
                f"{study.step.text(day.date())} of {name} is in two files", where=source_label(study, kind, place),
                allowed=f"each {study.step} of a place once",
            )  # fmt: skip
        return table.sort_values(["place", "date"], ignore_index=True)

    columns = {item.column: item.id for item in study.behaviours}
    lowest = NOTHING_LEFT if study.metric in CHANGES else None
    mobility = read("mobility", mobility_table, columns=list(columns), lowest=lowest)
    absent = [name for name in columns if name not in mobility]
    if absent:
        behaviour_columns(study, mobility, source_label(study, "mobility", place))
    policy = read("policy", policy_table, codebook=codebook_of(study))
    around = [item.column for item in study.context]
    context = read("context", mobility_table, columns=around, lowest=None) if around else pd.DataFrame()
    observed = mobility.rename(columns=columns)[["place", "date", *columns.values()]]
    return PanelTables(observed, policy, hashes, context, _shares(study, place, hashes))


def _shares(study: Study, folder: Path, hashes: dict[str, str]) -> pd.DataFrame:
    if study.places is None or not study.places.shares:
        return pd.DataFrame()
    columns = [column for _, named in study.places.shares for _, column in named]
    hashes[study.places.file] = RawFile(folder / study.places.file).sha256
    return _place_table(study.places.file, folder, list(dict.fromkeys(columns)))


def _shares_of(study: Study, tables: PanelTables, place: str) -> tuple[TargetShares, ...]:
    """The shares of people that a place has; those of the study itself where its table of places names none."""
    told = study.places
    if told is None or not told.shares:
        return study.shares
    if place not in tables.shares.index:
        raise InputError(f"has no row in {told.file}", where=place, allowed="a row for each place of the panel")
    row, whole = tables.shares.loc[place].to_dict(), 100.0 if told.unit == "percent" else 1.0
    found = []
    for of, columns in told.shares:
        shares = tuple((category, float(row[column]) / whole) for category, column in columns)
        for (_, column), (_, share) in zip(columns, shares, strict=True):
            if not 0.0 <= share <= 1.0:
                raise InputError(
                    f"its {column} is {row[column]:g}",
                    where=f"{told.file}, {place}",
                    allowed=f"a {told.unit}, 0 to {whole:g}",
                )
        found.append(TargetShares(of, shares))
    named = {item.of for item in found}
    return (*(item for item in study.shares if item.of not in named), *found)


def _place_table(file: str, folder: Path, columns: list[str]) -> pd.DataFrame:
    """Numbers of the study's table of places, indexed by place. InputError for a column that it lacks, for what is no number,
    and for a place that is in it twice."""
    raw = RawFile(folder / file)
    for name in ("place", *columns):
        one_of(name, raw.columns, what="column", where=raw.path.name)
    table = raw.load(["place", *columns])
    named = labels(table, "place", raw.findings).texts()
    found = pd.DataFrame({name: numbers(table, name, raw.findings, lower=0) for name in columns}).set_axis(named)
    twice = found.index[found.index.duplicated()]
    if len(twice):
        raise InputError(f"{twice[0]} is in it twice", where=raw.path.name, allowed="each place once")
    return found


def place_of_panel(study: Study, tables: PanelTables, place: str) -> tuple[Study, ObservedData]:
    """The study of one place of the panel, over the periods that it has, and what was observed there.

    A place has the periods from its first to its last with a level of every lever. InputError for an unknown place, one
    without a policy, and one whose policy has a hole.
    """
    mobility = tables.mobility[tables.mobility["place"] == place].set_index("date").drop(columns="place")
    policy = tables.policy[tables.policy["place"] == place].set_index("date").drop(columns="place")
    if mobility.empty:
        one_of(place, sorted(tables.mobility["place"].unique()), what="place", where=f"study {study.id}")
    if policy.empty:
        raise InputError("has no policy", where=place, allowed=f"a place of the policy table of {study.id}")
    step, codes = study.step, [item.code for item in study.indicators]
    absent = [code for code in codes if code not in policy]
    if absent:
        raise InputError(f"has no column '{absent[0]}'", where=f"policy of {study.id}", allowed=", ".join(codes))
    told = policy[codes].notna().all(axis=1)
    told &= policy.index >= pd.Timestamp(study.start - HISTORY)
    seen = mobility.dropna(how="all").loc[pd.Timestamp(study.start) : pd.Timestamp(study.end)]
    if not told.any() or seen.empty:
        raise InputError("has no period with its policy and something observed", where=place, allowed="one or more")
    known = policy[told]
    begun, last = (pd.Timestamp(day).date() for day in (known.index[0], known.index[-1]))
    first, end = max(pd.Timestamp(seen.index[0]).date(), begun), min(study.end, last)
    if not first < end:
        raise InputError(
            f"was observed from {step.text(first)} on, and its policy ends in {step.text(end)}", where=place,
            allowed="a policy while something is observed",
        )  # fmt: skip
    middle = step.after(first, step.between(first, end) // 2)
    train_end = study.train_end if first < study.train_end < end else middle
    own = replace(study, start=first, end=end, train_end=train_end, shares=_shares_of(study, tables, place))
    periods = step.periods(begun, end)
    known = policy.astype(float).reindex(periods)
    if study.sources["policy"].carried:
        known = known.ffill()
    lacking = periods[known[codes].isna().any(axis=1)]
    if len(lacking):
        hole = lacking[0].date()
        raise InputError(
            f"no level of some lever in {step.text(hole)}", where=place,
            allowed=f"a level of {', '.join(codes)} in every {step} from {step.text(begun)} to {step.text(end)}",
        )  # fmt: skip
    observed = mobility.reindex(step.periods(first, end)).astype(float)
    check_logarithms(study, observed, f"mobility of {place}")
    nothing = pd.Series(
        [], index=pd.DatetimeIndex([], dtype="datetime64[us]", name="date"), name="new_cases", dtype=float
    )
    around = pd.DataFrame()
    if study.context:
        own_rows = tables.context[tables.context["place"] == place].set_index("date").drop(columns="place")
        around = context_columns(study, own_rows, f"context of {place}").reindex(periods)
    return own, ObservedData(observed, known, nothing, dict(tables.hashes), (), around)


def place_weights(study: Study, folder: Path, places: Sequence[str]) -> dict[str, float]:
    """What each place counts in a total: as the study's table says, and all alike where it names none. InputError for a table
    without a positive number for each."""
    if study.places is None or not study.places.column:
        return dict.fromkeys(places, 1.0)
    file, column = study.places.file, study.places.column
    weights = _place_table(file, folder, [column])[column].to_dict()
    lacking = [name for name in places if not weights.get(name, 0.0) > 0]
    if lacking:
        raise InputError(
            f"has no {column} above 0 for {', '.join(lacking[:5])}",
            where=file,
            allowed="one for each place of the panel",
        )
    return {name: float(weights[name]) for name in places}


def places_beside(study: Study, folder: Path | None = None) -> tuple[str, ...]:
    """The places of a panel in `folder` (None: as shipped), in order; its table is not read again while it stays as it is."""
    return _names_in(find_source(study, "mobility", study_folder(study, folder))[1][0])


@cached_by_content(keep=8)
def _names_in(path: Path) -> tuple[str, ...]:
    return tuple(sorted(pd.read_csv(path, usecols=["place"], dtype=str, keep_default_na=False)["place"].unique()))


def panel_places(tables: PanelTables) -> tuple[str, ...]:
    """The places with observations, in order."""
    return tuple(sorted(map(str, tables.mobility["place"].unique())))
