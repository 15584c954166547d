"""What the twin is worth: backtests, ablations, worlds of known truth and benchmarks."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.cli.options import (
    again_option,
    command,
    either_options,
    keep_option,
    open_executor,
    open_store,
    request_of,
    request_options,
    run_options,
    show,
    show_result,
    study_of,
    watch,
)
from core.errors import InputError

BACKTEST_REQUEST, LEARN_REQUEST, WORLDS_REQUEST, ABLATE_REQUEST = (
    f"core.services.evaluation.requests:{name}Request" for name in ("Backtest", "Learn", "Worlds", "Ablate")
)
DONORS_REQUEST = "core.services.evaluation.donors:DonorsRequest"
EFFECTS_REQUEST = "core.services.evaluation.known_effects:KnownEffectsRequest"
PANEL_LEARN_REQUEST = "core.services.evaluation.requests:PanelLearnRequest"
PANEL_REQUEST = "core.services.evaluation.requests:PanelBacktestRequest"
BENCH_REQUEST = "core.services.benchmarks.engine:BenchRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    backtest = command(commands, "backtest", _backtest, "rolling origins over many places")
    either_options(backtest, PANEL_REQUEST, BACKTEST_REQUEST, workers=2)
    keep_option(backtest)
    backtest.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="of countries: also write the scores as JSON, as data/validation/backtest.json has them",
    )

    learn = command(
        commands,
        "learn",
        _learn,
        "learn from many places' past: how much of an effect to follow, recovery or drift, widths of intervals",
    )
    either_options(learn, PANEL_LEARN_REQUEST, LEARN_REQUEST, stored=False, workers=2)

    text = "published effects of a study's policies, ours beside theirs"
    effects = command(commands, "effects", _effects, text)
    request_options(effects, EFFECTS_REQUEST, workers=2)
    keep_option(effects)

    text = "what a place would have been like without what happened to it alone: made of donor places, fitted before"
    places = command(commands, "donors", _donors, text)
    request_options(places, DONORS_REQUEST, workers=0)
    keep_option(places)

    worlds = command(commands, "worlds", _worlds, "how far contrasts miss in worlds whose truth is known")
    request_options(worlds, WORLDS_REQUEST, workers=2)
    keep_option(worlds)

    intervals = command(commands, "intervals", _intervals, "what the intervals of a forecast held, and are made of")
    run_options(intervals)

    ablate = command(commands, "ablate", _ablate, "what each part of the twin is worth: the twin again without it")
    request_options(ablate, ABLATE_REQUEST)
    again_option(ablate)

    bench = command(commands, "bench", _bench, "measure speed and memory on this machine")
    request_options(bench, BENCH_REQUEST, stored=False, workers=0)


@contextmanager
def _kept(arguments: argparse.Namespace) -> Iterator[Any]:
    """The store where the result is to be kept, else None: one that is in use is said before minutes of work, not after."""
    if arguments.keep or hasattr(arguments, "db"):
        with open_store(arguments) as store:
            yield store
    else:
        yield None


def _effects(arguments: argparse.Namespace) -> None:
    from core.report.sentences.known_effects import known_effects_document
    from core.services.evaluation.known_effects import known_effects

    request = request_of(arguments, EFFECTS_REQUEST)
    with open_executor(arguments) as executor, _kept(arguments) as store:
        result = known_effects(request, store, watch=watch(), again=arguments.again, executor=executor)
    show_result(result, arguments, lambda: known_effects_document(result))


def _donors(arguments: argparse.Namespace) -> None:
    from core.report.sentences.donors import donors_document
    from core.services.evaluation.donors import donors, kept_donors

    request = request_of(arguments, DONORS_REQUEST)
    with _kept(arguments) as store:
        result = donors(request) if store is None else kept_donors(request, store, again=arguments.again, watch=watch())
    show_result(result, arguments, lambda: donors_document(result))


def _backtest(arguments: argparse.Namespace) -> None:
    """Of a study's panel where one is named, else of countries."""
    countries = ("mobility", "policy", "cases", "countries", "export")
    _own_options(arguments, "backtest", countries, ("data", "places", "pool", "personas"))
    (_backtest_panel if arguments.study else _backtest_countries)(arguments)


def _own_options(arguments: argparse.Namespace, name: str, countries: Sequence[str], panel: Sequence[str]) -> None:
    """InputError for an option of countries beside a study, or of a study's panel without one."""
    for option in countries if arguments.study else panel:
        if getattr(arguments, option) is not None:
            whose = "countries, without a study" if arguments.study else "a study's panel"
            verb = "a backtest of" if name == "backtest" else f"{name} from"
            raise InputError(f"--{option} is of {verb} {whose}", where=name, allowed=f"policytwin {name} --help")


def _backtest_panel(arguments: argparse.Namespace) -> None:
    from core.report.sentences.panel_backtests import panel_backtest_document
    from core.services.evaluation.panel_backtests import panel_backtest

    request = request_of(arguments, PANEL_REQUEST)
    with open_executor(arguments) as executor, _kept(arguments) as store:
        result = panel_backtest(request, store, watch=watch(), again=arguments.again, executor=executor)
    show_result(result, arguments, lambda: panel_backtest_document(result))


def _backtest_countries(arguments: argparse.Namespace) -> None:
    from core.report.sentences.backtests import backtest_document
    from core.services.evaluation.backtests import backtest, export_backtest, measured_now, read_backtest

    request = request_of(arguments, BACKTEST_REQUEST)
    with open_executor(arguments) as executor, _kept(arguments) as store:
        result = backtest(request, store, watch=watch(), again=arguments.again, executor=executor)
        measured = read_backtest(store, result.run_id) if result.run_id else measured_now(result, request)
    if arguments.export is not None:
        export_backtest(measured, arguments.export)
    show_result(result, arguments, lambda: backtest_document(measured))


def _learn(arguments: argparse.Namespace) -> None:
    """From a study's panel where one is named, else from countries."""
    _own_options(arguments, "learn", ("mobility", "policy"), ("data", "personas"))
    from core.services.evaluation.learning import learn
    from core.services.evaluation.panel_learning import learn_panel

    with open_executor(arguments) as executor:
        if arguments.study:
            result = learn_panel(request_of(arguments, PANEL_LEARN_REQUEST), watch=watch(), executor=executor)
        else:
            result = learn(request_of(arguments, LEARN_REQUEST), watch=watch(), executor=executor)
    whose = "places" if arguments.study else "countries"
    show(result.as_dict(), arguments, lambda: f"learned from {result.countries} {whose}; written to {result.folder}")


def _worlds(arguments: argparse.Namespace) -> None:
    from core.report.sentences.known_worlds import worlds_document
    from core.services.evaluation.known_worlds import known_worlds, measured_worlds

    request = request_of(arguments, WORLDS_REQUEST)
    with open_executor(arguments) as executor, _kept(arguments) as store:
        result = known_worlds(request, store, watch=watch(), again=arguments.again, executor=executor)
    show_result(result, arguments, lambda: worlds_document(measured_worlds(result)))


def _intervals(arguments: argparse.Namespace) -> None:
    from core.report.sentences.intervals import intervals_document
    from core.services.runs.interval_parts import intervals

    with open_executor(arguments) as executor, open_store(arguments) as store:
        result = intervals(request_of(arguments), store, watch=watch(), executor=executor)
    show_result(result, arguments, lambda: intervals_document(result, study_of(arguments)))


def _ablate(arguments: argparse.Namespace) -> None:
    from core.report.sentences.ablations import ablations_document
    from core.services.evaluation.ablations import ablate

    request = request_of(arguments, ABLATE_REQUEST)
    with open_executor(arguments) as executor, open_store(arguments) as store:
        result = ablate(request, store, watch=watch(), again=arguments.again, executor=executor)
    show_result(result, arguments, lambda: ablations_document(result, study_of(arguments)))


def _bench(arguments: argparse.Namespace) -> None:
    from core.report.sentences.benchmarks import bench_document
    from core.services.benchmarks.engine import benchmark

    result = benchmark(request_of(arguments, BENCH_REQUEST))
    show_result(result, arguments, lambda: bench_document(result))
