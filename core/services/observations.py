"""Observations for commands: how far published indices are from recomputed ones, and fetching files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.datasets.fetch import fetch_uae
from core.datasets.tables import read_policy
from core.policy.indices import index_errors
from core.settings import user_data


def stringency_report(path: Path) -> dict[str, Any]:
    """Rows of a policy file and the largest error of each index recomputed from its indicators."""
    policy = read_policy(path)
    return {"file": path.name, "rows": len(policy), "max_abs_error": index_errors(policy)}


def fetch_observations(folder: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Fetch the UAE case into `folder` (default: the user's data folder) and say what came."""
    named: set[str] = set()

    def progress(label: str, done: int, total: int | None) -> None:
        if label not in named:
            named.add(label)
            say(f"fetching {label}" + ("" if total is None else f" ({total / 1e6:.1f} MB)"))

    fetched = fetch_uae(folder or user_data() / "observed", progress=progress)
    return {
        "folder": str(fetched.folder),
        "files": sorted(fetched.files),
        "downloaded": fetched.downloaded,
    }
