"""What ablations show: which parts of the twin are worth having, and which cannot be told from chance."""

from __future__ import annotations

import pandas as pd

from core.cognition.registry import engine_label
from core.report.document import Block, Document, Figure, Heading, Items, Paragraph, Table
from core.report.figures.ablations import GROUPS, PERSONAS, ablation_bars, persona_count_curve
from core.report.sentences.domain import stretches
from core.report.sentences.left_out import left_out_items
from core.report.sentences.skill import listed
from core.report.sentences.sources import twin_source
from core.services.evaluation.ablation_parts import CONTROL, WITHOUT
from core.services.evaluation.results import AblationRow, AblationsResult
from core.study import Study

WHAT = (
    "Each part of the twin is left out in turn, everything else is fitted anew, and the same hold-out is forecast. What the "
    "error grows by is what the part is worth here."
)
PALE = (
    "Pale bars cannot be told from chance: other {stretches} of the same kind, another draw of the people, or the same search "
    "begun anew would move the error as much."
)
#: What is left out, where its label does not say all.
PARTS = {
    "uncalibrated": "No calibration at all: what the engine says, without a look at the data.",
    "paper": "The published calibration: a and b searched straight onto the metric, and nothing else.",
    "unsearched": "Lines fitted and anchored, the parameters of engine and forecast left as they are by default.",
    CONTROL: "Nothing left out: the parameters searched again, with other random numbers.",
    "identical_personas": "Everybody alike: the most common value of each attribute, the mean of each trait.",
    "without_traits": "Everybody has the mean of each of the traits, and nobody one of their own.",
    "without_calendar": (
        "Every day is its weekday's ordinary kind: no holidays, no Ramadan, the working week of the baseline."
    ),
    "without_holidays": "No public holidays; working weeks and Ramadan stay.",
    "announced_week": "The working week only as it had been announced by the end of training.",
    "without_anchoring": "The model alone: the forecast does not start from where people last were.",
    "without_priors": (
        "Nothing learned from other places: no recovery, no season, and the trust in simulated policy effects found in this "
        "study's own past alone."
    ),
    "without_policy": "People never hear of any policy.",
    "without_epidemic": "People never hear of the epidemic.",
    "without_fatigue": "Policies work as on their first day, however long they last.",
}


def part_words(row: AblationRow) -> str:
    """What was left out, in a sentence."""
    if row.ablation in PARTS:
        return PARTS[row.ablation]
    if row.ablation.startswith(PERSONAS):
        return f"{row.label} in place of the population, drawn {len(row.seeds)} times."
    if row.ablation.startswith(WITHOUT):
        what = row.label.removeprefix("Without: ")
        if row.changes_nothing:
            return f"The engine does not read “{what}”: nothing changes."
        return f"Everybody has the population's mix of “{what}”, and nobody one of their own."
    return row.label


def ablation_words(result: AblationsResult) -> list[str]:
    """Which parts can be told from chance, dearest first; which do harm; and how many cannot be told apart."""
    told = sorted((row for row in result.rows if row.distinguishable), key=lambda row: -row.price)
    dear, harm = ([row for row in told if sign * row.price > 0] for sign in (1, -1))
    rest = len(result.rows) - len(told)
    said = [f"The whole twin misses by {result.macro_rmse:.1f} points on average."]
    for found, change, sign in ((dear, "grows", "+"), (harm, "shrinks", "−")):
        if found:
            parts = [f"{row.label[:1].lower()}{row.label[1:]} ({sign}{abs(row.price):.1f})" for row in found]
            said.append(f"Its error {change} by more points than chance explains: {listed(parts)}.")
    if not told:
        said.append("No part makes a difference that can be told from chance on this hold-out.")
    elif rest:
        said.append(f"The other {rest} make no difference that can be told from chance.")
    return said


def ablations_blocks(result: AblationsResult, study: Study) -> tuple[Block, ...]:
    """What was found, and its figures."""
    source = twin_source(study, result.engine, result.of_run)
    rows = result.rows
    table = pd.DataFrame([vars(row) for row in rows]).drop(columns=["rmse", "seeds", "macro_rmse_by_seed"])
    table["words"] = words = [part_words(row) for row in rows]
    said = dict(zip(table["ablation"], words, strict=True))
    counts = table[table["ablation"].str.startswith(PERSONAS)]
    return (
        Items(tuple(ablation_words(result))),
        Figure(
            f"ablations-{result.of_run}", lambda: ablation_bars(rows, said, source),
            "What leaving each part out costs", table,
        ),
        Paragraph(PALE.format(stretches=stretches(study.step))),
        *(
            (
                Figure(
                    f"personas-{result.of_run}", lambda: persona_count_curve(rows, source),
                    "Error against the number of personas", counts,
                ),
            )
            if len(counts)
            else ()
        ),
        *left_out_items(result.left_out),
    )  # fmt: skip


def shown_split(result: AblationsResult) -> str:
    """Which run a shipped measurement is of."""
    return (
        f"of a run of {result.personas:,} personas and {result.trials} trials, trained to {result.train_end:%-d %B %Y} and "
        f"tested to {result.test_end:%-d %B %Y}."
    )


def ablations_document(result: AblationsResult, study: Study) -> Document:
    """What each part is worth, with what can be told from chance."""
    return Document(
        f"What is each part of the twin worth in {study.place}?",
        (
            Paragraph(
                f"Engine: {engine_label(result.engine)}. The twin of {result.of_run}, with {result.personas:,} personas, was "
                f"trained to {study.step.text(result.train_end)} and tested to {study.step.text(result.test_end)}. {WHAT}"
            ),
            *ablations_blocks(result, study),
            *(table for group, (name, _) in GROUPS.items() for table in _group_table(result, group, name)),
            Heading("How sure"),
            Paragraph(
                f"Intervals: {result.draws:,} draws of the test {stretches(study.step)}, and all draws of the people. "
                "Worth or harm is said only "
                "where the interval leaves out 0, and where searching again with nothing left out moves the error by less."
            ),
        ),
        study.fictional,
        twin_source(study, result.engine, result.of_run),
        result.run_id,
    )


def _group_table(result: AblationsResult, group: str, name: str) -> tuple[Table, ...]:
    rows = tuple(
        (
            row.label,
            row.macro_rmse,
            "" if len(row.seeds) == 1 else f"{len(row.seeds)}: {row.macro_rmse_min:.2f} to {row.macro_rmse_max:.2f}",
            _cents(row.price),
            f"{_cents(row.price_low):.2f} to {_cents(row.price_high):.2f}",
            _reading(row),
        )
        for row in result.rows
        if row.group == group
    )
    return (Table((name, "RMSE", "Draws", "Price", f"{result.interval}% interval", "Reading"), rows),) if rows else ()


def _cents(value: float) -> float:
    """To two decimals, without a minus before nothing."""
    return round(value, 2) + 0.0


def _reading(row: AblationRow) -> str:
    if row.ablation == CONTROL:
        return "what chance in the search makes"
    if not row.distinguishable:
        return "none" if row.changes_nothing else "cannot be told from chance"
    return "worth having" if row.price > 0 else "better without"
