"""OpenAI, and every server that speaks its chat completions: vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from core.cognition.llm.letters import LetterShape
from core.cognition.llm.providers.asking import (
    model_name,
    no_room,
    out_of_room,
    token_count,
    with_repair,
    without,
    without_answer,
)
from core.cognition.llm.providers.errors import error_of, is_this_machine, said, wait_of
from core.cognition.llm.types import (
    MOST_OPTIONS,
    Denied,
    FormRefused,
    ModelSpec,
    ProviderError,
    Question,
    Reply,
    Unavailable,
)
from core.errors import InputError
from core.settings import api_key

#: OpenAI's own address, so that no environment variable of the library decides whom one asks.
OWN = "https://api.openai.com/v1"
#: What a server without keys is given; the library insists on some.
NO_KEY = "none"
#: How the form of the answer is asked for, from the strictest. A server that cannot do one is asked with the next.
FORMATS = ("json_schema", "json_schema without bounds", "json_object", "text")
#: What a server's refusal speaks of when it is the form that it cannot do.
_ABOUT_FORMAT = re.compile(r"response_format|json_schema|json_object|schema|structured|grammar|guided", re.IGNORECASE)
#: How a choice ends whose text is whole; servers that do not say anything say so too.
_DONE = ("stop", "eos", "eos_token", "end_turn", None, "")
#: Statuses of an address at which nobody speaks this interface, or of an unknown model.
_WRONG_PLACE = (404, 405)
#: Of a schema, what the strict mode of some servers, OpenAI's own among them, refuses; the reader of answers checks it
#: in any case.
_NOT_STRICT = ("maxLength", "minimum", "maximum")


class OpenAIProvider:
    """Asks through the `openai` package. A format that the server cannot do is FormRefused once, and the next is asked for."""

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
        self._format = int(self._address == OWN)

    def __repr__(self) -> str:
        return f"OpenAIProvider({self._address})"

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        begun = perf_counter()
        try:
            async with asyncio.timeout(spec.timeout):
                completion = await self._complete(question, spec, repair)
        except TimeoutError:
            raise Unavailable(f"no reply within {spec.timeout:g} s") from None
        seconds = perf_counter() - begun
        letters = LetterShape.of(question.schema)
        return self._reply(completion, spec, seconds) if letters is None else self._letter(completion, letters, seconds)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _complete(self, question: Question, spec: ModelSpec, repair: str | None) -> Any:
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
            raise FormRefused(f"the server does not know answers of the form {FORMATS[tried]}") from None
        except self._openai.APITimeoutError:
            raise Unavailable(f"no reply within {spec.timeout:g} s") from None
        except self._openai.APIConnectionError as wrong:
            raise Unavailable(f"the server cannot be reached: {said(wrong.__cause__ or wrong)}") from None
        except (self._openai.OpenAIError, ValueError, RecursionError) as wrong:
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
        if LetterShape.of(question.schema) is not None:
            # The first token alone, with what else it might have been.
            request["max_completion_tokens" if self._address == OWN else "max_tokens"] = 1
            request |= {"logprobs": True, "top_logprobs": MOST_OPTIONS}
            form = FORMATS[-1]
        if spec.seed is not None:
            request["seed"] = spec.seed + question.sample
        if form.startswith("json_schema"):
            schema = question.schema if form == FORMATS[0] else without(question.schema, _NOT_STRICT)
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        elif form == "json_object":
            request["response_format"] = {"type": form}
        return request

    def _status_error(self, wrong: Any) -> ProviderError:
        body, headers = _error_in(wrong.body), wrong.response.headers
        message = body.get("message") or wrong.message
        if wrong.status_code in _WRONG_PLACE:
            return Denied(
                f"the provider does not know the model or the address ({wrong.status_code}): {said(message).rstrip('.')}."
                + address_hint(self._address)
            )
        details = body.get("details")
        codes = f"{body.get('code')} {body.get('type')}"
        return error_of(wrong.status_code, message, wait_of(headers, details), code=codes, details=details)

    def _no_completion(self, completion: Any) -> ProviderError:
        """Why a reply with status 200 is none: some servers put an error into it, or show a page."""
        error = _error_in(getattr(completion, "error", None))
        if error:
            code, details = error.get("code"), error.get("details")
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            return error_of(status, error.get("message") or error, wait_of(None, details), code=code, details=details)
        return Unavailable(f"the server's reply is no chat completion.{address_hint(self._address)}")

    def _letter(self, completion: Any, letters: LetterShape, seconds: float) -> Reply:
        """How probable each letter is, from the alternatives to the first token."""
        try:
            choice, usage = completion.choices[0], getattr(completion, "usage", None)
        except (AttributeError, IndexError, KeyError, TypeError):
            raise self._no_completion(completion) from None
        told, written = (token_count(getattr(usage, name, None)) for name in ("prompt_tokens", "completion_tokens"))
        reply = Reply("", model_name(getattr(completion, "model", None)), told, written, seconds)
        try:
            tokens = [(str(item.token), float(item.logprob)) for item in choice.logprobs.content[0].top_logprobs]
        except (AttributeError, IndexError, TypeError, ValueError):
            raise without_answer(
                "the server gives no log-probabilities of what it might have said: ask with --read percents", reply
            ) from None
        return replace(reply, text=letters.text_of(tokens))

    def _reply(self, completion: Any, spec: ModelSpec, seconds: float) -> Reply:
        try:
            choice = completion.choices[0]
            message, ended = choice.message, choice.finish_reason
            refusal, text = getattr(message, "refusal", None), _text(message.content)
        except (AttributeError, IndexError, KeyError, TypeError):
            raise self._no_completion(completion) from None
        usage, model = getattr(completion, "usage", None), getattr(completion, "model", None)
        told, written = (token_count(getattr(usage, name, None)) for name in ("prompt_tokens", "completion_tokens"))
        cut = None if ended in _DONE else out_of_room(spec) if ended == "length" else f"finish_reason {said(ended)}"
        reply = Reply(text, model_name(model), told, written, seconds, cut)
        if refusal or ended == "content_filter":
            raise without_answer(f"the model refuses to answer: {said(refusal or 'content filter')}", reply)
        if text.strip():
            return reply
        if ended == "length":
            raise without_answer(no_room(spec), reply)
        elsewhere = _elsewhere(message)
        if elsewhere:
            raise without_answer(elsewhere, reply)
        return reply


def address_hint(address: str) -> str:
    """What an address probably should be, where its end says so; begins with a space, or is empty."""
    path = urlsplit(address).path.rstrip("/")
    base = address.rstrip("/").removesuffix(path)
    ollama = re.search(r"(.*)/api(?:/chat|/generate)?$", path)
    if ollama:
        return f" {path} is Ollama's own interface; the one that is asked here is at {base}{ollama.group(1)}/v1."
    for ending in ("/chat/completions", "/completions", "/responses", "/models", "/chat"):
        if path.endswith(ending):
            return f" Leave {ending} out: {base}{path.removesuffix(ending)}."
    return "" if re.search(r"/v\d", path) else f" Most servers answer at an address that ends in /v1: {base}{path}/v1."


def _error_in(body: Any) -> dict[str, Any]:
    """The error in a body; Google's server of this interface wraps it in a list."""
    body = body[0] if isinstance(body, list) and body else body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    if isinstance(body, str):
        return {"message": body}
    return body if isinstance(body, dict) else {}


def _text(content: Any) -> str:
    """A message's text, which some servers send in parts; TypeError for anything else."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(part for part in parts if isinstance(part, str))
    if content is None or isinstance(content, str):
        return content or ""
    raise TypeError("content")


def _elsewhere(message: Any) -> str | None:
    """Where the answer stands if not in the content, and what to do about it."""
    for name in ("reasoning_content", "reasoning", "thinking"):
        found = getattr(message, name, None)
        if isinstance(found, str) and found.strip():
            return (
                f"the answer stands in {name}: nothing is in the content; switch the server's reasoning parser or the "
                f"model's thinking off, or allow more max_output_tokens. It begins: {said(found)[:80]}"
            )
    if getattr(message, "tool_calls", None) or getattr(message, "function_call", None):
        return "the answer stands in a tool call: nothing is in the content; switch the server's tool parser off"
    return None


def _cannot_format(wrong: Any) -> bool:
    return wrong.status_code in (400, 422, 501) and bool(_ABOUT_FORMAT.search(str(wrong.body or wrong)))
