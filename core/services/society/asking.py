"""A language model in the society: who is asked and how, and what that would take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cognition.llm.budget import Plan as AskingPlan
from core.cognition.llm.budget import plan as plan_asking
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.prices import load_prices, price_of
from core.cognition.llm.providers import provider_for
from core.cognition.llm.types import Question
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.records import RunRecord
from core.services.language.engines import limits_of
from core.services.studies.requests import ModelOptions
from core.services.surveys.preparing import model_spec
from core.society.asked import PROMPT_VERSION, Ask, question_of, situations
from core.society.choice import choose_out
from core.society.run import run_world
from core.society.scenario import Scenario
from core.society.world import World
from core.store.database import Store

#: Worlds in which rules stand in for a model, to count what it would be asked.
COUNTED = 1


def asked_of(asking: ModelOptions) -> dict[str, Any]:
    """What a record says of the model, and what decides its answers."""
    spec = model_spec(asking)
    names = ("model", "base_url", "temperature", "seed", "max_output_tokens")
    return {"asked_engine": spec.engine, "prompts": PROMPT_VERSION, **{name: getattr(spec, name) for name in names}}


def engine_name(asking: ModelOptions) -> str:
    """The engine and the model, as they are shown."""
    spec = model_spec(asking)
    return f"{spec.engine}: {spec.model}"


def replaying(record: RunRecord) -> ModelOptions | None:
    """How a kept run's answers are replayed; None where it asked no model."""
    asked = record.parameters.get("asked")
    if not asked:
        return None
    names = ("model", "base_url", "temperature", "seed", "max_output_tokens")
    return ModelOptions(engine="replay", of=asked["asked_engine"], **{name: asked[name] for name in names})


def asker(asking: ModelOptions, store: Store | None, watch: ProgressReporter, run_id: str | None = None) -> Ask:
    """Asks through the pipe: with a store answers are kept as they come, and what is known is not asked again."""
    spec = model_spec(asking)
    price = None if asking.replays else price_of(spec, load_prices())[0]
    cache = None if store is None else AnswerCache(store)

    def ask(questions: Sequence[Question], parse: Callable[[str], Any]) -> list[Outcome]:
        return ask_all(
            questions, provider_for(asking.engine, spec), spec, parse, cache, limits_of(asking), None, watch.should_stop,
            run_id=run_id, price=price,
        )  # fmt: skip

    return ask


@dataclass
class _Counting:
    """Decides by rules and notes what a model would have been told."""

    texts: set[str] = field(default_factory=set)
    decisions: int = 0

    def __call__(
        self, world: World, due: NDArray[np.int64], signal: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        found = situations(world, due, signal)
        self.texts.update(found.texts)
        self.decisions += len(found.who)
        return choose_out(world, due, signal)


@dataclass(frozen=True, kw_only=True)
class SocietyCost(AskingPlan):
    """What a model would be asked in one world of each arm, counted while rules decided in its place: a model that sends people
    elsewhere meets other situations. `decisions` are households that would decide by an answer. Further worlds share answers."""

    engine: str
    model: str
    decisions: int
    worlds: int
    of_worlds: int


def cost_of_society(
    edited: dict[str, Scenario], seeds: Sequence[int], households: int, days: int, asking: ModelOptions, store: Store
) -> SocietyCost:
    """The estimate, before anything is asked."""
    counting = _Counting()
    for scenario in edited.values():
        for seed in seeds[:COUNTED]:
            run_world(scenario, seed, households, days, False, counting)
    spec = model_spec(asking)
    found = plan_asking(
        [question_of(text) for text in sorted(counting.texts)],
        spec,
        AnswerCache(store),
        max_repairs=limits_of(asking).max_repairs,
    )
    return SocietyCost(
        **vars(found), engine=asking.engine, model=asking.model, decisions=counting.decisions,
        worlds=COUNTED * len(edited), of_worlds=len(seeds) * len(edited),
    )  # fmt: skip


def require_model(asking: ModelOptions | None) -> ModelOptions:
    """InputError where no model is asked."""
    if asking is None:
        raise InputError("the rules ask nothing", where="--estimate", allowed="--engine local, gemini or openai")
    return asking
