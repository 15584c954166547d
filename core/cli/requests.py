"""Requests on the command line: the options of a parser from a request's fields, and the request from what was given."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from core.cli.parsers import DATE_FORMAT, day, folder
from core.cognition.registry import ENGINES, asks_model, model_engines, usual_model
from core.errors import InputError
from core.options import Option, option_name, options_of
from core.services.studies.requests import ModelOptions

Request = TypeVar("Request")

_WORDS: dict[Any, str] = {int: "N", float: "N", date: DATE_FORMAT, Path: "FILE", str: "NAME"}
_PARSERS: dict[Any, Callable[[str], Any]] = {date: day, Path: Path}


def add_either(parser: argparse.ArgumentParser, requests: Iterable[type]) -> None:
    """The options of several requests, of which one is read: none is needed here, and what is not given is None."""
    known: set[str] = set()
    for request in requests:
        kinds = get_type_hints(request)
        for item, how in options_of(request):
            if item.name not in known:
                _add(parser, item, how, _plain(kinds[item.name]), said=False)
                known.add(item.name)


def add_request(parser: argparse.ArgumentParser, request: type) -> None:
    """The options of a request; those of a request in one of its fields are among them."""
    kinds = get_type_hints(request)
    for item in fields(request):
        kind = _plain(kinds[item.name])
        if kind is ModelOptions:
            add_model_options(parser, {option_name(own) for own, _ in options_of(request)})
        elif is_dataclass(kind):
            assert isinstance(kind, type)
            add_request(parser, kind)
    for item, how in options_of(request):
        _add(parser, item, how, _plain(kinds[item.name]))


def read_request(arguments: argparse.Namespace, request: type[Request]) -> Request:
    """The request that was asked for. InputError where its parts do not fit together."""
    kinds = get_type_hints(request)
    given: dict[str, Any] = {}
    for item in fields(request):  # type: ignore[arg-type]
        kind = _plain(kinds[item.name])
        if kind is ModelOptions:
            given[item.name] = asking_of(arguments, {option_name(own) for own, _ in options_of(request)})
        elif is_dataclass(kind):
            assert isinstance(kind, type)
            given[item.name] = read_request(arguments, kind)
    for item, how in options_of(request):
        value = getattr(arguments, option_name(item).replace("-", "_"))
        if value is None:
            if item.default is MISSING:
                raise InputError("is needed", where=f"--{option_name(item)}", allowed=how.text)
            continue
        given[item.name] = tuple(value) if isinstance(value, list) else value
    return request(**given)


def add_model_options(parser: argparse.ArgumentParser, own: Collection[str] = ()) -> None:
    """How a language model is asked; what is not given is left to `ModelOptions`. Options that are a request's `own` mean
    something else there, and nothing of how a model is asked."""
    group = parser.add_argument_group(
        "language models", "the provider's key is read from the environment: GEMINI_API_KEY or OPENAI_API_KEY"
    )
    kinds = get_type_hints(ModelOptions)
    for item, how in options_of(ModelOptions):
        if option_name(item) not in own:
            _add(group, item, how, _plain(kinds[item.name]), said=False)


def _add(parser: Any, item: Field[Any], how: Option, kind: Any, *, said: bool = True) -> None:
    """One option; unless `said`, None stands for what was not given."""
    required = said and item.default is MISSING
    usual: Any = item.default if said and not required else None
    text = how.text
    if how.positional:
        free = {} if required else {"nargs": "?", "default": usual}
        parser.add_argument(item.name, metavar=how.word or None, help=text, type=_PARSERS.get(kind, kind), **free)
        return
    name = f"--{option_name(item)}"
    if kind is bool:
        parser.add_argument(name, action="store_true", help=text)
        return
    several = get_origin(kind) is tuple
    one = get_args(kind)[0] if several else kind
    parse = how.parse or (folder if how.word == "DIR" else _PARSERS.get(one, one))
    word = how.word or _WORDS[one] + (f",{_WORDS[one]},…" if several and not how.repeat else "")
    if how.repeat:
        parser.add_argument(
            name, action="append", type=parse, metavar=word, required=required,
            default=None if usual is None else list(usual), help=text,
        )  # fmt: skip
        return
    kind_of_text = _several(parse) if several and how.parse is None else parse
    parser.add_argument(name, type=kind_of_text, metavar=word, required=required, default=usual, help=text)


def _several(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def parsed(text: str) -> tuple[Any, ...]:
        try:
            return tuple(parse(part.strip()) for part in text.split(",") if part.strip())
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers; allowed: 0,25,50") from None

    return parsed


def _plain(kind: Any) -> Any:
    """A kind without what stands for none."""
    parts = [part for part in get_args(kind) if part is not NoneType]
    return kind if get_origin(kind) is tuple or not parts else parts[0]


def asking_of(arguments: argparse.Namespace, own: Collection[str] = ()) -> Any:
    """How a language model is to be asked, or None for the rules engine; InputError where only options are given. None too
    where a command need not name an engine: how the run's own is asked is then for the command to say."""
    if arguments.engine is None:
        return None
    given = model_options_given(arguments, own)
    if not asks_model(arguments.engine):
        ENGINES.named(arguments.engine)
        switched = [name for name in ("allow_failures", "estimate", "ask") if getattr(arguments, name, False)]
        for name in (*given, *switched):
            raise InputError(
                f"--{name.replace('_', '-')} with the engine {arguments.engine}, which asks no model",
                allowed=f"--engine {', '.join(model_engines())}",
            )
        return None
    given = {"model": usual_model(arguments.engine), **given}
    if not str(given["model"]).strip():
        raise InputError(
            "no model is named", where=f"engine {arguments.engine}", allowed="--model with the provider's name of one"
        )
    return ModelOptions(engine=arguments.engine, allow_failures=arguments.allow_failures, **given)


def model_options_given(arguments: argparse.Namespace, own: Collection[str] = ()) -> dict[str, Any]:
    """What was said about asking a language model, by the names of `ModelOptions`, but for a request's `own` options."""
    asked = {item.name: option_name(item) for item, _ in options_of(ModelOptions)}
    given = {name: getattr(arguments, word.replace("-", "_")) for name, word in asked.items() if word not in own}
    return {name: value for name, value in given.items() if value is not None and name != "allow_failures"}
