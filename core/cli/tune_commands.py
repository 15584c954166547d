"""What people did, foreseen by what they did before."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import command, request_of, request_options, show_result

CHOICES = "core.services.evaluation.replication_results:ChoicesRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    tune = commands.add_parser("tune", help="logs of what people did: how well the next action is foreseen")
    actions = tune.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "how often the next choice of people who are not known is foreseen, with what needs to know less beside it"
    request_options(command(actions, "score", _score, text), CHOICES, stored=False, workers=0)


def _score(arguments: argparse.Namespace) -> None:
    from core.report.sentences.replicated_choices import choices_document
    from core.services.evaluation.replicated_choices import replicate_choices

    result = replicate_choices(request_of(arguments, CHOICES))
    show_result(result, arguments, lambda: choices_document(result))
