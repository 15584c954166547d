"""What is said of policies that were read from files, and how what a page shows of one is made again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from core.options import python_text
from core.policy.scenario import load_scenario
from core.policy.timeline import PolicyTimeline
from core.report.document import Document, Items, Table
from core.report.reproduction import Reproduction, python_lines, reproduction
from core.services.counterfactuals.requests import CompareRequest
from core.services.counterfactuals.run import compare
from core.services.policies.tables import daily_table, stretches
from core.services.studies.inputs import open_study
from core.services.studies.observations import StringencyReport
from core.services.studies.requests import RunRequest


def reproduce_timeline(
    timeline: PolicyTimeline, request: RunRequest, days: tuple[date, date], holdout: tuple[date, date]
) -> Reproduction:
    """The lines that give a timeline's curve and bars over `days`; those of a scenario read its file, say what differs from
    the observed policy, and compare the two on the `holdout` of a run as in `request`."""
    used: list[Callable[..., Any]] = [date, open_study, daily_table, stretches]
    folder = "" if request.data is None else f", {python_text(request.data)}"
    note = "DATA stands for the folder of observations." if folder else ""
    command, other, made, more = "", "", "inputs.timeline", []
    if timeline.parent_id is not None:
        file = f"{timeline.id}.toml"
        asked = CompareRequest(request, (Path(file),), None, *holdout, ask=request.asking is not None)
        command, used, other = (
            reproduction("compare", asked, compare).command,
            [*used, load_scenario],
            ", inputs.timeline",
        )
        made = f"load_scenario({file!r}, inputs.timeline)"
        more = ["print(*timeline.changes(inputs.timeline), sep='\\n')  # what differs"]
        note += " First download the scenario file (under Saved scenarios). Drafts have no file: save them first."
    python = python_lines(
        used,
        f"inputs = open_study({request.study!r}{folder})",
        f"timeline = {made}",
        f"first, last = {', '.join(map(python_text, days))}",
        f"print(daily_table(timeline, first, last{other}))  # the curve and the daily levels",
        "print(stretches(timeline, first, last))  # the bars",
        *more,
    )
    return Reproduction(command, python, note.strip())


def stringency_document(found: StringencyReport) -> Document:
    """How far recomputed indices are from the published ones, and what could not be compared."""
    rows = tuple(
        (name, "none could" if error is None else f"{error:.6f}",
         f"{found.days_compared[name]:,} of {found.days_published[name]:,}")
        for name, error in found.max_abs_error.items()
    )  # fmt: skip
    lines = []
    if found.missing:
        counts = ", ".join(f"{column} on {count:,}" for column, count in found.missing.items())
        lines.append(
            f"An index is not recomputed where a level, or the flag of a level above 0, is missing: {counts} rows."
        )
    reasons: dict[str, list[str]] = {}
    for name, reason in found.left_out.items():
        reasons.setdefault(reason, []).append(name)
    lines += [f"Not compared ({reason}): {', '.join(names)}." for reason, names in reasons.items()]
    return Document(
        f"How far are the indices of {found.file} from those recomputed from its {found.rows:,} rows?",
        (Table(("Index", "Largest error", "Days recomputed"), rows), Items(tuple(lines))),
    )
