"""One study: run it, and ask what if."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.options import (
    again_option,
    ask_option,
    asking_of,
    command,
    estimate_option,
    finished_run,
    levels,
    open_store,
    request_of,
    run_options,
    say,
    show,
    watch,
    window_options,
)


def add(commands: Any) -> None:
    """Register these commands."""
    run = command(commands, "run", _run, "simulate, calibrate, validate and store one study on one split")
    run_options(run)
    again_option(run)
    estimate_option(run)

    sweep = command(commands, "sweep", _sweep, "hold stringency at each level and compare")
    run_options(sweep)
    again_option(sweep)
    sweep.add_argument(
        "--levels", type=levels, default=[0.0, 25.0, 50.0, 75.0, 100.0], metavar="L,L,…", help="0 to 100"
    )
    window_options(sweep)
    ask_option(sweep)
    estimate_option(sweep)

    compare = command(commands, "compare", _compare, "contrast scenario files with the observed policy")
    run_options(compare)
    again_option(compare)
    compare.add_argument(
        "--scenario", action="append", required=True, type=Path, metavar="FILE", help="TOML or JSON; repeat"
    )
    compare.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="scenario to compare with (default: the policy that was in force)",
    )
    window_options(compare)
    ask_option(compare)
    estimate_option(compare)

    sensitivity = command(commands, "sensitivity", _sensitivity, "what the assumed traits of the personas are worth")
    run_options(sensitivity)
    again_option(sensitivity)


def _run(arguments: argparse.Namespace) -> None:
    from core.report.sentences.results import run_text
    from core.services.runs.run import run_once

    request = request_of(arguments)
    with open_store(arguments) as store:
        if request.asking is not None:
            from core.report.sentences.language import run_cost_text
            from core.services.runs.costs import cost_before

            cost = cost_before(store, request)
            if arguments.estimate:
                return _show_cost(cost, arguments)
            say(run_cost_text(cost.as_dict()), aside=True)
        values = run_once(request, store, watch(), again=arguments.again)
    show(values, arguments, lambda: run_text(values))


def _sweep(arguments: argparse.Namespace) -> None:
    from core.counterfactual.levels import checked_targets
    from core.report.sentences.results import sweep_text
    from core.services.counterfactuals.run import run_sweep

    checked_targets(arguments.levels)
    with open_store(arguments) as store:
        run_id = finished_run(arguments, store)
        window = {"data": arguments.data, "start": arguments.start, "end": arguments.end}
        if arguments.estimate:
            from core.services.runs.costs import cost_of_contrast

            return _show_cost(cost_of_contrast(store, run_id, levels=arguments.levels, **window), arguments)
        values, _ = run_sweep(
            store,
            run_id,
            arguments.levels,
            **window,
            asks=arguments.ask,
            asking=asking_of(arguments),
            watch=watch(),
            again=arguments.again,
        )
    show(values, arguments, lambda: sweep_text(values))


def _compare(arguments: argparse.Namespace) -> None:
    from core.policy.scenario import load_scenario
    from core.report.sentences.results import compare_text
    from core.services.counterfactuals.run import run_compare
    from core.services.studies.inputs import open_study

    inputs = open_study(arguments.study, arguments.data)
    scenarios = [load_scenario(path, inputs.timeline) for path in arguments.scenario]
    reference = None if arguments.reference is None else load_scenario(arguments.reference, inputs.timeline)
    with open_store(arguments) as store:
        run_id = finished_run(arguments, store)
        window = {"data": arguments.data, "start": arguments.start, "end": arguments.end}
        if arguments.estimate:
            from core.services.runs.costs import cost_of_contrast

            asked = scenarios if reference is None else [reference, *scenarios]
            return _show_cost(cost_of_contrast(store, run_id, scenarios=asked, **window), arguments)
        values, _ = run_compare(
            store, run_id, scenarios, **window, reference=reference, asks=arguments.ask, asking=asking_of(arguments),
            watch=watch(), again=arguments.again,
        )  # fmt: skip
    show(values, arguments, lambda: compare_text(values))


def _show_cost(cost: Any, arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import run_cost_text

    show(cost.as_dict(), arguments, lambda: run_cost_text(cost.as_dict()))


def _sensitivity(arguments: argparse.Namespace) -> None:
    from core.report.sentences.results import sensitivity_text
    from core.services.evaluation.sensitivity import run_sensitivity

    with open_store(arguments) as store:
        run_id = finished_run(arguments, store)
        values = run_sensitivity(store, run_id, data=arguments.data, watch=watch(), again=arguments.again)
    show(values, arguments, lambda: sensitivity_text(values))
