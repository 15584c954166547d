"""Care of the store's file, and how much it takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.options import (
    command,
    json_option,
    request_of,
    request_options,
    show,
    show_result,
    store_option,
    watch,
)

BENCH_REQUEST = "core.services.benchmarks.store:BenchStoreRequest"
BENCH_PAGES_REQUEST = "core.services.benchmarks.pages:BenchPagesRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    store = commands.add_parser("store", help="the store's file: check, back up, restore, write anew")
    actions = store.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = command(actions, "check", _check, "read every table and block, and say what is damaged and can be saved")
    backup = command(actions, "backup", _backup, "copy every row to a new file")
    backup.add_argument("--to", type=Path, metavar="FILE", help="default: beside the store, with the time in its name")
    restore = command(
        actions, "restore", _restore, "take a backup, or what can be saved of a damaged store, into place"
    )
    restore.add_argument("source", type=Path, metavar="FROM", help="a backup or a damaged store; --db's own file too")
    restore.add_argument(
        "--replace", action="store_true", help="also in place of a sound store, which is kept under another name"
    )
    compact = command(actions, "compact", _compact, "write the file anew, without what deleted runs left in it")
    for parser in (check, backup, restore, compact):
        store_option(parser)
        json_option(parser)

    bench = command(
        commands, "bench-store", _bench, "measure what kills and damaged bytes do to a store, in a folder of its own"
    )
    request_options(bench, BENCH_REQUEST, stored=False, workers=0)
    pages = command(commands, "bench-pages", _bench_pages, "measure every page in Chromium, on a store of its own")
    request_options(pages, BENCH_PAGES_REQUEST, stored=False, workers=0)


def _path(arguments: argparse.Namespace) -> Path:
    from core.settings import store_path

    return store_path(getattr(arguments, "db", None))


def _check(arguments: argparse.Namespace) -> int:
    from core.report.sentences.store import check_document
    from core.store.upkeep import check_store

    found = check_store(_path(arguments))
    show_result(found, arguments, lambda: check_document(found))
    return 0 if found.sound else 2


def _backup(arguments: argparse.Namespace) -> None:
    from core.store.upkeep import backup_store

    target = backup_store(_path(arguments), arguments.to)
    show({"file": str(target), "bytes": target.stat().st_size}, arguments, lambda: str(target))


def _restore(arguments: argparse.Namespace) -> None:
    from core.report.sentences.store import restore_document
    from core.store.upkeep import restore_store

    done = restore_store(arguments.source, _path(arguments), replace=arguments.replace)
    show_result(done, arguments, lambda: restore_document(done))


def _compact(arguments: argparse.Namespace) -> None:
    from humanize import naturalsize

    from core.store.upkeep import compact_store

    before, after = compact_store(_path(arguments))
    text = f"{naturalsize(before)} before, {naturalsize(after)} now"
    show({"before": before, "after": after}, arguments, lambda: text)


def _bench_pages(arguments: argparse.Namespace) -> None:
    from core.report.sentences.benchmarks import bench_pages_document
    from core.services.benchmarks.pages import benchmark_pages

    result = benchmark_pages(request_of(arguments, BENCH_PAGES_REQUEST), watch())
    show_result(result, arguments, lambda: bench_pages_document(result))


def _bench(arguments: argparse.Namespace) -> None:
    from core.report.sentences.benchmarks import bench_store_document
    from core.services.benchmarks.store import benchmark_store

    result = benchmark_store(request_of(arguments, BENCH_REQUEST), watch())
    show_result(result, arguments, lambda: bench_store_document(result))
