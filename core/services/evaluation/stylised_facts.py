"""The facts of real countries that the embedded, invented one is held against."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from core.datasets.tables import read_cases, read_mobility, read_policy
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.forecasting.places import Place, places_from_tables
from core.forecasting.teachers import is_held_out
from core.services.studies.inputs import EMBEDDED, open_study
from core.study import Study
from core.validity.stylised_facts import (
    BaselineFact,
    baseline_errors,
    facts_of,
    last_training_day,
    policy_facts,
)


def embedded_facts() -> tuple[dict[str, BaselineFact], dict[str, float]]:
    """The embedded country's baselines and policy on its own split. No twin is fitted."""
    inputs = open_study(EMBEDDED)
    study = inputs.study
    place = Place(study, inputs.timeline, inputs.observations, inputs.cases, inputs.stringency)
    found = IN_THIS_PROCESS.submit(_facts, place, study.train_end, study.end).result()
    assert found is not None
    errors, policy = found
    return facts_of(errors), policy


def training_share(study: Study) -> float:
    """The share of a study's days on which it trains."""
    return ((study.train_end - study.start).days + 1) / ((study.end - study.start).days + 1)


def teaching_countries(
    mobility: Path,
    policy: Path,
    cases: Path,
    last: date,
    share: float,
    watch: ProgressReporter,
    executor: Executor = IN_THIS_PROCESS,
) -> tuple[date, pd.DataFrame, pd.DataFrame]:
    """The end of training of the countries that teach, each baseline's macro RMSE in points (countries × baselines), and
    their policy (countries × facts).

    Every country is split alike: this `share` of the days from the first observed of any to `last` trains. Countries kept for
    exams are not looked at, nor those observed too little to be scored. InputError for files that cannot be read, and where
    no country is left.
    """
    found, _ = places_from_tables(read_mobility(mobility, allow_gaps=True), read_policy(policy), read_cases(cases))
    places = [item for item in found if not is_held_out(item.study.id)]
    if not places:
        raise InputError(
            "no country to learn from", where=mobility.name, allowed="countries that are not kept for exams"
        )
    train_end = last_training_day(min(item.study.start for item in places), last, share)
    work = [(item, train_end, last) for item in places]
    scored = [item for item in each_of(_facts, work, watch, "validate", "places", executor) if item is not None]
    if not scored:
        raise InputError(f"no country was observed to {last}", where=mobility.name, allowed="an earlier day")
    errors, policies = zip(*scored, strict=True)
    return train_end, pd.DataFrame(errors), pd.DataFrame(policies)


def _facts(place: Place, train_end: date, test_end: date) -> tuple[dict[str, float], dict[str, float]] | None:
    errors = baseline_errors(place, train_end, test_end)
    if errors is None:
        return None
    return errors, policy_facts(place.published, place.observations, train_end, test_end)
