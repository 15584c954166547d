"""A plain-language text for each persona: who they are in words, then what is most distinctive of them.

A text holds no scores and no numbers but an age. Of the traits, the three that differ most from what is usual are told,
each at the level (one of five) that the person has; the first is never told as middling, so that nobody is middling in
everything. Sentences are built once for each combination of categories they mention, then handed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from core.people.spec import LEVEL_CUTS, LEVELS, Attribute, PopulationSpec, TextRule
from core.people.templates import Hole, fill, parse_template

#: How many traits a text tells.
TOLD = 3
#: Distinctiveness is measured in spreads from the mean; this is taken where a trait is assumed to have none.
USUAL_SPREAD = 0.2
#: Steps of low-discrepancy sequences (fractional parts of square roots of primes): they spread ages and phrasings
#: evenly over personas without a random state, so that a persona's text depends on nothing but the persona.
_AGE_STEP = 0.6180339887498949
_PHRASE_STEPS = tuple(float(np.sqrt(prime) % 1.0) for prime in (2, 3, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43))


def describe(personas: pd.DataFrame, spec: PopulationSpec) -> np.ndarray:
    """The text of each persona: object array of str, one per row.

    `personas` needs `persona_id`, the attributes as categories and the traits in [0, 1]; equal rows give equal texts.
    """
    if not len(personas):
        return np.empty(0, dtype=object)
    writer = _Writer(personas, spec)
    parts = [writer.sentences(rules) for rules in spec.text]
    if spec.traits:
        parts += writer.distinctive()
    if not parts:
        return np.full(len(personas), "", dtype=object)
    text = parts[0]
    for part in parts[1:]:
        # A block without a rule for someone gives an empty sentence, which needs no space.
        text = text + np.where((part == "") | (text == ""), "", " ").astype(object) + part
    return text


class _Writer:
    """Category positions, phrase numbers and ages of the personas, and the sentences made of them."""

    def __init__(self, personas: pd.DataFrame, spec: PopulationSpec) -> None:
        self.spec, self.size = spec, len(personas)
        self.codes = attribute_codes(personas, spec)
        ids = personas["persona_id"].to_numpy(dtype=float)
        self.phrase = {}
        for position, attribute in enumerate(spec.attributes):
            spread = (ids + 1) * _PHRASE_STEPS[position % len(_PHRASE_STEPS)] % 1.0
            counts = np.array([len(item.phrases) for item in attribute.categories])
            self.phrase[attribute.name] = (spread * counts[self.codes[attribute.name]]).astype(np.int64)
        self.age = np.zeros(self.size, dtype=np.int64)
        if spec.age_attribute is not None:
            first, last = self._age_range(spec.age_attribute)
            self.age = first + ((ids + 1) * _AGE_STEP % 1.0 * (last - first + 1)).astype(np.int64)
        self.values = personas[list(spec.trait_names)].to_numpy(dtype=float)

    def _age_range(self, groups: Attribute) -> tuple[np.ndarray, np.ndarray]:
        """First and last year each persona can be: the age group, cut to the ages of the other categories."""
        first, last = np.array([item.age for item in groups.categories])[self.codes[groups.name]].T
        low, high = first, last
        for attribute in self.spec.attributes:
            ages = np.array([item.age or (0, 200) for item in attribute.categories])[self.codes[attribute.name]]
            low, high = np.maximum(low, ages[:, 0]), np.minimum(high, ages[:, 1])
        meets = low <= high
        return np.where(meets, low, first), np.where(meets, high, last)

    def sentences(self, rules: Sequence[TextRule], rows: np.ndarray | None = None) -> np.ndarray:
        """The first rule that fits each persona, filled; "" where none does. `rows`: the (n,) positions to do."""
        rows = np.arange(self.size) if rows is None else rows
        codes = {name: values[rows] for name, values in self.codes.items()}
        said = np.full(len(rows), "", dtype=object)
        open_ = np.ones(len(rows), dtype=bool)
        for rule in rules:
            here = np.flatnonzero(open_ & self.spec.matches(rule.when, codes, len(rows)))
            open_[here] = False
            if len(here):
                said[here] = self._filled(rule.say, rows[here])
        return said

    def _filled(self, template: str, rows: np.ndarray) -> np.ndarray:
        holes = [part for part in parse_template(template) if isinstance(part, Hole)]
        named = sorted({hole.name for hole in holes if not hole.needs_age})
        phrased = {hole.name for hole in holes if not hole.needs_age and hole.word is None}
        key = np.zeros(len(rows), dtype=np.int64)
        attributes = {name: self.spec.attribute(name) for name in named}
        for name in named:
            key = key * len(attributes[name].categories) + self.codes[name][rows]
            if name in phrased:
                key = key * (int(self.phrase[name].max()) + 1) + self.phrase[name][rows]
        if any(hole.needs_age for hole in holes):
            key = key * (int(self.age.max()) + 1) + self.age[rows]
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        distinct = np.empty(len(first), dtype=object)
        for number, row in enumerate(rows[first]):
            chosen = {
                name: (attribute.categories[self.codes[name][row]], int(self.phrase[name][row]))
                for name, attribute in attributes.items()
            }
            distinct[number] = fill(template, chosen, int(self.age[row]))
        return distinct[inverse]

    def distinctive(self) -> list[np.ndarray]:
        """The sentences on the most distinctive traits, most distinctive first: TOLD arrays of (size,) str."""
        traits = self.spec.traits
        usual = np.array([trait.mean for trait in traits])
        spread = np.array([trait.spread or USUAL_SPREAD for trait in traits])
        deviation = (self.values - usual) / spread
        order = np.argsort(-np.abs(deviation), axis=1, kind="stable")[:, :TOLD]
        levels = np.digitize(self.values, LEVEL_CUTS)
        everyone = np.arange(self.size)
        first = order[:, 0]
        middling = levels[everyone, first] == LEVELS.index("middle")
        leaning = np.where(deviation[everyone, first] < 0, LEVELS.index("low"), LEVELS.index("high"))
        levels[everyone[middling], first[middling]] = leaning[middling]
        told = [np.full(self.size, "", dtype=object) for _ in range(order.shape[1])]
        for rank, sentences in enumerate(told):
            for number, trait in enumerate(traits):
                for level in range(len(LEVELS)):
                    rows = np.flatnonzero((order[:, rank] == number) & (levels[:, number] == level))
                    rules = [TextRule(wording.when, wording.sentences[level]) for wording in trait.wording]
                    sentences[rows] = self.sentences(rules, rows)
        return told


def attribute_codes(personas: pd.DataFrame, spec: PopulationSpec) -> Mapping[str, np.ndarray]:
    """Each attribute's category as its position in the specification: attribute -> int (size,)."""
    return {
        item.name: pd.Categorical(personas[item.name], categories=list(item.ids)).codes.astype(np.int64)
        for item in spec.attributes
    }
