"""Populations as tables in plain words: what a page shows, searches and takes edits from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.people.marginals import marginal_frame
from core.people.personas import Population
from core.people.spec import FULL, LEVEL_CUTS, Marginal, PopulationSpec
from core.people.text import attribute_codes

#: The five levels of a trait in words, lowest first, and the middle of each in [0, 1].
LEVEL_WORDS = ("very low", "low", "middle", "high", "very high")
LEVEL_MIDDLES = (0.1, 0.3, 0.5, 0.7, 0.9)
#: Columns of a table of people beside attributes and traits.
PERSON, WEIGHT, TEXT = "Person", "Stands for", "Text"
VALUE_LABELS = {"persons": "Number", "percent": "Percent", "share": "Share"}
USE_WORDS = {
    "fit": "fitted: the weights match it",
    "seed": "seed only: it shapes who goes together, the weights do not match it",
}
#: What the five qualities of data, and those of our own tables, mean.
QUALITY_WORDS = {
    "official": "official statistics",
    "official_old": "official statistics, old",
    "estimate": "estimate",
    "approximate": "approximate",
    "derived": "derived from other figures",
    "assumption": "assumption",
    "fictional": "invented",
    "edited": "edited by the user",
}  # fmt: skip
TRAIT_BINS = 20
#: From this share of a table's number on, an edit of it is a large step.
LARGE_STEP = 0.5


@dataclass(frozen=True)
class Filter:
    """One thing people are searched by: a category of an attribute, or a level of a trait."""

    name: str
    value: str
    label: str


def category_labels(spec: PopulationSpec, classification: str) -> dict[str, str]:
    """Ids of a classification's categories -> labels; groups of a grouping are named by their ids in words."""
    chosen = spec.classifications[classification]
    if chosen.name == chosen.attribute:
        return {item.id: item.label for item in spec.attribute(classification).categories}
    own = {item.id: item.label for item in spec.attribute(chosen.attribute).categories}
    labels = {}
    for name in chosen.ids:
        rest = name.removeprefix("non_")
        negated = f"Non-{own[rest]}" if rest != name and rest in own else name.replace("_", " ").capitalize()
        labels[name] = own.get(name, negated)
    return labels


def cell_labels(spec: PopulationSpec, marginal: Marginal) -> list[str]:
    """Names of the table's cells that can hold anybody, in the order of `marginal_frame`."""
    frame = marginal_frame(spec, marginal.name)
    columns = [frame[name].map(category_labels(spec, name)) for name in marginal.attributes]
    return [" · ".join(parts) for parts in zip(*columns, strict=True)]


def universe_text(spec: PopulationSpec, marginal: Marginal) -> str:
    """Whom a table counts, in words: "everybody", or its conditions."""
    if not marginal.universe:
        return "everybody"
    parts = []
    for name, wanted in marginal.universe.items():
        labels = category_labels(spec, name)
        parts.append(f"{spec.classifications[name].label}: {', '.join(labels[item] for item in wanted)}")
    return "; ".join(parts)


def table_rows(spec: PopulationSpec, name: str) -> pd.DataFrame:
    """A table to edit: one column of labels for each classification, then its values under the name of their unit.

    Where a user has edited the table, a last column `Original` has the numbers of the source.
    """
    marginal = spec.marginal(name)
    frame = marginal_frame(spec, name)
    rows = pd.DataFrame(
        {spec.classifications[item].label: frame[item].map(category_labels(spec, item)) for item in marginal.attributes}
    )
    rows[VALUE_LABELS[marginal.unit]] = frame["value"].to_numpy(dtype=float)
    if marginal.original_table is not None:
        rows["Original"] = marginal.original_table[spec.inside(marginal)]
    return rows


@dataclass(frozen=True)
class TableStep:
    """One number of a table that a user has changed: its cell in words, and both numbers."""

    cell: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """As a share of the number before; infinite where that was 0."""
        return (self.after - self.before) / self.before if self.before else float("inf")

    @property
    def large(self) -> bool:
        """Whether it is half of the number before or more."""
        return abs(self.change) >= LARGE_STEP

    @property
    def text(self) -> str:
        share = "from nothing" if not self.before else f"{self.change:+.0%}".replace("-", "−")
        return f"{self.cell}: {self.before:,.10g} → {self.after:,.10g} ({share})"


def table_steps(spec: PopulationSpec, name: str) -> list[TableStep]:
    """What a user has changed in a table, the largest step first."""
    marginal = spec.marginal(name)
    if marginal.original_table is None:
        return []
    before = marginal.original_table[spec.inside(marginal)]
    after = marginal_frame(spec, name)["value"].to_numpy(dtype=float)
    # Shares of a rescaled table differ in their last digits everywhere.
    changed = [
        TableStep(cell, float(old), float(new))
        for cell, old, new in zip(cell_labels(spec, marginal), before, after, strict=True)
        if not np.isclose(old, new, rtol=1e-6, atol=0.0)
    ]
    return sorted(changed, key=lambda item: -abs(item.change))


def checked_values(spec: PopulationSpec, name: str, values: Sequence[float | None]) -> list[float]:
    """The values a user typed into `table_rows`; InputError in the words of the page for what cannot be."""
    marginal = spec.marginal(name)
    labels = cell_labels(spec, marginal)
    numbers = [float("nan") if value is None else float(value) for value in values]
    if len(numbers) != len(labels):
        raise InputError(f"has {len(numbers)} rows", where=f"table “{marginal.label}”", allowed=f"{len(labels)}")
    for label, value in zip(labels, numbers, strict=True):
        where = f"table “{marginal.label}”, row “{label}”"
        if np.isnan(value):
            raise InputError("the value is missing", where=where, allowed="a number of 0 or more", nearest="0")
        if not 0 <= value < np.inf:
            raise InputError(f"the value is {value:g}", where=where, allowed="a number of 0 or more", nearest="0")
    if sum(numbers) <= 0:
        raise InputError("counts nobody", where=f"table “{marginal.label}”", allowed="at least one value above 0")
    return numbers


def rescaling_note(spec: PopulationSpec, name: str) -> str:
    """What happens to the numbers typed into a table, in one sentence."""
    marginal = spec.marginal(name)
    if marginal.within:
        groups = " and ".join(spec.classifications[item].label.lower() for item in marginal.within)
        whole = f"within each group ({groups})"
    else:
        whole = f"of those it counts ({universe_text(spec, marginal)})"
    if marginal.unit in FULL:
        return f"Shares {whole}; they are rescaled to {FULL[marginal.unit]:g} when applied."
    return f"Only the proportions {whole} count: the total stays {spec.total:,}."


def fit_rows(population: Population, name: str) -> pd.DataFrame:
    """Target and result of one table: category (label), target and achieved (% of all inhabitants), error (points)."""
    marginal = population.spec.marginal(name)
    rows = population.fit[population.fit["marginal"] == name]
    return pd.DataFrame(
        {
            "category": cell_labels(population.spec, marginal),
            "target": 100.0 * rows["target"].to_numpy(dtype=float),
            "achieved": 100.0 * rows["achieved"].to_numpy(dtype=float),
            "error": rows["error"].to_numpy(dtype=float),
        }
    )


def largest_error_place(population: Population) -> str:
    """Where the largest error of a fitted table is, in labels: "table: category"."""
    name = population.largest_error_at.split(": ", 1)[0]
    rows = fit_rows(population, name)
    worst = rows.iloc[int(rows["error"].abs().to_numpy().argmax())]
    return f"{population.spec.marginal(name).label}: {worst['category']}"


def people_rows(population: Population, ids: Sequence[int] | np.ndarray | None = None) -> pd.DataFrame:
    """People in plain words, one row each: number, inhabitants, attributes by label, traits by level, text."""
    spec, personas = population.spec, population.personas
    if ids is not None:
        personas = personas.iloc[np.asarray(ids, dtype=int)]
    columns: dict[str, object] = {
        PERSON: personas["persona_id"].to_numpy(),
        WEIGHT: personas["weight"].to_numpy(),
    }
    codes = attribute_codes(personas, spec)
    for attribute in spec.attributes:
        labels = np.array([item.label for item in attribute.categories], dtype=object)
        columns[attribute.label] = labels[codes[attribute.name]]
    for trait in spec.traits:
        columns[trait.label] = np.array(LEVEL_WORDS)[np.digitize(personas[trait.name], LEVEL_CUTS)]
    columns[TEXT] = personas["text"].to_numpy()
    return pd.DataFrame(columns).reset_index(drop=True)


def filters(spec: PopulationSpec) -> list[Filter]:
    """Everything people can be searched by, attributes first."""
    found = [
        Filter(attribute.name, category.id, f"{attribute.label}: {category.label}")
        for attribute in spec.attributes
        for category in attribute.categories
    ]
    return found + [Filter(trait.name, word, f"{trait.label}: {word}") for trait in spec.traits for word in LEVEL_WORDS]


def find_people(population: Population, words: str = "", chosen: Sequence[Filter] = ()) -> np.ndarray:
    """Numbers of the people whose text has all the words and who have, of each thing chosen, one of the values."""
    personas, spec = population.personas, population.spec
    hit = np.ones(population.size, dtype=bool)
    for name in dict.fromkeys(item.name for item in chosen):
        wanted = [item.value for item in chosen if item.name == name]
        if name in spec.trait_names:
            levels = np.digitize(personas[name], LEVEL_CUTS)
            hit &= np.isin(levels, [LEVEL_WORDS.index(word) for word in wanted])
        else:
            hit &= personas[name].isin(wanted).to_numpy(dtype=bool)
    for word in words.split():
        hit &= personas["text"].str.contains(word, case=False, regex=False).to_numpy(dtype=bool)
    return np.flatnonzero(hit)


def trait_level(value: float) -> str:
    """The level of a trait's value in words."""
    return LEVEL_WORDS[int(np.digitize(value, LEVEL_CUTS))]


def wanted_changes(
    population: Population, before: Population, persona_id: int, chosen: Mapping[str, str]
) -> dict[str, str | float]:
    """All differences of a person from the unedited one, given choices in words; see `PopulationDraft.with_person`.

    `population` is as now, `before` without edits of people. `chosen` maps attributes and traits to labels and levels;
    what is not in it stays. A level that the person has already keeps its exact value; the level of the unedited person
    brings that one's value back; any other takes the middle of the level. InputError for an unknown label or level.
    """
    spec = population.spec
    now, first = population.personas.iloc[persona_id], before.personas.iloc[persona_id]
    wanted: dict[str, str | float] = {}
    for name in (*(item.name for item in spec.attributes), *spec.trait_names):
        value = now[name]
        if name in chosen and name in spec.trait_names:
            trait, where = spec.trait(name), f"person {persona_id}"
            level = one_of(chosen[name], LEVEL_WORDS, what=f"level of “{trait.label}”", where=where)
            if level != trait_level(float(value)):
                same = level == trait_level(float(first[name]))
                value = float(first[name]) if same else LEVEL_MIDDLES[LEVEL_WORDS.index(level)]
        elif name in chosen:
            attribute = spec.attribute(name)
            ids = {item.label: item.id for item in attribute.categories}
            value = ids[
                one_of(chosen[name], ids, what=f"category of “{attribute.label}”", where=f"person {persona_id}")
            ]
        if value != first[name]:
            wanted[name] = value if isinstance(value, str) else float(value)
    return wanted


def label_choices(spec: PopulationSpec, edits: Mapping[str, object]) -> dict[str, str]:
    """Edits of a row of `people_rows` (column label -> text) by attribute and trait; other columns are refused."""
    names = {item.label: item.name for item in spec.attributes} | {item.label: item.name for item in spec.traits}
    return {names[one_of(column, names, what="column")]: str(value) for column, value in edits.items()}


def composition(population: Population, attribute: str, by: str | None = None) -> pd.DataFrame:
    """Inhabitants by category: columns `category`, `by` (labels; "all" without a second attribute), `inhabitants`."""
    spec, personas = population.spec, population.personas
    names = [attribute] if by is None or by == attribute else [attribute, by]
    axes = [spec.attribute(name).ids for name in names]
    index = pd.MultiIndex.from_product(axes, names=names)
    total = personas.groupby(names, observed=False)["weight"].sum()
    if len(names) == 1:
        total.index = pd.MultiIndex.from_arrays([total.index], names=names)
    counts = total.reindex(index, fill_value=0)
    frame = pd.DataFrame({"category": index.get_level_values(0).map(category_labels(spec, attribute))})
    frame["by"] = (
        "all" if len(names) == 1 else index.get_level_values(1).map(category_labels(spec, names[1])).to_numpy()
    )
    return frame.assign(inhabitants=counts.to_numpy(dtype=np.int64))


def trait_shares(population: Population) -> pd.DataFrame:
    """How each trait is spread: `trait` (label), `value` (middle of a bin of [0, 1]), `percent` of inhabitants."""
    edges = np.linspace(0.0, 1.0, TRAIT_BINS + 1)
    weight = population.personas["weight"].to_numpy(dtype=float)
    blocks = []
    for trait in population.spec.traits:
        values = population.personas[trait.name].to_numpy(dtype=float)
        counts, _ = np.histogram(values, bins=edges, weights=weight)
        block = {"trait": trait.label, "value": (edges[:-1] + edges[1:]) / 2, "percent": 100.0 * counts / weight.sum()}
        blocks.append(pd.DataFrame(block))
    return pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=["trait", "value", "percent"])


def sources_rows(population: Population) -> pd.DataFrame:
    """Everything the population rests on, in words: what, used as, source, quality, year, note or reasoning."""
    from core.people.marginals import sources_frame

    frame = sources_frame(population.spec)
    used = {"fit": "table, fitted", "seed": "table, seed only"}
    return pd.DataFrame(
        {
            "What": frame["label"],
            "Used as": frame["used_as"].map(lambda item: used.get(item, item)),
            "Source": frame["source"],
            "Quality": frame["quality"].map(lambda item: QUALITY_WORDS.get(item, item)),
            "Year": frame["year"],
            "Note or reasoning": frame["note"],
        }
    )
