"""What the store holds."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.cli.options import (
    command,
    json_option,
    open_executor,
    open_store,
    show,
    show_result,
    store_option,
    watch,
    workers_options,
)
from core.cli.parsers import folder


def add(commands: Any) -> None:
    """Register these commands."""
    runs = command(commands, "runs", _runs, "list the runs in the store")
    runs.add_argument("--study")
    store_option(runs)
    json_option(runs)
    actions = runs.add_subparsers(title="actions", metavar="ACTION")
    delete = command(actions, "delete", _delete, "delete runs with all that they stored")
    delete.add_argument("run", nargs="+")
    delete.add_argument("--dependents", action="store_true", help="delete what was made on them too")
    store_option(delete)
    json_option(delete)
    label = command(commands, "label", _label, "name, note or star a run, a saved scenario or a population")
    label.add_argument("id")
    label.add_argument("--name", help="up to 80 characters; an empty one takes the name away")
    label.add_argument("--note", help="up to 2,000 characters")
    label.add_argument("--star", action=argparse.BooleanOptionalAction, help="star it, or not any more")
    store_option(label)
    json_option(label)
    show = command(commands, "show", _show, "one run: its record and its results")
    show.add_argument("run")
    store_option(show)
    json_option(show)
    again = command(
        commands, "rerun", _rerun, "make a run again from the store alone: the same result, or what has changed since"
    )
    again.add_argument("run")
    again.add_argument("--data", type=folder, metavar="DIR", help="folder with what the store does not hold")
    workers_options(again, 2)
    store_option(again)
    json_option(again)
    export = command(
        commands, "export", _export, "a run's tables as CSV, its record, and its trials as an Optuna journal"
    )
    export.add_argument("run")
    export.add_argument("--to", type=Path, required=True, metavar="DIR")
    report = command(commands, "report", _report, "a result as one HTML or PDF file, to be read by others")
    report.add_argument("run")
    report.add_argument("--to", type=Path, required=True, metavar="FILE", help="ends in .html or .pdf")
    report.add_argument("--question", metavar="ID", help="what Home answers, by its id in the page's address (ask=ID)")
    report.add_argument("--behaviour", metavar="ID", help="whose course is drawn in the answer")
    report.add_argument("--data", type=folder, metavar="DIR", help="folder of observations, for --question")
    for parser in (export, report):
        store_option(parser)
        json_option(parser)


def _runs(arguments: argparse.Namespace) -> None:
    from core.report.sentences.store import runs_text
    from core.services.library.archive import list_runs

    with open_store(arguments) as store:
        values = list_runs(store, arguments.study)
    show({"runs": [asdict(item) for item in values]}, arguments, lambda: runs_text(values))


def _delete(arguments: argparse.Namespace) -> None:
    from core.services.library.store_care import delete_runs

    with open_store(arguments) as store:
        deleted = delete_runs(store, arguments.run, dependents=arguments.dependents)
    show({"deleted": deleted}, arguments, lambda: "\n".join(f"deleted {run_id}" for run_id in deleted))


def _label(arguments: argparse.Namespace) -> None:
    from core.store.labels import set_label

    with open_store(arguments) as store:
        label = set_label(store, arguments.id, name=arguments.name, note=arguments.note, starred=arguments.star)
    values = {"id": arguments.id, **asdict(label)}
    show(values, arguments, lambda: f"{'★ ' * label.starred}{label.name or arguments.id}: {label.note or 'no note'}")


def _show(arguments: argparse.Namespace) -> None:
    from core.report.documents import shown_text
    from core.report.sentences.store import show_text

    with open_store(arguments) as store:
        run = store.run(arguments.run)
        said = "" if arguments.json else shown_text(store, arguments.run)
    show(run.as_dict(), arguments, lambda: show_text(run, said))


def _rerun(arguments: argparse.Namespace) -> int:
    """0 where the result is the same, 1 where it is not."""
    from core.report.sentences.store import rerun_document
    from core.services.library.reruns import rerun

    with open_executor(arguments) as executor, open_store(arguments) as store:
        found = rerun(store, arguments.run, data=arguments.data, watch=watch(), executor=executor)
    show_result(found, arguments, lambda: rerun_document(found))
    return 0 if found.same else 1


def _report(arguments: argparse.Namespace) -> None:
    from core.report.documents import document_of
    from core.report.files import write_document
    from core.report.what_if import question_document
    from core.store.kept_files import RUN, remember_files

    with open_store(arguments) as store:
        if arguments.question is None:
            document = document_of(store, arguments.run)
        else:
            document = question_document(store, arguments.run, arguments.question, arguments.behaviour, arguments.data)
        path = write_document(document, arguments.to)
        remember_files(store, [path], f"{RUN}:{arguments.run}")
    show({"run_id": arguments.run, "file": str(path)}, arguments, lambda: f"written to {path}")


def _export(arguments: argparse.Namespace) -> None:
    from core.services.library.archive import export_run
    from core.store.kept_files import RUN, remember_files

    with open_store(arguments) as store:
        paths = export_run(store, arguments.run, arguments.to)
        remember_files(store, paths, f"{RUN}:{arguments.run}")
    files = [str(path) for path in paths]
    show({"run_id": arguments.run, "files": files}, arguments, lambda: "\n".join(files))
