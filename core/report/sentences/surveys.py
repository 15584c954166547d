"""A survey question and its answers in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import one_of
from core.report.sentences.language import cost_after_text, cost_before_text
from core.report.terminal import table
from core.survey.distribution import FEWEST_PERSONAS

#: Parts of the spread in words, in the order in which they are shown.
PARTS = {
    "between_personas": "between personas",
    "between_samples": "between samples of one persona",
    "within": "a person's own uncertainty",
}
SMALL = " *"


def ask_text(values: Mapping[str, Any], by: Sequence[str] = ()) -> str:
    """The answers to a question, for everyone and by these attributes."""
    question = values["question"]
    place = values["place"]
    if values["fictional"] and "fictional" not in place:
        place += " (fictional)"
    times = f" {_samples(values)};" if values["assumption"] is None else ""
    parts = [
        f"“{question['text']}”",
        f"{values['asked']:,} of {values['of_personas']:,} personas of {place}, who stand for "
        f"{values['inhabitants']:,} inhabitants{_among(values)};{times} {_engine(values)}.\n{values['claims']}",
    ]
    if values["situation"]:
        parts.append(f"Situation as it was told:\n{values['situation']}")
    if values["failed"]:
        parts.append(
            f"{values['failed']} questions have no valid answer and count for nobody, such as: {values['problems'][0]}"
        )
    everyone = values["everyone"]
    rows = [[label, *_percent(share)] for label, share in zip(values["labels"], everyone["shares"], strict=True)]
    parts.append(table(["Answer", "Share (%)", f"{values['level']}% interval"], rows))
    if everyone["mean"] is not None:
        mean = everyone["mean"]
        parts.append(f"Mean {mean['value']:.2f} ({mean['lower']:.2f} to {mean['upper']:.2f}).")
    parts.append(
        f"Intervals are over which personas were asked ({everyone['effective_personas']:.0f} effective personas), not over "
        "how a model differs from people."
    )
    parts.append(spread_text(values))
    parts += [_by_text(values, name) for name in by]
    if values["spent"] is not None:
        parts.append(f"{cost_after_text(values['spent'])}{_canaries(values['spent'].get('canary_calls', 0))}")
    parts += [f"Beware: {text}" for text in values.get("warnings", ())]
    parts.append(f"Kept as {values['run_id']}.")
    return "\n\n".join(parts)


def spread_text(values: Mapping[str, Any]) -> str:
    """What the spread of the answers comes from, in one sentence."""
    spread = values["everyone"]["spread"]
    said = [
        f"{spread['percent'][name]:.0f}% {words}"
        for name, words in PARTS.items()
        if spread["percent"][name] is not None
    ]
    if not said:
        return "Everybody gives the same answer for certain: there is no spread."
    text = f"The spread of the answers ({values['measure']}): {spread['total']:.3g}, of which {', '.join(said)}."
    if spread["between_samples"] is None and values["assumption"] is None:
        text += " With one sample, what differs between samples counts as between personas."
    return text


def cost_of_asking_text(values: Mapping[str, Any]) -> str:
    """What asking would take."""
    return (
        f"“{values['question']['text']}” to {values['personas']:,} of {values['of_personas']:,} personas, "
        f"{_samples(values)}, through {values['engine']} "
        f"{values['model']}. {cost_before_text(values)}{_canaries(values['canaries'])}"
    )


def _canaries(calls: int) -> str:
    if not calls:
        return ""
    return f"\n{calls:,} of the calls are the same whatever is asked, to notice when another model answers."


def _by_text(values: Mapping[str, Any], name: str) -> str:
    found = values["by"][one_of(name, values["by"], what="attribute", where="ask")]
    scale = values["kind"] == "scale"
    rest = {item["first"]: item for item in found["rest"]}
    level = f"{values['level']}%"
    if scale:
        head = [found["label"], "Mean", f"{level} interval", "Against the rest", f"{level} interval", "Personas"]
        rows = [
            [_name(group), *_plain(group["mean"]), *_against(rest.get(group["label"])), group["personas"]]
            for group in found["groups"]
        ]
        text = table(head, rows)
    else:
        # The labels of answers are sentences; columns get their numbers, and the lines above say what these are.
        head = [found["label"], *(f"({place})" for place in range(1, len(values["labels"]) + 1)), "Personas"]
        rows = [
            [_name(group), *(f"{_percent(share)[0]:.0f} [{_percent(share)[1]}]" for share in group["shares"]), group["personas"]]
            for group in found["groups"]
        ]  # fmt: skip
        legend = "; ".join(f"({place}) {label}" for place, label in enumerate(values["labels"], start=1))
        text = f"Percent with {level} interval: {legend}.\n{table(head, rows)}"
    explained = ""
    if found["explained"] is not None:
        explained = f"\n{found['label']} explains {100 * found['explained']:.0f}% of the variance between "
        explained += f"personas (a label that means nothing: about {100 * found['by_chance']:.0f}%)."
    small = any(group["small"] for group in found["groups"])
    note = f"\n* fewer than {FEWEST_PERSONAS} personas: chance decides much of it." if small else ""
    return f"{text}{explained}{note}"


def _among(values: Mapping[str, Any]) -> str:
    said = "; ".join(f"{name} {', '.join(chosen)}" for name, chosen in values["among"].items())
    return f" (of {said})" if said else ""


def _samples(values: Mapping[str, Any]) -> str:
    return f"{values['samples']} sample{'s' if values['samples'] > 1 else ''} each"


def _engine(values: Mapping[str, Any]) -> str:
    model = ", ".join(values["model_ids"]) or values["model"]
    return f"{values['engine_label']}{f': {model}' if model else ''}"


def _name(group: Mapping[str, Any]) -> str:
    return f"{group['label']}{SMALL if group['small'] else ''}"


def _percent(share: Mapping[str, float]) -> tuple[float, str]:
    return 100.0 * share["value"], f"{100 * share['lower']:.0f} to {100 * share['upper']:.0f}"


def _plain(mean: Mapping[str, float]) -> tuple[float, str]:
    return float(mean["value"]), f"{mean['lower']:.2f} to {mean['upper']:.2f}"


def _against(difference: Mapping[str, Any] | None) -> tuple[str, str]:
    if difference is None:
        return "", ""
    mean = difference["mean"]
    return f"{mean['value']:+.2f}", f"{mean['lower']:+.2f} to {mean['upper']:+.2f}"
