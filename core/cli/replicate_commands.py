"""Real people's answers, choices and experiments replicated, and judged by people's own retest."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import Any

from core.cli.options import (
    command,
    either_options,
    keep_option,
    open_store,
    request_of,
    request_options,
    show_result,
    store_option,
    watch,
)

RESULTS = "core.services.evaluation.replication_results"
#: What is replicated, by the option that names it.
SOURCES = {
    "answers": f"{RESULTS}:AnswersRequest",
    "effects": f"{RESULTS}:EffectsRequest",
    "twins": f"{RESULTS}:TwinsRequest",
}
CHOICES = f"{RESULTS}:ChoicesRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    text = "replicate real people's answers or experiments, or judge twins, by how well people repeat themselves"
    replicate = command(commands, "replicate", _replicate, text)
    either_options(replicate, *SOURCES.values(), stored=False, workers=0)
    tune = commands.add_parser("tune", help="logs of what people did: how well the next action is foreseen")
    actions = tune.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "how often the next choice of people who are not known is foreseen, with what needs to know less beside it"
    score = command(actions, "score", _score, text)
    request_options(score, CHOICES, stored=False, workers=0)
    for parser in (replicate, score):
        store_option(parser)
        keep_option(parser)


def _replicate(arguments: argparse.Namespace) -> None:
    given = [name for name in SOURCES if getattr(arguments, name) is not None]
    if len(given) != 1:
        from core.errors import InputError

        said = "nothing is named" if not given else f"{' and '.join(given)} are named"
        raise InputError(said, where="replicate", allowed=f"one of {', '.join(f'--{name}' for name in SOURCES)}")
    _own_options(arguments, given[0])
    _show(arguments, SOURCES[given[0]])


def _own_options(arguments: argparse.Namespace, given: str) -> None:
    """InputError for an option that is of another source than the one given: it would change nothing."""
    from core.cli.options import request_class
    from core.errors import InputError
    from core.options import option_name, options_of

    known = {name: {option_name(item) for item, _ in options_of(request_class(SOURCES[name]))} for name in SOURCES}
    for source, names in known.items():
        for name in sorted(names - known[given]):
            if getattr(arguments, name.replace("-", "_")) is not None:
                allowed = ", ".join(f"--{own}" for own in sorted(known[given]))
                raise InputError(f"goes with --{source}, not with --{given}", where=f"--{name}", allowed=allowed)


def _score(arguments: argparse.Namespace) -> None:
    _show(arguments, CHOICES)


def _show(arguments: argparse.Namespace, request: str) -> None:
    from core.services.evaluation.kept_replications import kept_replication, replicated

    asked = request_of(arguments, request)
    with open_store(arguments) if arguments.keep or hasattr(arguments, "db") else nullcontext() as store:
        result = (
            replicated(asked) if store is None else kept_replication(asked, store, again=arguments.again, watch=watch())
        )
    show_result(result, arguments, lambda: _document(result))


def _document(result: Any) -> Any:
    from core.report.documents import OF_TABLES

    return OF_TABLES[type(result)](result)
