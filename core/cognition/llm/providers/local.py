"""A model on this machine, without a key: asked as any OpenAI-compatible server, which is started and ended here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.cognition.llm.local_server import LocalServer, enter_server, leave_server, require_package
from core.cognition.llm.providers.openai import NO_KEY, OpenAIProvider
from core.cognition.llm.types import ModelSpec, Question, Reply


class LocalProvider(OpenAIProvider):
    """Starts the model's server where none runs, and again where it has ended. Without a seed the seed is 0, so that equal
    questions have equal answers. InputError where the package or the weights are missing."""

    #: The server answers one question at a time: more would only wait, until their patience ends.
    at_once = 1

    def __init__(self, spec: ModelSpec) -> None:
        require_package()
        self._server: LocalServer | None = enter_server(spec.model)
        super().__init__(replace(spec, base_url=self._server.address))
        self._key = NO_KEY

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        if self._server is None or not self._server.runs:
            await self.aclose()
            self._server = enter_server(spec.model)
            self._address = self._server.address
        return await super().ask(question, spec, repair=repair)

    async def aclose(self) -> None:
        await super().aclose()
        if self._server is not None:
            leave_server(self._server)
            self._server = None

    def _request(self, question: Question, spec: ModelSpec, repair: str | None, form: str) -> dict[str, Any]:
        request = super()._request(question, replace(spec, seed=spec.seed or 0), repair, form)
        assert self._server is not None
        # What the question before said is known and need not be read again, unless it was the very same: read from there,
        # its answer would be another than that of the question asked afresh.
        said = str(request["messages"])
        known, self._server.last = said != self._server.last, said
        return {**request, "extra_body": {"cache_prompt": known}}
