"""Options and output that commands share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

DATE_FORMAT = "YYYY-MM-DD"


def command(
    commands: Any, name: str, work: Callable[[argparse.Namespace], int | None], text: str
) -> argparse.ArgumentParser:
    """Register a command that `work` does."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=work)
    return parser


def run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", help="a shipped study (meridia, uae) or a study file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of observations")
    parser.add_argument("--engine", default="rules")
    parser.add_argument("--personas", type=int, metavar="N", help="1 to 100,000 (default: the study's)")
    parser.add_argument("--train-end", type=day, metavar=DATE_FORMAT)
    parser.add_argument("--test-end", type=day, metavar=DATE_FORMAT)
    parser.add_argument("--trials", type=int, default=64, metavar="N", help="Optuna trials (default 64)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="worker processes; never changes the results"
    )
    store_option(parser)
    json_option(parser)


def window_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--start", type=day, metavar=DATE_FORMAT, help="first day (default: of the hold-out)")
    parser.add_argument("--end", type=day, metavar=DATE_FORMAT, help="last day (default: of the hold-out)")


def store_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the store (DuckDB file)")


def json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date; allowed: {DATE_FORMAT}") from None


def levels(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers; allowed: 0,25,50") from None


def days(text: str) -> list[date]:
    return [day(part.strip()) for part in text.split(",")]


def whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of whole numbers; allowed: 30,90,180") from None


def names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def open_store(arguments: argparse.Namespace) -> Any:
    from core.settings import store_path
    from core.store.database import Store

    return Store(store_path(getattr(arguments, "db", None)))


def request_of(arguments: argparse.Namespace) -> Any:
    from core.services.specification import RunRequest

    return RunRequest(
        study=arguments.study,
        data=arguments.data,
        engine=arguments.engine,
        personas=arguments.personas,
        train_end=arguments.train_end,
        test_end=arguments.test_end,
        trials=arguments.trials,
        seed=arguments.seed,
        workers=arguments.workers,
    )


def watch() -> Any:
    from core.services.progress import Progress, Watch

    terminal = sys.stderr.isatty()

    def report(item: Progress) -> None:
        if terminal:
            print(f"\r\033[K{item.stage}: {item.done} of {item.total} {item.text}", end="", file=sys.stderr, flush=True)
            if item.stage == "store" and item.done == item.total:
                print(file=sys.stderr)

    return Watch(report)


def show(values: Any, arguments: argparse.Namespace, text: Callable[[], str]) -> None:
    print(json.dumps(values, allow_nan=False, default=str) if arguments.json else text())


def finished_run(arguments: argparse.Namespace, store: Any) -> str:
    from core.services.runs import ensure_run

    run_id: str = ensure_run(request_of(arguments), store, watch())
    return run_id
