"""Files that are read once for as long as they say the same: what was made of a file is kept by its content.

A dashboard runs for days while its tables and prompts are edited. What is read anew after an edit is read anew here too,
and an untouched file costs one look at its size and times.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds for which a changed file's times are not trusted: two edits in one tick of the clock look alike.
SETTLED = 2.0
_ABSENT = "absent"

_lock = threading.Lock()
_digests: dict[Path, tuple[tuple[int, ...], float, str]] = {}


def content_digest(path: Path) -> str:
    """SHA-256 of what a file holds, or of the names and contents of all files in a folder; "absent" where there is none.

    A file whose size and times are as they were is not read again.
    """
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{_file_digest(file)}\0".encode())
        return digest.hexdigest()
    return _file_digest(path)


def cached_by_content(
    keep: int = 32,
) -> Callable[[Callable[Concatenate[Path, P], T]], Callable[Concatenate[Path, P], T]]:
    """Keeps what a reader of a file or folder made of it, until that says something else. For arguments that can be keys.

    At most `keep` results are kept, one for each path and further arguments. Errors are not kept. Two threads may read
    the same file at once; both get what it said. The result is shared: nobody may change it.
    """

    def decorate(read: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
        kept: OrderedDict[object, tuple[str, T]] = OrderedDict()
        lock = threading.Lock()

        @functools.wraps(read)
        def reader(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
            key = (path, args, tuple(sorted(kwargs.items())))
            digest = content_digest(path)
            with lock:
                found = kept.get(key)
                if found is not None and found[0] == digest:
                    kept.move_to_end(key)
                    return found[1]
            value = read(path, *args, **kwargs)
            if content_digest(path) != digest:
                return value
            with lock:
                kept[key] = digest, value
                kept.move_to_end(key)
                while len(kept) > keep:
                    kept.popitem(last=False)
            return value

        return reader

    return decorate


class Remembered(Generic[T]):
    """The `most` values computed last, by the hash of what they were computed from. Values are shared: nobody may change them."""

    def __init__(self, most: int) -> None:
        self._most, self._kept = most, OrderedDict[object, T]()
        self._lock = threading.Lock()

    def get(self, key: object) -> T | None:
        with self._lock:
            return self._kept.get(key)

    def put(self, key: object, value: T) -> None:
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


def _file_digest(path: Path) -> str:
    try:
        about = os.stat(path)
        stamp = (about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino)
        with _lock:
            known = _digests.get(path)
        if known is not None and known[0] == stamp and known[1] - about.st_mtime > SETTLED:
            return known[2]
        read_at = time.time()
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        # What is wrong with the file is said by who reads it.
        return _ABSENT
    with _lock:
        _digests[path] = stamp, read_at, digest
    return digest
