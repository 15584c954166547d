"""What a community's worlds mean, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from core.report.document import Block, Document, Items, Paragraph, Table, signed
from core.services.society.communities import Measure, SceneResult
from core.society.community import Utterance

MEASURES = {
    "utterances": ("Utterances", 1.0, 1),
    "replies_per_thread": ("Replies a thread", 1.0, 1),
    "mean_tone": ("Tone of what is left standing (−1 to 1)", 1.0, 2),
    "against_rules": ("Against a rule (%)", 100.0, 0),
    "removed": ("Removed (%)", 100.0, 0),
    "members_heard": ("Members who are heard (%)", 100.0, 0),
}


def scene_document(result: SceneResult) -> Document:
    """The threads of one world, and how far worlds differ."""
    templates = result.writer == "template"
    who = (
        "Words are templates: they show who speaks after whom and what is removed, not what people say."
        if templates
        else f"Words are those of {result.writer}, not of people."
    )
    blocks: list[Block] = [Paragraph(f"{_effect(result)} {who}", "caution" if templates else "answer")]
    blocks.append(_measures(result))
    blocks.append(
        Paragraph(
            f"{result.unseen.seen} ways for a thread to go were seen; the next would be a new one with a chance of about "
            f"{100 * result.unseen.missing_mass:.0f}% (Good and Turing), and there are at least about "
            f"{result.unseen.kinds_at_least:.0f}."
        )
    )
    shown = _thread(result.utterances, result.change)
    blocks.append(Items(tuple(map(utterance_line, shown))))
    if result.what_if:
        blocks += [
            Paragraph("The same thread after the change:"),
            Items(tuple(map(utterance_line, _thread(result.what_if, result.change)))),
        ]
    mark = " (fictional)" if result.fictional and "fictional" not in result.title else ""
    return Document(f"{result.title}{mark}", tuple(blocks), source=f"scene {result.scene}, seed {result.seed}")


def utterance_line(said: Utterance) -> str:
    """One utterance with its place, who said it, and what became of it."""
    marks = [
        mark
        for mark, there in (("removed", said.removed), ("written by the analyst", said.source == "analyst"))
        if there
    ]
    role = "" if said.role == "member" else f", {said.role}"
    return f"{said.place} {said.author}{role}{' [' + ', '.join(marks) + ']' if marks else ''}: {said.text}"


def _effect(result: SceneResult) -> str:
    if not result.change:
        return f"{result.worlds} worlds of chance."
    what = f"“{result.change['text']}” is said" if "text" in result.change else f"{result.change['responder']} answers"
    tone = next(measure for measure in result.measures if measure.name == "mean_tone")
    moved = tone.difference
    assert moved is not None
    sure = (
        f" (95% interval {signed(moved.low, 2)} to {signed(moved.high, 2)})"
        if moved.low is not None and moved.high is not None
        else ""
    )
    return f"If at {result.change['at']} {what}, the tone changes by {signed(moved.mean, 2)}{sure}, over {result.worlds} worlds."


def _measures(result: SceneResult) -> Table:
    head: tuple[str, ...] = ("Measure", "Mean", "Spread (sd)", "Worlds needed")
    if result.change:
        head += ("Change", "Same sign (%)")
    return Table(
        head, tuple(_row(measure, bool(result.change)) for measure in result.measures), f"{result.worlds} worlds", 2
    )


def _row(measure: Measure, changed: bool) -> tuple[object, ...]:
    label, scale, digits = MEASURES[measure.name]
    spread = measure.spread
    row: tuple[object, ...] = (
        label,
        f"{scale * spread.mean:.{digits}f}".replace("-", "−"),
        None if spread.sd is None else f"{scale * spread.sd:.{digits}f}",
        spread.worlds_needed,
    )
    if changed and measure.difference:
        same = None if measure.same_sign is None else f"{100 * measure.same_sign:.0f}"
        row += (signed(scale * measure.difference.mean, digits), same)
    return row


def _thread(said: Sequence[Utterance], change: object) -> list[Utterance]:
    """The thread of the change, else the longest."""
    if isinstance(change, dict) and "at" in change:
        number = int(str(change["at"]).split(".")[0])
    else:
        counts = [item.thread for item in said]
        number = max(set(counts), key=counts.count)
    return [item for item in said if item.thread == number]
