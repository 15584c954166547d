"""The command line: every page action without a browser.

With --json a command prints one JSON object on standard output and nothing else; progress goes to standard error.
Exit codes: 0 done; 2 the user's input is wrong (one line says what was given, where, and what is allowed); 1 a defect.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from core import __version__
from core.errors import Cancelled, InputError, PolicyTwinError

DATE_FORMAT = "YYYY-MM-DD"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        command: Callable[[argparse.Namespace], int | None] = arguments.command
        code = command(arguments) or 0
        # What is still buffered would fail only when the interpreter ends, where nobody can answer for it.
        sys.stdout.flush()
        return code
    except Cancelled as stopped:
        print(f"policytwin: {stopped}", file=sys.stderr)
        return 130
    except PolicyTwinError as wrong:
        print(f"policytwin: {' '.join(str(wrong).split())}", file=sys.stderr)
        return wrong.exit_code
    except KeyboardInterrupt:
        print("policytwin: interrupted; the same command resumes the run", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); point stdout elsewhere so that closing it does not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class _Parser(argparse.ArgumentParser):
    """Wrong arguments are the user's input too: one line, as every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"policytwin: {' '.join(message.split())}. See `{self.prog} --help`.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="policytwin",
        description="Change a policy and see how a calibrated synthetic population would respond, and how sure that is. "
        "Without a command, opens the dashboard.",
    )
    parser.add_argument("--version", action="version", version=f"policytwin {__version__}")
    _dashboard_options(parser)
    parser.set_defaults(command=_dashboard)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    run = _command(commands, "run", _run, "simulate, calibrate, validate and store one study on one split")
    _run_options(run)

    sweep = _command(commands, "sweep", _sweep, "hold stringency at each level and compare")
    _run_options(sweep)
    sweep.add_argument(
        "--levels", type=_levels, default=[0.0, 25.0, 50.0, 75.0, 100.0], metavar="L,L,…", help="0 to 100"
    )
    _window_options(sweep)

    compare = _command(commands, "compare", _compare, "contrast scenario files with the observed policy")
    _run_options(compare)
    compare.add_argument(
        "--scenario", action="append", required=True, type=Path, metavar="FILE", help="TOML or JSON; repeat"
    )
    _window_options(compare)

    sensitivity = _command(commands, "sensitivity", _sensitivity, "what the assumed traits of the personas are worth")
    _run_options(sensitivity)

    backtest = _command(commands, "backtest", _backtest, "rolling origins over many places")
    backtest.add_argument("--mobility", type=Path, required=True, metavar="FILE")
    backtest.add_argument("--policy", type=Path, required=True, metavar="FILE")
    backtest.add_argument("--cases", type=Path, metavar="FILE")
    backtest.add_argument(
        "--origins", type=_days, required=True, metavar=f"{DATE_FORMAT},…", help="last days of training"
    )
    backtest.add_argument("--horizons", type=_whole_numbers, default=[30, 90, 180], metavar="N,N,…", help="days ahead")
    backtest.add_argument("--countries", type=_names, metavar="A,B,…", help="ISO-3 codes (default: all)")
    backtest.add_argument("--seed", type=int, default=0)
    backtest.add_argument(
        "--workers", type=int, default=2, metavar="N", help="worker processes; never changes the results"
    )
    _json_option(backtest)

    stringency = _command(commands, "stringency", _stringency, "recompute the policy indices of a file")
    stringency.add_argument("file", type=Path)
    _json_option(stringency)

    data = commands.add_parser("data", help="fetch or check files of observations")
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = _command(actions, "check", _data_check, "say what a file holds")
    check.add_argument("file", type=Path, nargs="+")
    _json_option(check)
    fetch = _command(actions, "fetch", _data_fetch, "get the UAE case from the providers' public addresses")
    fetch.add_argument("--to", type=Path, metavar="DIR", help="default: PolicyTwin's user data folder")
    _json_option(fetch)

    runs = _command(commands, "runs", _runs, "list the runs in the store")
    runs.add_argument("--study")
    _store_option(runs)
    _json_option(runs)
    show = _command(commands, "show", _show, "one run: its record and its results")
    show.add_argument("run")
    _store_option(show)
    _json_option(show)
    export = _command(
        commands, "export", _export, "a run's tables as CSV, its record, and its trials as an Optuna journal"
    )
    export.add_argument("run")
    export.add_argument("--to", type=Path, required=True, metavar="DIR")
    _store_option(export)
    _json_option(export)

    bench = _command(commands, "bench", _bench, "measure speed and memory on this machine")
    bench.add_argument("study", nargs="?", default="meridia")
    bench.add_argument("--data", type=Path, metavar="DIR")
    bench.add_argument("--repeat", type=int, default=3, metavar="N", help="times each figure is taken (median shown)")
    bench.add_argument("--large", action="store_true", help="also 10,000, 30,000 and 100,000 personas")
    _json_option(bench)
    return parser


def _command(
    commands: Any, name: str, command: Callable[[argparse.Namespace], int | None], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=command)
    return parser


def _dashboard_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    _store_option(parser)


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", help="a shipped study (meridia, uae) or a study file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of observations")
    parser.add_argument("--engine", default="rules")
    parser.add_argument("--personas", type=int, metavar="N", help="1 to 100,000 (default: the study's)")
    parser.add_argument("--train-end", type=_day, metavar=DATE_FORMAT)
    parser.add_argument("--test-end", type=_day, metavar=DATE_FORMAT)
    parser.add_argument("--trials", type=int, default=64, metavar="N", help="Optuna trials (default 64)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="worker processes; never changes the results"
    )
    _store_option(parser)
    _json_option(parser)


def _window_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--start", type=_day, metavar=DATE_FORMAT, help="first day (default: of the hold-out)")
    parser.add_argument("--end", type=_day, metavar=DATE_FORMAT, help="last day (default: of the hold-out)")


def _store_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the store (DuckDB file)")


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date; allowed: {DATE_FORMAT}") from None


def _levels(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers; allowed: 0,25,50") from None


def _days(text: str) -> list[date]:
    return [_day(part.strip()) for part in text.split(",")]


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of whole numbers; allowed: 30,90,180") from None


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _open_store(arguments: argparse.Namespace) -> Any:
    from core.settings import store_path
    from core.store.database import Store

    return Store(store_path(getattr(arguments, "db", None)))


def _request(arguments: argparse.Namespace) -> Any:
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


def _watch() -> Any:
    from core.services.progress import Progress, Watch

    terminal = sys.stderr.isatty()

    def report(item: Progress) -> None:
        if terminal:
            print(f"\r\033[K{item.stage}: {item.done} of {item.total} {item.text}", end="", file=sys.stderr, flush=True)
            if item.stage == "store" and item.done == item.total:
                print(file=sys.stderr)

    return Watch(report)


def _print(values: Any, arguments: argparse.Namespace, text: Callable[[], str]) -> None:
    print(json.dumps(values, allow_nan=False, default=str) if arguments.json else text())


def _dashboard(arguments: argparse.Namespace) -> int:
    from core.services.dashboard import open_dashboard

    return open_dashboard(
        host=arguments.host,
        port=arguments.port,
        browser=not arguments.no_browser,
        store=getattr(arguments, "db", None),
    )


def _run(arguments: argparse.Namespace) -> None:
    from core.services.runs import run_study
    from core.services.texts import run_text

    with _open_store(arguments) as store:
        summary = run_study(_request(arguments), store, _watch())
    _print(summary.values, arguments, lambda: run_text(summary.values))


def _finished_run(arguments: argparse.Namespace, store: Any) -> str:
    from core.services.runs import ensure_run

    run_id: str = ensure_run(_request(arguments), store, _watch())
    return run_id


def _sweep(arguments: argparse.Namespace) -> None:
    from core.counterfactual.levels import checked_targets
    from core.services.counterfactuals import run_sweep
    from core.services.texts import sweep_text

    checked_targets(arguments.levels)
    with _open_store(arguments) as store:
        run_id = _finished_run(arguments, store)
        values, _ = run_sweep(
            store, run_id, arguments.levels, data=arguments.data, start=arguments.start, end=arguments.end
        )
    _print(values, arguments, lambda: sweep_text(values))


def _compare(arguments: argparse.Namespace) -> None:
    from core.policy.scenario import load_scenario
    from core.services.counterfactuals import run_compare
    from core.services.studies import open_study
    from core.services.texts import compare_text

    inputs = open_study(arguments.study, arguments.data)
    scenarios = [load_scenario(path, inputs.timeline) for path in arguments.scenario]
    with _open_store(arguments) as store:
        run_id = _finished_run(arguments, store)
        values, _ = run_compare(store, run_id, scenarios, data=arguments.data, start=arguments.start, end=arguments.end)
    _print(values, arguments, lambda: compare_text(values))


def _sensitivity(arguments: argparse.Namespace) -> None:
    from core.services.sensitivity import run_sensitivity
    from core.services.texts import sensitivity_text

    with _open_store(arguments) as store:
        run_id = _finished_run(arguments, store)
        values = run_sensitivity(store, run_id, data=arguments.data, watch=_watch())
    _print(values, arguments, lambda: sensitivity_text(values))


def _backtest(arguments: argparse.Namespace) -> None:
    from core.services.backtesting import backtest
    from core.services.runs import worker_pool
    from core.services.texts import backtest_text

    with worker_pool(arguments.workers) as pool:
        values = backtest(
            arguments.mobility,
            arguments.policy,
            arguments.cases,
            arguments.origins,
            arguments.horizons,
            countries=arguments.countries,
            seed=arguments.seed,
            watch=_watch(),
            executor=pool,
        )
    _print(values, arguments, lambda: backtest_text(values))


def _stringency(arguments: argparse.Namespace) -> None:
    from core.services.observations import stringency_report
    from core.services.texts import stringency_text

    values = stringency_report(arguments.file)
    _print(values, arguments, lambda: stringency_text(values))


def _data_check(arguments: argparse.Namespace) -> int:
    from core.datasets.checks import check_file

    reports = [check_file(path) for path in arguments.file]
    many = [report.as_dict() for report in reports]
    _print(many[0] if len(many) == 1 else {"files": many}, arguments, lambda: "\n\n".join(r.as_text() for r in reports))
    return 2 if any(report.problems for report in reports) else 0


def _data_fetch(arguments: argparse.Namespace) -> None:
    from core.services.observations import fetch_observations

    values = fetch_observations(arguments.to, lambda text: print(text, file=sys.stderr))
    _print(values, arguments, lambda: f"fetched {len(values['files'])} files into {values['folder']}")


def _runs(arguments: argparse.Namespace) -> None:
    from core.services.archive import list_runs
    from core.services.texts import runs_text

    with _open_store(arguments) as store:
        values = list_runs(store, arguments.study)
    _print({"runs": values}, arguments, lambda: runs_text(values))


def _show(arguments: argparse.Namespace) -> None:
    from core.services.archive import show_run
    from core.services.texts import show_text

    with _open_store(arguments) as store:
        values = show_run(store, arguments.run)
    _print(values, arguments, lambda: show_text(values))


def _export(arguments: argparse.Namespace) -> None:
    from core.services.archive import export_run

    with _open_store(arguments) as store:
        values = export_run(store, arguments.run, arguments.to)
    _print(values, arguments, lambda: "\n".join(values["files"]))


def _bench(arguments: argparse.Namespace) -> None:
    from core.services.benchmark import benchmark
    from core.services.texts import bench_text

    if arguments.repeat < 1:
        raise InputError(f"--repeat {arguments.repeat}", allowed="1 and above", nearest="1")
    values = benchmark(arguments.study, arguments.data, repeat=arguments.repeat, large=arguments.large)
    _print(values, arguments, lambda: bench_text(values))


if __name__ == "__main__":
    sys.exit(main())
