"""What the twin is worth: backtests and benchmarks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.options import (
    again_option,
    command,
    finished_run,
    json_option,
    open_executor,
    open_store,
    request_of,
    run_options,
    show,
    store_option,
    watch,
    workers_options,
)
from core.cli.parsers import DATE_FORMAT, days, folder, names, whole_numbers
from core.errors import InputError


def add(commands: Any) -> None:
    """Register these commands."""
    backtest = command(commands, "backtest", _backtest, "rolling origins over many places")
    backtest.add_argument("--mobility", type=Path, required=True, metavar="FILE")
    backtest.add_argument("--policy", type=Path, required=True, metavar="FILE")
    backtest.add_argument("--cases", type=Path, metavar="FILE")
    backtest.add_argument(
        "--origins", type=days, required=True, metavar=f"{DATE_FORMAT},…", help="last days of training"
    )
    backtest.add_argument("--horizons", type=whole_numbers, default=[30, 90, 180], metavar="N,N,…", help="days ahead")
    backtest.add_argument("--countries", type=names, metavar="A,B,…", help="ISO-3 codes (default: all)")
    backtest.add_argument("--seed", type=int, default=0)
    workers_options(backtest, 2)
    backtest.add_argument("--keep", action="store_true", help="keep the result in the store; --db FILE does so too")
    store_option(backtest)
    again_option(backtest)
    backtest.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="also write the scores as JSON, as data/validation/backtest.json has them",
    )
    json_option(backtest)

    learn = command(
        commands,
        "learn",
        _learn,
        "learn from many places' past: recovery, season, widths of intervals, errors of effects, days off",
    )
    learn.add_argument("--mobility", type=Path, required=True, metavar="FILE")
    learn.add_argument("--policy", type=Path, required=True, metavar="FILE")
    learn.add_argument("--until", type=days, required=True, metavar=f"{DATE_FORMAT},…", help="days to learn up to")
    learn.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder for the tables (CSV)")
    workers_options(learn, 2)
    json_option(learn)

    worlds = command(commands, "worlds", _worlds, "how far contrasts miss in worlds whose truth is known")
    worlds.add_argument("--kinds", type=names, metavar="A,B,…", help="kinds of world (default: all)")
    worlds.add_argument("--seeds", type=int, default=12, metavar="N", help="worlds of each kind (default 12)")
    worlds.add_argument("--personas", type=int, default=300, metavar="N", help="people of each twin (default 300)")
    worlds.add_argument("--trials", type=int, default=16, metavar="N", help="Optuna trials of each twin (default 16)")
    workers_options(worlds, 2)
    worlds.add_argument("--keep", action="store_true", help="keep the result in the store; --db FILE does so too")
    store_option(worlds)
    again_option(worlds)
    json_option(worlds)

    intervals = command(commands, "intervals", _intervals, "what the intervals of a forecast held, and are made of")
    run_options(intervals)

    ablate = command(commands, "ablate", _ablate, "what each part of the twin is worth: the twin again without it")
    run_options(ablate)
    again_option(ablate)
    ablate.add_argument("--only", type=names, metavar="A,B,…", help="some ablations by name (default: all)")

    bench = command(commands, "bench", _bench, "measure speed and memory on this machine")
    bench.add_argument("study", nargs="?", default="meridia")
    bench.add_argument("--data", type=folder, metavar="DIR")
    bench.add_argument("--repeat", type=int, default=3, metavar="N", help="times each figure is taken (median shown)")
    bench.add_argument("--large", action="store_true", help="also 10,000, 30,000 and 100,000 personas")
    json_option(bench)


def _backtest(arguments: argparse.Namespace) -> None:
    from contextlib import ExitStack

    from core.report.sentences.results import backtest_text
    from core.services.evaluation.backtest_files import backtest
    from core.services.evaluation.backtests import (
        BacktestRequest,
        export_backtest,
        keep_backtest,
        kept_backtest,
        measured_now,
    )

    request = BacktestRequest(
        arguments.mobility,
        arguments.policy,
        arguments.cases,
        tuple(sorted(set(arguments.origins))),
        tuple(sorted(set(arguments.horizons))),
        None if arguments.countries is None else tuple(arguments.countries),
        arguments.seed,
    )
    with ExitStack() as stack:
        # A store that is in use is said before minutes of work, not after.
        kept = arguments.keep or hasattr(arguments, "db")
        store = stack.enter_context(open_store(arguments)) if kept else None
        executor = stack.enter_context(open_executor(arguments))
        same = None if store is None or arguments.again else kept_backtest(store, request)
        values = (
            {**same.values, "run_id": same.run_id}
            if same is not None
            else backtest(
                request.mobility,
                request.policy,
                request.cases,
                request.origins,
                request.horizons,
                countries=request.countries,
                seed=request.seed,
                watch=watch(),
                executor=executor,
            )
        )
        if arguments.export is not None:
            export_backtest(same or measured_now(values, request), arguments.export)
        if same is not None:
            watch().found(str(same.run_id))
        elif store is not None:
            values = {**values, "run_id": keep_backtest(store, values, request)}
    show(values, arguments, lambda: backtest_text(values))


def _learn(arguments: argparse.Namespace) -> None:
    from core.services.evaluation.learning import learn

    with open_executor(arguments) as executor:
        values = learn(
            arguments.mobility, arguments.policy, arguments.until, arguments.to, watch=watch(), executor=executor
        )
    show(values, arguments, lambda: f"learned from {values['countries']} countries; written to {values['folder']}")


def _worlds(arguments: argparse.Namespace) -> None:
    from contextlib import ExitStack

    from core.report.sentences.known_worlds import worlds_text
    from core.services.evaluation.known_worlds import known_worlds

    with ExitStack() as stack:
        kept = arguments.keep or hasattr(arguments, "db")
        store = stack.enter_context(open_store(arguments)) if kept else None
        values = known_worlds(
            arguments.kinds,
            arguments.seeds,
            personas=arguments.personas,
            trials=arguments.trials,
            watch=watch(),
            executor=stack.enter_context(open_executor(arguments)),
            store=store,
            again=arguments.again,
        )
    show(values, arguments, lambda: worlds_text(values))


def _intervals(arguments: argparse.Namespace) -> None:
    from core.report.sentences.intervals import intervals_text
    from core.services.runs.intervals import interval_values

    with open_executor(arguments) as executor, open_store(arguments) as store:
        run_id = finished_run(arguments, store, executor)
        values = interval_values(store, run_id, arguments.data, executor=executor)
    show(values, arguments, lambda: intervals_text(values))


def _ablate(arguments: argparse.Namespace) -> None:
    from core.report.sentences.ablations import ablations_text
    from core.services.evaluation.ablations import check_ablations, run_ablations

    with open_executor(arguments) as executor, open_store(arguments) as store:
        if arguments.only is not None:
            check_ablations(request_of(arguments), arguments.only, store)
        values = run_ablations(
            store,
            finished_run(arguments, store, executor),
            data=arguments.data,
            only=arguments.only,
            watch=watch(),
            executor=executor,
            again=arguments.again,
        )
    show(values, arguments, lambda: ablations_text(values))


def _bench(arguments: argparse.Namespace) -> None:
    from core.report.sentences.results import bench_text
    from core.services.benchmarks.engine import benchmark

    if arguments.repeat < 1:
        raise InputError(f"--repeat {arguments.repeat}", allowed="1 and above", nearest="1")
    values = benchmark(arguments.study, arguments.data, repeat=arguments.repeat, large=arguments.large)
    show(values, arguments, lambda: bench_text(values))
