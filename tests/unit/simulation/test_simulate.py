"""Simulation in blocks: bounded memory, the same last bit for any number of workers, an honest standard error."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from behaviour_cases import context, random_personas, rules, spec, strictest, study

from core.cognition.engine import DAY_TYPE, EPIDEMIC
from core.execution.executor import Executor
from core.people.personas import synthesise
from core.policy.calendar import DAY_TYPES
from core.simulation.simulate import (
    BLOCK,
    EVERYONE,
    Aggregates,
    aggregate_frame,
    block_count,
    combine,
    population_groups,
    simulate,
    simulate_blocks,
)

ROOT = Path(__file__).resolve().parents[3]
ATTRIBUTES = ("sex", "occupation")


def some_contexts(count: int = 24) -> pd.DataFrame:
    strict = {item.code: strictest(item) for item in study().indicators}
    rows = []
    for number in range(count):
        levels = {code: level for place, (code, level) in enumerate(strict.items()) if (number >> place % 5) & 1}
        rows.append(context(levels, **{DAY_TYPE: DAY_TYPES[number % 5], EPIDEMIC: number % 3}))
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return synthesise(spec(), 2 * BLOCK + 250, seed=2).personas


def same_bits(left: Aggregates, right: Aggregates) -> bool:
    return left.groups == right.groups and all(
        getattr(left, name).tobytes() == getattr(right, name).tobytes() for name in ("means", "weights")
    )


def test_other_processes_give_the_same_last_bit(people: pd.DataFrame, processes: Executor) -> None:
    contexts = some_contexts()
    alone = simulate(rules(), people, contexts, ATTRIBUTES)
    assert same_bits(alone, simulate(rules(), people, contexts, ATTRIBUTES, executor=processes))


def test_the_number_of_threads_of_the_machine_changes_no_bit() -> None:
    """Sums by BLAS depend on how many threads it gets, and so on the machine; ours may not."""
    program = (
        "import sys, hashlib; sys.path[:0] = ['.', 'tests/support', 'tests/unit/simulation'];"
        "from test_simulate import *;"
        "found = simulate(rules(), random_personas(700, 5), some_contexts(), ATTRIBUTES);"
        "print(hashlib.sha256(found.means.tobytes()).hexdigest())"
    )
    found = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
        )
        for threads in ("1", "4")
    ]
    first, second = (process.communicate()[0].strip() for process in found)
    assert len(first) == 64 and first == second


def test_blocks_are_a_matter_of_memory_only(people: pd.DataFrame) -> None:
    contexts = some_contexts()
    whole, parts = (
        combine(list(simulate_blocks(rules(), people, contexts, ATTRIBUTES, block_size=size)))
        for size in (len(people), 100)
    )
    assert np.allclose(whole.means, parts.means, rtol=1e-12, atol=0)
    assert np.array_equal(whole.weights, parts.weights)


def test_means_are_the_weighted_means_of_the_answers(people: pd.DataFrame) -> None:
    contexts = some_contexts(7)
    found = simulate(rules(), people, contexts, ATTRIBUTES)
    answers = rules().respond(people, contexts).astype(float)
    weight = people["weight"].to_numpy(float)
    assert found.groups[0] == EVERYONE and found.weights[0] == people["weight"].sum()
    assert np.allclose(found.everyone, np.average(answers, axis=0, weights=weight), rtol=1e-12)
    for attribute in ATTRIBUTES:
        total = 0.0
        for category in people[attribute].unique():
            part = (people[attribute] == category).to_numpy()
            expected = np.average(answers[part], axis=0, weights=weight[part])
            assert np.allclose(found.group(attribute, category), expected, rtol=1e-12), category
            total += found.weights[found.groups.index((attribute, category))]
        assert total == people["weight"].sum()


def test_a_category_that_nobody_in_a_block_has_is_no_trouble() -> None:
    people = random_personas(40, seed=1)
    people["sex"] = ["male"] * 39 + ["female"]
    found = combine(list(simulate_blocks(rules(), people, some_contexts(3), ["sex"], block_size=10)))
    assert np.isfinite(found.means).all()
    assert np.allclose(found.group("sex", "female"), rules().respond(people.iloc[39:], some_contexts(3))[0], atol=1e-6)


def test_blocks_that_are_done_are_not_done_again(people: pd.DataFrame) -> None:
    contexts = some_contexts()
    every = list(simulate_blocks(rules(), people, contexts, ATTRIBUTES))
    assert [item.block for item in every] == [0, 1, 2] and block_count(len(people)) == 3
    assert [item.first for item in every] == [0, BLOCK, 2 * BLOCK]
    rest = list(simulate_blocks(rules(), people, contexts, ATTRIBUTES, done=frozenset({0, 2})))
    assert [item.block for item in rest] == [1]
    assert same_bits(combine(every), combine([every[2], rest[0], every[0]]))


def test_answers_are_handed_over_only_where_they_are_wanted(people: pd.DataFrame) -> None:
    kept = list(simulate_blocks(rules(), people, some_contexts(3), keep_responses=True, attributes=()))
    assert np.array_equal(
        np.concatenate([item.responses for item in kept if item.responses is not None]),
        rules().respond(people, some_contexts(3)),
    )
    assert all(item.responses is None for item in simulate_blocks(rules(), people, some_contexts(3), ()))


def test_memory_is_that_of_a_block_whatever_the_population() -> None:
    one = synthesise(spec(), BLOCK, seed=1).personas.drop(columns="text")
    contexts = some_contexts(60)
    peaks = []
    for copies in (4, 16):
        people = pd.concat([one] * copies, ignore_index=True)
        tracemalloc.start()
        for _ in simulate_blocks(rules(), people, contexts, ()):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0], peaks


def test_the_table_for_the_store_says_every_mean_once(people: pd.DataFrame) -> None:
    found = simulate(rules(), people, some_contexts(5), ["sex"])
    frame = aggregate_frame(found, study().behaviour_ids)
    assert len(frame) == 3 * 5 * 6 and not frame.duplicated(["attribute", "level", "context_id", "behaviour"]).any()
    row = frame[(frame["level"] == "female") & (frame["context_id"] == 4) & (frame["behaviour"] == "parks")].iloc[0]
    assert row["mean"] == found.group("sex", "female")[4, 2]
    assert row["weight"] == people.loc[people["sex"] == "female", "weight"].sum()


def test_groups_are_everyone_and_the_categories_that_somebody_has() -> None:
    people = pd.DataFrame({"weight": [1, 1], "sex": ["male", "male"], "home": ["family", "alone"]})
    assert population_groups(people, ["sex", "home"]) == (
        EVERYONE,
        ("sex", "male"),
        ("home", "alone"),
        ("home", "family"),
    )
