"""One study: run it, and ask what if."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import (
    again_option,
    command,
    estimate_option,
    finished_run,
    open_executor,
    open_store,
    request_of,
    request_options,
    run_options,
    say,
    show,
    show_result,
    study_of,
    watch,
)

SWEEP_REQUEST = "core.services.counterfactuals.requests:SweepRequest"
COMPARE_REQUEST = "core.services.counterfactuals.requests:CompareRequest"
GOAL_REQUEST = "core.services.counterfactuals.goals:GoalRequest"
PROJECT_REQUEST = "core.services.counterfactuals.projections:ProjectRequest"
EXPLAIN_REQUEST = "core.services.counterfactuals.explanations:ExplainRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    run = command(commands, "run", _run, "simulate, calibrate, validate and store one study on one split")
    run_options(run)
    again_option(run)
    estimate_option(run)

    sweep = command(commands, "sweep", _sweep, "hold stringency at each level and compare")
    compare = command(commands, "compare", _compare, "contrast scenario files with the observed policy")
    for parser, request in ((sweep, SWEEP_REQUEST), (compare, COMPARE_REQUEST)):
        request_options(parser, request)
        again_option(parser)
        estimate_option(parser)

    ahead = command(
        commands, "project", _project, "look beyond the last observed period, under policies to come (unverified)"
    )
    request_options(ahead, PROJECT_REQUEST)
    again_option(ahead)

    explain = command(
        commands, "explain", _explain, "split a forecast, or what a scenario changes, into parts that sum"
    )
    request_options(explain, EXPLAIN_REQUEST)

    goal = command(commands, "goal", _goal, "which measures reach a goal, and the trade-off between policy and goal")
    request_options(goal, GOAL_REQUEST)

    sensitivity = command(commands, "sensitivity", _sensitivity, "what the assumed traits of the personas are worth")
    run_options(sensitivity)
    again_option(sensitivity)


def _run(arguments: argparse.Namespace) -> None:
    from core.report.sentences.runs import run_document
    from core.services.runs.run import run_once

    request = request_of(arguments)
    with open_executor(arguments) as executor, open_store(arguments) as store:
        if request.asking is not None:
            from core.report.sentences.language import run_cost_text
            from core.services.runs.costs import cost_before

            cost = cost_before(store, request)
            if arguments.estimate:
                return _show_cost(cost, arguments)
            say(run_cost_text(cost), aside=True)
        result = run_once(request, store, watch(), executor, again=arguments.again)
    show_result(result, arguments, lambda: run_document(result, study_of(arguments)))


def _sweep(arguments: argparse.Namespace) -> None:
    from core.report.sentences.counterfactuals import sweep_document
    from core.services.counterfactuals.run import sweep
    from core.services.runs.costs import cost_of_contrast

    request = request_of(arguments, SWEEP_REQUEST)
    with open_executor(arguments) as executor, open_store(arguments) as store:
        if arguments.estimate:
            run_id = finished_run(arguments, store, executor)
            window = {"data": request.run.data, "start": request.start, "end": request.end}
            return _show_cost(
                cost_of_contrast(store, run_id, levels=request.levels, lever=request.lever, **window), arguments
            )
        result = sweep(request, store, watch=watch(), executor=executor, again=arguments.again)
    show_result(result, arguments, lambda: sweep_document(result, study_of(arguments)))


def _compare(arguments: argparse.Namespace) -> None:
    from core.policy.scenario import load_scenario
    from core.report.sentences.counterfactuals import comparison_document
    from core.services.counterfactuals.over_places import asks_all_places
    from core.services.counterfactuals.run import compare
    from core.services.runs.costs import cost_of_contrast
    from core.services.studies.inputs import open_study

    request = request_of(arguments, COMPARE_REQUEST)
    with open_executor(arguments) as executor, open_store(arguments) as store:
        if arguments.estimate:
            run_id = finished_run(arguments, store, executor)
            observed = open_study(request.run.study, request.run.data).timeline
            files = [*([request.reference] if request.reference else []), *request.scenario]
            window = {"data": request.run.data, "start": request.start, "end": request.end}
            asked = [load_scenario(path, observed) for path in files]
            return _show_cost(cost_of_contrast(store, run_id, scenarios=asked, **window), arguments)
        if asks_all_places(request):
            return _compare_places(arguments, request, store, executor)
        result = compare(request, store, watch=watch(), executor=executor, again=arguments.again)
    show_result(result, arguments, lambda: comparison_document(result, study_of(arguments)))


def _compare_places(arguments: argparse.Namespace, request: Any, store: Any, executor: Any) -> None:
    from core.report.sentences.over_places import places_document
    from core.services.counterfactuals.over_places import compare_places
    from core.study import load_study

    result = compare_places(request, store, watch=watch(), executor=executor, again=arguments.again)
    show_result(result, arguments, lambda: places_document(result, load_study(arguments.study.removesuffix("@all"))))


def _project(arguments: argparse.Namespace) -> None:
    from core.report.sentences.projections import projection_document
    from core.services.counterfactuals.projections import project

    request = request_of(arguments, PROJECT_REQUEST)
    with open_executor(arguments) as executor, open_store(arguments) as store:
        result = project(request, store, watch=watch(), executor=executor, again=arguments.again)
    show_result(result, arguments, lambda: projection_document(result, study_of(arguments)))


def _explain(arguments: argparse.Namespace) -> None:
    from core.report.sentences.explanations import explanation_document
    from core.services.counterfactuals.explanations import explain

    request = request_of(arguments, EXPLAIN_REQUEST)
    with open_executor(arguments) as executor, open_store(arguments) as store:
        result = explain(request, store, watch=watch(), executor=executor)
    show_result(result, arguments, lambda: explanation_document(result, study_of(arguments)))


def _goal(arguments: argparse.Namespace) -> None:
    from core.report.sentences.goals import goal_document
    from core.services.counterfactuals.goals import seek_goal

    request = request_of(arguments, GOAL_REQUEST)
    with open_executor(arguments) as executor, open_store(arguments) as store:
        result = seek_goal(request, store, watch=watch(), executor=executor)
    show_result(result, arguments, lambda: goal_document(result, study_of(arguments)))


def _show_cost(cost: Any, arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import run_cost_text

    show(cost.as_dict(), arguments, lambda: run_cost_text(cost))


def _sensitivity(arguments: argparse.Namespace) -> None:
    from core.report.sentences.sensitivity import sensitivity_document
    from core.services.evaluation.sensitivity import sensitivity

    with open_executor(arguments) as executor, open_store(arguments) as store:
        result = sensitivity(request_of(arguments), store, watch=watch(), executor=executor, again=arguments.again)
    show_result(result, arguments, lambda: sensitivity_document(result, study_of(arguments)))
