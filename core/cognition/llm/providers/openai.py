"""OpenAI, and every server that speaks its chat completions: vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import asyncio
import re
from time import perf_counter
from typing import Any

from core.cognition.llm.providers.asking import model_name, no_room, with_repair, without
from core.cognition.llm.providers.errors import error_of, is_this_machine, said, wait_of
from core.cognition.llm.types import ModelSpec, ProviderError, Question, Rejected, Reply, Unavailable
from core.errors import InputError
from core.settings import api_key

#: OpenAI's own address, so that no environment variable of the library decides whom one asks.
OWN = "https://api.openai.com/v1"
#: What a server without keys is given; the library insists on some.
NO_KEY = "none"
#: How the form of the answer is asked for, from the strictest. A server that cannot do one is asked with the next.
FORMATS = ("json_schema", "json_object", "text")
#: What a server's refusal speaks of when it is the form that it cannot do.
_ABOUT_FORMAT = re.compile(r"response_format|json_schema|json_object|schema|structured|grammar|guided", re.IGNORECASE)
#: Of a schema, what the strict mode of some servers refuses; the reader of answers checks it in any case.
_NOT_STRICT = ("maxLength", "minimum", "maximum")


class OpenAIProvider:
    """Asks through the `openai` package, one HTTP call for a question, unless the server cannot do its format yet."""

    def __init__(self, spec: ModelSpec) -> None:
        """InputError where the package is missing, OpenAI itself is asked without a key, or a key would travel in clear."""
        try:
            import openai
        except ImportError:
            raise InputError(
                "the package 'openai' is not installed",
                where="engine openai",
                allowed="pip install 'policytwin[openai]'",
            ) from None
        self._openai = openai
        self._address = spec.base_url or OWN
        local = is_this_machine(self._address)
        key = api_key("openai")
        if key is None and spec.base_url is None:
            raise InputError(
                "no key for OpenAI", where="engine openai", allowed="a key in the environment variable OPENAI_API_KEY"
            )
        if key is not None and not local and not self._address.startswith("https://"):
            raise InputError(
                f"the key in OPENAI_API_KEY would travel unencrypted to {self._address}",
                where="engine openai",
                allowed="an https address, a server on this machine, or no key in the environment",
            )
        self._key = key or NO_KEY
        self._local = local
        self._client: Any = None
        self._format = 0

    def __repr__(self) -> str:
        return f"OpenAIProvider({self._address})"

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        begun = perf_counter()
        try:
            async with asyncio.timeout(spec.timeout):
                completion = await self._complete(question, spec, repair)
        except TimeoutError:
            raise Unavailable(f"no reply within {spec.timeout:g} s") from None
        return _reply(completion, spec, perf_counter() - begun)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _complete(self, question: Question, spec: ModelSpec, repair: str | None) -> Any:
        while True:
            tried = self._format
            try:
                return await self._client_of_loop().chat.completions.create(
                    **self._request(question, spec, repair, FORMATS[tried]), timeout=spec.timeout
                )
            except self._openai.APIStatusError as wrong:
                if tried + 1 == len(FORMATS) or not _cannot_format(wrong):
                    raise self._status_error(wrong) from None
                # Other calls may have found out meanwhile; the format never goes back.
                self._format = max(self._format, tried + 1)
            except self._openai.APITimeoutError:
                raise Unavailable(f"no reply within {spec.timeout:g} s") from None
            except self._openai.APIConnectionError as wrong:
                raise Unavailable(f"the server cannot be reached: {said(wrong.__cause__ or wrong)}") from None
            except (self._openai.OpenAIError, ValueError) as wrong:
                raise Unavailable(f"the server's reply cannot be read: {said(wrong)}") from None
            except OSError as wrong:
                raise Unavailable(f"the server cannot be reached: {said(wrong)}") from None

    def _client_of_loop(self) -> Any:
        if self._client is None:
            options: dict[str, Any] = {}
            if self._local:
                # A proxy in the environment leads away from this machine.
                options["http_client"] = self._openai.DefaultAsyncHttpxClient(trust_env=False)
            self._client = self._openai.AsyncOpenAI(api_key=self._key, base_url=self._address, max_retries=0, **options)
        return self._client

    def _request(self, question: Question, spec: ModelSpec, repair: str | None, form: str) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": spec.model,
            "messages": [
                {"role": "system", "content": question.system},
                {"role": "user", "content": with_repair(question.prompt, repair)},
            ],
            "temperature": spec.temperature,
            # OpenAI's newer models refuse the old name; other servers know no other.
            ("max_completion_tokens" if self._address == OWN else "max_tokens"): spec.max_output_tokens,
        }
        if spec.seed is not None:
            request["seed"] = spec.seed + question.sample
        if form == "json_schema":
            schema = without(question.schema, _NOT_STRICT)
            request["response_format"] = {
                "type": form,
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        elif form == "json_object":
            request["response_format"] = {"type": form}
        return request

    def _status_error(self, wrong: Any) -> ProviderError:
        body = wrong.body if isinstance(wrong.body, dict) else {}
        message = body.get("message") or wrong.message
        return error_of(wrong.status_code, message, wait_of(wrong.response.headers))


def _cannot_format(wrong: Any) -> bool:
    return wrong.status_code in (400, 422, 501) and bool(_ABOUT_FORMAT.search(str(wrong.body or wrong)))


def _reply(completion: Any, spec: ModelSpec, seconds: float) -> Reply:
    try:
        choice = completion.choices[0]
        message, ended = choice.message, choice.finish_reason
        refusal = getattr(message, "refusal", None)
        text = message.content or ""
        usage = completion.usage
        tokens_in = None if usage is None else int(usage.prompt_tokens)
        tokens_out = None if usage is None else int(usage.completion_tokens)
        model = completion.model
    except (AttributeError, IndexError, TypeError, ValueError):
        raise Unavailable("the server's reply is no chat completion") from None
    if refusal or ended == "content_filter":
        raise Rejected(f"the model refuses to answer: {said(refusal or 'content filter')}")
    if not isinstance(text, str):
        raise Unavailable("the server's reply is no chat completion")
    if ended == "length" and not text.strip():
        raise Rejected(no_room(spec))
    return Reply(text, model_name(str(model) if model else None), tokens_in, tokens_out, seconds)
