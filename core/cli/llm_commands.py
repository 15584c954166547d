"""Language models: the cache of their answers, and the speed of asking."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli import audit_commands as audit_commands
from core.cli.options import (
    command,
    estimate_option,
    json_option,
    open_store,
    request_of,
    request_options,
    show_result,
    store_option,
    watch,
)

BENCH = "core.services.benchmarks.language:LanguageBenchmarkRequest"
ASK_REQUEST = "core.services.surveys.requests:AskRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    cache = commands.add_parser("cache", help="answers of language models: show, export, import")
    actions = cache.add_subparsers(title="actions", metavar="ACTION", required=True)
    shown = command(actions, "show", _cache_show, "say what the cache of answers holds")
    exported = command(actions, "export", _cache_export, "write all answers to one file, to be replayed without a key")
    exported.add_argument("file", type=Path, metavar="FILE")
    imported = command(actions, "import", _cache_import, "check a file of answers and take them into the cache")
    imported.add_argument("file", type=Path, metavar="FILE")
    for parser in (shown, exported, imported):
        store_option(parser)
        json_option(parser)

    bench = command(commands, "bench-llm", _bench_llm, "measure how fast models can be asked, on a server of its own")
    request_options(bench, BENCH, stored=False, workers=0)
    _add_ask(commands)
    audit_commands.add(commands)


def _cache_show(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import cache_document
    from core.services.language.answer_cache import show_answers

    with open_store(arguments) as store:
        found = show_answers(store)
    show_result(found, arguments, lambda: cache_document(found))


def _cache_export(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import exported_document
    from core.services.language.answer_cache import export_answers
    from core.store.kept_files import ANSWERS, remember_files

    with open_store(arguments) as store:
        found = export_answers(store, arguments.file)
        remember_files(store, [arguments.file], ANSWERS)
    show_result(found, arguments, lambda: exported_document(found))


def _cache_import(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import imported_document
    from core.services.language.answer_cache import import_answers

    with open_store(arguments) as store:
        found = import_answers(store, arguments.file)
    show_result(found, arguments, lambda: imported_document(found))


def _bench_llm(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import language_benchmark_document
    from core.services.benchmarks.language import benchmark_llm

    found = benchmark_llm(request_of(arguments, BENCH))
    show_result(found, arguments, lambda: language_benchmark_document(found))


def _add_ask(commands: Any) -> None:
    ask = command(commands, "ask", _ask, "put a survey question to the personas of a study, and keep the answers")
    request_options(ask, ASK_REQUEST)
    estimate_option(ask)


def _ask(arguments: argparse.Namespace) -> None:
    from core.report.sentences.surveys import cost_document, survey_document
    from core.services.surveys.ask import ask, cost_of_ask

    request = request_of(arguments, ASK_REQUEST)
    with open_store(arguments) as store:
        if arguments.estimate:
            cost = cost_of_ask(request, store)
            return show_result(cost, arguments, lambda: cost_document(cost))
        result = ask(request, store, watch=watch())
    show_result(result, arguments, lambda: survey_document(result, by=request.by))
