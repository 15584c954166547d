"""Answers to a survey question as a result: what commands print, pages draw and the store keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.llm.budget import Plan, Spent
from core.cognition.llm.canaries import CanaryComparison
from core.errors import one_of
from core.people.spec import PopulationSpec
from core.result import Result
from core.services.populations.tables import LEVEL_WORDS, category_labels, trait_level
from core.survey.distribution import LEVEL, Difference, Estimate, Group, Spread, Subgroups, SurveyDistribution
from core.survey.mapping import AnswerMapping
from core.survey.questions import SurveyQuestion

DECIMALS = 6


@dataclass(frozen=True, kw_only=True)
class AnswerSpread:
    """A `Spread`, and each of its parts in `percent` of the whole; None of what cannot be known from one sample."""

    total: float | None
    between_personas: float | None
    between_samples: float | None
    within: float | None
    chance: float | None
    percent: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class AnswerGroup:
    """The answers of some of the people, see `Group`; `small` where chance decides much of them."""

    name: str
    label: str
    shares: tuple[Estimate, ...]
    mean: Estimate | None
    spread: AnswerSpread
    people: int
    personas: int
    effective_personas: float
    missing: int
    small: bool


@dataclass(frozen=True, kw_only=True)
class AnswersBy:
    """The groups of an attribute or trait, see `Subgroups`; `by_chance` is what a label that means nothing would explain of so
    few personas."""

    label: str
    groups: tuple[AnswerGroup, ...]
    rest: tuple[Difference, ...]
    pairs: tuple[Difference, ...]
    explained: float | None
    by_chance: float | None


@dataclass(frozen=True, kw_only=True)
class SurveyResult(Result, kind="ask"):
    """A question put to `asked` of the `of_personas` people of a population, who stand for `inhabitants`.

    Either `engine` asked `model` (`model_ids` answered, `samples` times each), or the user's `mapping` stands for the answers.
    `situation` is what people were told, `failed` how many questions have no valid answer (the first are `problems`), `spent`
    what asking took, `rotations` in how many orders letters were asked for where their log-probabilities are the answers,
    `unread` the mean probability of other words, `warnings` those that earlier versions stored in words. `everyone` and the
    groups `by` attribute have
    intervals of `level` percent, over which personas were asked.
    """

    study: str
    place: str
    fictional: bool
    population_id: str
    question: SurveyQuestion
    engine: str
    model: str | None
    model_ids: tuple[str, ...]
    prompt_version: str | None
    samples: int
    asked: int
    of_personas: int
    inhabitants: int
    among: Mapping[str, tuple[str, ...]]
    failed: int
    problems: tuple[str, ...]
    mapping: AnswerMapping | None = None
    situation: str | None
    timeline_id: str | None
    spent: Spent | None
    warnings: tuple[str, ...] = ()
    canaries: CanaryComparison | None = None
    rotations: int | None = None
    unread: float | None = None
    labels: tuple[str, ...]
    level: int = LEVEL
    everyone: AnswerGroup
    by: Mapping[str, AnswersBy]
    run_id: str = ""
    rung: str = ""
    result_hash: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "kind": self.question.kind}

    def groups(self, attribute: str | None) -> tuple[AnswerGroup, ...]:
        """The groups of an attribute, or everyone as the only one. InputError for an attribute that is not in `by`."""
        if attribute is None:
            return (self.everyone,)
        return self.by[one_of(attribute, self.by, what="attribute", where="ask")].groups


@dataclass(frozen=True, kw_only=True)
class AskingCost(Plan):
    """What asking would take; `prompt` is the first of all."""

    engine: str
    model: str
    personas: int
    of_personas: int
    samples: int
    question: SurveyQuestion
    prompt: str


def distribution_of(
    question: SurveyQuestion, values: np.ndarray, weights: np.ndarray, ids: np.ndarray, seed: int
) -> SurveyDistribution:
    """The distribution of a question's answers."""
    return SurveyDistribution(values, weights, question.values, ids=ids, seed=seed)


def answers_by(found: SurveyDistribution, people: pd.DataFrame, spec: PopulationSpec, name: str) -> AnswersBy:
    """The answers by an attribute or trait (by its levels). InputError where the population has none of that name."""
    one_of(name, subgroup_names(spec), what="attribute or trait", where=f"population {spec.id}")
    if name in spec.trait_names:
        texts = np.array([trait_level(value) for value in people[name]], dtype=object)
        label, words = spec.trait(name).label, {level: level for level in LEVEL_WORDS}
    else:
        texts = people[name].astype(str).to_numpy(dtype=object)
        label, words = spec.attribute(name).label, category_labels(spec, name)
    groups = found.by(texts, order=list(words))
    return AnswersBy(
        label=label,
        groups=tuple(answer_group(item, words[item.name]) for item in groups.groups),
        rest=_differences(groups.rest, words),
        pairs=_differences(groups.pairs, words),
        explained=_number(groups.explained),
        by_chance=_number(_by_chance(groups)),
    )


def answer_group(item: Group, label: str) -> AnswerGroup:
    """A group of a distribution, rounded."""
    return AnswerGroup(
        name=item.name,
        label=label,
        shares=_estimates(item.shares),
        mean=None if item.mean is None else _estimate(item.mean),
        spread=_spread(item.spread),
        people=round(item.people),
        personas=item.personas,
        effective_personas=round(item.effective, 2),
        missing=item.missing,
        small=item.small,
    )


def subgroup_names(spec: PopulationSpec) -> list[str]:
    """What people can be grouped by: attributes, then traits by their levels."""
    return [*(item.name for item in spec.attributes), *spec.trait_names]


def answer_table(result: SurveyResult, groups: Iterable[AnswerGroup]) -> pd.DataFrame:
    """A row for each group and answer: group, personas, people, answer, share, lower, upper (percent of inhabitants), and for
    a scale the group's mean with its interval."""
    rows = []
    for group in groups:
        mean = (None, None, None) if group.mean is None else (group.mean.value, group.mean.lower, group.mean.upper)
        for label, share in zip(result.labels, group.shares, strict=True):
            percent = [round(100.0 * value, 4) for value in (share.value, share.lower, share.upper)]
            rows.append((group.label, group.personas, group.people, label, *percent, *mean))
    columns = "group personas people answer share lower upper mean mean_lower mean_upper"
    return pd.DataFrame(rows, columns=columns.split())


def distribution_table(result: SurveyResult) -> pd.DataFrame:
    """`answer_table` of everyone (attribute "") and of each attribute, which stands in front."""
    parts = [("", result.groups(None)), *((name, found.groups) for name, found in result.by.items())]
    tables = [answer_table(result, groups) for _, groups in parts]
    for (name, _), table in zip(parts, tables, strict=True):
        table.insert(0, "attribute", name)
    return pd.concat(tables, ignore_index=True)


def _by_chance(groups: Subgroups) -> float:
    personas = sum(item.personas for item in groups.groups)
    return min((len(groups.groups) - 1) / (personas - 1), 1.0) if personas > 1 else math.nan


def _spread(item: Spread) -> AnswerSpread:
    parts = {
        "between_personas": item.between_personas,
        "between_samples": item.between_samples,
        "within": item.within,
    }
    whole = item.total
    return AnswerSpread(
        total=_number(whole),
        **{name: _number(value) for name, value in parts.items()},
        chance=_number(item.chance),
        percent={name: _number(100.0 * value / whole if whole > 0 else math.nan) for name, value in parts.items()},
    )


def _differences(items: Sequence[Difference], words: Mapping[str, str]) -> tuple[Difference, ...]:
    return tuple(
        Difference(
            words.get(item.first, item.first),
            words.get(item.second, item.second),
            _estimates(item.shares),
            None if item.mean is None else _estimate(item.mean),
        )
        for item in items
    )


def _estimates(items: Sequence[Estimate]) -> tuple[Estimate, ...]:
    return tuple(_estimate(item) for item in items)


def _estimate(item: Estimate) -> Estimate:
    return Estimate(*(round(float(value), DECIMALS) + 0.0 for value in (item.value, item.lower, item.upper)))


def _number(value: float) -> float | None:
    return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else None
