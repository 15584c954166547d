"""Measured figures in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.terminal import table


def figures_text(values: Mapping[str, Any]) -> str:
    """What was measured and how long it took, what README says otherwise, and what other code or other files made."""
    rows = [
        [name, "measured" if item["made"] else "as it was", f"{item['seconds']:.0f}", item["file"]]
        for name, item in values["measured"].items()
    ]
    lines = [table(["Measurement", "", "Seconds", "File"], rows)] if rows else []
    lines += [f"README differs from its figures: {name}" for name in values["differing"]]
    if not values["differing"]:
        lines.append("README was filled." if values["filled"] else "README says what the files say.")
    lines += [f"Not of this code and these files: {name} ({why})" for name, why in values["stale"].items()]
    return "\n".join(lines)
