"""What a confounding audit found, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The ways of asking, in words that begin a sentence.
DESIGN_WORDS: dict[str, str] = {
    "blinded": "Shown one policy and nothing of others",
    "unblinded": "Told that chance set the policy, and which others there are",
    "levels": "Shown all policies side by side",
    "aggregate": "Asked about all inhabitants together",
}


def design_verdict(design: str, stated: bool, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What moves with the policy in one design: `moved` and `fixed_moved` variables, and a sentence."""
    moved = [row for row in rows if row["moves"]]
    about = "" if stated else ", without saying how many cases there are"
    if not moved:
        said = f"the answers about {len(rows)} things that the policy cannot move do not go with it beyond chance."
    else:
        parts = ", ".join(_moved(row) for row in moved)
        said = (
            f"{len(moved)} of {len(rows)} things that the policy cannot move go with it: {parts}. Answers about behaviour "
            "at different levels then differ by more than the policy."
        )
        if any(row["fixed"] for row in moved):
            said += " Even what the prompt itself says is not kept."
    return {
        "design": design,
        "stated": stated,
        "moved": [row["variable"] for row in moved],
        "fixed_moved": [row["variable"] for row in moved if row["fixed"]],
        "text": f"{DESIGN_WORDS[design]}{about}: {said}",
    }


def range_verdict(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a wider range of policies shown does to the answers at one level, in a sentence."""
    effect = row["effect"]
    low, high = row["narrow_range"]
    least, most = row["wide_range"]
    said = (
        f"{DESIGN_WORDS[row['design']]}: at stringency {row['level']:.0f}, answers lie {effect['value']:+.1f} points towards "
        f"going out less where the others shown are {least:.0f} and {most:.0f} instead of {low:.0f} and {high:.0f}"
    )
    if effect["lower"] is None:
        more = "; how sure that is cannot be said."
    else:
        more = f" (95% interval {effect['lower']:.1f} to {effect['upper']:.1f})"
        more += ": the answer depends on what is shown beside it." if row["moves"] else ": no effect beyond chance."
    return {"design": row["design"], "moves": row["moves"], "text": said + more}


def _moved(row: Mapping[str, Any]) -> str:
    slope = row["slope"]
    if slope["lower"] is not None and slope["lower"] <= 0.0 <= slope["upper"]:
        return f"{row['label'].lower()} (up and down)"
    return f"{row['label'].lower()} ({slope['value']:+.0f} points of its scale from no to full policy)"
