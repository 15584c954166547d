"""What a confounding audit means: what else moves with the policy by way of asking, and what is shown beside it does."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from core.report.document import Block, Document, Figure, Heading, Paragraph, Table
from core.report.figures.persona_audit import association_figure, range_figure
from core.report.sentences.persona_audit import about_model, interval, signed, took_blocks
from core.report.sentences.sources import twin_source
from core.services.audits.results import AssociationRow, ConfoundingResult, DesignVerdict, RangeRow
from core.study import Study

#: The ways of asking, in words that begin a sentence.
DESIGN_WORDS: dict[str, str] = {
    "blinded": "Shown one policy and nothing of others",
    "unblinded": "Told that chance set the policy, and which others there are",
    "levels": "Shown all policies side by side",
    "aggregate": "Asked about all inhabitants together",
}


def confounding_document(result: ConfoundingResult, study: Study) -> Document:
    """The audit of what else moves with the policy in a language model's answers."""
    source = f"{twin_source(study, result.engine, result.of_run, result.model)} Audit {result.run_id}."
    parts: list[Block] = [
        Paragraph(design_sentence(result, item), "caution" if item.moved else "good") for item in result.verdicts
    ]
    for stated in sorted({item.stated for item in result.associations}, reverse=True):
        rows = [item for item in result.associations if item.stated == stated]
        parts.append(_association_figure(result, rows, stated, source))
    parts.append(association_table(result.associations))
    if result.ranges:
        parts += [
            Heading("What is shown beside it"),
            *(
                Paragraph(range_sentence(item), "caution" if item.moves else "good")
                for item in result.ranges
                if item.behaviour is None
            ),
            Figure(
                f"audit-ranges-{result.of_run}",
                lambda: range_figure(result.ranges, source=source),
                "Change of the answers at one level when the policies shown beside it lie further apart",
                pd.DataFrame([{**vars(item), **vars(item.effect)} for item in result.ranges]).drop(columns="effect"),
            ),
            Table(
                ("Design", "Behaviour", "Change", "95% interval"),
                tuple((item.design, item.label, signed(item.effect), interval(item.effect)) for item in result.ranges),
                "Answers at the middle level with far policies shown beside it, less those with near ones, in points.",
            ),
        ]
    levels = ", ".join(str(item.stringency) for item in result.levels)
    return Document(
        "What else moves with the policy in the model's answers?",
        (
            *parts,
            Heading("What was asked"),
            Paragraph(
                f"{about_model(result)} {result.personas} people; stringencies {levels}. The run {result.of_run} itself was "
                f"asked in the design {result.run_design}."
            ),
            *took_blocks(result),
        ),
        study.fictional,
        source,
        result.run_id,
    )


def _association_figure(result: ConfoundingResult, rows: Sequence[AssociationRow], stated: bool, source: str) -> Figure:
    return Figure(
        f"audit-{result.of_run}-{'stated' if stated else 'unstated'}",
        lambda: association_figure(rows, stated=stated, source=source),
        "Change of what a policy cannot move from no to full policy, by design, with intervals",
        pd.DataFrame([{**vars(item), **vars(item.slope)} for item in rows]).drop(columns="slope"),
    )


def association_table(rows: Sequence[AssociationRow]) -> Table:
    """One row for each design, way of stating and variable."""
    return Table(
        ("Design", "Cases", "What should not move", "Change", "95% interval", "Correlation", "Moves"),
        tuple(
            (
                item.design,
                "stated" if item.stated else "not stated",
                item.label + (" (said in the prompt)" if item.fixed else ""),
                signed(item.slope),
                interval(item.slope),
                "" if item.correlation is None else f"{item.correlation:+.2f}".replace("-", "−"),
                "moves" if item.moves else "",
            )
            for item in rows
        ),
        "Change of the answer from stringency 0 to 100, in points of its scale (0 to 100). The intervals are widened so that "
        "all of them hold together.",
    )


def design_sentence(result: ConfoundingResult, verdict: DesignVerdict) -> str:
    """What moves with the policy in one design."""
    rows = [item for item in result.associations if (item.design, item.stated) == (verdict.design, verdict.stated)]
    moved = [item for item in rows if item.moves]
    about = "" if verdict.stated else ", without saying how many cases there are"
    if not moved:
        said = f"the answers about {len(rows)} things that the policy cannot move do not go with it beyond chance."
    else:
        said = (
            f"{len(moved)} of {len(rows)} things that the policy cannot move go with it: {', '.join(map(_moved, moved))}. "
            "Answers about behaviour at different levels then differ by more than the policy."
        )
        if verdict.fixed_moved:
            said += " Even what the prompt itself says is not kept."
    return f"{DESIGN_WORDS[verdict.design]}{about}: {said}"


def range_sentence(row: RangeRow) -> str:
    """What a wider range of policies shown does to the answers at one level."""
    (low, high), (least, most) = row.narrow_range, row.wide_range
    said = (
        f"{DESIGN_WORDS[row.design]}: at stringency {row.level:.0f}, answers lie {signed(row.effect)} points towards going "
        f"out less where the others shown are {least:.0f} and {most:.0f} instead of {low:.0f} and {high:.0f}"
    )
    if row.effect.lower is None:
        return f"{said}; how sure that is cannot be said."
    end = "the answer depends on what is shown beside it" if row.moves else "no effect beyond chance"
    return f"{said} (95% interval {interval(row.effect)}): {end}."


def _moved(row: AssociationRow) -> str:
    slope = row.slope
    if slope.lower is not None and slope.upper is not None and slope.lower <= 0.0 <= slope.upper:
        return f"{row.label.lower()} (up and down)"
    return f"{row.label.lower()} ({slope.value:+.0f} points of its scale from no to full policy)"
