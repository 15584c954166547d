"""Options and output that commands share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from core.printable import printable

DATE_FORMAT = "YYYY-MM-DD"


def command(
    commands: Any, name: str, work: Callable[[argparse.Namespace], int | None], text: str, *formerly: str
) -> argparse.ArgumentParser:
    """Register a command that `work` does, also under the names it had."""
    said = text[0].upper() + text[1:] + "."
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=said, aliases=formerly)
    parser.set_defaults(command=work)
    return parser


def run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", help="a shipped study (meridia, uae) or a study file")
    parser.add_argument("--data", type=folder, metavar="DIR", help="folder of observations")
    parser.add_argument(
        "--engine", default="rules", help="rules (default), or a language model's: gemini, openai or replay"
    )
    parser.add_argument(
        "--personas",
        type=int,
        metavar="N",
        help="1 to 100,000 (default: the study's); of a language model 1 to 500 (10)",
    )
    parser.add_argument("--train-end", type=day, metavar=DATE_FORMAT)
    parser.add_argument("--test-end", type=day, metavar=DATE_FORMAT)
    parser.add_argument("--trials", type=int, default=64, metavar="N", help="Optuna trials (default 64)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="worker processes; never changes the results"
    )
    asking_options(parser)
    store_option(parser)
    json_option(parser)


#: Options of a language model: name, type, what stands for the value, what it is.
ASKING: tuple[tuple[str, Callable[[str], Any], str, str], ...] = (
    ("model", str, "M", "the model, as its provider calls it; needed"),
    ("base_url", str, "URL", "address of an OpenAI-compatible server (with /v1), or of one on this machine"),
    ("design", str, "D", "blinded (default), unblinded, levels or aggregate"),
    ("days", str, "D", "kinds of day in one prompt (together, default) or one in each (apart)"),
    ("samples", int, "N", "answers to each question, averaged (default 1)"),
    ("temperature", float, "T", "0 to 2 (default 1)"),
    ("model_seed", int, "N", "seed of sampling, where the provider has one"),
    ("prompts", str, "V", "version of the prompts"),
    ("max_output_tokens", int, "N", "tokens of an answer at most (default 2048)"),
    ("timeout", float, "S", "seconds to wait for a reply (default 60)"),
    ("concurrency", int, "N", "calls at a time (default 32)"),
    ("requests_per_minute", float, "N", "the provider's limit"),
    ("tokens_per_minute", float, "N", "the provider's limit, both directions"),
    ("max_calls", int, "N", "stop before more calls than this"),
    ("max_tokens", int, "N", "stop before more tokens than this, both directions"),
    ("max_cost", float, "C", "stop before it costs more, in the price's currency"),
    ("of", str, "ENGINE", "whose answers are replayed: gemini (default) or openai"),
)


def asking_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "language models", "the provider's key is read from the environment: GEMINI_API_KEY or OPENAI_API_KEY"
    )
    for name, kind, word, text in ASKING:
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=word, help=text)
    group.add_argument(
        "--allow-failures", action="store_true", help="go on without the questions that have no valid answer"
    )


def estimate_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--estimate", action="store_true", help="say what asking a model would cost, and ask nothing")


def ask_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ask", action="store_true", help="ask a language model what its run has not asked yet")


def asking_of(arguments: argparse.Namespace) -> Any:
    """How a language model is to be asked, or None for the rules engine; InputError where only options are given."""
    from core.cognition.llm.providers import LANGUAGE_ENGINES
    from core.errors import InputError
    from core.services.studies.requests import ModelOptions

    given = {name: getattr(arguments, name) for name, *_ in ASKING if getattr(arguments, name) is not None}
    if arguments.engine not in LANGUAGE_ENGINES:
        switched = [name for name in ("allow_failures", "estimate", "ask") if getattr(arguments, name, False)]
        for name in (*given, *switched):
            raise InputError(
                f"--{name.replace('_', '-')} with the engine {arguments.engine}, which asks no model",
                allowed=f"--engine {', '.join(LANGUAGE_ENGINES)}",
            )
        return None
    if not str(given.get("model", "")).strip():
        raise InputError(
            "no model is named", where=f"engine {arguments.engine}", allowed="--model with the provider's name of one"
        )
    if "model_seed" in given:
        given["seed"] = given.pop("model_seed")
    return ModelOptions(engine=arguments.engine, allow_failures=arguments.allow_failures, **given)


def window_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--start", type=day, metavar=DATE_FORMAT, help="first day (default: of the hold-out)")
    parser.add_argument("--end", type=day, metavar=DATE_FORMAT, help="last day (default: of the hold-out)")


def store_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the store (DuckDB file)")


def again_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--again", action="store_true", help="make it anew, also where the same result is in the store")


def json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def folder(text: str) -> Path:
    """A folder that is there, also where a study with data of its own would not read it."""
    if not Path(text).expanduser().is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is not a folder; allowed: a folder of observations")
    return Path(text)


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
    from core.services.studies.requests import RunRequest

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
        asking=asking_of(arguments),
    )


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

    return ProgressReporter(report)


def say(text: str, *, aside: bool = False) -> None:
    """Prints text, `aside` on standard error. Names and words of files are in it: none may command the terminal."""
    print(printable(text, keep="\n\t"), file=sys.stderr if aside else sys.stdout)


def show(values: Any, arguments: argparse.Namespace, text: Callable[[], str]) -> None:
    say(json.dumps(values, allow_nan=False, default=str) if arguments.json else text())


def finished_run(arguments: argparse.Namespace, store: Any) -> str:
    """The run that a command is about: one that is there, else a new one. Where that would ask a language model, it is
    made only by the commands that have --ask, and with it."""
    from core.services.runs.preparing import complete_run
    from core.services.runs.run import ensure_run, run_study

    request = request_of(arguments)
    if request.asking is None:
        run_id: str = ensure_run(request, store, watch())
        return run_id
    found: str | None = complete_run(request, store)
    if found is not None:
        return found
    from core.errors import InputError
    from core.report.sentences.language import run_cost_text
    from core.services.runs.costs import cost_before

    cost = cost_before(store, request)
    if cost.calls and not getattr(arguments, "ask", False):
        raise InputError(
            f"there is no finished run of {request.study} in which {cost.model} was asked so; it takes {cost.calls:,} calls",
            where=f"engine {request.engine}",
            allowed="`policytwin run` with the same options, or --ask where there is such an option",
        )
    say(run_cost_text(cost.as_dict()), aside=True)
    summary = run_study(request, store, watch())
    spend(arguments, summary.values["asking"])
    return summary.run_id


def spend(arguments: argparse.Namespace, took: dict[str, Any]) -> None:
    """Takes what was asked off the caps of the command: they are for all that it asks."""
    tokens = took["tokens_in"] + took["tokens_out"]
    for name, used in (("max_calls", took["calls"]), ("max_tokens", tokens), ("max_cost", took["cost"] or 0.0)):
        cap = getattr(arguments, name)
        if cap is not None:
            setattr(arguments, name, max(type(cap)(0), cap - used))
