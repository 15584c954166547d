"""What the store holds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.options import (
    command,
    json_option,
    open_store,
    show,
    store_option,
)


def add(commands: Any) -> None:
    """Register these commands."""
    runs = command(commands, "runs", _runs, "list the runs in the store")
    runs.add_argument("--study")
    store_option(runs)
    json_option(runs)
    show = command(commands, "show", _show, "one run: its record and its results")
    show.add_argument("run")
    store_option(show)
    json_option(show)
    export = command(
        commands, "export", _export, "a run's tables as CSV, its record, and its trials as an Optuna journal"
    )
    export.add_argument("run")
    export.add_argument("--to", type=Path, required=True, metavar="DIR")
    store_option(export)
    json_option(export)


def _runs(arguments: argparse.Namespace) -> None:
    from core.services.archive import list_runs
    from core.services.texts import runs_text

    with open_store(arguments) as store:
        values = list_runs(store, arguments.study)
    show({"runs": values}, arguments, lambda: runs_text(values))


def _show(arguments: argparse.Namespace) -> None:
    from core.services.archive import show_run
    from core.services.texts import show_text

    with open_store(arguments) as store:
        values = show_run(store, arguments.run)
    show(values, arguments, lambda: show_text(values))


def _export(arguments: argparse.Namespace) -> None:
    from core.services.archive import export_run

    with open_store(arguments) as store:
        values = export_run(store, arguments.run, arguments.to)
    show(values, arguments, lambda: "\n".join(values["files"]))
