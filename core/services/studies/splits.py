"""Where training may end: late enough for one origin inside it from which every behaviour can be forecast."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pandas as pd

from core.calibration.pace import pace_of
from core.datasets.observed import source_files
from core.errors import InputError
from core.services.studies.inputs import StudyInputs
from core.settings import observed_data, shipped_data
from core.study import Study


def check_length(study: Study) -> None:
    """InputError for a study too short to train on, look ahead inside of training, and test."""
    pace, step = pace_of(study), study.step
    fewest, have = pace.inner_step + pace.fewest_training + pace.fewest_test, step.between(study.start, study.end) + 1
    if have < fewest:
        raise InputError(
            f"has {have} {step}s with observations and policy, {step.text(study.start)} to {step.text(study.end)}",
            where=f"study {study.id}",
            allowed=f"{fewest} {step}s or more, to train on and to test on",
        )


def check_split(inputs: StudyInputs, train_end: date, test_end: date, data: str | Path | None = None) -> None:
    """InputError where a run cannot train to `train_end` and test to `test_end`; the day it proposes will do.

    Names the behaviour, and the file of `data`, where one was observed on too few days of training.
    """
    study = inputs.study
    where = f"study {study.id}"
    if not study.start < test_end <= study.end:
        near = str(study.end) if test_end > study.end else None
        raise InputError(
            f"test to {test_end}", where=where, allowed=f"after {study.start}, up to {study.end}", nearest=near
        )
    step, pace = study.step, pace_of(study)
    fewest = pace.fewest_observed
    shortest = step.after(study.start, pace.fewest_training - 1)
    observed = inputs.observations.loc[: pd.Timestamp(test_end)]
    earliest = shortest
    for item in study.behaviours:
        days = observed.index[observed[item.id].notna()]
        seen = int((days <= pd.Timestamp(train_end)).sum())
        enough = days[fewest - 1].date() if len(days) >= fewest else None
        if enough is None or (seen < fewest and enough > shortest):
            raise InputError(
                f"the behaviour {item.id} (column '{item.column}') was observed on {seen} {step}s of training, up to {train_end}",
                where=_mobility_files(study, data),
                allowed=f"{fewest} {step}s or more, or a study without this behaviour",
                nearest=None if enough is None else _within(step.after(enough, pace.inner_step), test_end),
            )
        earliest = max(earliest, enough)
    earliest = step.after(earliest, pace.inner_step)
    if not earliest <= train_end < test_end:
        latest = step.after(test_end, -1)
        proposed = max(earliest, min(train_end, step.after(test_end, -pace.fewest_test)))
        raise InputError(
            f"training to {train_end}, test to {test_end}",
            where=where,
            allowed=f"training to {earliest} at the earliest, and to the {step} before the test ends ({latest})",
            nearest=_within(proposed, test_end),
        )


def _within(day: date, test_end: date) -> str | None:
    return str(day) if day < test_end else None


def _mobility_files(study: Study, data: str | Path | None) -> str:
    with suppress(InputError):
        folder = shipped_data() / study.folder if study.shipped else observed_data(data)
        return " + ".join(path.name for path in source_files(study, "mobility", folder)[1])
    return f"study {study.id}"
