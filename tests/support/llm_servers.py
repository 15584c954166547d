"""Model servers on this machine that speak the providers' real wire formats, with scripted answers and faults.

    with openai_server(always(openai_answer('{"a": 1}'))) as url:
        ...                                # url is a str; url.seen lists the requests so far, in order of arrival

A behaviour is a callable (request's JSON, number of the request from 0) -> Step(status, headers, body, delay). A plain
tuple of the four does as well. A body is a dict (sent as JSON), text or bytes, or `Truncated`: announced longer than sent.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One response; `delay` in seconds passes before it is sent."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: Any = ""
    delay: float = 0.0


Behaviour = Callable[[dict[str, Any], int], Any]


@dataclass(frozen=True)
class Truncated:
    """A body whose connection breaks after these bytes, though more were announced."""

    body: bytes


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class ServerUrl(str):
    """The address of a server, and what it has been asked."""

    seen: list[Seen]


@dataclass
class _State:
    behaviour: Behaviour
    ending: str
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    connections: set[socket.socket] = field(default_factory=set)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, state: _State) -> None:
        self.state = state
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up (a timeout under test) is no error of the server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes; without this the second waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        with self.server.state.lock:
            self.server.state.connections.add(self.connection)

    def finish(self) -> None:
        with self.server.state.lock:
            self.server.state.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def do_POST(self) -> None:
        state = self.server.state
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if not path.endswith(state.ending):
            self._send(Step(404, {}, {"error": {"code": 404, "message": f"no such path: {path}"}}))
            return
        request = json.loads(raw)
        with state.lock:
            number = len(state.seen)
            state.seen.append(Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, request))
        self._send(Step(*state.behaviour(request, number)))

    def _send(self, step: Step) -> None:
        body = step.body
        if step.delay:
            time.sleep(step.delay)
        announced = 0
        if isinstance(body, Truncated):
            body, announced = body.body, 100
        elif isinstance(body, dict):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = body.encode("utf-8", "surrogatepass")
        self.send_response(step.status)
        for name, value in {"Content-Type": "application/json", **step.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + announced))
        self.end_headers()
        self.wfile.write(body)
        if announced:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: tests read `seen`."""


@contextmanager
def _serving(behaviour: Behaviour, ending: str, path: str) -> Iterator[ServerUrl]:
    state = _State(behaviour, ending)
    server = _Server(state)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    url = ServerUrl(f"http://127.0.0.1:{server.server_address[1]}{path}")
    url.seen = state.seen
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        with state.lock:
            for connection in state.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        server.server_close()


@contextmanager
def gemini_server(behaviour: Behaviour) -> Iterator[ServerUrl]:
    """A server of Gemini's REST `models/MODEL:generateContent`, for both of Google's clients."""
    with _serving(behaviour, ":generateContent", "") as url:
        yield url


@contextmanager
def openai_server(behaviour: Behaviour) -> Iterator[ServerUrl]:
    """A server of OpenAI's chat completions; the address ends in /v1, as local servers' do."""
    with _serving(behaviour, "/chat/completions", "/v1") as url:
        yield url


def gemini_answer(text: str, *, model: str = "gemini-test-001", tokens: tuple[int, int] = (11, 7)) -> dict[str, Any]:
    """Gemini's body for an answer of this text."""
    return {
        "candidates": [
            {"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": 0},
        ],
        "usageMetadata": {
            "promptTokenCount": tokens[0],
            "candidatesTokenCount": tokens[1],
            "totalTokenCount": sum(tokens),
        },
        "modelVersion": model,
    }


def gemini_error(status: int, message: str = "scripted", details: Any = None) -> dict[str, Any]:
    """Gemini's body of an error."""
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
    names |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
    error = {"code": status, "message": message, "status": names.get(status, "UNKNOWN")}
    return {"error": error | ({} if details is None else {"details": details})}


def openai_answer(text: str, *, model: str = "local-test-001", tokens: tuple[int, int] = (11, 7)) -> dict[str, Any]:
    """The body of a chat completion of this text."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
        ],
        "usage": {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
        },
    }


def openai_error(status: int, message: str = "scripted") -> dict[str, Any]:
    """The body of an OpenAI error."""
    return {"error": {"message": message, "type": "scripted", "code": str(status)}}


def always(body: Any, *, delay: float = 0.0) -> Behaviour:
    """Every request gets this body, with status 200."""
    return lambda request, number: Step(200, {}, body, delay)


def script(*steps: Step) -> Behaviour:
    """The steps in order, then the last again and again."""
    return lambda request, number: steps[min(number, len(steps) - 1)]


def prompt_of(request: Mapping[str, Any]) -> str:
    """The text of the last turn in a request of either format."""
    if "contents" in request:
        return "".join(part.get("text", "") for part in request["contents"][-1]["parts"])
    return str(request["messages"][-1]["content"])
