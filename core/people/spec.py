"""What a population file says: attributes, tables of counts, assumptions, traits and wording, as frozen values.

A *classification* is an attribute itself or a grouping of its categories (Emirati / not; employed / not). Tables,
conditions and shifts may name either, so that a source is kept at the detail in which it was published.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core.errors import one_of
from core.study.definition import TargetShares

#: How far a table can be trusted. The first five are those of the data; the others are said of our own tables.
QUALITIES = ("official", "official_old", "estimate", "approximate", "derived", "assumption", "fictional", "edited")
#: A table is either matched by the weights, or only shapes the joint distribution that is then raked.
USES = ("fit", "seed")
UNITS = ("persons", "percent", "share")
#: What the shares of a table sum to, by unit.
FULL = {"percent": 100.0, "share": 1.0}
#: The five levels a trait is told in, from the lowest fifth of [0, 1] to the highest.
LEVELS = ("very_low", "low", "middle", "high", "very_high")
LEVEL_CUTS = (0.2, 0.4, 0.6, 0.8)

#: Who something applies to: classification -> the categories it is true of; all must hold, and {} is everybody.
Condition = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Category:
    """One value of an attribute. `phrases` are ways to say it in a text; `words` are named fragments such as pronouns.

    `age` is the first and last whole year that such people have, for the age a text names.
    """

    id: str
    label: str
    phrases: tuple[str, ...]
    words: Mapping[str, str] = field(default_factory=dict)
    age: tuple[int, int] | None = None


@dataclass(frozen=True)
class Attribute:
    """A demographic attribute with its categories, in the order of the file."""

    name: str
    label: str
    categories: tuple[Category, ...]
    description: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(item.id for item in self.categories)

    def category(self, category: str) -> Category:
        one_of(category, self.ids, what="category", where=f"attribute {self.name}")
        return self.categories[self.ids.index(category)]


@dataclass(frozen=True)
class Grouping:
    """Categories of one attribute put together: group -> categories. Every category is in exactly one group."""

    name: str
    label: str
    attribute: str
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Classification:
    """An attribute or a grouping of it. `of[c]` is the position in `ids` of the attribute's c-th category."""

    name: str
    label: str
    attribute: str
    ids: tuple[str, ...]
    of: np.ndarray


@dataclass(frozen=True, eq=False)
class Marginal:
    """A table of people by the classifications in `attributes`; `table` has one axis for each, in that order.

    The shares of a table are those of the people in `universe` (everybody where it is empty), and where `within` names
    classifications, shares within each of their categories: an occupation table by sex says nothing on the number of
    men. `use` is "fit" or "seed". `left_out` names what the source lists and this table does not ("not stated"), so
    that its shares are rescaled. `original_source` and `original_table` are kept when a user edits a table.
    """

    name: str
    label: str
    attributes: tuple[str, ...]
    use: str
    source: str
    quality: str
    unit: str
    table: np.ndarray
    year: str = ""
    note: str = ""
    universe: Condition = field(default_factory=dict)
    within: tuple[str, ...] = ()
    left_out: str = ""
    original_source: str = ""
    original_table: np.ndarray | None = None

    @property
    def slices(self) -> np.ndarray:
        """For each cell of the table, in C order, the number of the `within` slice it belongs to (all 0 without)."""
        axes = [axis for axis, name in enumerate(self.attributes) if name in self.within]
        grid = np.indices(self.table.shape)
        code = np.zeros(self.table.shape, dtype=np.int64)
        for axis in axes:
            code = code * self.table.shape[axis] + grid[axis]
        return code.ravel()

    @property
    def shares(self) -> np.ndarray:
        """The table as shares that sum to 1 in each slice (0 in a slice without anybody), flat in C order."""
        values, slices = self.table.ravel(), self.slices
        totals = np.bincount(slices, weights=values)[slices]
        return np.divide(values, totals, out=np.zeros_like(values), where=totals > 0)


@dataclass(frozen=True)
class Impossible:
    """People who do not exist (a structural zero), with the reason."""

    when: Condition
    reason: str


@dataclass(frozen=True, eq=False)
class AssumedShares:
    """Shares of an attribute's categories among the people in `when`; they sum to 1 but for rounding."""

    when: Condition
    shares: np.ndarray


@dataclass(frozen=True, eq=False)
class Assumption:
    """An attribute without a source here: its shares given other attributes. The first row that fits applies."""

    attribute: str
    given: tuple[str, ...]
    rows: tuple[AssumedShares, ...]
    reasoning: str
    source: str = "assumption"


@dataclass(frozen=True)
class Wording:
    """How a trait is told of the people in `when`: one sentence for each of LEVELS."""

    when: Condition
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Trait:
    """A psychographic trait in [0, 1]: a Beta distribution whose mean shifts, in logits, with who the person is.

    `mean` and `spread` (a standard deviation) are those of a person whom no shift concerns. All of it is assumed.
    """

    name: str
    label: str
    meaning: str
    mean: float
    spread: float
    shifts: Mapping[str, Mapping[str, float]]
    wording: tuple[Wording, ...]
    reasoning: str
    source: str = "assumption"


@dataclass(frozen=True)
class TextRule:
    """A sentence of the persona's text for the people in `when`."""

    when: Condition
    say: str


@dataclass(frozen=True, eq=False)
class PopulationSpec:
    """A population as its file describes it; see the data classes above for the parts. `total` counts inhabitants.
    `target_shares` are those of one place: people are drawn as the tables say, and then weighted to have these."""

    id: str
    title: str
    total: int
    fictional: bool
    summary: str
    attributes: tuple[Attribute, ...]
    groupings: tuple[Grouping, ...]
    marginals: tuple[Marginal, ...]
    impossible: tuple[Impossible, ...]
    assumptions: tuple[Assumption, ...]
    traits: tuple[Trait, ...]
    text: tuple[tuple[TextRule, ...], ...]
    target_shares: tuple[TargetShares, ...] = ()

    @cached_property
    def classifications(self) -> dict[str, Classification]:
        """Every attribute and grouping by name."""
        found = {}
        for item in self.attributes:
            found[item.name] = Classification(item.name, item.label, item.name, item.ids, np.arange(len(item.ids)))
        for group in self.groupings:
            ids = self.attribute(group.attribute).ids
            names = tuple(group.groups)
            of = np.array([next(k for k, name in enumerate(names) if c in group.groups[name]) for c in ids])
            found[group.name] = Classification(group.name, group.label, group.attribute, names, of)
        return found

    @cached_property
    def raked(self) -> tuple[str, ...]:
        """The attributes whose joint distribution is raked: all but the assumed ones, in the order of the file."""
        assumed = {item.attribute for item in self.assumptions}
        return tuple(item.name for item in self.attributes if item.name not in assumed)

    @property
    def fitted(self) -> tuple[Marginal, ...]:
        return tuple(item for item in self.marginals if item.use == "fit")

    @property
    def trait_names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.traits)

    @property
    def age_attribute(self) -> Attribute | None:
        """The attribute whose categories are all age groups, if there is one."""
        return next((item for item in self.attributes if all(c.age is not None for c in item.categories)), None)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of everything the specification says, as hexadecimal digits."""
        text = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def attribute(self, name: str) -> Attribute:
        one_of(name, [item.name for item in self.attributes], what="attribute", where=f"population {self.id}")
        return next(item for item in self.attributes if item.name == name)

    def marginal(self, name: str) -> Marginal:
        one_of(name, [item.name for item in self.marginals], what="marginal", where=f"population {self.id}")
        return next(item for item in self.marginals if item.name == name)

    def trait(self, name: str) -> Trait:
        one_of(name, self.trait_names, what="trait", where=f"population {self.id}")
        return next(item for item in self.traits if item.name == name)

    def matches(self, condition: Condition, codes: Mapping[str, np.ndarray], size: int) -> np.ndarray:
        """Who of `size` people is meant by the condition: bool (size,). `codes` are category positions by attribute."""
        hit = np.ones(size, dtype=bool)
        for name, wanted in condition.items():
            chosen = self.classifications[name]
            allowed = np.isin(np.array(chosen.ids, dtype=object), np.array(wanted, dtype=object))
            hit &= allowed[chosen.of][codes[chosen.attribute]]
        return hit

    def margin_cells(self, marginal: Marginal, codes: Mapping[str, np.ndarray], size: int) -> np.ndarray:
        """The table cell, in C order, that each person falls in: int (size,), -1 outside the marginal's universe."""
        cell = np.zeros(size, dtype=np.int64)
        for name in marginal.attributes:
            chosen = self.classifications[name]
            cell = cell * len(chosen.ids) + chosen.of[codes[chosen.attribute]]
        return np.where(self.matches(marginal.universe, codes, size), cell, -1)

    def cell_names(self, marginal: Marginal) -> list[str]:
        """Names of the table's cells in C order: category ids joined by " · "."""
        names = [""]
        for name in marginal.attributes:
            names = [
                f"{left} · {right}" if left else right for left in names for right in self.classifications[name].ids
            ]
        return names

    def inside(self, marginal: Marginal) -> np.ndarray:
        """Which cells of the table can hold anybody of its universe: bool, the shape of the table."""
        inside = np.ones(marginal.table.shape, dtype=bool)
        for axis, allowed in enumerate(self.axes_inside(marginal.attributes, marginal.universe)):
            shape = [1] * inside.ndim
            shape[axis] = len(allowed)
            inside &= allowed.reshape(shape)
        return inside

    def axes_inside(self, attributes: tuple[str, ...], universe: Condition) -> list[np.ndarray]:
        """For each classification, which of its categories can occur in the universe."""
        axes = []
        for name in attributes:
            chosen = self.classifications[name]
            codes = {chosen.attribute: np.arange(len(chosen.of))}
            about = {k: v for k, v in universe.items() if self.classifications[k].attribute == chosen.attribute}
            hit = self.matches(about, codes, len(chosen.of))
            axes.append(np.bincount(chosen.of[hit], minlength=len(chosen.ids)) > 0)
        return axes

    def to_dict(self) -> dict[str, object]:
        """Plain lists, numbers and strings in the layout of the file; `spec_from_dict` is the way back."""
        return {
            "id": self.id,
            "title": self.title,
            "total": self.total,
            "fictional": self.fictional,
            "summary": self.summary,
            "attributes": [_attribute(item) for item in self.attributes],
            "groupings": [
                {"name": g.name, "label": g.label, "attribute": g.attribute, "groups": _lists(g.groups)}
                for g in self.groupings
            ],
            "marginals": [self._marginal(item) for item in self.marginals],
            "impossible": [{"when": _lists(item.when), "reason": item.reason} for item in self.impossible],
            "assumptions": [self._assumption(item) for item in self.assumptions],
            "traits": [_trait(item) for item in self.traits],
            "text": [{"rules": [{"when": _lists(r.when), "say": r.say} for r in rules]} for rules in self.text],
            **({"target_shares": [_target(item) for item in self.target_shares]} if self.target_shares else {}),
        }

    def _marginal(self, item: Marginal) -> dict[str, object]:
        keys = ("name", "label", "use", "source", "quality", "unit", "year", "note", "left_out", "original_source")
        raw: dict[str, object] = {key: getattr(item, key) for key in keys if getattr(item, key)}
        raw |= {"attributes": list(item.attributes), "within": list(item.within), "universe": _lists(item.universe)}
        axes = [self.classifications[name].ids for name in item.attributes]
        raw["table"] = _nested(item.table, self.inside(item), axes)
        if item.original_table is not None:
            raw["original_table"] = _nested(item.original_table, self.inside(item), axes)
        return raw

    def _assumption(self, item: Assumption) -> dict[str, object]:
        ids = self.attribute(item.attribute).ids
        rows = [
            {
                "when": _lists(row.when),
                "shares": {name: float(share) for name, share in zip(ids, row.shares, strict=True)},
            }
            for row in item.rows
        ]
        raw: dict[str, object] = {"attribute": item.attribute, "given": list(item.given), "source": item.source}
        return raw | {"reasoning": item.reasoning, "rows": rows}


def _lists(condition: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {name: list(values) for name, values in condition.items()}


def _target(item: TargetShares) -> dict[str, object]:
    return {"of": item.of, "shares": dict(item.shares)}


def _attribute(item: Attribute) -> dict[str, object]:
    categories = []
    for category in item.categories:
        raw: dict[str, object] = {"id": category.id, "label": category.label, "phrases": list(category.phrases)}
        if category.words:
            raw["words"] = dict(category.words)
        if category.age is not None:
            raw["age"] = list(category.age)
        categories.append(raw)
    return {"name": item.name, "label": item.label, "description": item.description, "categories": categories}


def _trait(item: Trait) -> dict[str, object]:
    wording = [{"when": _lists(w.when)} | dict(zip(LEVELS, w.sentences, strict=True)) for w in item.wording]
    keys = ("name", "label", "meaning", "mean", "spread", "reasoning", "source")
    raw: dict[str, object] = {key: getattr(item, key) for key in keys}
    return raw | {"shifts": {name: dict(shift) for name, shift in item.shifts.items()}, "wording": wording}


def _nested(table: np.ndarray, inside: np.ndarray, axes: list[tuple[str, ...]]) -> dict[str, object]:
    """The table as dictionaries in dictionaries, one level for each axis, without the cells that cannot be."""
    if len(axes) == 1:
        return {name: float(table[k]) for k, name in enumerate(axes[0]) if inside[k]}
    return {name: _nested(table[k], inside[k], axes[1:]) for k, name in enumerate(axes[0]) if inside[k].any()}
