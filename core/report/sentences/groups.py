"""What the checks of groups mean: how different simulated people are, who responds more, and who is served worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from core.cognition.registry import engine_label
from core.report.document import Block, Document, Figure, Heading, Items, Paragraph, Table
from core.report.figures.skill import dumbbells
from core.report.figures.validity import categories_figure
from core.report.sentences.left_out import left_out_lines
from core.report.sentences.skill import listed
from core.report.sentences.sources import twin_source
from core.services.audits.group_results import (
    ASKED_AGAIN,
    NO_FILES,
    STORED,
    AttributeDifference,
    DiversityResult,
    GroupsResult,
    RegionAccuracy,
    RegionalAccuracy,
)
from core.services.evaluation.skill import ALIKE_WITHIN, words_of
from core.study import Study
from core.validity.region_summary import RIVAL, CountryRegions, HorizonRegions, region_table
from core.validity.regions import FORECASTERS, NATIONAL, PEOPLE, TWIN, RegionScore

DIVERSITY, RESPONSES, REGIONS = "Diversity", "Who responds how, in the simulation", "Accuracy by region"
#: What the second question is called wherever it is shown, and what it is not.
RESPONSE = "difference in simulated response"
RESPONSE_MEANS = (
    "How differently the simulated categories respond to the same change of policy; nobody observed categories, so this says "
    "what the engine assumes about people, not how accurate it is."
)
NO_TRUTH = "What each category of people did was not observed: accuracy by age, income and the like cannot be given."
#: Everything the tables say of a region beside its mobility; anything else about it is not in the data.
KNOWN_OF_REGIONS = (
    "Of regions the data hold observed days and nothing else: no population, income or age. An association of their errors "
    "can only be given with the share of cells that were observed, which is lower where few people are counted."
)
SOURCES = {STORED: "the run's stored answers", ASKED_AGAIN: "the engine asked again, of an evenly spaced part"}
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


def groups_document(result: GroupsResult, study: Study) -> Document:
    """The checks of a run."""
    parts: list[Block] = [Heading(DIVERSITY), *diversity_blocks(result, study), Heading(RESPONSES)]
    parts += [Paragraph(RESPONSE_MEANS), response_table(result, study)]
    widest = max(
        ((abs(item.difference), one, item.behaviour) for one in result.groups.attributes for item in one.extremes),
        key=lambda found: found[0],
        default=None,
    )
    if widest is not None:
        parts += response_blocks(result, study, widest[1], widest[2])
    parts += [Paragraph(NO_TRUTH), Heading(REGIONS)]
    if region_horizons(result) and result.regions is not None:
        for horizon in region_horizons(result):
            parts += region_blocks(result, study, horizon)
        parts += footnotes(result.regions)
    else:
        parts += [
            Paragraph(no_regions(result, study)),
            *_left_out({} if result.regions is None else result.regions.left_out),
        ]
    return Document(
        f"Are the simulated people of {study.place} different enough, and is everybody served alike?",
        (
            *parts,
            Paragraph(f"Checks of {result.of_run}; engine: {engine_label(result.engine)}. Kept as {result.run_id}."),
        ),
        study.fictional,
        twin_source(study, result.engine, result.of_run),
        result.run_id,
    )


def diversity_blocks(result: GroupsResult, study: Study) -> tuple[Block, ...]:
    """How many different people there are, how far apart they lie, and what explains that."""
    found, names = result.diversity, {item.id: item.label for item in study.behaviours}
    kinds = pd.DataFrame(found.population.deviation).T.reindex(columns=list(names)).astype(float) * 100.0
    return (
        Items(tuple(diversity_sentences(found))),
        Table.of(
            kinds.rename(columns=names).rename_axis("Kind of day").reset_index(),
            "Standard deviation between personas, in percentage points of the chance to do it; from "
            f"{SOURCES.get(found.source, found.source)}.",
            digits=1,
        ),
        Table.of(
            explained_table(found, names),
            "% of the spread between personas that each attribute or trait explains alone, beside what a label that means "
            "nothing would. 100: who falls into which category says all; shares overlap, since attributes go together.",
            digits=0,
        ),
    )


def diversity_sentences(found: DiversityResult) -> list[str]:
    """How many different people the simulation really has, and what that is worth."""
    own, alike = found.population, found.identical_personas
    together = (
        "No two of those compared answer alike."
        if own.collapse == 0
        else f"{own.collapse:.0%} of pairs of those compared answer alike."
    )
    said = [
        f"{own.personas:,} personas answer like {own.distinct:,.0f} different people; weights alone would leave "
        f"{own.kish:,.0f}. {together} They differ in {own.dimensions:.1f} independent ways; identical personas in "
        f"{alike.dimensions:.0f}.",
    ]
    macro = found.macro_rmse
    if {"twin", "identical_personas"} <= set(macro):
        twin, other = macro["twin"], macro["identical_personas"]
        text = (
            "about as much as"
            if abs(twin - other) < ALIKE_WITHIN * other
            else "less than"
            if twin < other
            else "more than"
        )
        one = f", and one persona alone by {macro['single_persona']:.1f}" if "single_persona" in macro else ""
        said.append(
            f"On the hold-out they miss by {twin:.1f} points, {text} identical personas ({other:.1f}){one}: what diversity is "
            "worth for the mean forecast, and not for who responds how."
        )
    return said


def explained_table(found: DiversityResult, behaviours: Mapping[str, str]) -> pd.DataFrame:
    """The share of the variance between personas that each attribute and trait explains alone, and all of them together, in
    percent: one row each, a column per behaviour in words."""
    rows: list[tuple[str, Mapping[str, float | None], float | None]] = [
        (f"{item.label} ({item.categories})", item.share, item.by_chance) for item in found.explained_by
    ]
    rows += [
        ("All attributes", found.explained_together.attributes, None),
        ("Attributes and traits", found.explained_together.attributes_and_traits, None),
    ]
    table = pd.DataFrame([share for _, share, _ in rows]).reindex(columns=list(behaviours)).astype(float) * 100.0
    table.insert(0, "Attribute (categories)", [label for label, _, _ in rows])
    table["By chance"] = [None if chance is None else 100.0 * chance for _, _, chance in rows]
    return table.rename(columns=dict(behaviours))


def response_table(result: GroupsResult, study: Study) -> Table:
    """For each attribute the two behaviours in which its categories differ most."""
    labels = {item.id: item.label for item in study.behaviours}
    rows = [
        (one.label, labels[item.behaviour], item.most, item.least, item.difference, f"{item.lower:+.1f} to {item.upper:+.1f}")
        for one in result.groups.attributes
        for item in sorted(one.extremes, key=lambda item: -abs(item.difference))[:2]
    ]  # fmt: skip
    small = "; ".join(f"{one.label}: {', '.join(one.small)}" for one in result.groups.attributes if one.small)
    return Table(
        ("Attribute", "Behaviour", "Responds most", "Responds least", "Difference", "80% interval"),
        tuple(rows),
        f"{RESPONSE.capitalize()}: change from “{result.groups.before}” to “{result.groups.after}”, mean of "
        f"{result.groups.start} to {result.groups.end}, in points of each category's own ordinary week."
        + (f" Too few personas to be named: {small}." if small else ""),
        digits=1,
    )


def response_blocks(
    result: GroupsResult, study: Study, attribute: AttributeDifference, behaviour: str
) -> tuple[Block, ...]:
    """How the categories of an attribute respond in one behaviour; nothing where none of them has it."""
    table, everyone = attribute_table(attribute, behaviour), result.groups.everyone[behaviour]
    if table.empty or everyone is None:
        return ()
    source = (
        f"{twin_source(study, result.engine, result.of_run)} Simulated, {result.groups.start} to {result.groups.end}; nobody "
        "observed these groups."
    )
    title = (
        f"{study.behaviour(behaviour).label} by {attribute.label.lower()}: strictest policy of training against none"
    )
    return (
        Paragraph(extreme_sentence(attribute, behaviour)),
        Figure(
            f"groups-{attribute.attribute}-{behaviour}",
            lambda: categories_figure(table, everyone, title, result.groups.unit, source),
            "Simulated response of each category",
            table,
        ),
    )


def attribute_table(attribute: AttributeDifference, behaviour: str) -> pd.DataFrame:
    """The categories of an attribute on one behaviour: label, people, personas, change, lower, upper; missing left out."""
    rows = [
        {
            "label": item.label,
            "people": item.people,
            "personas": item.personas,
            "change": item.change[behaviour],
            "lower": item.lower[behaviour],
            "upper": item.upper[behaviour],
        }
        for item in attribute.categories
    ]
    return pd.DataFrame(rows).dropna(subset=["change"]).reset_index(drop=True)


def extreme_sentence(attribute: AttributeDifference, behaviour: str) -> str:
    """Who responds most and least in the simulation."""
    item = next((found for found in attribute.extremes if found.behaviour == behaviour), None)
    if item is None:
        return "Too few personas stand for its categories to say who responds most."
    said = f"{item.most} respond by {abs(item.difference):.1f} points more than {item.least}"
    sure = item.lower > 0 or item.upper < 0
    return f"{said}." if sure else f"{said}, which other draws of the people could turn round."


def no_regions(result: GroupsResult, study: Study) -> str:
    """Why there is no accuracy by region."""
    if result.regions is not None:
        return "No region was observed long enough around an origin: accuracy by region cannot be given."
    if result.regions_lacking == NO_FILES:
        return (
            f"The observations of regions that study {study.id} names are not in the folder of data: accuracy by region cannot "
            "be given."
        )
    return f"No observations of regions are known for {study.place}: accuracy by region cannot be given."


def region_horizons(result: GroupsResult) -> list[int]:
    """The horizons at which regions were compared."""
    return [] if result.regions is None else sorted(map(int, result.regions.summary.by_horizon))


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
                words_of(RIVAL),
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
        *_left_out(found.left_out),
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
        rival = words_of(RIVAL)
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
            f"Taking the region's own people changes that by {-gain:+.1f}: the simulated differences between regions are {real}."
        )
    return said


def regions_document(result: RegionalAccuracy) -> Document:
    """Accuracy by region over many countries."""
    title = "Does the twin of a country serve its regions alike?"
    if not result.rows:
        said = Paragraph("No region was observed long enough around these origins.")
        return Document(title, (said, *_left_out(result.left_out)))
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


def _left_out(left_out: Mapping[str, str]) -> tuple[Block, ...]:
    lines = left_out_lines(left_out)
    return (Items(tuple(f"Left out: {line}" for line in lines)),) if lines else ()
