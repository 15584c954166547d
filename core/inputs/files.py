"""Reading a file that somebody wrote: bounded, in UTF-8, as TOML or JSON, with the files it extends.

Every way in which a file can be wrong is an InputError of one line that names it; nothing else is raised.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from core.errors import InputError, nearest
from core.printable import printable, quoted

#: Bytes; the largest file that ships has 40 kB.
LARGEST_FILE = 5_000_000
#: Levels of tables and lists in one another; the deepest file that ships has 7.
DEEPEST = 40
#: Files in a row that extend one another.
LONGEST_CHAIN = 16
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Layer:
    """One file of those that a merged mapping comes from."""

    path: Path
    raw: Mapping[str, Any]

    def has(self, location: Sequence[str | int]) -> bool:
        """Whether this file says something at this place."""
        here: Any = self.raw
        for part in location:
            inside = isinstance(here, Mapping) if isinstance(part, str) else isinstance(here, list)
            if not inside or not (part in here if isinstance(part, str) else part < len(here)):
                return False
            here = here[part]
        return True


@dataclass(frozen=True)
class Written:
    """The values of a file merged with those it extends; `layers` are the files, the one that was named first."""

    raw: dict[str, Any]
    layers: tuple[Layer, ...]

    def origin(self, location: Sequence[str | int]) -> Path:
        """The file that says what holds at this place; the one that was named where none does."""
        return next((layer.path for layer in self.layers if layer.has(location)), self.layers[0].path)


def read_written(path: Path, *, shown: str | None = None) -> dict[str, Any]:
    """The values of a TOML or JSON file, by its suffix. In messages the file is called `shown` (its path)."""
    where = str(path) if shown is None else shown
    return parsed(read_text(path, shown=where), "json" if path.suffix.lower() == ".json" else "toml", where)


def read_list(path: Path) -> list[Any]:
    """The values of a JSON file that is one list."""
    raw = _values(read_text(path), "json", str(path))
    if not isinstance(raw, list):
        raise InputError(f"is {quoted(raw)}", where=str(path), allowed="a list: [ … ]")
    return raw


def parsed(content: str | bytes, form: str, where: str) -> dict[str, Any]:
    """The values in TOML or JSON text; keys of JSON are given once, as those of TOML are."""
    raw = _values(content, form, where)
    if not isinstance(raw, dict):
        raise InputError(f"is {quoted(raw)}", where=where, allowed="keys and values")
    return raw


def _values(content: str | bytes, form: str, where: str) -> Any:
    text = decoded(content, where) if isinstance(content, bytes) else content
    try:
        if form == "toml":
            raw: Any = tomllib.loads(text)
        else:
            raw = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
            json.dumps(raw, ensure_ascii=False).encode("utf-8")  # half a character of two cannot be kept or shown
    except RecursionError:
        raise InputError("nests too deep", where=where, allowed=f"up to {DEEPEST} levels") from None
    except UnicodeEncodeError:
        raise InputError("has half a character (a lone surrogate)", where=where, allowed="whole characters") from None
    except ValueError as wrong:
        raise InputError(f"is not valid {form.upper()} ({wrong})", where=where) from None
    _check_depth(raw, where)
    return raw


def decoded(content: bytes, where: str) -> str:
    """Bytes as UTF-8 text; the mark that Windows puts before it (BOM) is not part of it."""
    if content.startswith(_UTF16):
        raise InputError("is text in UTF-16", where=where, allowed="UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise InputError(f"is not text in UTF-8 (byte {wrong.start})", where=where, allowed="UTF-8") from None


def read_with_parents(path: Path, shipped: Path) -> Written:
    """A TOML file merged with the one that its key `extends` names, and so on; the file's own keys win, table by table.

    A parent is looked up beside the file, then in `shipped`.
    """
    layers: list[Layer] = []
    while True:
        raw = read_written(path)
        parent = raw.pop("extends", None)
        layers.append(Layer(path, raw))
        if parent is None:
            break
        path = _parent(parent, path, shipped)
        if path.resolve() in {layer.path.resolve() for layer in layers}:
            raise InputError(f"extends {quoted(parent)}, which extends it in turn", where=str(layers[-1].path))
        if len(layers) >= LONGEST_CHAIN:
            raise InputError(
                f"is the end of a chain of more than {LONGEST_CHAIN} files", where=str(path), allowed="fewer"
            )
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged = _merge(merged, layer.raw)
    return Written(merged, tuple(layers))


def named_file(given: str, beside: Path, shipped: Path, *, key: str, where: str, folder: bool = False) -> Path:
    """The file (or `folder`) that a key names: beside the file it stands in, else among the shipped data."""
    for base in (beside, shipped):
        found = base / given
        if _exists(found, folder=folder):
            return found
    near = nearest(Path(given).name, [item.name for item in _suffixed(beside / given)])
    places = "an absolute path" if Path(given).is_absolute() else f"beside it in {beside}, or in {shipped}"
    raise InputError(
        f"there is no {'folder' if folder else 'file'} {quoted(given)}",
        where=f"{where}, {key}",
        allowed=f"a {'folder' if folder else 'file'} that is there: {places}",
        nearest=near,
    )


def read_text(path: Path, *, shown: str | None = None) -> str:
    """The text of a file in UTF-8, of `LARGEST_FILE` bytes at most. In messages it is called `shown` (its path)."""
    where = str(path) if shown is None else shown
    try:
        if path.is_dir():
            raise InputError("is a folder", where=where, allowed="a file")
        if path.exists() and not path.is_file():
            raise InputError("is no ordinary file", where=where, allowed="a file")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise InputError(f"has {size:,} bytes", where=where, allowed=f"up to {LARGEST_FILE:,} bytes")
        content = path.read_bytes()
    except FileNotFoundError:
        near = nearest(path.name, [item.name for item in _suffixed(path)])
        raise InputError("no such file", where=where, nearest=near) from None
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror})", where=where) from None
    except ValueError:  # a name with a null character
        raise InputError("no such file", where=where) from None
    return decoded(content, where)


def _suffixed(path: Path) -> list[Path]:
    """Files beside `path` with its suffix; none where its folder cannot be looked into."""
    try:
        return [item for item in path.parent.iterdir() if item.suffix == path.suffix] if path.parent.is_dir() else []
    except (OSError, ValueError):
        return []


def _exists(path: Path, *, folder: bool = False) -> bool:
    try:
        return path.is_dir() if folder else path.is_file()
    except (OSError, ValueError):
        return False


def _parent(parent: Any, path: Path, shipped: Path) -> Path:
    where = f"{path}, extends"
    if not isinstance(parent, str) or not parent.strip():
        raise InputError(f"is {quoted(parent)}", where=where, allowed="the name of a file, in quotes")
    for base in (path.parent, shipped):
        if _exists(base / parent):
            return base / parent
    known = [item.name for folder in (path.parent, shipped) for item in _suffixed(folder / "a.toml")]
    raise InputError(
        f"no such file: {quoted(parent)}",
        where=where,
        allowed=f"a file beside it, or in {shipped}",
        nearest=nearest(parent, [name for name in known if name != path.name]),
    )


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both_tables else value
    return merged


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key '{printable(key)}' is given twice")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _check_depth(raw: Any, where: str) -> None:
    level: list[Any] = [raw] if isinstance(raw, dict | list) else []
    for _ in range(DEEPEST):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise InputError("nests too deep", where=where, allowed=f"up to {DEEPEST} levels")
