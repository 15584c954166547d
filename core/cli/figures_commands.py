"""The figures that README and pages quote: measured again, and README filled from them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.options import command, json_option, open_executor, open_store, show, store_option, watch, workers_options
from core.cli.parsers import folder, names


def add(commands: Any) -> None:
    """Register this command."""
    figures = command(commands, "figures", _figures, "measure the figures that README and pages quote, and fill README")
    figures.add_argument("--data", type=folder, metavar="DIR", help="folder of observations")
    figures.add_argument("--only", type=names, metavar="A,B,…", help="some measurements by name (default: all)")
    figures.add_argument("--again", action="store_true", help="also those that this code made from these files")
    figures.add_argument("--to", type=Path, metavar="DIR", help="folder of the files (default: data/validation)")
    figures.add_argument("--readme", action="store_true", help="measure nothing; only fill README from the files")
    figures.add_argument(
        "--check", action="store_true", help="change nothing; say what differs (exit code 1 for README)"
    )
    workers_options(figures, 2)
    store_option(figures)
    json_option(figures)


def _figures(arguments: argparse.Namespace) -> int:
    from core.report.readme import differing_parts, fill_readme, readme_path
    from core.report.sentences.figures import figures_text
    from core.services.evaluation.figures import Bench, measure_figures, stale_figures
    from core.settings import observed_data
    from core.validity.measured import measured_folder

    folder, data = arguments.to or measured_folder(), observed_data(arguments.data)
    readme = readme_path()
    values: dict[str, Any] = {"measured": {}, "filled": False}
    if not (arguments.check or arguments.readme):
        with open_executor(arguments) as executor, open_store(arguments) as store:
            bench = Bench(data, store, watch(), executor)
            values["measured"] = measure_figures(bench, folder, arguments.only, arguments.again)
    if not arguments.check:
        values["filled"] = fill_readme(readme, folder)
    values["differing"] = differing_parts(readme.read_text(encoding="utf-8"), readme.name, folder)
    values["stale"] = stale_figures(folder, data)
    show(values, arguments, lambda: figures_text(values))
    return 1 if values["differing"] else 0
