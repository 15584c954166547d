"""What is said of policies that were read from files."""

from __future__ import annotations

from core.report.document import Document, Items, Table
from core.services.studies.observations import StringencyReport


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
