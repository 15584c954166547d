"""How simple forecasts compare in real countries, and that the embedded country is like most of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets.tables import read_cases, read_mobility, read_policy
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.forecasting.places import places_from_tables
from core.forecasting.teachers import is_held_out
from core.services.evaluation.requests import FILES
from core.services.evaluation.stylised_facts import embedded_facts, teaching_countries, training_share
from core.study import load_study
from core.validity.measured import StylisedFacts, read_measured
from core.validity.stylised_facts import (
    POLICY_FACTS,
    BaselineFact,
    MiddleHalf,
    baseline_errors,
    facts_of,
    last_training_day,
    middle_half,
    middle_half_of_policy,
    policy_facts,
)


def shipped_facts() -> StylisedFacts:
    found = read_measured(StylisedFacts, "stylised_facts")
    assert found is not None
    return found


def test_facts_by_hand() -> None:
    facts = facts_of({"a": 8.0, "b": 2.0, "c": 4.0})
    assert facts["a"] == BaselineFact(pytest.approx(2.0), 3.0)
    assert facts["b"] == BaselineFact(pytest.approx(0.5), 1.0)
    assert facts["c"] == BaselineFact(pytest.approx(1.0), 2.0)
    assert [facts_of({"a": 3.0, "b": 3.0})[name].rank for name in "ab"] == [1.5, 1.5], "ties share their mean rank"
    assert facts_of({"a": 80.0, "b": 20.0, "c": 40.0}) == {
        name: BaselineFact(pytest.approx(fact.relative), fact.rank) for name, fact in facts.items()
    }, "the unit does not matter"


def test_the_middle_half_by_hand() -> None:
    # Five places; the first baseline's error is 1, 2, 4, 8, 16 times 1 and the second's is 1.
    found = middle_half(pd.DataFrame({"a": [1.0, 2.0, 4.0, 8.0, 16.0], "b": [1.0] * 5}))
    assert found["a"].low == BaselineFact(pytest.approx(np.sqrt(2)), 2.0)
    assert found["a"].high == BaselineFact(pytest.approx(np.sqrt(8)), 2.0)
    inside = MiddleHalf(BaselineFact(0.8, 2.0), BaselineFact(1.2, 4.0))
    for fact in (BaselineFact(0.8, 4.0), BaselineFact(1.2, 2.0)):
        assert inside.holds_relative(fact) and inside.holds_rank(fact)
    assert not inside.holds_relative(BaselineFact(0.79, 3.0)) and not inside.holds_rank(BaselineFact(1.0, 4.5))


def test_policy_by_hand() -> None:
    days = pd.date_range("2021-01-01", periods=60, name="date")
    stringency = pd.Series([20.0] * 12 + [60.0] * 28 + [50.0, 90.0] * 10, index=days)
    retail = pd.Series(-stringency.to_numpy(), index=days).rolling(7, min_periods=1).mean()
    observed = pd.DataFrame({"retail": retail, "parks": 500.0})
    found = policy_facts(stringency, observed, date(2021, 2, 9), date(2021, 3, 1))
    assert list(found) == list(POLICY_FACTS)
    assert (found["training_mean"], found["recent"], found["change"]) == (pytest.approx(48.0), 60.0, 10.0)
    assert found["test_spread"] == pytest.approx(20.0 * np.sqrt(20 / 19))
    assert -1 < found["followed"] < -0.7, "people follow with a week's delay, and parks do not count"
    half = middle_half_of_policy(pd.DataFrame({"recent": [0.0, 10.0, 20.0, 30.0, 40.0]}))
    assert half == {"recent": (10.0, 30.0)}


def test_the_split_has_the_share_asked_for() -> None:
    assert last_training_day(date(2021, 1, 1), date(2021, 1, 10), 0.6) == date(2021, 1, 6)
    study, facts = load_study("meridia"), shipped_facts()
    assert last_training_day(study.start, study.end, training_share(study)) == study.train_end
    first = date(2020, 2, 15)
    assert facts.train_end == last_training_day(first, facts.test_end, training_share(study))


@pytest.mark.full
def test_meridia_lies_in_the_middle_half_of_the_countries() -> None:
    """Its baselines are scored anew from the shipped data; no twin is."""
    facts, (found, policy) = shipped_facts(), embedded_facts()
    assert set(policy) == set(facts.policy) == set(POLICY_FACTS)
    for name, value in policy.items():
        assert facts.embedded_policy[name] == pytest.approx(value, abs=2e-3), name
        assert facts.policy[name][0] <= value <= facts.policy[name][1], name
    assert set(found) == set(facts.baselines)
    for name, fact in found.items():
        assert facts.embedded[name] == BaselineFact(pytest.approx(fact.relative, abs=2e-3), fact.rank), name
    assert [name for name, fact in found.items() if not facts.baselines[name].holds_relative(fact)] == []
    # Some baseline has to be the best, and in the countries none is so often the best that its middle half has rank 1.
    assert min(half.low.rank for half in facts.baselines.values()) > 1
    beyond = [name for name, fact in found.items() if not facts.baselines[name].holds_rank(fact)]
    assert beyond == [min(found, key=lambda name: found[name].rank)]
    assert facts.best[beyond[0]] >= sum(facts.best.values()) / len(facts.best), (
        "and it is often the best in the countries too"
    )


def test_two_real_countries_are_scored_as_the_file_says(real_data: Path) -> None:
    """The figures of the whole measurement take a minute; these are two of its countries, and one that ends too early."""
    mobility, policy, cases = (real_data / name for name in FILES)
    table = read_mobility(mobility, allow_gaps=True)
    codes = [code for code in sorted(table["place"].astype(str).unique()) if not is_held_out(code)][:2]
    places, _ = places_from_tables(table, read_policy(policy), read_cases(cases), wanted=codes)
    facts = shipped_facts()
    for place in places:
        errors = baseline_errors(place, facts.train_end, facts.test_end)
        assert errors is not None and set(errors) == set(facts.baselines) and min(errors.values()) > 0
        assert baseline_errors(place, facts.train_end, date(2023, 1, 1)) is None, "nothing was observed by then"
        # Nothing observed after the end of training is known to a baseline: only the truth it is scored on moves.
        later = place.observations.copy()
        later.loc[pd.Timestamp(facts.train_end) + pd.Timedelta(days=1) :] += 1000.0
        moved = baseline_errors(replace(place, observations=later), facts.train_end, facts.test_end)
        assert moved is not None and all(abs(moved[name] - 1000.0) < 120.0 for name in moved)


def test_a_table_that_leaves_no_country_is_refused(tmp_path: Path, real_data: Path) -> None:
    mobility, policy, cases = (real_data / name for name in FILES)
    exam = next(
        code
        for code in sorted(read_mobility(mobility, allow_gaps=True)["place"].astype(str).unique())
        if is_held_out(code)
    )
    whole = pd.read_parquet(mobility)
    column = next(name for name in whole.columns if (whole[name].astype(str) == exam).any())
    only = tmp_path / "mobility.parquet"
    whole[whole[column].astype(str) == exam].to_parquet(only)
    with pytest.raises(InputError, match="no country to learn from"):
        teaching_countries(only, policy, cases, date(2021, 6, 19), 0.6, ProgressReporter())
