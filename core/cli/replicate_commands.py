"""Real people's answers and experiments replicated, and judged by people's own retest."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import command, request_of, request_options, show_result, watch

ANSWERS = "core.services.evaluation.replication_results:AnswersRequest"


def add(commands: Any) -> None:
    """Register this command."""
    text = "answer for real people who are not known, and judge it by how well people repeat their own answers"
    request_options(command(commands, "replicate", _replicate, text), ANSWERS, stored=False, workers=0)


def _replicate(arguments: argparse.Namespace) -> None:
    from core.report.sentences.replications import answers_document
    from core.services.evaluation.replications import replicate_answers

    result = replicate_answers(request_of(arguments, ANSWERS), watch())
    show_result(result, arguments, lambda: answers_document(result))
