"""Real people's answers and experiments replicated, and judged by people's own retest."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import command, either_options, request_of, show_result, watch

ANSWERS = "core.services.evaluation.replication_results:AnswersRequest"
EFFECTS = "core.services.evaluation.replication_results:EffectsRequest"
#: What is replicated, by the option that names it.
SOURCES = {"answers": ANSWERS, "effects": EFFECTS}


def add(commands: Any) -> None:
    """Register this command."""
    text = "replicate real people's answers or experiments, and judge it by how well people repeat themselves"
    either_options(command(commands, "replicate", _replicate, text), *SOURCES.values(), stored=False, workers=0)


def _replicate(arguments: argparse.Namespace) -> None:
    given = [name for name in SOURCES if getattr(arguments, name) is not None]
    if len(given) != 1:
        from core.errors import InputError

        said = "nothing is named" if not given else f"{' and '.join(given)} are named"
        raise InputError(said, where="replicate", allowed=f"one of {', '.join(f'--{name}' for name in SOURCES)}")
    (_effects if given == ["effects"] else _answers)(arguments)


def _answers(arguments: argparse.Namespace) -> None:
    from core.report.sentences.replications import answers_document
    from core.services.evaluation.replications import replicate_answers

    result = replicate_answers(request_of(arguments, ANSWERS), watch())
    show_result(result, arguments, lambda: answers_document(result))


def _effects(arguments: argparse.Namespace) -> None:
    from core.report.sentences.replicated_effects import effects_document
    from core.services.evaluation.replicated_effects import replicate_effects

    result = replicate_effects(request_of(arguments, EFFECTS))
    show_result(result, arguments, lambda: effects_document(result))
