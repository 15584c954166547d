"""The rows of the store's table `survey_answers`: written from what was answered, and read back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.survey.ask import SurveyAnswers


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
