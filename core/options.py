"""What can be asked of a use case: a frozen dataclass, each field with its words for the command line and for reproducing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import date
from pathlib import PurePath
from typing import Any

_KEY = "option"


@dataclass(frozen=True)
class Option:
    """How a field is given on the command line: what it is, what stands for its value, from which text it is read, and under
    which name where that is not the field's own; `positional` without a name, `repeat` once for each of several."""

    text: str
    word: str = ""
    parse: Callable[[str], Any] | None = None
    name: str = ""
    positional: bool = False
    repeat: bool = False


def option(text: str, default: Any = MISSING, **how: Any) -> Any:
    """A field of a request with its `Option`; `how` are further fields of that."""
    return field(default=default, metadata={_KEY: Option(text, **how)})


def options_of(request: type) -> Iterator[tuple[Field[Any], Option]]:
    """The fields of a request that the command line knows, in order."""
    for item in fields(request):
        if _KEY in item.metadata:
            yield item, item.metadata[_KEY]


def option_name(item: Field[Any]) -> str:
    """A field's name on the command line, without its dashes."""
    given: Option | None = item.metadata.get(_KEY)
    return (given.name if given and given.name else item.name).replace("_", "-")


def unusual(request: Any) -> Mapping[str, Any]:
    """The fields of a request that are other than usual."""
    found = {}
    for item in fields(request):
        usual = item.default_factory() if item.default_factory is not MISSING else item.default
        if getattr(request, item.name) != usual:
            found[item.name] = getattr(request, item.name)
    return found


def command_words(request: Any) -> list[str]:
    """The words of a command line that ask for the same: what is usual is left out; a request in a field comes flattened."""
    named = {item.name: item for item in fields(request)}
    words: list[str] = []
    for name, value in unusual(request).items():
        item = named[name]
        how: Option | None = item.metadata.get(_KEY)
        if is_dataclass(value) and how is None:
            words += command_words(value)
        elif how is None:
            continue
        elif how.positional:
            words.insert(0, _word(value))
        elif isinstance(value, bool):
            words.append(f"--{option_name(item)}")
        elif how.repeat:
            words += [part for entry in value for part in (f"--{option_name(item)}", _word(entry))]
        else:
            name, word = f"--{option_name(item)}", _word(value)
            # What begins with a dash would be read as another option.
            words += [f"{name}={word}"] if word.startswith("-") else [name, word]
    return words


def python_text(value: Any) -> str:
    """Python that makes the value: a request with what is other than usual, its first field by place."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in fields(value)]
        given = [
            python_text(part) if name == names[0] else f"{name}={python_text(part)}"
            for name, part in unusual(value).items()
        ]
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, PurePath):
        return repr(str(value))
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(python_text, value))
        return f"({inside},)" if len(value) == 1 and isinstance(value, tuple) else f"({inside})"
    return repr(value)


def classes_in(value: Any) -> Iterator[type]:
    """The classes that `python_text` names, so that they can be imported."""
    if is_dataclass(value) and not isinstance(value, type):
        yield type(value)
        for part in unusual(value).values():
            yield from classes_in(part)
    elif isinstance(value, date):
        yield date
    elif isinstance(value, list | tuple):
        for part in value:
            yield from classes_in(part)


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(_word(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
