"""Nobody is asked: answers come from the cache alone, without a key or a network; what is not there has no answer."""

from __future__ import annotations

from core.cognition.llm.engine import register_model
from core.cognition.llm.types import ModelSpec, Question, Rejected, Reply
from core.cognition.registry import REPLAY


class ReplayProvider:
    """The provider that refuses every question, for it would not have to be asked if it were in the cache."""

    def __init__(self, spec: ModelSpec) -> None:
        pass

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        raise Rejected(
            f"not in the cache: {spec.engine} {spec.model}, prompts {question.prompt_version}, "
            f"design {question.design}, sample {question.sample}"
        )

    async def aclose(self) -> None:
        """Nothing is held."""


register_model(
    REPLAY,
    order=40,
    title="Replay",
    label="language model's answers, replayed from the cache",
    short="language model, replayed",
    help="Answers that a language model gave earlier and that are kept in this store. Nobody is asked, no key is needed and "
    "nothing is paid; a question that was never asked has no answer.",
    provider=ReplayProvider,
    replays=True,
)
