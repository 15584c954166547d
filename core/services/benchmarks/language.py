"""How much of a client's speed the pipe keeps, measured against a server of our own and printed; nothing is asserted.

The server runs in a process of its own and answers every call after a fixed time, in the form of OpenAI's chat
completions. The bare client asks through a semaphore and keeps nothing; the pipe asks the same, looks into the cache,
checks every answer and stores it. They take turns, so that what else the machine does meets both.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from core.errors import InputError, PolicyTwinError
from core.options import option
from core.result import Result

MODEL = "benchmark"
_REASON = "An ordinary working day, with few rules in force."
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class LanguageBenchmarkRequest:
    """`calls` calls of `latency` seconds, `concurrency` at a time, `repeat` times each way. InputError for none of anything."""

    calls: int = option("calls in each run (default 2000)", 2000)
    latency: float = option("seconds to an answer (default 0.2)", 0.2, word="S")
    concurrency: int = option("calls at a time (default 32)", 32)
    repeat: int = option("pairs of runs (median shown; default 3)", 3)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"--{name} {value}", allowed="above 0")


@dataclass(frozen=True, kw_only=True)
class CallsPerSecond:
    """Of the bare client and of the pipe, one after the other."""

    bare: float
    pipe: float


@dataclass(frozen=True, kw_only=True)
class LanguageBenchmark(Result):
    """The speeds of each run, and the median and ends of the pipe's over the bare client's; `ideal` is what nobody can
    exceed."""

    machine: str
    client: str
    calls: int
    latency: float
    concurrency: int
    ideal: float
    runs: tuple[CallsPerSecond, ...]
    ratio: float
    lowest: float
    highest: float


def benchmark_llm(request: LanguageBenchmarkRequest) -> LanguageBenchmark:
    """Calls per second of the bare `openai` client and of the pipe, and the median of their ratio.

    Raises InputError where the package `openai` is missing.
    """
    calls, latency, concurrency = request.calls, request.latency, request.concurrency
    try:
        import openai
    except ImportError:
        raise InputError(
            "the benchmark needs the package 'openai'", where="bench-llm", allowed="pip install 'policytwin[openai]'"
        ) from None
    runs = []
    with _server(latency) as url, tempfile.TemporaryDirectory() as folder:
        # Connections, imports and the first of everything are nobody's speed.
        _bare(url, concurrency, concurrency)
        _piped(url, concurrency, concurrency, Path(folder) / "warm.duckdb")
        for number in range(request.repeat):
            store = Path(folder) / f"bench-{number}.duckdb"
            order = ("bare", "pipe") if number % 2 == 0 else ("pipe", "bare")
            seconds = {
                name: _bare(url, calls, concurrency) if name == "bare" else _piped(url, calls, concurrency, store)
                for name in order
            }
            runs.append(CallsPerSecond(bare=calls / seconds["bare"], pipe=calls / seconds["pipe"]))
    ratios = [run.pipe / run.bare for run in runs]
    return LanguageBenchmark(
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        client=f"openai {openai.__version__}",
        calls=calls,
        latency=latency,
        concurrency=concurrency,
        ideal=concurrency / latency,
        runs=tuple(runs),
        ratio=median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
    )


def _questions(count: int) -> list[Any]:
    from core.cognition.llm.answers import AnswerShape
    from core.cognition.llm.types import Question

    shape = AnswerShape((), (), ("transit", "parks", "workplaces"), 500)
    persona = "A 41-year-old nurse with two children lives in a suburb and has no car. " * 12
    return [
        Question(
            system="You answer for one person. Judge from what is said alone.",
            prompt=f"Person {number}. {persona}\nAnswer in this form: {shape.form()}",
            schema=shape.schema(),
            prompt_version="benchmark-1",
            design="blinded",
            sample=0,
        )
        for number in range(count)
    ]


def _bare(url: str, calls: int, concurrency: int) -> float:
    """Seconds that the client alone takes."""
    import openai

    questions = _questions(calls)
    texts: list[str] = []

    async def ask(client: Any, gate: asyncio.Semaphore, question: Any) -> None:
        async with gate:
            completion = await client.chat.completions.create(
                model=MODEL,
                messages=[
                    {"role": "system", "content": question.system},
                    {"role": "user", "content": question.prompt},
                ],
                temperature=1.0,
                max_tokens=1024,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "strict": True, "schema": question.schema},
                },
            )
            texts.append(completion.choices[0].message.content)

    async def run() -> None:
        gate = asyncio.Semaphore(concurrency)
        transport = openai.DefaultAsyncHttpxClient(trust_env=False)
        async with openai.AsyncOpenAI(
            api_key="none", base_url=url, max_retries=0, timeout=60.0, http_client=transport
        ) as client:
            await asyncio.gather(*(ask(client, gate, question) for question in questions))

    begun = perf_counter()
    asyncio.run(run())
    taken = perf_counter() - begun
    if len(texts) != calls:
        raise PolicyTwinError(f"The benchmark's client got {len(texts)} of {calls} answers.")
    return taken


def _piped(url: str, calls: int, concurrency: int, path: Path) -> float:
    """Seconds that the pipe takes, from the questions to the last answer in the store."""
    from core.cognition.llm.answers import AnswerShape
    from core.cognition.llm.cache import AnswerCache
    from core.cognition.llm.limits import Limits
    from core.cognition.llm.pipe import ask_all
    from core.cognition.llm.providers import provider_for
    from core.cognition.llm.types import ModelSpec
    from core.store.database import Store

    questions = _questions(calls)
    spec = ModelSpec("openai", MODEL, url)
    shape = AnswerShape.of(questions[0].schema)
    with Store(path) as store:
        cache = AnswerCache(store)
        begun = perf_counter()
        outcomes = ask_all(
            questions, provider_for("openai", spec), spec, shape.parse, cache, Limits(concurrency=concurrency)
        )
        taken = perf_counter() - begun
        kept = len(cache.find(question.key(spec) for question in questions))
    if kept != calls or not all(outcome.answered and outcome.attempts == 1 for outcome in outcomes):
        raise PolicyTwinError(f"The benchmark's pipe kept {kept} of {calls} answers.")
    return taken


@contextmanager
def _server(latency: float) -> Iterator[str]:
    command = [sys.executable, "-m", "core.services.benchmarks.language", str(latency)]
    process = subprocess.Popen(  # noqa: S603 (our own module, no shell)
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port.isdigit():
            raise PolicyTwinError("The benchmark's server did not start.")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.communicate()


class _Answering(asyncio.Protocol):
    """One connection: requests one after another, each answered `latency` seconds after it is whole."""

    def __init__(self, latency: float, response: bytes) -> None:
        self.latency, self.response = latency, response
        self.waiting = b""
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(_HEAD_END)) >= 0:
            length = 0
            for line in self.waiting[:end].split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.strip().lower() == b"content-length":
                    length = int(value)
            whole = end + len(_HEAD_END) + length
            if len(self.waiting) < whole:
                return
            self.waiting = self.waiting[whole:]
            asyncio.get_running_loop().call_later(self.latency, self._respond)

    def _respond(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(self.response)


def _response() -> bytes:
    content = {"reason": _REASON, "values": {"transit": 0.4, "parks": 0.3, "workplaces": 0.8}}
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": json.dumps(content)},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 300, "completion_tokens": 40, "total_tokens": 340},
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _serve(latency: float) -> None:
    loop = asyncio.get_running_loop()
    response = _response()
    server = await loop.create_server(lambda: _Answering(latency, response), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Whoever started the server holds its input open; where that process is killed, nobody else ends this one.
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
