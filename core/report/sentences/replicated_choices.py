"""How far people's next choices are foreseen, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from core.report.document import Block, Document, Heading, Items, Paragraph, Table
from core.services.evaluation.replication_results import CHOOSERS, ChoicesReplication, TaskChoices
from core.validity.next_action import ActionScores

HEAD = ("Who foresees", "Right", "Interval", "Last action, F1", "Shares off by", "Shares, correlation", "Log score")


def choices_document(result: ChoicesReplication) -> Document:
    """Of people nobody learned from: how often the next choice is right, and what a person's own past adds to the question."""
    blocks: list[Block] = []
    for name, task in result.tasks.items():
        blocks += [Heading(name.replace("_", " ").capitalize()), *_task(task, result)]
    left_out = tuple(f"{number} {why}." for why, number in result.left_out.items())
    return Document(
        "How often is the next choice of people it has not met foreseen?",
        (*blocks, *((Items(left_out),) if left_out else ())),
        source=result.file, run_id=result.run_id,
    )  # fmt: skip


def _task(task: TaskChoices, result: ChoicesReplication) -> tuple[Block, ...]:
    asked, plain, gain = task.engines[result.engine], task.engines["question"], task.lead
    retest = (
        "" if task.retest is None
        else f" People who meet a question again choose as before {100 * task.retest:.1f}% of the time: a reference, no ceiling."
    )  # fmt: skip
    return (
        Paragraph(
            f"{_percent(asked)} of {task.choices:,} choices of {task.people} people are right by {CHOOSERS[result.engine]} "
            f"({result.level}% interval {100 * asked.low:.1f} to {100 * asked.high:.1f}), {_percent(plain)} by the question "
            f"alone, {_percent(task.engines['majority'])} by the commoner choice.{retest}", "good" if gain.low > 0 else "caution",
        ),
        *((Paragraph(
            f"What is known of the person adds {100 * gain.value:.1f} points ({100 * gain.low:.1f} to {100 * gain.high:.1f})."
            if gain.low > 0 else "What is known of the person adds nothing that can be told from chance."
        ),) if result.engine == "person" else ()),
        _table(task.engines, result.engine, f"First sessions, from the second choice on: a person's mean, then the mean over "
               f"people. {task.panel} other people were learned from. No language model was asked."),
        *((_table(task.later, result.engine, f"Later sessions of {task.later_people} people, of whom earlier ones were seen."),)
          if task.later else ()),
    )  # fmt: skip


def _table(found: Mapping[str, ActionScores], asked: str, caption: str) -> Table:
    rows = tuple(
        (CHOOSERS[name], item.accuracy, f"{item.low:.3f} to {item.high:.3f}", item.last_f1, item.share_error, item.correlation,
         item.log_score)
        for name, item in found.items()
    )  # fmt: skip
    ordered = sorted(range(len(rows)), key=lambda place: -float(rows[place][1]))
    names = list(found)
    return Table(
        HEAD, tuple(rows[place] for place in ordered), caption, digits=3,
        strong=frozenset(row for row, place in enumerate(ordered) if names[place] == asked),
    )  # fmt: skip


def _percent(item: ActionScores) -> str:
    return f"{100 * item.accuracy:.1f}%"
