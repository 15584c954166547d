"""Every engine keeps to the contract: the rules, and language models behind servers that speak the real wire formats."""

from __future__ import annotations

from collections.abc import Iterator

import behaviour_cases as cases
import pandas as pd
import pytest
from llm_cases import engine, model, people, some_contexts, without_genai
from llm_servers import gemini_server, openai_server

from core.cognition.engine import ResponseEngine
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.designs import DESIGNS
from core.cognition.llm.engine import AnswersMissing, LanguageEngine
from core.cognition.llm.providers import provider_for
from core.cognition.llm.providers.gemini import GenerativeAIProvider
from core.execution.executor import Executor
from core.study import Study
from core.testing.engine_contract import EngineContract, answers_of


class TestRules(EngineContract):
    @pytest.fixture
    def engine(self, study: Study) -> ResponseEngine:
        return cases.rules().with_parameters({"fatigue": 0.3, "epidemic": 2.0})

    @pytest.fixture
    def behaviours(self) -> tuple[str, ...]:
        return cases.study().behaviour_ids


class TestRulesOfAnotherCountry(EngineContract):
    """As an author of an engine would write it."""

    name = "rules"


class LanguageContract(EngineContract):
    @pytest.fixture
    def personas(self) -> pd.DataFrame:
        return people(3)

    @pytest.fixture
    def contexts(self) -> pd.DataFrame:
        return some_contexts().iloc[[0, 5, 7]].reset_index(drop=True)

    @pytest.fixture
    def behaviours(self) -> tuple[str, ...]:
        return cases.study().behaviour_ids


@pytest.mark.parametrize("design", DESIGNS)
class TestOpenAI(LanguageContract):
    @pytest.fixture
    def engine(self, design: str) -> Iterator[LanguageEngine]:
        with openai_server(model("openai")) as url:
            yield engine("openai", url, design=design)


class TestGemini(LanguageContract):
    @pytest.fixture
    def engine(self) -> Iterator[LanguageEngine]:
        with gemini_server(model("gemini")) as url:
            yield engine("gemini", url, samples=2, days="apart")


class TestGeminiThroughTheOlderClient(LanguageContract):
    @pytest.fixture
    def engine(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[LanguageEngine]:
        without_genai(monkeypatch)
        with gemini_server(model("gemini")) as url:
            made = engine("gemini", url)
            assert type(provider_for("gemini", made.spec)) is GenerativeAIProvider
            yield made


class TestReplay(LanguageContract):
    @pytest.fixture
    def engine(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> Iterator[LanguageEngine]:
        with AnswerCache() as cache:
            with gemini_server(model("gemini")) as url:
                engine("gemini", url, cache=cache).respond(personas, contexts)
            yield engine("replay", url, cache=cache)

    def test_another_process_gives_the_same_answer(
        self, engine: LanguageEngine, personas: pd.DataFrame, contexts: pd.DataFrame, elsewhere: Executor
    ) -> None:
        """A store cannot be in two processes: elsewhere a replaying engine says that it knows nothing, and makes nothing up."""
        with pytest.raises(AnswersMissing, match="not in the cache"):
            elsewhere.submit(answers_of, engine, personas, contexts).result()
