"""The persona audit of a run, and the audit of what else moves with the policy in a language model's answers."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import (
    asking_of,
    asking_options,
    command,
    estimate_option,
    json_option,
    model_options_given,
    open_store,
    show,
    store_option,
    watch,
)
from core.cli.parsers import levels, names
from core.errors import InputError


def add(commands: Any) -> None:
    """Register these commands."""
    personas_of = command(
        commands,
        "persona-audit",
        _persona_audit,
        "check how a run's personas answer: spread, collapse, repeated samples, wording, cues, memory",
        "crowd",
    )
    personas_of.add_argument("--situations", type=int, default=3, metavar="N", help="from mild to strict (default 3)")
    personas_of.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="times each question is asked (default 3)"
    )
    audit = command(
        commands, "audit", _audit, "audit what else moves with the policy in a language model's answers, by design"
    )
    audit.add_argument("--designs", type=names, metavar="NAME,…", help="blinded, unblinded, levels, aggregate (all)")
    audit.add_argument("--levels", type=levels, metavar="N,…", help="stringencies (default 0,25,50,75,100)")
    audit.add_argument("--stated-only", action="store_true", help="always say how many cases there are: half the calls")
    for parser, personas in ((personas_of, 20), (audit, 10)):
        parser.add_argument("run", metavar="STUDY|RUN", help="a finished run, or a study for its newest run")
        parser.add_argument("--personas", type=int, default=personas, metavar="N", help=f"at most (default {personas})")
        parser.add_argument("--engine", metavar="NAME", help="ask another model than the run's: gemini, openai, replay")
        asking_options(parser)
        estimate_option(parser)
        store_option(parser)
        json_option(parser)


def _persona_audit(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import cost_before_text
    from core.report.sentences.persona_audit import persona_audit_text
    from core.services.audits.persona_audit import audit_personas, persona_audit_cost

    about = {
        "most_personas": arguments.personas,
        "most_situations": arguments.situations,
        "samples": arguments.repeats,
    }
    with open_store(arguments) as store:
        run_id = _run_of(arguments, store)
        about["asking"] = _asking(arguments, store, run_id)
        if arguments.estimate:
            cost = persona_audit_cost(store, run_id, **about)
            nothing = "The run's engine is the rules engine: nothing is asked, and nothing costs."
            show(cost, arguments, lambda: nothing if cost is None else cost_before_text(cost))
            return
        values = audit_personas(store, run_id, watch=watch(), **about)
    show(values, arguments, lambda: persona_audit_text(values))


def _audit(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import cost_before_text
    from core.report.sentences.persona_audit import audit_text
    from core.services.audits.confounding import LEVELS, confounding_audit, confounding_cost

    about: dict[str, Any] = {
        "levels": LEVELS if arguments.levels is None else arguments.levels,
        "most_personas": arguments.personas,
        "unstated": not arguments.stated_only,
    }
    if arguments.designs is not None:
        about["designs"] = arguments.designs
    with open_store(arguments) as store:
        run_id = _run_of(arguments, store)
        about["asking"] = _asking(arguments, store, run_id)
        if arguments.estimate:
            cost = confounding_cost(store, run_id, **about)
            show(cost, arguments, lambda: cost_before_text(cost))
            return
        values = confounding_audit(store, run_id, watch=watch(), **about)
    show(values, arguments, lambda: audit_text(values))


def _run_of(arguments: argparse.Namespace, store: Any) -> str:
    """The run that is named, or the newest finished run of the study that is named."""
    found = store.runs(kind="run", status="complete")
    if arguments.run in set(found["run_id"]):
        return str(arguments.run)
    if arguments.run.startswith("run-"):
        return str(store.run(arguments.run).run_id)  # says what is wrong with it
    from core.study import load_study

    study = load_study(arguments.run)
    own = found[found["study_id"] == study.id]
    if own.empty:
        raise InputError(
            "has no finished run", where=f"study {study.id}", allowed=f"`policytwin run {arguments.run}` first"
        )
    return str(own["run_id"].iloc[0])


def _asking(arguments: argparse.Namespace, store: Any, run_id: str) -> Any:
    """Another model where one is named; the run's own, as fast and as much as the options say; None for its own as it is."""
    if arguments.engine is not None:
        return asking_of(arguments)
    from dataclasses import replace

    from core.services.audits.preparing import own_asking
    from core.services.language.engines import MANNER

    given = model_options_given(arguments)
    for name in given:
        if name not in MANNER:
            raise InputError(
                f"--{name.replace('_', '-')} without another model to ask",
                allowed="--engine and --model as well: the run's own model is asked as it was",
            )
    if arguments.allow_failures:
        given["allow_failures"] = True
    own = own_asking(store.run(run_id).record) if given else None
    return None if own is None else replace(own, **given)
