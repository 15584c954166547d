"""The society lab."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.options import (
    again_option,
    command,
    estimate_option,
    json_option,
    keep_option,
    open_executor,
    open_store,
    request_of,
    request_options,
    say,
    show,
    show_result,
    watch,
)

ATTENTION_REQUEST = "core.services.society.attention:AttentionRequest"
BENCH_REQUEST = "core.services.benchmarks.society:SocietyBenchRequest"
STRESS_REQUEST = "core.services.society.compat:StressRequest"
RUN_REQUEST, COMPARE_REQUEST, ABLATE_REQUEST = (
    f"core.services.society.requests:{name}Request" for name in ("Society", "Compare", "Ablate")
)
POLICY_REQUEST = "core.services.society.policy_arms:PolicyArmRequest"
SCENE_REQUEST = "core.services.society.communities:SceneRequest"
IMPORT_REQUEST = "core.services.society.compat:ImportRequest"
FACTS_REQUEST, TUNE_REQUEST = (f"core.services.society.facts:{name}Request" for name in ("Facts", "Tune"))
COMPAT_REQUEST = "core.services.society.compat:CompatRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    society = commands.add_parser("society", help="the society lab: households that spend, move and post")
    actions = society.add_subparsers(title="actions", metavar="ACTION", required=True)
    attention = command(actions, "attention", _attention, "test whether posts about a place sell, by a randomised dose")
    request_options(attention, ATTENTION_REQUEST, workers=2)
    keep_option(attention)
    bench = command(actions, "bench", _bench, "measure speed and memory of worlds of several sizes on this machine")
    request_options(bench, BENCH_REQUEST, stored=False, workers=0)
    run = command(actions, "run", _run, "a scenario as it stands and with its arms, in the same worlds of chance")
    request_options(run, RUN_REQUEST, workers=2)
    estimate_option(run)
    again_option(run)
    compare = command(actions, "compare", _compare, "every other arm of a scenario against one of them")
    request_options(compare, COMPARE_REQUEST, workers=2)
    again_option(compare)
    ablate = command(actions, "ablate", _ablate, "a scenario without one of its parts at a time, or its signs")
    request_options(ablate, ABLATE_REQUEST, workers=2)
    again_option(ablate)
    check = command(actions, "check", _check, "read a scenario file and say what is in it, or what is wrong")
    check.add_argument("scenario", metavar="FILE", help="an id that ships, or a JSON file")
    json_option(check)
    json_option(command(actions, "list", _list, "the scenarios that ship"))
    schema = command(actions, "schema", _schema, "the JSON schema of scenario files")
    schema.add_argument("--to", type=Path, metavar="FILE", help="write it to a file instead")
    facts = command(actions, "facts", _facts, "stylised facts of a scenario beside what is known of them elsewhere")
    request_options(facts, FACTS_REQUEST, workers=2)
    keep_option(facts)
    tune = command(actions, "tune", _tune, "search parameters on the stylised facts that may tune, and on no other")
    request_options(tune, TUNE_REQUEST, stored=False, workers=2)
    stress = command(actions, "stress", _stress, "compare our integer stresses with those of econsimulacra")
    request_options(stress, STRESS_REQUEST, stored=False, workers=0)
    scene = command(
        actions, "scene", _scene, "let a community write its threads in many worlds, and change an utterance"
    )
    request_options(scene, SCENE_REQUEST, workers=0)
    policy = command(actions, "policy", _policy, "write a scenario in which a town lives under a study's policy")
    request_options(policy, POLICY_REQUEST, workers=0)
    taken = command(actions, "import", _import, "write a configuration of econsimulacra as a scenario")
    request_options(taken, IMPORT_REQUEST, stored=False, workers=0)
    compat = command(actions, "compat", _compat, "simulate a configuration of econsimulacra by its own rules")
    request_options(compat, COMPAT_REQUEST, stored=False, workers=0)


def _attention(arguments: argparse.Namespace) -> None:
    from core.report.sentences.society_attention import attention_document
    from core.services.society.attention import attention

    found = _measured("attention", attention, request_of(arguments, ATTENTION_REQUEST), arguments)
    show_result(found, arguments, lambda: attention_document(found))


def _measured(what: str, use_case: Any, request: Any, arguments: argparse.Namespace) -> Any:
    """A measurement, kept in the store where that is asked for."""
    from core.services.society.kept import kept_measurement

    with open_executor(arguments) as executor:
        if not (arguments.keep or hasattr(arguments, "db")):
            return use_case(request, watch=watch(), executor=executor)
        with open_store(arguments) as store:
            return kept_measurement(what, request, store, watch=watch(), executor=executor, again=arguments.again)[0]


def _bench(arguments: argparse.Namespace) -> None:
    from core.report.sentences.benchmarks import bench_society_document
    from core.services.benchmarks.society import benchmark_society

    found = benchmark_society(request_of(arguments, BENCH_REQUEST))
    show_result(found, arguments, lambda: bench_society_document(found))


def _facts(arguments: argparse.Namespace) -> None:
    from core.report.sentences.society_facts import facts_document
    from core.services.society.facts import society_facts

    found = _measured("facts", society_facts, request_of(arguments, FACTS_REQUEST), arguments)
    show_result(found, arguments, lambda: facts_document(found))


def _tune(arguments: argparse.Namespace) -> None:
    from core.report.sentences.society_facts import tune_document
    from core.services.society.facts import tune_society

    with open_executor(arguments) as executor:
        found = tune_society(request_of(arguments, TUNE_REQUEST), watch=watch(), executor=executor)
    show_result(found, arguments, lambda: tune_document(found))


def _stress(arguments: argparse.Namespace) -> None:
    from core.services.society.compat import check_stress

    found = check_stress(request_of(arguments, STRESS_REQUEST))
    lines = [f"{found.vectors:,} situations, {found.mismatches:,} with another stress"]
    lines += [f"  [{item.index}] {item.kind}: given {item.given}, ours {item.ours}" for item in found.which]
    show(found.as_dict(), arguments, lambda: "\n".join(lines))


def _scene(arguments: argparse.Namespace) -> None:
    from core.report.sentences.communities import scene_document
    from core.services.society.communities import play_scene

    with open_store(arguments) as store:
        found = play_scene(request_of(arguments, SCENE_REQUEST), store, watch())
    show_result(found, arguments, lambda: scene_document(found))


def _import(arguments: argparse.Namespace) -> None:
    from core.services.society.compat import import_scenario

    found = import_scenario(request_of(arguments, IMPORT_REQUEST))
    lines = [
        f"{found.file}: {found.households:,} households, {found.days} days in steps of {found.step_hours} h, one unit of "
        "cash taken for a cent",
        f"Restaurants (fewer than five foods): {', '.join(found.restaurants) or 'none'}; "
        f"groceries: {', '.join(found.groceries) or 'none'}; levers: {', '.join(found.levers) or 'none'}",
        f"Kept for policytwin society compat alone: {', '.join(found.compat_only)}",
        f"Kept and read by nothing: {', '.join(found.not_carried)}",
    ]
    show(found.as_dict(), arguments, lambda: "\n".join(lines))


def _compat(arguments: argparse.Namespace) -> None:
    from core.services.society.compat import compare_compat

    found = compare_compat(request_of(arguments, COMPAT_REQUEST))
    lines = [f"{found.households:,} households, {found.steps:,} steps, {found.seeds:,} worlds, rules of econsimulacra"]
    for name, figure in found.figures.items():
        spread = "" if figure.sd is None else f" ± {figure.sd:.4f}"
        beside = (
            "" if figure.low is None else f"   reference {figure.reference:.4f} ({figure.low:.4f} to {figure.high:.4f})"
        )
        lines.append(f"  {name:<36}{figure.mean:9.4f}{spread}{beside}{'   outside' if figure.inside is False else ''}")
    if found.compared:
        lines.append(f"{found.compared - len(found.misses)} of {found.compared} figures inside")
    show(found.as_dict(), arguments, lambda: "\n".join(lines))


def _run(arguments: argparse.Namespace) -> None:
    from core.report.sentences.society_cost import society_cost_document
    from core.services.society.run import cost_of_run, run_society

    request = request_of(arguments, RUN_REQUEST)
    if arguments.estimate:
        with open_store(arguments) as store:
            cost = cost_of_run(request, store)
        return show_result(cost, arguments, lambda: society_cost_document(cost))
    _arms(arguments, run_society, request)


def _compare(arguments: argparse.Namespace) -> None:
    from core.services.society.run import compare_arms

    _arms(arguments, compare_arms, request_of(arguments, COMPARE_REQUEST))


def _ablate(arguments: argparse.Namespace) -> None:
    from core.services.society.run import ablate_society

    _arms(arguments, ablate_society, request_of(arguments, ABLATE_REQUEST))


def _check(arguments: argparse.Namespace) -> None:
    from core.report.sentences.society import scenario_lines
    from core.services.society.scenarios import check_scenario

    found = check_scenario(arguments.scenario)
    show(found.as_dict(), arguments, lambda: "\n".join(scenario_lines(found)))


def _list(arguments: argparse.Namespace) -> None:
    from core.services.society.scenarios import list_scenarios

    found = list_scenarios()
    text = [f"{item.id}: {item.title}\n  {item.question}\n  arms: {', '.join(item.arms)}" for item in found.scenarios]
    show(found.as_dict(), arguments, lambda: "\n".join(text))


def _schema(arguments: argparse.Namespace) -> None:
    from core.society.schema import schema_text

    if arguments.to is None:
        say(schema_text().rstrip("\n"))
    else:
        arguments.to.write_text(schema_text(), encoding="utf-8")


def _arms(arguments: argparse.Namespace, use_case: Any, request: Any) -> None:
    from core.report.sentences.society import society_document
    from core.report.sentences.society_record import record_blocks
    from core.services.society.governance import governance_record

    with open_executor(arguments) as executor, open_store(arguments) as store:
        result = use_case(request, store, watch=watch(), executor=executor, again=arguments.again)
        record = governance_record(store, result.run_id)
    show_result(result, arguments, lambda: society_document(result, record_blocks(record)))


def _policy(arguments: argparse.Namespace) -> None:
    from core.services.society.policy_arms import policy_arm

    with open_store(arguments) as store:
        found = policy_arm(request_of(arguments, POLICY_REQUEST), store)
    left = f" Indicators this town knows nothing of: {', '.join(found.not_carried)}." if found.not_carried else ""
    carried = ", ".join(found.carried) or "no indicator"
    show(
        found.as_dict(),
        arguments,
        lambda: f"{found.file}: {carried} as {found.levers} levers in the arm `policy`.{left}",
    )
