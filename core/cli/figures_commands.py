"""The figures that README and pages quote: measured again, and README filled from them."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import command, open_executor, open_store, request_of, request_options, show_result, watch

FIGURES_REQUEST = "core.services.evaluation.requests:FiguresRequest"


def add(commands: Any) -> None:
    """Register this command."""
    figures = command(commands, "figures", _figures, "measure the figures that README and pages quote, and fill README")
    request_options(figures, FIGURES_REQUEST, workers=2)
    figures.add_argument("--again", action="store_true", help="also those that this code made from these files")
    figures.add_argument("--readme", action="store_true", help="measure nothing; only fill README from the files")
    figures.add_argument(
        "--check", action="store_true", help="change nothing; say what differs (exit code 1 for README)"
    )


def _figures(arguments: argparse.Namespace) -> int:
    from core.report.readme import differing_parts, fill_readme, readme_path
    from core.report.sentences.figures import figures_document
    from core.services.evaluation.figures import measure_figures, stale_figures
    from core.services.evaluation.results import FigureFile, FiguresResult
    from core.settings import observed_data
    from core.validity.measured import measured_folder

    request = request_of(arguments, FIGURES_REQUEST)
    folder, readme = request.to or measured_folder(), readme_path()
    measured: dict[str, FigureFile] = {}
    if not (arguments.check or arguments.readme):
        with open_executor(arguments) as executor, open_store(arguments) as store:
            measured = measure_figures(request, store, watch=watch(), again=arguments.again, executor=executor)
    result = FiguresResult(
        measured=measured,
        filled=not arguments.check and fill_readme(readme, folder),
        differing=tuple(differing_parts(readme.read_text(encoding="utf-8"), readme.name, folder)),
        stale=stale_figures(folder, observed_data(request.data)),
    )
    show_result(result, arguments, lambda: figures_document(result))
    return 1 if result.differing else 0
