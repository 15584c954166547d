"""What the checks of groups mean: how different simulated people are, who responds more, and who is served worse."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from core.cognition.registry import engine_label
from core.report.document import Block, Document, Figure, Heading, Items, Paragraph, Table, signed
from core.report.figures.validity import categories_figure
from core.report.sentences.left_out import left_out_items
from core.report.sentences.regions import footnotes, region_blocks
from core.report.sentences.sources import twin_source
from core.services.audits.group_results import (
    ASKED_AGAIN,
    NO_FILES,
    STORED,
    AttributeDifference,
    DiversityResult,
    GroupsResult,
)
from core.services.evaluation.skill import ALIKE_WITHIN
from core.study import Study

DIVERSITY, RESPONSES, REGIONS = "Diversity", "Who responds how, in the simulation", "Accuracy by region"
#: What the second question is called wherever it is shown, and what it is not.
RESPONSE = "difference in simulated response"
RESPONSE_MEANS = (
    "How differently the simulated categories respond to the same change of policy; nobody observed categories, so this says "
    "what the engine assumes about people, not how accurate it is."
)
NO_TRUTH = "What each category of people did was not observed: accuracy by age, income and the like cannot be given."
SOURCES = {STORED: "the run's stored answers", ASKED_AGAIN: "the engine asked again, of an evenly spaced part"}


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
            *left_out_items({} if result.regions is None else result.regions.left_out),
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
            kinds.rename(columns=names).rename_axis(f"Kind of {study.step}").reset_index(),
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
        (one.label, labels[item.behaviour], item.most, item.least, item.difference,
         f"{signed(item.lower)} to {signed(item.upper)}")
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
