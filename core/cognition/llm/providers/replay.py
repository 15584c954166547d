"""Nobody is asked: what is not in the cache has no answer."""

from __future__ import annotations

from core.cognition.llm.types import ModelSpec, Question, Rejected, Reply


class ReplayProvider:
    """Answers come from the cache alone, without a key or a network."""

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        raise Rejected(
            f"not in the cache: {spec.engine} {spec.model}, prompts {question.prompt_version}, "
            f"design {question.design}, sample {question.sample}"
        )

    async def aclose(self) -> None:
        """Nothing is held."""
