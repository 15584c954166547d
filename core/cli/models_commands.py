"""Language models that run on this machine: fetch, list, serve."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.options import command, json_option, open_store, say, show, show_result, store_option, watch

#: What `core.cognition.llm.local_weights.SMOLLM2` is called, which is not imported to show a list of commands.
USUAL = "smollm2-135m"


def add(commands: Any) -> None:
    """Register these commands."""
    models = commands.add_parser("models", help="language models on this machine, without a key: fetch, list, serve")
    actions = models.add_subparsers(title="actions", metavar="ACTION", required=True)
    fetched = command(actions, "fetch", _fetch, "get a model's weights and check them, or take those of a .gguf file")
    fetched.add_argument(
        "--file", type=Path, metavar="FILE.gguf", help="weights of your own, to be asked under the file's name"
    )
    listed = command(actions, "list", _list, "say which models are known, and which are here")
    tried = command(
        actions, "try", _try, "make a run and a question of Meridia from the model's shipped answers; asks nobody"
    )
    store_option(tried)
    served = command(
        actions, "serve", _serve, "serve a model on 127.0.0.1 to anything that asks as of OpenAI, until interrupted"
    )
    served.add_argument("--port", type=int, default=0, metavar="N", help="default: a free one, which is printed")
    served.add_argument(
        "--threads", type=int, default=1, metavar="N", help="default 1: more only help where cores are idle"
    )
    for parser in (fetched, served):
        parser.add_argument("name", nargs="?", default=USUAL, metavar="MODEL", help=f"default {USUAL}")
    for parser in (fetched, listed, tried, served):
        json_option(parser)


def _fetch(arguments: argparse.Namespace) -> None:
    from core.report.sentences.local_models import fetched_document
    from core.services.language.local_models import fetch_model

    found = fetch_model(arguments.name, arguments.file)
    show_result(found, arguments, lambda: fetched_document(found))


def _list(arguments: argparse.Namespace) -> None:
    from core.report.sentences.local_models import models_document
    from core.services.language.local_models import local_models

    found = local_models()
    show_result(found, arguments, lambda: models_document(found))


def _try(arguments: argparse.Namespace) -> None:
    from core.report.sentences.local_models import trial_document
    from core.services.surveys.trial import try_local

    with open_store(arguments) as store:
        found = try_local(store, watch=watch())
    show_result(found, arguments, lambda: trial_document(found))


def _serve(arguments: argparse.Namespace) -> None:
    import sys

    from core.report.sentences.local_models import serving_text
    from core.services.language.local_models import serve_model

    with serve_model(arguments.name, port=arguments.port, threads=arguments.threads) as server:
        show(
            {"address": server.address, "model": server.alias},
            arguments,
            lambda: serving_text(server.address, server.alias),
        )
        sys.stdout.flush()
        try:
            server.process.wait()
        except KeyboardInterrupt:
            say("The server has ended.", aside=True)
