"""What a sweep and a comparison mean, in the order of reading: what would happen, how sure that is, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from core.cognition.registry import asks_model
from core.errors import InputError
from core.records import RUNGS, RunRecord
from core.report.document import Block, Details, Document, Figure, Heading, Items, Paragraph, Table, signed
from core.report.figures.contrasts import contrast_figure
from core.report.figures.sweeps import sweep_figure
from core.report.reproduction import Reproduction, reproduction
from core.report.sentences.domain import STRINGENCY_INDEX, index_word, periods, the_index
from core.report.sentences.held import held_blocks, held_compare_text
from core.report.sentences.language import usage_blocks
from core.report.sentences.sources import engine_words
from core.services.counterfactuals.claims import PLAUSIBLE, claims_of
from core.services.counterfactuals.requests import CompareRequest, SweepRequest
from core.services.counterfactuals.results import ComparisonResult, LevelResult, ScenarioResult, SweepResult
from core.services.counterfactuals.run import compare, sweep
from core.services.counterfactuals.tables import contrast_table, sweep_table
from core.services.language.usage import ModelUsage
from core.services.policies.timelines import OBSERVED
from core.services.populations.synthesis import make_population
from core.services.runs.fits import told_again
from core.study import Behaviour, Step, Study, load_study
from core.study.definition import CHANGES


def sweep_document(result: SweepResult, study: Study, reference: pd.DataFrame | None = None) -> Document:
    """A sweep; `reference` (`reference_table`) is what it is held against in the figure, where that is known."""
    levels = ", ".join(f"{item.level:g}" for item in result.levels)
    moved = len(result.levels) > 1
    return Document(
        f"What would people do in {study.place} if {held_thing(result, study)} were held at {levels}{held_unit(result, study)}?",
        (
            *((Items(tuple(sweep_sentence(result, item, study) for item in study.behaviours)),) if moved else ()),
            sweep_block(result, study, reference),
            level_table(result, study),
            Heading("How sure"),
            *checks(result, study),
            Paragraph(rung_sentence(result)),
            *_certainty(result, study),
            Heading(f"What is held, and which {study.step}s are counted"),
            *held_blocks(result, study),
            *_asked(result.asking),
        ),
        study.fictional,
        source_words(result, study).replace("<br>", " "),
        result.run_id,
    )


def comparison_document(result: ComparisonResult, study: Study) -> Document:
    """Scenarios against their reference."""
    table = contrast_table(result, study)
    named = ", ".join(f"“{item.name}”" for item in result.scenarios)
    parts: list[Block] = []
    for item in result.scenarios:
        parts += [
            Paragraph(scenario_frame(result, item, study)),
            Items(tuple(scenario_sentence(item, behaviour) for behaviour in study.behaviours)),
        ]
    return Document(
        f"What would {named} change in {study.place}, against {reference_words(result.reference)}?",
        (
            *parts,
            contrast_block(result, study),
            Table.of(
                table.rename(
                    columns={
                        "scenario": "Policy",
                        "label": "Behaviour",
                        "difference": "Difference",
                        "lower": "10%",
                        "upper": "90%",
                    }
                )[["Policy", "Behaviour", "Difference", "10%", "90%"]],
                f"Points of the metric, mean over the {study.step}s.",
            ),
            Heading("How sure"),
            *_certainty(result, study),
            Details("What each policy does otherwise", (Items(tuple(_changes(item) for item in result.scenarios)),)),
            Paragraph(held_compare_text(study)),
            *_asked(result.asking),
        ),
        study.fictional,
        source_words(result, study).replace("<br>", " "),
        result.run_id,
    )


def sweep_block(
    result: SweepResult, study: Study, reference: pd.DataFrame | None, data: pd.DataFrame | None = None
) -> Figure:
    """The figure of a sweep, with the `data` behind it (None: its own)."""
    levels, table = ", ".join(f"{item.level:g}" for item in result.levels), sweep_table(result, study)
    return Figure(
        f"sweep-{study.id}",
        lambda: sweep_figure(table, reference, source=source_words(result, study), index=held_word(result, study)),
        f"Mean response of each behaviour at levels {levels} of {held_thing(result, study)}.",
        table if data is None else data,
    )


def contrast_block(result: ComparisonResult, study: Study) -> Figure:
    """The figure of a comparison."""
    table = contrast_table(result, study)
    return Figure(
        f"compare-{study.id}",
        lambda: contrast_figure(
            table, reference=reference_words(result.reference), source=source_words(result, study), step=study.step
        ),
        "Difference of each scenario from the reference by behaviour, with 80% intervals.",
        table,
    )


def source_words(result: SweepResult | ComparisonResult, study: Study) -> str:
    """The line beneath a figure: whose answer it is."""
    model = None if result.asking is None else result.asking.model
    return twin_answer(study, result.of_run, result.personas, result.origin, engine_words(result.engine, model))


def twin_answer(study: Study, run_id: str, personas: int, origin: date | None, engine: str) -> str:
    """The line beneath a figure of what the twin of a run over so many personas answers; `engine` in words."""
    fictional = " (fictional data)" if study.fictional and "fictional" not in study.place.lower() else ""
    return (
        f"{study.place}{fictional}; twin {run_id}, {personas:,} personas, trained to {origin}; {engine}.<br>"
        "Plausible under the engine's assumptions, not a causal effect."
    )


def level_table(result: SweepResult, study: Study) -> Table:
    """One row per level: what was asked for, what it is, the mean of each behaviour, and whether training saw the like."""
    return Table(
        ("Level", "Realised", *(item.label for item in study.behaviours), "Training"),
        tuple(
            (
                f"{item.level:g}",
                item.realised_stringency,
                *(item.metric[behaviour.id] for behaviour in study.behaviours),
                "outside" if item.outside_support else "inside",
            )
            for item in result.levels
        ),
        "Mean percent change from the baseline over the days. Outside: no training day has such measures."
        if study.step is Step.DAY and study.metric in CHANGES
        else f"Mean over the {study.step}s, {study.metric_unit}. Outside: no {study.step} of training has such measures.",
    )


def checks(result: SweepResult, study: Study) -> tuple[Block, ...]:
    """Whether a sweep is bounded and monotone, and which levels lie outside training."""
    found = [
        Paragraph("Every value is one the metric can take.", "good")
        if result.bounded
        else Paragraph("A value is none the metric can take.", "bad")
    ]
    if len(result.levels) > 1:
        found.append(
            Paragraph(f"Each stricter level means {_expected(study)}, or no change, on every {study.step}.", "good")
            if result.monotone
            else Paragraph(
                f"On some day a stricter level moves {', '.join(result.not_monotone)} the other way.", "caution"
            )
        )
    if result.outside_support:
        listed = ", ".join(f"{level:g}" for level in result.outside_support)
        one = len(result.outside_support) == 1
        found.append(
            Paragraph(
                f"Level{'' if one else 's'} {listed} {'lies' if one else 'lie'} outside what training saw: there the figures "
                "rest on the engine's assumptions alone.",
                "caution",
            )
        )
    return tuple(found)


def _expected(study: Study) -> str:
    """What more of a policy is expected to do to the behaviours."""
    if study.index == STRINGENCY_INDEX:
        return "fewer visits and more time at home"
    fall, rise = ([item.label.lower() for item in study.behaviours if item.expected_sign == sign] for sign in (-1, 1))
    said = [f"{word} {' and '.join(names)}" for word, names in (("less", fall), ("more", rise)) if names]
    return ", ".join(said)


def held_word(result: SweepResult, study: Study) -> str:
    """What a sweep moves, beside a number: the index, or one lever."""
    named = next((item.name for item in study.indicators if item.code == result.lever), "")
    return named.lower() or index_word(study)


def held_thing(result: SweepResult, study: Study) -> str:
    """The same as the subject of a sentence."""
    return held_word(result, study) if result.lever else the_index(study)


def held_unit(result: SweepResult, study: Study) -> str:
    """The unit of a lever that is set to an amount."""
    lever = next((item for item in study.indicators if item.code == result.lever), None)
    return "" if lever is None or lever.amount is None else f" {lever.amount.unit}"


def _level_of(result: SweepResult, item: LevelResult) -> str:
    return f"{item.level:g}" if result.lever else f"{item.realised_stringency:.0f}"


def sweep_sentence(result: SweepResult, behaviour: Behaviour, study: Study) -> str:
    """What a behaviour does between the loosest and the strictest level, in one sentence."""
    first, last, name = result.levels[0], result.levels[-1], behaviour.id
    if first is last:
        return (
            f"{behaviour.label}: {signed(first.metric[name])}% of the baseline at {held_word(result, study)} "
            f"{_level_of(result, first)} (80% interval {signed(first.lower[name])} to {signed(first.upper[name])})."
        )
    change = last.metric[name] - first.metric[name]
    moved = (
        "hardly moves" if abs(change) < 0.05 else f"{'rises' if change > 0 else 'falls'} by {abs(change):.1f} points"
    )
    return (
        f"{behaviour.label} {moved} between {held_word(result, study)} {_level_of(result, first)} and "
        f"{_level_of(result, last)} "
        f"(from {signed(first.metric[name])}% to {signed(last.metric[name])}% of change from baseline)."
    )


def scenario_sentence(item: ScenarioResult, behaviour: Behaviour) -> str:
    """What a scenario changes for one behaviour, in one sentence."""
    value, low, high = (part[behaviour.id] for part in (item.difference, item.lower, item.upper))
    thing = behaviour.unit.rsplit(" of ", 1)[-1]
    subject = behaviour.label if thing == "time" else f"{behaviour.label}, {thing}"
    if low <= 0.0 <= high:
        said = f"no clear difference: {signed(value)} points (80% interval {signed(low)} to {signed(high)})"
    else:
        ends = sorted((abs(low), abs(high)))
        more = "more" if value > 0 else "less"
        said = f"{abs(value):.1f} points {more} (80% interval {ends[0]:.1f} to {ends[1]:.1f} {more})"
    return f"{subject}: {said}."


def scenario_frame(result: ComparisonResult, item: ScenarioResult, study: Study) -> str:
    """The sentence around `scenario_sentence`: against what, when, and how far from training."""
    count = item.days_outside_support
    like = (
        f"none of the {periods(study.step, result.days)} is unlike anything"
        if count == 0
        else f"{count} of {periods(study.step, result.days)} {'is' if count == 1 else 'are'} unlike anything"
    )
    return (
        f"Under “{item.name}” instead of {reference_words(result.reference)}, mean of {result.start} to {result.end}; "
        f"{index_word(study)} {item.mean_stringency:.0f} instead of {item.reference_stringency:.0f} on average; "
        f"{like} in training (of the reference, {result.reference_days_outside_support})."
    )


def reference_words(name: str) -> str:
    """What a contrast is held against, as part of a sentence."""
    return "the policy that was in force" if name == OBSERVED else f"“{name}”"


def reference_label(name: str) -> str:
    """What a contrast is held against, for legends: the twin's path, not to be taken for what was observed."""
    return "Policy in force (twin)" if name == OBSERVED else name


def rung_sentence(result: SweepResult) -> str:
    """The claim a sweep stands on, in a sentence."""
    if result.coherent:
        return f"This sweep stands on the rung “{RUNGS[1]}”: it is bounded and monotone. It says nothing about size."
    return f"This sweep stands on the rung “{RUNGS[0]}” only."


def _certainty(result: SweepResult | ComparisonResult, study: Study) -> tuple[Block, ...]:
    """What may be claimed, what the intervals cover, and how near such answers came to a known truth."""
    if result.origin is None:
        return (Paragraph(PLAUSIBLE),)
    claims = claims_of(study, result.engine, result.origin)
    return (Paragraph(claims.headline), Details("What the intervals cover", (Paragraph(claims.details),)))


def _asked(asking: ModelUsage | None) -> tuple[Block, ...]:
    return () if asking is None else usage_blocks(asking)


def _changes(item: ScenarioResult) -> str:
    said = "; ".join(item.changes[:10]) or "nothing"
    more = len(item.changes) - 10
    return f"{item.name}: {said}{f'; and {more} more' if more > 0 else ''}"


def reproduce_sweep(
    record: RunRecord,
    levels: Sequence[float],
    dates: pd.DatetimeIndex,
    data: str | None = None,
    *,
    edited: bool = False,
) -> Reproduction:
    """The lines that make a sweep of a run's twin from nothing."""
    request = SweepRequest(told_again(record, data), tuple(levels), *_days(dates), ask=asks_model(record.engine))
    return reproduction("sweep", request, sweep, note=EDITED_PEOPLE if edited else why_not_reproducible(record))


def reproduce_comparison(
    record: RunRecord,
    files: Sequence[str],
    dates: pd.DatetimeIndex,
    data: str | None = None,
    reference_file: str | None = None,
    *,
    edited: bool = False,
) -> Reproduction:
    """The lines that make a comparison from nothing; scenarios come from their files, a reference of none is the observed
    policy."""
    request = CompareRequest(
        told_again(record, data), tuple(map(Path, files)), Path(reference_file) if reference_file else None, *_days(dates),
        ask=asks_model(record.engine),
    )  # fmt: skip
    return reproduction("compare", request, compare, note=EDITED_PEOPLE if edited else why_not_reproducible(record))


def _days(dates: pd.DatetimeIndex) -> tuple[date, date]:
    return dates[0].date(), dates[-1].date()


EDITED_PEOPLE = (
    "These people were edited, so only this store knows them. The lines below are for the study's own people."
)


def why_not_reproducible(record: RunRecord) -> str:
    """Why the lines that reproduce a run's results make others: its people were edited, or its study cannot be read any more.
    "" where they make the same."""
    try:
        study = load_study(str(record.parameters.get("study", record.study_id)))
        same = make_population(study, record.personas, record.seed).content_hash == record.population_hash
    except InputError as wrong:
        return f"The lines below need the study's file, which cannot be read now: {wrong}"
    return "" if same else EDITED_PEOPLE
