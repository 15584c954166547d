"""A survey question and its answers, in the order of reading: what was said, how sure that is, by whom, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from core.cognition.registry import engine_label
from core.report.document import Block, Details, Document, Figure, Heading, Paragraph, Table
from core.report.figures.surveys import PARTS, answer_figure, measure_words, spread_figure, subgroup_figure
from core.report.reproduction import Reproduction, reproduction
from core.report.sentences.language import cost_before_text, spent_sentence, warnings_of
from core.report.sentences.sources import engine_words
from core.services.surveys.ask import ask
from core.services.surveys.requests import request_of_question
from core.services.surveys.results import AnswerGroup, AskingCost, SurveyResult, answer_table
from core.store.runs import StoredRun
from core.study import Study
from core.survey.distribution import FEWEST_PERSONAS, Difference, Estimate
from core.survey.questions import SCALE

CLAIM = "A language model played these personas; nobody was asked. How far that is from people's answers is not known."


def survey_document(result: SurveyResult, study: Study | None = None, by: Sequence[str] | None = None) -> Document:
    """The answers to a question, for everyone and by these attributes (None: all that were kept)."""
    groups: list[Block] = []
    for name in result.by if by is None else by:
        groups += [Heading(f"By {result.by[name].label.lower()}"), *group_blocks(result, name)]
    spent = [] if result.spent is None else [Paragraph(spent_sentence(result.spent))]
    return Document(
        f"“{result.question.text}”",
        (*about_blocks(result), *everyone_blocks(result), *groups, *spent, Paragraph(f"Kept as {result.run_id}.")),
        result.fictional,
        source_words(result),
        result.run_id,
    )


def about_blocks(result: SurveyResult) -> tuple[Block, ...]:
    """Who was asked by whom, what was told, what the figures are worth, and what to beware of."""
    among = "; ".join(f"{name} {', '.join(chosen)}" for name, chosen in result.among.items())
    model = ", ".join(result.model_ids) or result.model
    said = [
        Paragraph(
            f"{result.asked:,} of {result.of_personas:,} personas of {place_words(result)}, who stand for "
            f"{result.inhabitants:,} inhabitants{f' (of {among})' if among else ''};"
            f"{f' {_samples(result.samples)};' if result.mapping is None else ''} "
            f"{engine_label(result.engine)}{f': {model}' if model else ''}. "
            f"{CLAIM if result.mapping is None else result.mapping.assumption}"
        )
    ]
    if result.rotations is not None:
        said.append(
            Paragraph(
                f"Answers are how probable the model makes each letter, the mean of {result.rotations} orders of the answers; "
                f"{100 * (result.unread or 0.0):.0f}% of the probability was on other words, and is left out."
            )
        )
    if result.situation:
        said.append(Paragraph(f"They were told a situation:\n{result.situation}"))
    if result.failed:
        problem = (
            f"{result.failed:,} questions have no valid answer and count for nobody, such as: {result.problems[0]}"
        )
        said.append(Paragraph(problem, "caution"))
    return (*said, *(Paragraph(f"Beware: {text}", "caution") for text in warnings_of(result)))


def everyone_blocks(result: SurveyResult) -> tuple[Block, ...]:
    """The answers of everyone, and how sure they are."""
    everyone, table = result.everyone, answer_table(result, [result.everyone])
    rows = tuple(
        (label, 100.0 * share.value, _interval(share, 100.0, 0))
        for label, share in zip(result.labels, everyone.shares, strict=True)
    )
    return (
        Figure(f"answers-{result.run_id}", lambda: answer_figure(result, source=source_words(result)),
               "Share of each answer with its interval.", table),
        Table(("Answer", "Share (%)", f"{result.level}% interval"), rows),
        Paragraph(f"{headline(result)[:1].upper()}{headline(result)[1:]}."),
        Heading("How sure"),
        Paragraph(
            f"Intervals are over which personas were asked ({everyone.effective_personas:.0f} effective personas), not over "
            "how a model differs from people."
        ),
        Paragraph(spread_sentence(result)),
    )  # fmt: skip


def group_blocks(result: SurveyResult, name: str) -> tuple[Block, ...]:
    """The answers by an attribute: the figure, the table, what the attribute explains, and where the spread comes from."""
    found, groups, source = result.by[name], result.groups(name), source_words(result)
    said = []
    if found.explained is not None:
        by_chance = 100 * (found.by_chance or 0.0)
        said.append(
            f"{found.label} explains {100 * found.explained:.0f}% of the variance between personas (a label that means "
            f"nothing: about {by_chance:.0f}%)."
        )
    if any(group.small for group in groups):
        said.append(
            f"Groups of fewer than {FEWEST_PERSONAS} personas have a * and are drawn pale: chance decides much of them."
        )
    spread = pd.DataFrame([{"group": item.label, **item.spread.percent} for item in (result.everyone, *groups)])
    return (
        Figure(f"answers-{result.run_id}-{name}", lambda: subgroup_figure(result, name, source=source),
               f"Answers by {found.label.lower()} with intervals.", answer_table(result, groups)),
        _group_table(result, name),
        *([Paragraph(" ".join(said))] if said else []),
        Details("What the spread of the answers comes from", (
            Figure(f"spread-{result.run_id}-{name}", lambda: spread_figure(result, name, source=source),
                   "What the spread of the answers comes from: between personas, between samples, within a person.", spread),
        )),
    )  # fmt: skip


def headline(result: SurveyResult) -> str:
    """The result in a few words: the mean of a scale, or the answer given most."""
    mean = result.everyone.mean
    if mean is not None:
        return f"mean {mean.value:.2f} ({_interval(mean)})"
    top = max(range(len(result.labels)), key=lambda place: result.everyone.shares[place].value)
    return f"{result.labels[top]}: {100 * result.everyone.shares[top].value:.0f}%"


def spread_sentence(result: SurveyResult) -> str:
    """What the spread of the answers comes from, in one sentence."""
    spread = result.everyone.spread
    known = {name: share for name, share in spread.percent.items() if share is not None}
    if not known:
        return "Everybody gives the same answer for certain: there is no spread."
    said = ", ".join(f"{known[name]:.0f}% {words[:1].lower()}{words[1:]}" for name, words, _ in PARTS if name in known)
    text = f"The spread of the answers ({measure_words(result.question)}): {spread.total:.3g}, of which {said}."
    if spread.between_samples is None and result.mapping is None:
        text += " With one sample, what differs between samples counts as between personas."
    return text


def place_words(result: SurveyResult) -> str:
    """Where the people live, and whether that is a place."""
    return f"{result.place}{' (fictional)' if result.fictional and 'fictional' not in result.place else ''}"


def source_words(result: SurveyResult) -> str:
    """The line beneath a figure of a question's answers."""
    how = engine_words(result.engine, result.model) if result.model else "mapped by assumption, no language model"
    return f"{place_words(result)}, {result.asked:,} personas, {how}; run {result.run_id}. Simulated: nobody was asked."


def cost_document(cost: AskingCost) -> Document:
    """What asking would take."""
    return Document(
        f"What would it take to ask “{cost.question.text}”?",
        (
            Paragraph(
                f"{cost.personas:,} of {cost.of_personas:,} personas, {_samples(cost.samples)}, through {cost.engine} "
                f"{cost.model}. {cost_before_text(cost)}"
            ),
        ),
    )


def reproduce_question(run: StoredRun, store_name: str, by: str = "") -> Reproduction:
    """The lines that give a question's answers again from the store that holds its people and the model's answers."""
    note = "From this store, which one program at a time can open: close PolicyTwin first, or take a copy of the file."
    return reproduction("ask", request_of_question(run.record, (by,) if by else ()), ask, note=note, store=store_name)


def _group_table(result: SurveyResult, name: str) -> Table:
    found, level = result.by[name], f"{result.level}%"
    if result.question.kind == SCALE:
        rest: dict[str, Difference] = {item.first: item for item in found.rest}
        head = (found.label, "Mean", f"{level} interval", "Against the rest", f"{level} interval ", "Personas")
        return Table(head, tuple(
            (_name(item), *_signed(item.mean), *_signed(rest[item.label].mean if item.label in rest else None, "+"),
             item.personas)
            for item in found.groups
        ))  # fmt: skip
    # The labels of answers are sentences; columns get their numbers, and the caption says what these are.
    legend = "; ".join(f"({place}) {label}" for place, label in enumerate(result.labels, start=1))
    numbered = (found.label, *(f"({place})" for place in range(1, len(result.labels) + 1)), "Personas")
    rows = tuple(
        (
            _name(item),
            *(f"{100 * share.value:.0f} [{_interval(share, 100.0, 0)}]" for share in item.shares),
            item.personas,
        )
        for item in found.groups
    )
    return Table(numbered, rows, f"Percent with {level} interval: {legend}.")


def _signed(mean: Estimate | None, sign: str = "") -> tuple[str, str]:
    if mean is None:
        return "", ""
    return f"{mean.value:{sign}.2f}", f"{mean.lower:{sign}.2f} to {mean.upper:{sign}.2f}"


def _interval(item: Estimate, factor: float = 1.0, digits: int = 2) -> str:
    return f"{factor * item.lower:.{digits}f} to {factor * item.upper:.{digits}f}"


def _name(group: AnswerGroup) -> str:
    return f"{group.label}{' *' if group.small else ''}"


def _samples(samples: int) -> str:
    return f"{samples} sample{'s' if samples > 1 else ''} each"
