"""What every ResponseEngine keeps, as tests: a test class of an engine inherits `EngineContract` and gives fixtures."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from core.cognition.engine import SITUATION_COLUMNS, ResponseEngine
from core.errors import InputError
from core.execution.executor import Executor


def answers_of(engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
    """A plain function, so that another process can run it."""
    return engine.respond(personas, contexts)


class EngineContract:
    """Subclasses override the four fixtures. Contexts and personas come with at least three rows each."""

    @pytest.fixture
    def engine(self) -> ResponseEngine:
        raise NotImplementedError

    @pytest.fixture
    def personas(self) -> pd.DataFrame:
        raise NotImplementedError

    @pytest.fixture
    def contexts(self) -> pd.DataFrame:
        raise NotImplementedError

    @pytest.fixture
    def behaviours(self) -> tuple[str, ...]:
        raise NotImplementedError

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
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame, processes: Executor
    ) -> None:
        there = processes.submit(answers_of, engine, personas, contexts).result()
        assert np.array_equal(there, engine.respond(personas, contexts))
        assert pickle.loads(pickle.dumps(engine)).parameters == engine.parameters

    def test_parameters_make_a_new_engine(self, engine: ResponseEngine) -> None:
        before = dict(engine.parameters)
        same = engine.with_parameters(before)
        assert same.parameters == before and (same.name, same.version) == (engine.name, engine.version)
        assert engine.with_parameters({}).parameters == before

    def test_an_unknown_parameter_is_refused(self, engine: ResponseEngine) -> None:
        with pytest.raises(InputError, match="nothing_of_the_kind"):
            engine.with_parameters({"nothing_of_the_kind": 1.0})
