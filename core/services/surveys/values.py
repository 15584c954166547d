"""Answers to a survey question as values in JSON's own types: what commands print, pages show and the store keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.errors import one_of
from core.people.spec import PopulationSpec
from core.services.populations.tables import LEVEL_WORDS, category_labels, trait_level
from core.survey.ask import SurveyAnswers
from core.survey.distribution import LEVEL, Difference, Estimate, Group, Spread, Subgroups, SurveyDistribution
from core.survey.questions import SCALE, SurveyQuestion

DECIMALS = 6
#: What the spread is measured in, by the kind of question, in words.
MEASURES = {
    "scale": "variance of the answers (squared points of the scale)",
    "choices": "Gini's impurity: the chance that two answers drawn at random differ",
    "several": "sum over answers of the share that gives it times the share that does not",
}


def measure_of(question: SurveyQuestion) -> str:
    """What the spread of a question's answers is measured in."""
    return MEASURES["several" if question.several else question.kind]


def distribution_of(
    question: SurveyQuestion, values: np.ndarray, weights: np.ndarray, ids: np.ndarray, seed: int
) -> SurveyDistribution:
    """The distribution of a question's answers."""
    return SurveyDistribution(values, weights, question.values, ids=ids, seed=seed)


def distribution_values(
    question: SurveyQuestion, found: SurveyDistribution, people: pd.DataFrame, spec: PopulationSpec, by: Sequence[str]
) -> dict[str, Any]:
    """`everyone`, and `by` attribute the groups, their differences and what the attribute explains."""
    return {
        "kind": question.kind,
        "labels": list(question.labels),
        "measure": measure_of(question),
        "level": LEVEL,
        "everyone": _group(found.everyone(), "Everyone"),
        "by": {name: _subgroups(found, people, spec, name) for name in by},
    }


def answer_rows(answers: SurveyAnswers, ids: np.ndarray, weights: np.ndarray) -> list[dict[str, Any]]:
    """Rows of the table `survey_answers`, without the run."""
    rows = []
    for place, (persona, weight) in enumerate(zip(ids, weights, strict=True)):
        for sample in range(answers.values.shape[1]):
            given = answers.values[place, sample]
            rows.append(
                {
                    "persona_id": int(persona),
                    "sample": sample,
                    "weight": float(weight),
                    "answer": None if np.isnan(given).any() else given.tolist(),
                    "reason": answers.reasons[place, sample] or None,
                    "failure": answers.failures[place, sample] or None,
                }
            )
    return rows


def answers_of_rows(rows: pd.DataFrame, answers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (personas, samples, answers), weights and ids from rows of `survey_answers`, whatever their order."""
    ids, place = np.unique(rows["persona_id"].to_numpy(), return_inverse=True)
    samples = int(rows["sample"].max()) + 1
    values = np.full((len(ids), samples, answers), np.nan)
    weights = np.zeros(len(ids))
    for position, sample, weight, answer in zip(place, rows["sample"], rows["weight"], rows["answer"], strict=True):
        weights[position] = weight
        if answer is not None and np.ndim(answer) == 1:
            values[position, sample] = answer
    return values, weights, ids


def subgroup_names(spec: PopulationSpec) -> list[str]:
    """What people can be grouped by: attributes, then traits by their levels."""
    return [*(item.name for item in spec.attributes), *spec.trait_names]


def _subgroups(found: SurveyDistribution, people: pd.DataFrame, spec: PopulationSpec, name: str) -> dict[str, Any]:
    one_of(name, subgroup_names(spec), what="attribute or trait", where=f"population {spec.id}")
    if name in spec.trait_names:
        texts = np.array([trait_level(value) for value in people[name]], dtype=object)
        label, words = spec.trait(name).label, {level: level for level in LEVEL_WORDS}
    else:
        texts = people[name].astype(str).to_numpy(dtype=object)
        label, words = spec.attribute(name).label, category_labels(spec, name)
    groups: Subgroups = found.by(texts, order=list(words))
    return {
        "label": label,
        "groups": [_group(item, words[item.name]) for item in groups.groups],
        "rest": [_difference(item, words) for item in groups.rest],
        "pairs": [_difference(item, words) for item in groups.pairs],
        "explained": _number(groups.explained),
        # What a label that means nothing would explain of so few personas.
        "by_chance": _number(_by_chance(groups)),
    }


def _by_chance(groups: Subgroups) -> float:
    personas = sum(item.personas for item in groups.groups)
    return min((len(groups.groups) - 1) / (personas - 1), 1.0) if personas > 1 else math.nan


def _group(item: Group, label: str) -> dict[str, Any]:
    return {
        "name": item.name,
        "label": label,
        "shares": [_estimate(share) for share in item.shares],
        "mean": None if item.mean is None else _estimate(item.mean),
        "spread": _spread(item.spread),
        "people": round(item.people),
        "personas": item.personas,
        "effective_personas": round(item.effective, 2),
        "missing": item.missing,
        "small": item.small,
    }


def _spread(item: Spread) -> dict[str, Any]:
    """Each part, and as a share of the whole; None of what cannot be known from one sample."""
    parts = {
        "between_personas": item.between_personas,
        "between_samples": item.between_samples,
        "within": item.within,
    }
    whole = item.total
    return {
        "total": _number(whole),
        **{name: _number(value) for name, value in parts.items()},
        "chance": _number(item.chance),
        "percent": {name: _number(100.0 * value / whole if whole > 0 else math.nan) for name, value in parts.items()},
    }


def _difference(item: Difference, words: dict[str, str]) -> dict[str, Any]:
    return {
        "first": words.get(item.first, item.first),
        "second": words.get(item.second, item.second),
        "shares": [_estimate(share) for share in item.shares],
        "mean": None if item.mean is None else _estimate(item.mean),
    }


def _estimate(item: Estimate) -> dict[str, float | None]:
    return {"value": _number(item.value), "lower": _number(item.lower), "upper": _number(item.upper)}


def _number(value: float) -> float | None:
    return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else None


def headline_of(values: dict[str, Any]) -> str:
    """The result in a few words: the mean of a scale, or the answer given most."""
    everyone, kind = values["everyone"], values["kind"]
    if kind == SCALE:
        mean = everyone["mean"]
        return f"mean {mean['value']:.2f} ({mean['lower']:.2f} to {mean['upper']:.2f})"
    shares = [item["value"] for item in everyone["shares"]]
    top = int(np.argmax(shares))
    return f"{values['labels'][top]}: {100 * shares[top]:.0f}%"
