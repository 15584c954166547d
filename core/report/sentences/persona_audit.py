"""The persona audit and the confounding audit, in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.sentences.language import cost_after_text
from core.report.terminal import table
from core.services.studies.inputs import engine_label

#: The parts of the checks, in words.
PART_WORDS: dict[str, str] = {
    "spread": "Spread between people",
    "collapse": "Persona collapse",
    "samples": "Agreement of repeated samples",
    "wording": "Sensitivity to wording",
    "cues": "Response to irrelevant and leading sentences",
    "cutoff": "Knowledge cut-off",
    "memory": "Memory of published figures",
}


def persona_audit_text(values: Mapping[str, Any]) -> str:
    """A persona audit."""
    parts = [_head(values), f"{values['personas']} of {values['of_personas']:,} people, {values['contexts']} contexts."]
    sections = {
        "spread": _spread,
        "collapse": lambda item: str(item["collapse"]["verdict"]),
        "samples": lambda item: str(item["samples_agree"]["verdict"]),
        "wording": lambda item: _sentences(item["wording"]),
        "cues": lambda item: _sentences([*item["cues"], *([item["opposed"]] if item["opposed"] else [])]),
        "cutoff": lambda item: str(item["cutoff"]["verdict"]),
        "memory": lambda item: str(item["memory"]["verdict"]),
    }
    for name, said in sections.items():
        text = values["not_checked"].get(name)
        parts.append(f"{PART_WORDS[name]}\n" + (f"Not checked: {text}." if text else said(values)))
    found = values["found"]
    parts.append(
        f"Found: {', '.join(dict.fromkeys(item['check'] for item in found))}."
        if found
        else "Found: nothing beyond chance in what was checked."
    )
    return "\n\n".join([*parts, *_foot(values)])


def audit_text(values: Mapping[str, Any]) -> str:
    """A confounding audit."""
    rows = [
        [
            row["design"],
            "stated" if row["stated"] else "unstated",
            row["label"] + (" (said in the prompt)" if row["fixed"] else ""),
            _signed(row["slope"]["value"]),
            _range(row["slope"]),
            "" if row["correlation"] is None else f"{row['correlation']:+.2f}",
            "moves" if row["moves"] else "",
        ]
        for row in values["associations"]
    ]
    ranges = [
        [row["design"], row["label"], _signed(row["effect"]["value"]), _range(row["effect"])]
        for row in values["ranges"]
    ]
    parts = [
        _head(values),
        f"{values['personas']} people; stringencies {', '.join(str(item['stringency']) for item in values['levels'])}. "
        f"The run itself was asked in the design {values['run_design']}.",
        "\n".join(item["text"] for item in values["verdicts"]),
        "Change of the answer from no policy to full policy, in points of its scale (0 to 100). The intervals are widened so "
        "that all of them hold together:",
        table(["Design", "Cases", "Asked for", "Change", "95% interval", "Correlation", ""], rows),
    ]
    if ranges:
        parts += [
            "\n".join(item["text"] for item in values["range_verdicts"]),
            "Answers at the middle level with far policies shown beside it, less those with near ones, in points:",
            table(["Design", "Behaviour", "Change", "95% interval"], ranges),
        ]
    return "\n\n".join([*parts, *_foot(values)])


def _head(values: Mapping[str, Any]) -> str:
    model = "" if values["model"] is None else f", {values['model']}"
    fictional = " (fictional)" if values["fictional"] else ""
    return f"{values['of_run']}, study {values['study']}{fictional}; engine: {engine_label(values['engine'])}{model}."


def _foot(values: Mapping[str, Any]) -> list[str]:
    spent = [cost_after_text(values["spent"])] if "spent" in values else []
    warned = [f"Beware: {text}" for text in values.get("warnings", ())]
    return [*spent, *warned, f"Took {values['seconds']:.1f} s. Kept as {values['run_id']}."]


def _spread(values: Mapping[str, Any]) -> str:
    spread, labels = values["spread"], values["behaviours"]
    rows = [
        [labels[name], _plain(own), _plain(spread["rules"][name]), _plain(spread["ratios"][name]["value"]),
         _range(spread["ratios"][name], 2)]
        for name, own in spread["own"].items()
    ]  # fmt: skip
    head = ["Standard deviation in points", "Own", "Rules engine", "Ratio", "95% interval"]
    return "\n".join([f"From {spread['source']}. {spread['verdict']}", table(head, rows)])


def _sentences(rows: list[Mapping[str, Any]]) -> str:
    return "\n".join(str(row["verdict"]) for row in rows)


def _plain(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _signed(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.1f}"


def _range(estimate: Mapping[str, float | None], digits: int = 1) -> str:
    if estimate["lower"] is None or estimate["upper"] is None:
        return "unknown"
    return f"{estimate['lower']:.{digits}f} to {estimate['upper']:.{digits}f}"
