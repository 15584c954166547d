"""An event loop for work that is called from plain code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


def in_own_loop(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """What `work` returns, run in a loop of its own: in this thread, or beside it where it has a loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    # A notebook's thread has a loop that cannot be entered twice.
    result: list[_T] = []
    failed: list[BaseException] = []

    def beside() -> None:
        try:
            result.append(asyncio.run(work()))
        except BaseException as wrong:  # raised in the thread that asked for it
            failed.append(wrong)

    thread = threading.Thread(target=beside, name="ask")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return result[0]
