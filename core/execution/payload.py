"""How work travels to a worker: pickled, with what many tasks have in common sent once, and files by what they hold."""

from __future__ import annotations

import io
import pickle
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.content_cache import Remembered, content_digest
from core.errors import InputError
from core.execution.threads import limit_threads

#: Shared values that a worker keeps, the newest.
KEPT = 8
#: A folder above this is no table of a study, but was named by mistake.
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Parcel:
    """A shared value or a file, pickled once: its `place` is where workers find the bytes, `needs` what it holds in turn."""

    key: str
    place: Any
    needs: tuple[Parcel, ...]


class Parcels:
    """What the tasks of one executor have in common. `put` takes bytes and says where workers find them, `drop` takes such a
    place back. Where paths `travel`, workers have no disk in common with this process."""

    def __init__(self, put: Callable[[bytes], Any], drop: Callable[[Any], None], *, travel: bool) -> None:
        self._put, self._drop, self._travel = put, drop, travel
        #: By identity: the parcel, how many have shared it, and the value, lest another gets its identity.
        self._shared: dict[int, tuple[Parcel, int, object]] = {}
        self._files: dict[str, Parcel] = {}
        self._lock = threading.RLock()

    @contextmanager
    def sharing(self, values: tuple[object, ...]) -> Iterator[None]:
        with self._lock:
            for value in values:
                parcel, count, _ = self._shared.get(id(value)) or (self._sent(value), 0, value)
                self._shared[id(value)] = parcel, count + 1, value
        try:
            yield
        finally:
            with self._lock:
                for value in values:
                    parcel, count, _ = self._shared.pop(id(value))
                    if count > 1:
                        self._shared[id(value)] = parcel, count - 1, value
                    else:
                        self._drop(parcel.place)

    def packed(self, value: object) -> tuple[bytes, dict[str, Parcel]]:
        """`value` as bytes, and the parcels it needs, by their keys."""
        buffer, used = io.BytesIO(), dict[str, Parcel]()
        with self._lock:
            _Pickler(buffer, self._parcel_of, used).dump(value)
        return buffer.getvalue(), used

    def _sent(self, value: object) -> Parcel:
        content, needs = self.packed(value)
        return Parcel(uuid.uuid4().hex, self._put(content), tuple(needs.values()))

    def _parcel_of(self, value: object) -> Parcel | None:
        if id(value) in self._shared:
            return self._shared[id(value)][0]
        if not (self._travel and isinstance(value, Path) and value.exists()):
            return None
        digest = content_digest(value)
        if digest not in self._files:
            content = pickle.dumps(_File(value.name, _contents(value)), pickle.HIGHEST_PROTOCOL)
            self._files[digest] = Parcel(digest, self._put(content), ())
        return self._files[digest]


class _Pickler(pickle.Pickler):
    def __init__(
        self, buffer: io.BytesIO, parcel_of: Callable[[object], Parcel | None], used: dict[str, Parcel]
    ) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self._parcel_of, self._used = parcel_of, used

    def persistent_id(self, obj: object) -> str | None:
        parcel = self._parcel_of(obj)
        if parcel is None:
            return None
        self._used |= {item.key: item for item in (parcel, *parcel.needs)}
        return parcel.key


class _Unpickler(pickle.Unpickler):
    def __init__(self, content: bytes, places: Mapping[str, Any]) -> None:
        super().__init__(io.BytesIO(content))
        self._places = places

    def persistent_load(self, pid: str) -> object:
        found = _arrived.get(pid)
        if found is None:
            place = self._places[pid]
            content = Path(place).read_bytes() if isinstance(place, str) else place
            found = (_Unpickler(content, self._places).load(),)
            _arrived.put(pid, found)
        return found[0]


_folder = ""
_arrived: Remembered[tuple[object]] = Remembered(KEPT)


def perform(content: bytes, places: Mapping[str, Any], folder: str = "") -> Any:
    """Do work that was `packed` as (function, arguments). In a worker: the limit of one thread stays, and files that arrive
    lie in `folder`, which is the worker's own."""
    global _folder
    _folder = folder
    work, arguments = _Unpickler(content, places).load()
    limit_threads()
    return work(*arguments)


@dataclass(frozen=True)
class _File:
    """A file, or a folder's files by their paths in it; where it arrives it is a path again."""

    name: str
    contents: Mapping[str, bytes]

    def __reduce__(self) -> tuple[object, ...]:
        return (_arrive, (self.name, dict(self.contents)))


def _contents(path: Path) -> dict[str, bytes]:
    """What a file (under "") or a folder holds. InputError for more than a study's tables can be."""
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    size = sum(item.stat().st_size for item in files)
    if size > MOST_BYTES:
        raise InputError(
            f"{size / 2**20:.0f} MB would go to every worker of the cluster",
            where=str(path),
            allowed=f"files and folders of at most {MOST_BYTES // 2**20} MB",
        )
    return {"" if path.is_file() else item.relative_to(path).as_posix(): item.read_bytes() for item in files}


def _arrive(name: str, contents: Mapping[str, bytes]) -> Path:
    place = Path(tempfile.mkdtemp(dir=_folder or None)) / name
    for inside, content in contents.items():
        file = place / inside if inside else place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    place.mkdir(exist_ok=True) if not contents else None
    return place
