"""What the twin is worth: backtests and benchmarks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.options import (
    DATE_FORMAT,
    command,
    days,
    json_option,
    names,
    show,
    watch,
    whole_numbers,
)
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
    backtest.add_argument(
        "--workers", type=int, default=2, metavar="N", help="worker processes; never changes the results"
    )
    json_option(backtest)

    bench = command(commands, "bench", _bench, "measure speed and memory on this machine")
    bench.add_argument("study", nargs="?", default="meridia")
    bench.add_argument("--data", type=Path, metavar="DIR")
    bench.add_argument("--repeat", type=int, default=3, metavar="N", help="times each figure is taken (median shown)")
    bench.add_argument("--large", action="store_true", help="also 10,000, 30,000 and 100,000 personas")
    json_option(bench)


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
            watch=watch(),
            executor=pool,
        )
    show(values, arguments, lambda: backtest_text(values))


def _bench(arguments: argparse.Namespace) -> None:
    from core.services.benchmark import benchmark
    from core.services.texts import bench_text

    if arguments.repeat < 1:
        raise InputError(f"--repeat {arguments.repeat}", allowed="1 and above", nearest="1")
    values = benchmark(arguments.study, arguments.data, repeat=arguments.repeat, large=arguments.large)
    show(values, arguments, lambda: bench_text(values))
