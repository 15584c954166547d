"""Gemini, through google-genai where it is installed, else through google-generativeai's client over REST.

google-generativeai has reached its end of support; it comes with PolicyTwin, its successor with the extra `genai`. Both
send the same question. Seeds are known to the successor only.
"""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

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
from core.cognition.llm.types import ModelSpec, Provider, ProviderError, Question, Reply, Unavailable
from core.errors import InputError
from core.settings import api_key

OWN = "https://generativelanguage.googleapis.com"
#: Calls in flight through the client that has no asynchronous form.
THREADS = 64
#: Ends of an answer that is whole, and of one that may be cut; at any other the provider or the model gives none.
DONE, OUT_OF_ROOM = ("STOP", None), "MAX_TOKENS"
#: Of a JSON schema, what neither client's schema has.
_UNKNOWN = ("additionalProperties",)
#: And what the older client's has not either.
_UNKNOWN_TO_OLDER = (*_UNKNOWN, "minimum", "maximum", "maxLength")


def gemini_provider(spec: ModelSpec) -> Provider:
    """The better of the two clients that is installed. InputError where neither is, or the key is missing."""
    try:
        return GenaiProvider(spec)
    except ImportError:
        pass
    try:
        return GenerativeAIProvider(spec)
    except ImportError:
        raise InputError(
            "neither the package 'google-genai' nor 'google-generativeai' is installed",
            where="engine gemini",
            allowed="pip install 'policytwin[genai]'",
        ) from None


def _key(spec: ModelSpec) -> str:
    """The key. A server on this machine needs none, and is never given the real one; no other address but https is."""
    if spec.base_url is not None and is_this_machine(spec.base_url):
        return "none"
    if spec.base_url is not None and not spec.base_url.startswith("https://"):
        raise InputError(
            f"the key would travel unencrypted to {spec.base_url}",
            where="engine gemini",
            allowed="an https address, or a server on this machine",
        )
    key = api_key("gemini")
    if key is None:
        raise InputError(
            "no key for Gemini",
            where="engine gemini",
            allowed="a key in the environment variable GEMINI_API_KEY or GOOGLE_API_KEY",
        )
    return key


class GenaiProvider:
    """Asks through `google-genai`. ImportError where it is not installed."""

    def __init__(self, spec: ModelSpec) -> None:
        from google import genai
        from google.genai import errors

        self._genai, self._errors = genai, errors
        self._key, self._address = _key(spec), spec.base_url or OWN
        self._client: Any = None

    def __repr__(self) -> str:
        return f"GenaiProvider({self._address})"

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        begun = perf_counter()
        try:
            async with asyncio.timeout(spec.timeout):
                response = await self._client_of_loop(spec).aio.models.generate_content(
                    model=spec.model,
                    contents=with_repair(question.prompt, repair),
                    config=self._config(question, spec),
                )
        except TimeoutError:
            raise Unavailable(f"no reply within {spec.timeout:g} s") from None
        except self._errors.APIError as wrong:
            headers, details = getattr(wrong.response, "headers", None), _details(wrong.details)
            raise _status_error(self._address, wrong.code, wrong.message or wrong.status, headers, details) from None
        except Exception as wrong:
            # The library lets through the errors of whichever HTTP client it found, and those of reading broken bodies.
            raise Unavailable(f"the server cannot be reached or read: {said(wrong) or type(wrong).__name__}") from None
        return _genai_reply(response, spec, perf_counter() - begun)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aio.aclose()
            self._client.close()
            self._client = None

    def _client_of_loop(self, spec: ModelSpec) -> Any:
        if self._client is None:
            arguments = {"trust_env": False} if is_this_machine(self._address) else {}
            self._client = self._genai.Client(
                vertexai=False,
                api_key=self._key,
                http_options=self._genai.types.HttpOptions(
                    base_url=self._address,
                    timeout=int(spec.timeout * 1000),
                    client_args=arguments,
                    async_client_args=arguments,
                ),
            )
        return self._client

    def _config(self, question: Question, spec: ModelSpec) -> Any:
        return self._genai.types.GenerateContentConfig(
            system_instruction=question.system,
            temperature=spec.temperature,
            max_output_tokens=spec.max_output_tokens,
            seed=None if spec.seed is None else spec.seed + question.sample,
            response_mime_type="application/json",
            response_schema=_ordered(without(question.schema, _UNKNOWN)),
        )


class GenerativeAIProvider:
    """Asks through the REST client of `google-generativeai`, in threads. ImportError where it is not installed.

    The client is made here and not by `configure`, which would set address and key for the whole process.
    """

    def __init__(self, spec: ModelSpec) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it announces the end of its support
            from google.ai import generativelanguage
            from google.api_core import exceptions
            from google.api_core.client_options import ClientOptions

        self._language, self._exceptions = generativelanguage, exceptions
        key, self._address = _key(spec), spec.base_url or OWN
        self._client = generativelanguage.GenerativeServiceClient(
            transport="rest", client_options=ClientOptions(api_endpoint=self._address, api_key=key)
        )
        transport: Any = self._client.transport
        session = transport._session
        # It would ask again after a refused key, as if a key could be fetched anew.
        session._max_refresh_attempts = 0
        # A proxy in the environment leads away from this machine.
        session.trust_env = not is_this_machine(self._address)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gemini")

    def __repr__(self) -> str:
        return f"GenerativeAIProvider({self._address})"

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        begun = perf_counter()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(spec.timeout):
                response = await loop.run_in_executor(self._threads, self._call, question, spec, repair)
        except TimeoutError:
            raise Unavailable(f"no reply within {spec.timeout:g} s") from None
        except self._exceptions.GoogleAPICallError as wrong:
            answer = wrong.response
            headers, details = getattr(answer, "headers", None), _body_details(answer)
            raise _status_error(self._address, int(wrong.code or 500), wrong.message, headers, details) from None
        except Exception as wrong:
            # Timeouts and refused connections come as errors of `requests`, broken bodies as errors of protobuf's reader.
            raise Unavailable(f"the server cannot be reached or read: {said(wrong) or type(wrong).__name__}") from None
        return _older_reply(response, spec, perf_counter() - begun)

    async def aclose(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.transport.close()

    def _call(self, question: Question, spec: ModelSpec, repair: str | None) -> Any:
        language = self._language
        request = language.GenerateContentRequest(
            model=spec.model if "/" in spec.model else f"models/{spec.model}",
            system_instruction=language.Content(parts=[language.Part(text=question.system)]),
            contents=[language.Content(role="user", parts=[language.Part(text=with_repair(question.prompt, repair))])],
            generation_config=language.GenerationConfig(
                temperature=spec.temperature,
                max_output_tokens=spec.max_output_tokens,
                response_mime_type="application/json",
                response_schema=_older_schema(language, without(question.schema, _UNKNOWN_TO_OLDER)),
            ),
        )
        # By itself it would try again for minutes.
        return self._client.generate_content(request, timeout=spec.timeout, retry=None)


def _status_error(address: str, status: int, message: object, headers: Any, details: Any) -> ProviderError:
    wrong = error_of(status, message, wait_of(headers, details), details=details)
    found = re.search(r"/(?:v\d\w*|models|openai)(?:/.*)?$", urlsplit(address).path)
    if status == 404 and found:
        return type(wrong)(f"{wrong} Leave {found.group(0)} out of the address: it is added.")
    return wrong


def _ordered(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its properties in their order, where Gemini would else write them from A to Z."""
    if "properties" not in schema:
        return schema
    inner = {name: _ordered(item) for name, item in schema["properties"].items()}
    return {**schema, "properties": inner, "propertyOrdering": list(inner)}


def _older_schema(language: Any, schema: dict[str, Any]) -> Any:
    kind = getattr(language.Type, schema["type"].upper())
    if "properties" not in schema:
        return language.Schema(type_=kind)
    inner = {name: _older_schema(language, item) for name, item in schema["properties"].items()}
    return language.Schema(type_=kind, properties=inner, required=list(schema.get("required", ())))


def _genai_reply(response: Any, spec: ModelSpec, seconds: float) -> Reply:
    candidate = response.candidates[0] if response.candidates else None
    parts = getattr(getattr(candidate, "content", None), "parts", None) or []
    text = "".join(part.text or "" for part in parts if not getattr(part, "thought", None))
    usage = response.usage_metadata
    written, thought = (
        token_count(getattr(usage, name, None)) for name in ("candidates_token_count", "thoughts_token_count")
    )
    # Thinking is billed as output; its count comes alone where the model did nothing else.
    written = None if written is None and thought is None else (written or 0) + (thought or 0)
    told = token_count(getattr(usage, "prompt_token_count", None))
    reply = Reply(text, model_name(response.model_version), told, written, seconds)
    blocked = getattr(response.prompt_feedback, "block_reason", None)
    return _checked(reply, _name(blocked), _name(getattr(candidate, "finish_reason", None)), spec, candidate, parts)


def _older_reply(response: Any, spec: ModelSpec, seconds: float) -> Reply:
    candidate = response.candidates[0] if response.candidates else None
    parts = [] if candidate is None else list(candidate.content.parts)
    usage = response.usage_metadata
    # What was neither asked nor is part of the answer is thinking.
    told = token_count(usage.prompt_token_count) if usage.total_token_count else None
    written = None if told is None else token_count(usage.total_token_count - told)
    reply = Reply(
        "".join(part.text for part in parts),
        model_name(getattr(response, "model_version", None)),
        told,
        written,
        seconds,
    )
    ended = None if candidate is None else _name(candidate.finish_reason)
    return _checked(reply, _name(response.prompt_feedback.block_reason), ended, spec, candidate, parts)


def _name(reason: Any) -> str | None:
    """A reason's name; its number where the client does not know it, and None where none is given."""
    name = getattr(reason, "name", None) or (str(reason) if reason else "")
    return None if not name or name.endswith("_UNSPECIFIED") else said(name)


def _checked(
    reply: Reply, blocked: str | None, ended: str | None, spec: ModelSpec, candidate: Any, parts: Sequence[Any]
) -> Reply:
    """The reply, with why it was cut. Raises Rejected where the provider or the model gave no answer."""
    if blocked:
        raise without_answer(f"the provider blocks the question: {blocked}", reply)
    if candidate is None:
        raise Unavailable("the server's reply holds no answer")
    if ended not in (*DONE, OUT_OF_ROOM):
        raise without_answer(f"the provider blocks the answer: {ended}", reply)
    if reply.text.strip():
        return reply if ended in DONE else replace(reply, cut=out_of_room(spec))
    if ended == OUT_OF_ROOM:
        raise without_answer(no_room(spec), reply)
    if any(getattr(part, "function_call", None) for part in parts):
        raise without_answer("the answer stands in a tool call: there is no text", reply)
    if any(getattr(part, "thought", None) for part in parts):
        raise without_answer("the answer stands in the model's thoughts: there is no text", reply)
    return reply


def _body_details(answer: Any) -> Any:
    """The details of an error in the body of a response of `requests`, if it is one of Google's."""
    try:
        return _details(answer.json())
    except (AttributeError, ValueError):
        return None


def _details(body: Any) -> Any:
    error = body.get("error", body) if isinstance(body, dict) else None
    return error.get("details") if isinstance(error, dict) else None
