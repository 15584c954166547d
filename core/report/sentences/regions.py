"""What accuracy by region means: who is served worse, and whether that is the twin's doing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from core.cognition.registry import engine_label
from core.report.document import Block, Document, Figure, Items, Paragraph, Table, signed
from core.report.figures.skill import dumbbells
from core.report.sentences.left_out import left_out_items
from core.report.sentences.skill import listed
from core.report.sentences.sources import twin_source
from core.services.audits.group_results import (
    GroupsResult,
    RegionAccuracy,
    RegionalAccuracy,
)
from core.services.runs.forecasters import label as forecaster_label
from core.study import Study
from core.validity.region_summary import RIVAL, CountryRegions, HorizonRegions, region_table
from core.validity.regions import FORECASTERS, NATIONAL, PEOPLE, TWIN, RegionScore

#: Everything the tables say of a region beside its mobility; anything else about it is not in the data.
KNOWN_OF_REGIONS = (
    "Of regions the data hold observed days and nothing else: no population, income or age. An association of their errors "
    "can only be given with the share of cells that were observed, which is lower where few people are counted."
)


#: Columns of a table of forecasters, in words short enough for one.
SHORT: dict[str, str] = {
    TWIN: "Twin",
    "last_7_days": "Last 7 days",
    "seasonal_naive": "Weekday means",
    NATIONAL: "National twin",
    PEOPLE: "… own people",
    "national_seasonal_naive": "National weekday means",
}


#: The rank correlation of two errors above which they are said to go together.
TOGETHER = 0.5


def region_blocks(result: GroupsResult, study: Study, horizon: int) -> tuple[Block, ...]:
    """Accuracy by region at one horizon, with the engine as the study gives it: nothing is searched."""
    assert result.regions is not None
    rows = result.regions.rows
    lines = region_lines(rows, horizon)
    source = twin_source(study, result.engine, result.of_run)
    found: list[Block] = []
    for country, parts in result.regions.summary.by_country.items():
        if str(horizon) in parts:
            part = parts[str(horizon)]
            found += [Items(tuple(region_sentences(part, horizon))), country_table(rows, country, horizon, part)]
    return (
        *found,
        Figure(
            f"regions-{horizon}-{result.of_run}",
            lambda: dumbbells(
                lines,
                f"Error in each region, {horizon} days ahead (further left is better)",
                forecaster_label(RIVAL),
                "points",
                source,
            ),
            "Errors of the twin and of a baseline in each region",
            lines,
        ),
    )


def footnotes(found: RegionAccuracy | RegionalAccuracy) -> tuple[Block, ...]:
    """What accuracy by region rests on, and what was left out."""
    learned = f"What the twin has learned from other countries, of which one may be among these: {found.priors}."
    return (
        Paragraph(f"The engine is as the study gives it: nothing searched. {KNOWN_OF_REGIONS} {learned}"),
        *left_out_items(found.left_out),
    )


def country_table(rows: Sequence[RegionScore], country: str, horizon: int, part: CountryRegions) -> Table:
    """The regions of a country, the worst served first."""
    table, _ = region_table(rows, country, horizon)
    names = list(part.mean)
    cells: list[tuple[object, ...]] = [
        (row["name"], f"{100 * row['observed']:.1f}%", *(float(row[name]) for name in names))
        for row in table.sort_values(TWIN, ascending=False).to_dict("records")
    ]
    cells.append(("Mean", "", *(part.mean[name] for name in names)))
    apart = [part.parity[name] for name in names]
    cells.append(("Worst less best", "", *(None if item is None else item.difference for item in apart)))
    shared = next(item.shared for item in rows if (item.country, item.horizon) == (country, horizon))
    said = f"{horizon} days ahead, RMSE over what all regions share ({', '.join(shared)})."
    if part.incomplete:
        said += f" Not compared, for too little was observed: {', '.join(part.incomplete)}."
    return Table(("Region", "Observed", *(SHORT[name] for name in names)), tuple(cells), said)


def region_lines(rows: Sequence[RegionScore], horizon: int) -> pd.DataFrame:
    """Each region's error, the twin's and the weekday means': label, twin, rival_score, the best served first."""
    table = pd.concat(
        [region_table(rows, country, horizon)[0] for country in dict.fromkeys(row.country for row in rows)]
    )
    lines = pd.DataFrame({"label": table["name"], "twin": table[TWIN], "rival_score": table[RIVAL]})
    return lines.sort_values("twin", ignore_index=True)


def region_sentences(part: CountryRegions, horizon: int) -> list[str]:
    """The best and the worst served region, whether the spread is the twin's doing, and what a region's own data are worth."""
    spread, other = part.parity.get(TWIN), part.parity.get(RIVAL)
    if spread is None:
        return ["One region alone has nothing to be compared with."]
    said = [
        f"{horizon} days after {listed(part.origins)}, the twin misses by {spread.best_error:.1f} points in {spread.best} and "
        f"by {spread.worst_error:.1f} in {spread.worst}: a parity difference of {spread.difference:.1f} points."
    ]
    if other is not None:
        kind = "the regions' own" if spread.difference <= other.difference else "more than the regions' own"
        rival = forecaster_label(RIVAL)
        said.append(
            f"For the baseline ({rival[:1].lower()}{rival[1:]}) it is {other.difference:.1f}, so the twin's is {kind}."
        )
    if part.agreement is not None and part.agreement >= TOGETHER:
        said.append(
            f"Both find the same regions hard (rank correlation {part.agreement:.2f}), so much of it lies in the regions "
            "themselves."
        )
    if NATIONAL in part.mean:
        more = part.mean[NATIONAL] - part.mean[TWIN]
        said.append(
            f"Without any data of the region, the national twin misses by {abs(more):.1f} points "
            f"{'more' if more >= 0 else 'less'}."
        )
    if PEOPLE in part.mean:
        gain = part.mean[NATIONAL] - part.mean[PEOPLE]
        real = "real ones in part" if gain > 0 else "not those that were observed"
        said.append(
            f"Taking the region's own people changes that by {signed(-gain)}: the simulated differences between regions are "
            f"{real}."
        )
    return said


def regions_document(result: RegionalAccuracy) -> Document:
    """Accuracy by region over many countries."""
    title = "Does the twin of a country serve its regions alike?"
    if not result.rows:
        said = Paragraph("No region was observed long enough around these origins.")
        return Document(title, (said, *left_out_items(result.left_out)))
    countries = len(result.summary.by_country)
    parts: list[Block] = [
        Paragraph(
            f"{'1 country' if countries == 1 else f'{countries} countries'} with regions, origins {', '.join(result.origins)}; "
            f"engine: {engine_label(result.engine)}; people: {result.population}, {result.personas} personas."
        )
    ]
    if not result.national:
        parts.append(
            Paragraph(
                "Without a table of countries (--national) nothing is said of what a national twin says of regions."
            )
        )
    for horizon, whole in result.summary.by_horizon.items():
        parts += [
            _countries_table(result, horizon, whole),
            Paragraph(_association(whole)),
            *(Paragraph(text) for text in _not_compared(result, horizon)),
        ]
    return Document(title, (*parts, *footnotes(result)))


def _countries_table(result: RegionalAccuracy, horizon: str, whole: HorizonRegions) -> Table:
    names = [name for name in FORECASTERS if any(name in part.mean for part in result.summary.by_horizon.values())]
    rows: list[tuple[object, ...]] = []
    for country, part in _at(result, horizon):
        ends = part.parity[TWIN]
        apart = [part.parity.get(name) for name in (TWIN, RIVAL)]
        rows.append(
            (
                result.names[country], part.regions, *(part.mean.get(name) for name in names),
                *(None if item is None else item.difference for item in apart),
                "" if ends is None else ends.best, "" if ends is None else ends.worst,
            )
        )  # fmt: skip
    means = [whole.mean.get(name) for name in names]
    rows.append(
        ("All, mean of countries", whole.regions, *means, *(whole.parity.get(name) for name in (TWIN, RIVAL)), "", "")
    )
    return Table(
        ("Country", "Regions", *(SHORT[name] for name in names), "Spread: twin", "weekday means", "Best", "Worst"),
        tuple(rows),
        f"{horizon} days ahead, RMSE; spread is the worst region's error less the best's.",
        digits=1,
    )


def _at(result: RegionalAccuracy, horizon: str) -> Iterator[tuple[str, CountryRegions]]:
    for country, parts in result.summary.by_country.items():
        if horizon in parts:
            yield country, parts[horizon]


def _not_compared(result: RegionalAccuracy, horizon: str) -> list[str]:
    parts = [
        f"{result.names[country]}: {', '.join(part.incomplete)}"
        for country, part in _at(result, horizon)
        if part.incomplete
    ]
    return [f"Not compared, for they lack behaviours or origins that others have: {'; '.join(parts)}."] if parts else []


def _association(whole: HorizonRegions) -> str:
    if whole.agreement is None:
        return "Too few regions to say which are hard for both."
    said = f"Rank correlation within countries, {whole.ranked} regions: twin's and weekday means' error {whole.agreement:.2f}"
    if whole.association is not None:
        said += f"; twin's error and share of observed cells {whole.association:.2f}"
    return f"{said}."
