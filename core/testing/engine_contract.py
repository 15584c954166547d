"""What every ResponseEngine keeps. A subclass names an engine that is registered, or gives the fixture `engine`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from core.cognition.engine import SITUATION_COLUMNS, ResponseEngine
from core.cognition.registry import DEFAULT_ENGINE, ENGINES, engine_for
from core.errors import InputError
from core.execution.executor import Executor
from core.execution.local import LocalProcesses
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.policy.calendar import DAY_TYPES
from core.study import Study, load_study


def answers_of(engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
    """A plain function, so that another process can run it."""
    return engine.respond(personas, contexts)


def parameters_of(engine: ResponseEngine) -> dict[str, float]:
    return dict(engine.parameters)


class EngineContract:
    """Tests that each implementation of `ResponseEngine` passes. Personas and contexts come with at least three rows each."""

    #: The engine's name in the registry.
    name = DEFAULT_ENGINE

    @pytest.fixture
    def study(self) -> Study:
        return load_study("meridia")

    @pytest.fixture
    def engine(self, study: Study) -> ResponseEngine:
        return engine_for(study, self.name)

    @pytest.fixture
    def personas(self, study: Study) -> pd.DataFrame:
        return synthesise(load_population_spec(study.population_file), 30, seed=3).personas

    @pytest.fixture
    def contexts(self, study: Study) -> pd.DataFrame:
        """Days of every kind, with no measure and with the strictest of each."""
        rows = []
        for number, kind in enumerate(DAY_TYPES * 2):
            levels = {item.code: float(item.maximum * (number % 2)) for item in study.indicators}
            flags = {f"{item.code}_Flag": float(number % 2) for item in study.indicators if item.has_flag}
            situation = zip(SITUATION_COLUMNS, (kind, number % 3 == 0, number % 3, 22 * (number % 2)), strict=True)
            rows.append({**levels, **flags, **dict(situation)})
        return pd.DataFrame(rows)

    @pytest.fixture
    def behaviours(self, study: Study) -> tuple[str, ...]:
        return study.behaviour_ids

    @pytest.fixture(scope="class")
    @classmethod
    def elsewhere(cls) -> Iterator[Executor]:
        """Another process."""
        with LocalProcesses(1) as executor:
            yield executor

    def test_the_registry_says_what_it_is(self, engine: ResponseEngine) -> None:
        kind = ENGINES[engine.name]
        assert kind.title and kind.label and kind.short and kind.help
        assert kind.asks_model == engine.asks_model and dict(kind.parameters).keys() == engine.parameters.keys()

    def test_it_says_what_it_is(self, engine: ResponseEngine) -> None:
        assert isinstance(engine, ResponseEngine)
        assert engine.name and engine.version
        assert engine.model_id is None or engine.model_id

    def test_answers_are_probabilities(
        self,
        engine: ResponseEngine,
        personas: pd.DataFrame,
        contexts: pd.DataFrame,
        behaviours: tuple[str, ...],
    ) -> None:
        assert set(SITUATION_COLUMNS) <= set(contexts.columns)
        answers = engine.respond(personas, contexts)
        assert answers.shape == (len(personas), len(contexts), len(behaviours))
        assert answers.dtype == np.float32
        assert np.isfinite(answers).all() and answers.min() >= 0.0 and answers.max() <= 1.0

    def test_earlier_calls_leave_no_trace(
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame
    ) -> None:
        first = engine.respond(personas, contexts)
        engine.respond(personas.iloc[:2], contexts.iloc[-1:])
        assert np.array_equal(engine.respond(personas, contexts), first)

    def test_the_inputs_are_left_alone(
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame
    ) -> None:
        before = personas.copy(deep=True), contexts.copy(deep=True)
        engine.respond(personas, contexts)
        pd.testing.assert_frame_equal(personas, before[0])
        pd.testing.assert_frame_equal(contexts, before[1])

    def test_the_order_of_personas_and_contexts_means_nothing(
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame
    ) -> None:
        answers = engine.respond(personas, contexts)
        generator = np.random.default_rng(7)
        people, rows = generator.permutation(len(personas)), generator.permutation(len(contexts))
        assert np.array_equal(engine.respond(personas.iloc[people], contexts), answers[people])
        assert np.array_equal(engine.respond(personas, contexts.iloc[rows]), answers[:, rows])

    def test_nobody_is_moved_by_who_else_is_asked(
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame
    ) -> None:
        answers = engine.respond(personas, contexts)
        assert np.allclose(engine.respond(personas.iloc[2:3], contexts), answers[2:3], rtol=0, atol=1e-6)
        assert np.allclose(engine.respond(personas, contexts.iloc[1:2]), answers[:, 1:2], rtol=0, atol=1e-6)

    def test_ids_weights_and_labels_of_rows_are_not_read(
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame
    ) -> None:
        bare = personas.drop(columns=["persona_id", "weight"], errors="ignore").set_axis(
            [f"row {number}" for number in range(len(personas))]
        )
        assert np.array_equal(engine.respond(bare, contexts), engine.respond(personas, contexts))

    def test_another_process_gives_the_same_answer(
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame, elsewhere: Executor
    ) -> None:
        there = elsewhere.submit(answers_of, engine, personas, contexts).result()
        assert np.array_equal(there, engine.respond(personas, contexts))
        assert elsewhere.submit(parameters_of, engine).result() == engine.parameters

    def test_parameters_make_a_new_engine(self, engine: ResponseEngine) -> None:
        before = dict(engine.parameters)
        same = engine.with_parameters(before)
        assert same.parameters == before and (same.name, same.version) == (engine.name, engine.version)
        assert engine.with_parameters({}).parameters == before

    def test_it_answers_at_every_bound_of_its_parameters(
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame
    ) -> None:
        assert engine.bounds.keys() == engine.parameters.keys()
        for name, (low, high) in engine.bounds.items():
            assert low <= engine.parameters[name] <= high
            for value in (low, high):
                answers = engine.with_parameters({name: value}).respond(personas, contexts)
                assert answers.min() >= 0.0 and answers.max() <= 1.0
            with pytest.raises(InputError, match=name):
                engine.with_parameters({name: high + 1.0})

    def test_an_unknown_parameter_is_refused(self, engine: ResponseEngine) -> None:
        with pytest.raises(InputError, match="nothing_of_the_kind"):
            engine.with_parameters({"nothing_of_the_kind": 1.0})
