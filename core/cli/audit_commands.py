"""Audits: of a run's personas, of what else moves with the policy in a model's answers, of groups, and of regions."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import (
    again_option,
    command,
    estimate_option,
    open_executor,
    open_store,
    request_of,
    request_options,
    show,
    show_result,
    study_of,
    watch,
)
from core.errors import InputError

PERSONA_AUDIT = "core.services.audits.requests:PersonaAuditRequest"
GROUPS = "core.services.audits.requests:GroupsRequest"
REGIONS = "core.services.audits.requests:RegionsRequest"
CONFOUNDING = "core.services.audits.requests:ConfoundingRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    personas_of = command(
        commands,
        "persona-audit",
        _persona_audit,
        "check how a run's personas answer: spread, collapse, repeated samples, wording, cues, memory",
        "crowd",
    )
    audit = command(
        commands, "audit", _audit, "audit what else moves with the policy in a language model's answers, by design"
    )
    for parser, request in ((personas_of, PERSONA_AUDIT), (audit, CONFOUNDING)):
        request_options(parser, request, workers=0)
        parser.add_argument("--engine", metavar="NAME", help="ask another model than the run's: gemini, openai, replay")
        estimate_option(parser)
    groups = command(
        commands, "groups", _groups, "how spread simulated people are, who responds more, accuracy by region"
    )
    request_options(groups, GROUPS)
    again_option(groups)
    regions = command(commands, "regions", _regions, "accuracy by region over many countries")
    request_options(regions, REGIONS, stored=False)


def _groups(arguments: argparse.Namespace) -> None:
    from core.report.sentences.groups import groups_document
    from core.services.audits.groups import groups

    request = request_of(arguments, GROUPS)
    with open_executor(arguments) as executor, open_store(arguments) as store:
        result = groups(request, store, watch=watch(), again=arguments.again, executor=executor)
    show_result(result, arguments, lambda: groups_document(result, study_of(arguments)))


def _regions(arguments: argparse.Namespace) -> None:
    from core.report.sentences.regions import regions_document
    from core.services.audits.groups import regional_accuracy

    request = request_of(arguments, REGIONS)
    with open_executor(arguments) as executor:
        result = regional_accuracy(request, watch=watch(), executor=executor)
    show_result(result, arguments, lambda: regions_document(result))


def _persona_audit(arguments: argparse.Namespace) -> None:
    from core.report.sentences.persona_audit import persona_audit_document
    from core.services.audits.persona_audit import audit_personas, persona_audit_cost

    _do(arguments, PERSONA_AUDIT, persona_audit_cost, audit_personas, persona_audit_document)


def _audit(arguments: argparse.Namespace) -> None:
    from core.report.sentences.confounding import confounding_document
    from core.services.audits.confounding import confounding_audit, confounding_cost

    _do(arguments, CONFOUNDING, confounding_cost, confounding_audit, confounding_document)


def _do(arguments: argparse.Namespace, request: str, cost_of: Any, work: Any, document: Any) -> None:
    from dataclasses import replace

    from core.report.sentences.language import cost_before_text
    from core.services.studies.stored_inputs import stored_study

    with open_store(arguments) as store:
        asked = replace(request_of(arguments, request), asking=_asking(arguments, store))
        if arguments.estimate:
            cost = cost_of(asked, store)
            values = None if cost is None else cost.as_dict()
            return show(values, arguments, lambda: cost_before_text(cost))
        result = work(asked, store, watch=watch())
        study = stored_study(store, store.run(result.run_id).record)
    show_result(result, arguments, lambda: document(result, study))


def _asking(arguments: argparse.Namespace, store: Any) -> Any:
    """Another model where one is named; the run's own, as fast and as much as the options say; None for its own as it is."""
    from dataclasses import replace

    from core.cli.requests import asking_of, model_options_given
    from core.services.audits.preparing import named_run, own_asking
    from core.services.language.engines import MANNER

    if arguments.engine is not None:
        return asking_of(arguments)
    given = model_options_given(arguments)
    for name in given:
        if name not in MANNER:
            raise InputError(
                f"--{name.replace('_', '-')} without another model to ask",
                allowed="--engine and --model as well: the run's own model is asked as it was",
            )
    if arguments.allow_failures:
        given["allow_failures"] = True
    own = own_asking(store.run(named_run(store, arguments.run)).record) if given else None
    return None if own is None else replace(own, **given)
