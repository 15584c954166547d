"""A survey question's answers as rows and sentences for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def asked_note(values: Mapping[str, Any]) -> str:
    """Who was asked by whom, what was told, and what the figures are worth."""
    samples = f", {values['samples']} samples of each" if values["samples"] > 1 else ""
    model = f", model {values['model']}" if values["model"] else ""
    people = (
        f"{values['asked']:,} of {values['of_personas']:,} personas{samples}, who stand for {values['inhabitants']:,} "
        f"inhabitants; {values['engine_label']}{model}."
    )
    told = f" They were told a situation: {' '.join(values['situation'].split())}" if values["situation"] else ""
    return f"{people} {values['claims']}{told}"


def asked_source(values: Mapping[str, Any]) -> str:
    """The line beneath a figure of a question's answers."""
    place = f"{values['place']}{' (fictional)' if values['fictional'] and 'fictional' not in values['place'] else ''}"
    how = values["model"] or "mapped by assumption, no language model"
    return f"{place}, {values['asked']:,} personas, {how}; run {values['run_id']}. Simulated: nobody was asked."


def answer_rows(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each answer: answer, share, lower, upper (percent of inhabitants)."""
    return [
        {"answer": label, **_percent(share)}
        for label, share in zip(values["labels"], values["everyone"]["shares"], strict=True)
    ]


def group_rows(values: Mapping[str, Any], attribute: str) -> list[dict[str, Any]]:
    """A row for each group of an attribute and answer: group, personas, people, answer, share, lower, upper (percent), and
    for a scale the group's mean with its interval."""
    rows = []
    for group in values["by"][attribute]["groups"]:
        mean = group["mean"] or {"value": None, "lower": None, "upper": None}
        for label, share in zip(values["labels"], group["shares"], strict=True):
            rows.append(
                {
                    "group": group["label"],
                    "personas": group["personas"],
                    "people": group["people"],
                    "answer": label,
                    **_percent(share),
                    "mean": mean["value"],
                    "mean_lower": mean["lower"],
                    "mean_upper": mean["upper"],
                }
            )
    return rows


def distribution_rows(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of `group_rows` for everyone (attribute "") and for each attribute, with the attribute in front."""
    everyone = {"by": {"": {"groups": [values["everyone"]]}}, "labels": values["labels"]}
    rows = [{"attribute": "", **row} for row in group_rows(everyone, "")]
    return rows + [{"attribute": name, **row} for name in values["by"] for row in group_rows(values, name)]


def _percent(share: Mapping[str, float]) -> dict[str, float]:
    return {
        name: round(100.0 * share[key], 4) for name, key in (("share", "value"), ("lower", "lower"), ("upper", "upper"))
    }
