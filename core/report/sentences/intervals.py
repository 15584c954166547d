"""What the intervals of a forecast mean: whether they held, where their widths come from, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from core.forecasting.own_widths import FEWEST_BLOCKS
from core.report.document import Block, Document, Figure, Heading, Paragraph, Table
from core.report.figures.intervals import interval_parts
from core.report.sentences.sources import twin_source
from core.services.evaluation.skill import judged
from core.services.runs.intervals import NO_SCALE, NO_WIDTHS
from core.services.runs.results import HeldIntervals, IntervalPart, IntervalsResult, WidthSource
from core.study import Step, Study

PART_WORDS = {
    "personas": "Which personas were drawn",
    "calibration": "Which stretches of training it was fitted on",
    "repeated_answers": "Asking the engine again",
    "working_week": "Days that the working week moves",
    "residual": "What the model does not know",
}
#: What would narrow an interval most of which is a part.
NARROWER = {
    "residual": "more personas or more trials would hardly narrow it",
    "personas": "more personas would narrow it",
    "calibration": "a longer training period would narrow it",
    "repeated_answers": "more samples per question would narrow it",
    "working_week": "training under the new week would narrow it",
}
UNKNOWN_WORDS = {
    NO_WIDTHS: "nothing was learned from other places by then, and its own past has fewer than "
    f"{FEWEST_BLOCKS} independent origins",
    NO_SCALE: "too little was observed at the end of training",
}
OF_RULES = ", made with the rules engine: a language model would have to be asked for every origin"


def intervals_document(result: IntervalsResult, study: Study) -> Document:
    """The intervals of a run's forecast."""
    source = twin_source(study, result.engine, result.run_id)
    return Document(
        f"How sure is the forecast of {study.place}?",
        (
            Paragraph(held_sentence(result, study.step)),
            held_table(result, study.step),
            Heading("What the intervals are made of"),
            *part_blocks(result, source, study.step),
        ),
        study.fictional,
        source,
        result.run_id,
    )


def held_sentence(held: HeldIntervals, step: Step = Step.DAY) -> str:
    """How many days lay inside, whose errors the widths come from, and why some behaviours have none."""
    said = f"The widths come from {widths_words(held)}."
    if "80" in held.levels:
        inside = held.levels["80"].coverage
        days = f"Of the observed {step}s after the origin, {inside:.0%} lie inside the 80% interval: {judged(inside, 0.8)}."
        said = f"{days} {said}"
    reasons: dict[str, list[str]] = {}
    for name, why in held.unknown.items():
        reasons.setdefault(UNKNOWN_WORDS.get(why, why), []).append(name)
    return " ".join([said, *(f"No interval for {', '.join(names)}: {why}." for why, names in reasons.items())])


def widths_words(held: HeldIntervals) -> str:
    """Whose errors the widths come from."""
    return held.source if held.widths is None else source_of_widths(held.widths)


def source_of_widths(found: WidthSource) -> str:
    """The same of widths alone."""
    count = f"{found.most}" if found.fewest == found.most else f"{found.fewest} to {found.most}"
    said = {
        "places": f"the errors of {count} other places on days up to {found.known_until}",
        "own": f"this study's own errors at origins inside its training ({found.fewest} to {found.most} independent ones)",
        "nothing": "nothing",
    }[found.of]
    return f"{said}{OF_RULES * found.by_rules}"


def held_table(held: HeldIntervals, step: Step = Step.DAY) -> Table:
    """What each level promised and held."""
    return Table(
        ("Promised", f"{str(step).capitalize()}s inside", "Mean width, points", "Interval score"),
        tuple(
            (
                f"{level}%",
                f"{item.coverage:.0%}, {judged(item.coverage, int(level) / 100)}",
                f"{item.width:.1f}",
                f"{item.score:.1f}",
            )
            for level, item in held.levels.items()
        ),
    )


def part_blocks(result: IntervalsResult, source: str, step: Step = Step.DAY) -> tuple[Block, ...]:
    """Which part of the uncertainty counts, drawn and in figures."""
    table = parts_table(result.parts, step)
    return (
        Paragraph(parts_words(result.parts)),
        Figure(
            f"parts-{result.run_id}",
            lambda: interval_parts(table, source),
            f"Parts of the intervals by {step}s ahead",
            table,
        ),
        Table.of(
            table.reset_index(),
            "Standard deviations in points, means over behaviours. Drawing other personas, fitting on other stretches of "
            "training, and asking the engine again each move the forecast by this much; the rest is what the model does not "
            "know.",
        ),
    )


def parts_table(parts: Sequence[IntervalPart], step: Step = Step.DAY) -> pd.DataFrame:
    """Standard deviations by part and class of periods ahead, averaged over behaviours: a row per class, in points. The working
    week is there where it moves."""
    frame = pd.DataFrame(map(vars, parts))
    if not (frame[frame["part"] == "working_week"]["deviation"] > 0).any():
        frame = frame[frame["part"] != "working_week"]
    variance = frame.assign(variance=frame["deviation"] ** 2)
    wide = variance.pivot_table(index=["first_day", "last_day"], columns="part", values="variance") ** 0.5
    wide = wide[[name for name in PART_WORDS if name in wide]].rename(columns=PART_WORDS)
    wide.index = pd.Index([f"{first} to {last}" for first, last in wide.index], name=f"{str(step).capitalize()}s ahead")
    return wide


def parts_words(parts: Sequence[IntervalPart]) -> str:
    """One sentence on which part counts, computed from the parts."""
    frame = pd.DataFrame(map(vars, parts))
    share = frame.groupby("part")["share"].mean()
    first = str(share.idxmax())
    others = frame[~frame["part"].isin(["residual", "working_week"])]["deviation"].max()
    moved = frame[frame["part"] == "working_week"]["deviation"].max()
    size = "Nearly all" if share[first] > 0.985 else f"{share[first]:.0%}"
    said = f"{size} of the interval's variance is {PART_WORDS[first][0].lower()}{PART_WORDS[first][1:]}"
    if first == "residual":
        said += (
            f"; neither people nor stretches of training move a forecast by more than {others:.1f} points on average"
        )
    week = " Where the working week makes days what their weekday never was in training, how busy they are is not known to "
    week += f"{moved:.0f} points for the least certain behaviour."
    return f"{said}: {NARROWER[first]}.{week if moved >= 1 else ''}"
