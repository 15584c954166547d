"""Options and output that commands share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from core.printable import printable

RUN_REQUEST = "core.services.studies.requests:RunRequest"


class Parser(argparse.ArgumentParser):
    """A parser whose options may be added when it is asked, so that only the command in use imports what it needs.

    Wrong arguments are the user's input too: one line, as every other error.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deferred: list[Callable[[Parser], None]] = []

    def defer(self, add: Callable[[Parser], None]) -> None:
        """Let `add` add options before anything is parsed or shown."""
        self._deferred.append(add)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._complete()
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        self._complete()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"policytwin: {printable(' '.join(message.split()))}. See `{self.prog} --help`.\n")

    def _complete(self) -> None:
        while self._deferred:
            self._deferred.pop(0)(self)


def command(
    commands: Any, name: str, work: Callable[[argparse.Namespace], int | None], text: str, *formerly: str
) -> Parser:
    """Register a command that `work` does, also under the names it had."""
    said = text[0].upper() + text[1:] + "."
    parser: Parser = commands.add_parser(name, help=text, description=said, aliases=formerly)
    parser.set_defaults(command=work)
    return parser


def request_options(parser: Parser, request: str, *, stored: bool = True, workers: int = 1) -> None:
    """The options of a request, given as `module:class`, where results go, and so many workers unless others are asked for (0:
    what has no use for them)."""

    def add(parser: Parser) -> None:
        from core.cli.requests import add_request

        add_request(parser, request_class(request))

    parser.defer(add)
    if workers:
        workers_options(parser, workers)
    if stored:
        store_option(parser)
    json_option(parser)


def either_options(parser: Parser, *requests: str, stored: bool = True, workers: int) -> None:
    """The options of commands that take one of several requests; which one is theirs to find out."""

    def add(parser: Parser) -> None:
        from core.cli.requests import add_either

        add_either(parser, map(request_class, requests))

    parser.defer(add)
    if workers:
        workers_options(parser, workers)
    if stored:
        store_option(parser)
    json_option(parser)


def request_class(request: str) -> Any:
    module, _, name = request.partition(":")
    return getattr(import_module(module), name)


def run_options(parser: Parser) -> None:
    request_options(parser, RUN_REQUEST)


def workers_options(parser: Parser, default: int = 1) -> None:
    parser.add_argument(
        "--workers", type=int, default=default, metavar="N",
        help=f"worker processes (default {default}); never changes the results",
    )  # fmt: skip
    cluster_option(parser)


def cluster_option(parser: Parser) -> None:
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="workers of a dask cluster: tcp://HOST:PORT, or local:N of this machine"
    )


def estimate_option(parser: Parser) -> None:
    parser.add_argument("--estimate", action="store_true", help="say what asking a model would cost, and ask nothing")


def store_option(parser: Parser) -> None:
    parser.add_argument("--db", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the store (DuckDB file)")


def again_option(parser: Parser) -> None:
    parser.add_argument("--again", action="store_true", help="make it anew, also where the same result is in the store")


def keep_option(parser: Parser) -> None:
    """Of results that are only printed unless that is asked for."""
    parser.add_argument("--keep", action="store_true", help="keep the result in the store; --db FILE does so too")
    again_option(parser)


def json_option(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def open_store(arguments: argparse.Namespace) -> Any:
    from core.settings import store_path
    from core.store.database import Store

    return Store(store_path(getattr(arguments, "db", None)))


def open_executor(arguments: argparse.Namespace) -> Any:
    """The workers that the options name. Open them first: they get ready while the command reads what it is about."""
    from core.execution import open_executor

    return open_executor(arguments.workers, arguments.cluster)


def request_of(arguments: argparse.Namespace, request: str = RUN_REQUEST) -> Any:
    from core.cli.requests import read_request

    return read_request(arguments, request_class(request))


def watch() -> Any:
    from core.execution.progress import Progress, ProgressReporter

    terminal = sys.stderr.isatty()

    def report(item: Progress) -> None:
        if item.stage == "found":
            say(f"This result is there already: {item.text}. With --again it is made anew.", aside=True)
        elif terminal:
            said = printable(f"{item.stage}: {item.done} of {item.total} {item.text}")
            print(f"\r\033[K{said}", end="", file=sys.stderr, flush=True)
            if item.stage == "store" and item.done == item.total:
                print(file=sys.stderr)

    def on_cost(cost: Any) -> None:
        from core.report.sentences.language import run_cost_text

        say(run_cost_text(cost), aside=True)

    return ProgressReporter(report, on_cost=on_cost)


def say(text: str, *, aside: bool = False) -> None:
    """Prints text, `aside` on standard error. Names and words of files are in it: none may command the terminal."""
    print(printable(text, keep="\n\t"), file=sys.stderr if aside else sys.stdout)


def show(values: Any, arguments: argparse.Namespace, text: Callable[[], str]) -> None:
    say(json.dumps(values, allow_nan=False, default=str) if arguments.json else text())


def show_result(result: Any, arguments: argparse.Namespace, document: Callable[[], Any]) -> None:
    """Prints a result: its JSON, or what it means."""
    if arguments.json:
        say(json.dumps(result.as_dict(), allow_nan=False))
        return
    from core.report.renderers.terminal import terminal_text

    say(terminal_text(document()))


def study_of(arguments: argparse.Namespace) -> Any:
    from core.study import load_study
    from core.study.definition import AT

    place = getattr(arguments, "place", None)
    return load_study(arguments.study if place is None else f"{arguments.study}{AT}{place}")


def finished_run(arguments: argparse.Namespace, store: Any, executor: Any) -> str:
    """The run that a command is about: one that is there, else a new one that asks no language model."""
    from core.services.runs.finished import finished_run

    return finished_run(request_of(arguments), store, watch=watch(), executor=executor)[0]
