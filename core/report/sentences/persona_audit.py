"""What a persona audit means: each sentence follows from a figure and its interval, and none from a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import pandas as pd

from core.cognition.llm.cutoffs import AFTER, KNOWN
from core.cognition.llm.variants import IRRELEVANT, LEADING, PARAPHRASE
from core.cognition.registry import engine_label
from core.report.document import Block, Document, Figure, Heading, Items, Paragraph, Table, number
from core.report.figures.persona_audit import memory_figure, spread_figure, wording_figure
from core.report.sentences.language import spent_sentence, warnings_of
from core.report.sentences.sources import source_line, twin_source
from core.services.audits.results import (
    NO_VARIANTS,
    NO_WORDS,
    NOBODY,
    OF_CHECKS,
    OF_RUN,
    OTHER_METRIC,
    TOO_FEW,
    Audited,
    CollapseFigures,
    CutoffPeriod,
    Finding,
    IntervalEstimate,
    MemoryCheck,
    OpposedCues,
    PersonaAuditResult,
    SampleAgreement,
    SpreadFigures,
    WordingChange,
)
from core.study import Study

RECALL = "What the model recalls"
REFERENCE = "the rules engine (a behavioural model, not people)"
#: What each check looks at, where it found something.
FOUND_WORDS = {
    "collapse": "Everybody answers alike",
    "samples": "Chance says more than the person",
    "sycophancy": "It tells the asker what is hoped for",
    "wording": "The wording matters",
    "irrelevant": "A sentence without bearing matters",
    "leading": "A leading sentence matters",
    "memory": "The model remembers the period",
    "spread": "The spread is another than the rules engine's",
}
NOT_CHECKED = {
    NO_WORDS: "needs a language model: the rules engine is asked nothing in words",
    NO_VARIANTS: "its prompts have no other wordings",
    NOBODY: "the run asked about all inhabitants together, so that no person answers",
    OTHER_METRIC: "questions of memory are for changes from the same weekday alone",
    TOO_FEW: "fewer than two people answered everything",
}
SOURCES = {OF_RUN: "the run's stored answers", OF_CHECKS: "what was asked for these checks"}
_UNSURE = "; how sure that is cannot be said."


def persona_audit_document(result: PersonaAuditResult, study: Study, recall: bool = True) -> Document:
    """The checks of a run; without the figures of one behaviour that are recalled, unless `recall`."""
    times = f", each question {result.samples} times" if result.samples > 1 else ""
    parts: list[Block] = [
        *(
            Paragraph(f"{FOUND_WORDS.get(item.check, item.check)}. {finding_sentence(result, item)}", "caution")
            for item in result.found
        ),
        *(() if result.found else (Paragraph("None of the checks found anything that speaks against these personas.", "good"),)),
    ]  # fmt: skip
    for title, said in sections(result):
        parts += [Heading(title), Items(tuple(said))]
    parts += [*_figures(result, study), *answer_table(result)]
    if recall and result.memory is not None and result.memory.rows:
        parts += [Heading(RECALL), *memory_blocks(result, study, next(iter(result.behaviours)))]
    return Document(
        f"Do the answers of {result.of_run} come from many different people, or from one model in many guises?",
        (
            *parts,
            Heading("What was asked"),
            Paragraph(
                f"{about_model(result)} Asked of {result.personas:,} of {result.of_personas:,} personas in "
                f"{result.contexts:,} situations{times}."
            ),
            *took_blocks(result),
        ),
        study.fictional,
        twin_source(study, result.engine, result.of_run, result.model),
        result.run_id,
    )


def about_model(result: Audited) -> str:
    """Who answers in the run, and of which study."""
    model = "" if result.model is None else f", {result.model}"
    return f"Study {result.study}; engine: {engine_label(result.engine)}{model}."


def took_blocks(result: Audited) -> tuple[Block, ...]:
    """What asking took, and whether more than one model answered."""
    spent = () if result.spent is None else (Paragraph(spent_sentence(result.spent)),)
    warned = (Paragraph(text, "caution") for text in warnings_of(result))
    return (*spent, *warned, Paragraph(f"Kept as {result.run_id}."))


def finding_sentence(result: PersonaAuditResult, item: Finding) -> str:
    """What a check found."""
    by_id = {row.id: row for row in (*result.wording, *result.cues)}
    if item.id in by_id:
        return wording_sentence(by_id[item.id])
    if item.check == "collapse" and result.collapse:
        return collapse_sentence(result.collapse)
    if item.check == "samples" and result.samples_agree:
        return agreement_sentence(result.samples_agree)
    if item.check == "sycophancy" and result.opposed:
        return opposed_sentence(result.opposed)
    if item.check == "memory" and result.memory:
        return memory_sentence(result.memory, result.fictional)
    return "" if result.spread is None else spread_sentence(result.spread, result.model is None)


def sections(result: PersonaAuditResult) -> list[tuple[str, list[str]]]:
    """What a persona audit says, by topic; what was not checked, and why, comes last."""
    spread, collapse, samples, opposed = result.spread, result.collapse, result.samples_agree, result.opposed
    known = [] if result.cutoff is None else [cutoff_sentence(result.cutoff, result.fictional)]
    known += [] if result.memory is None else [memory_sentence(result.memory, result.fictional)]
    parts = [
        ("Spread between people", [] if spread is None else [spread_sentence(spread, result.model is None)]),
        ("How many different people there are", [] if collapse is None else [collapse_sentence(collapse)]),
        ("Asked again", [] if samples is None else [agreement_sentence(samples)]),
        ("In other words", [wording_sentence(item) for item in result.wording]),
        (
            "With cues",
            [
                *(wording_sentence(item) for item in result.cues),
                *([] if opposed is None else [opposed_sentence(opposed)]),
            ],
        ),
        ("What the model knew beforehand", known),
    ]
    reasons: dict[str, list[str]] = {}
    for check, why in result.not_checked.items():
        reasons.setdefault(NOT_CHECKED.get(why, why), []).append(check)
    parts.append(("Not checked", [f"{', '.join(checks).capitalize()}: {why}." for why, checks in reasons.items()]))
    return [(title, said) for title, said in parts if said]


def memory_blocks(result: PersonaAuditResult, study: Study, behaviour: str) -> tuple[Block, ...]:
    """One behaviour's figures, observed and recalled, month by month."""
    memory, label = result.memory, result.behaviours[behaviour]
    if memory is None or not memory.rows:
        return ()
    rows = [vars(item) for item in memory.rows]
    checks = f"{twin_source(study, result.engine, result.of_run, result.model)} Checks {result.run_id}."
    source = f"{checks} Observed: {source_line(study)}"
    return (
        Figure(
            f"persona-audit-memory-{result.of_run}",
            lambda: memory_figure(memory.rows, behaviour=behaviour, label=label, unit=memory.unit, source=source),
            "Figures that the model recalls beside those observed, by month",
            pd.DataFrame(rows),
        ),
    )


def _figures(result: PersonaAuditResult, study: Study) -> tuple[Block, ...]:
    source = f"{twin_source(study, result.engine, result.of_run, result.model)} Checks {result.run_id}."
    spread, rows = result.spread, (*result.wording, *result.cues)
    found: list[Block] = []
    if spread is not None and result.model is not None:
        ratios = pd.DataFrame.from_dict({name: vars(item) for name, item in spread.ratios.items()}, orient="index")
        found.append(
            Figure(
                f"persona-audit-spread-{result.of_run}",
                lambda: spread_figure(spread, result.behaviours, source=source),
                "Spread between people over that of the rules engine, by behaviour, with intervals",
                ratios.rename_axis("behaviour").reset_index(),
            )
        )
    if rows:
        found.append(
            Figure(
                f"persona-audit-wording-{result.of_run}",
                lambda: wording_figure(rows, [wording_sentence(item) for item in rows], source=source),
                "What other words and cues do to the answers, with intervals",
                pd.DataFrame([{"id": item.id, "kind": item.kind, **vars(item.shift)} for item in rows]),
            )
        )
    return tuple(found)


def answer_table(result: PersonaAuditResult) -> tuple[Block, ...]:
    """The spread of answers by behaviour (rows): of this run, of the rules engine, their ratio, and between samples."""
    columns: dict[str, Sequence[object]] = {}
    spread, samples = result.spread, result.samples_agree
    names = list(result.behaviours)
    if spread is not None:
        columns["Between people"] = [spread.own[name] for name in names]
        columns["Rules engine"] = [spread.rules[name] for name in names]
        columns["Ratio"] = [spread.ratios[name].value for name in names]
        columns["95% interval"] = [interval(spread.ratios[name], 2) for name in names]
    if samples is not None:
        columns["Between samples"] = [samples.noise[name] for name in names]
        columns["Left in the mean"] = [samples.error_of_mean[name] for name in names]
    if not columns:
        return ()
    caption = "Standard deviations in points."
    if spread is not None:
        caption += f" Between people: from {SOURCES.get(spread.source, spread.source)}."
    frame = pd.DataFrame({"Behaviour": list(result.behaviours.values()), **columns})
    return (Table.of(frame, caption),)


def spread_sentence(spread: SpreadFigures, itself: bool) -> str:
    """How the spread between personas compares with the rules engine's; `itself` where they are its own answers."""
    ratio = spread.ratio
    if itself:
        return (
            "These are the rules engine's own answers. There is nothing to compare their spread with: what each person did was "
            "not observed."
        )
    if ratio.value is None:
        return f"The personas of {REFERENCE} do not differ, so that there is nothing to compare with."
    said = f"Between people, answers differ {ratio.value:.2f} times as much as those of {REFERENCE}{_within(ratio, 2)}"
    if ratio.lower is None:
        return f"{said}; with so few people, how sure that is cannot be said."
    if not spread.differs:
        return f"{said}: no difference that could be told from the choice of people."
    return f"{said}: its people are {'more alike' if ratio.value < 1 else 'more diverse'}."


def collapse_sentence(found: CollapseFigures) -> str:
    """Whether the personas are different people."""
    said = f"{number(found.distinct, 1)} distinct personas in effect, of {number(found.kish, 1)} that the weights allow"
    if found.collapsed and found.distinct == 1.0:
        return f"{said}: all answer alike, so that who is asked makes no difference."
    between = _share(found.between_people)
    if between.value is None:
        return f"{said}."
    share = f"{between.value:.0f}%{_within(between, 0)} of the variance of answers on one situation lies between people"
    if found.collapsed:
        return f"{said}; {share}: that it matters who is asked cannot be told from sampling."
    return f"{said}; {share}: it matters who is asked."


def agreement_sentence(found: SampleAgreement) -> str:
    """How far repeated samples agree, and what sampling leaves in the population's mean."""
    if found.identical:
        return "Repeated samples of a question give the same answer: sampling adds nothing."
    noise = [value for value in found.noise.values() if value is not None]
    error = [value for value in found.error_of_mean.values() if value is not None]
    typical = math.sqrt(sum(value**2 for value in noise) / len(noise)) if noise else 0.0
    said = f"An answer lies {typical:.1f} points around the mean of its question (standard deviation)"
    overall = _share(found.overall)
    if overall.value is None or not error:
        return f"{said}."
    due = IntervalEstimate(
        value=100 - overall.value,
        lower=None if overall.upper is None else 100 - overall.upper,
        upper=None if overall.lower is None else 100 - overall.lower,
    )
    said += (
        f"; sampling makes {due.value:.0f}% of the difference between people's answers{_within(due, 0)}, and moves the "
        f"population's mean by {sum(error) / len(error):.1f} points"
    )
    return (
        f"{said}: a single answer says more about chance than about the person."
        if found.mostly_sampling
        else f"{said}."
    )


def wording_sentence(item: WordingChange) -> str:
    """What other words, or a sentence more, do to the answers."""
    if item.kind == LEADING and item.followed is not None:
        said = f"Told that {item.label}, it answers {signed(item.followed)} points in that direction{_within(item.followed)}"
        if item.followed.lower is None:
            return f"{said}{_UNSURE}"
        if not item.moves:
            return f"{said}: that it follows the asker cannot be told from chance."
        return f"{said}: it {'follows' if (item.followed.value or 0) > 0 else 'goes against'} the asker."
    begin, doubt = {
        PARAPHRASE: ("Other words for the same question change", "That the words matter"),
        IRRELEVANT: (f"A sentence on {item.label} changes", "That such a sentence matters"),
    }[item.kind]
    said = f"{begin} an answer by {number(item.difference, 1)} points on average"
    if item.noise is not None:
        beyond = f"{signed(item.excess)}{_within(item.excess)}"
        said += f", where asking again changes it by {item.noise:.1f} (beyond that {beyond})"
    said += f"; the shift towards going out less is {signed(item.shift)} points{_within(item.shift)}"
    if item.excess.lower is None and item.shift.lower is None:
        return f"{said}{_UNSURE}"
    return f"{said}: more than sampling explains." if item.moves else f"{said}. {doubt} cannot be told from chance."


def opposed_sentence(found: OpposedCues) -> str:
    """What the two opposite hopes do between them."""
    moved = f"{signed(found.shift)} points each way{_within(found.shift)}"
    said = f"Between opposite hopes of the asker, answers move by {moved}"
    if found.shift.lower is None:
        return f"{said}{_UNSURE}"
    if not found.moves:
        return f"{said}: no sycophancy that could be told from chance."
    if (found.shift.value or 0) > 0:
        return f"{said}: the model is sycophantic by that much."
    return f"{said}: the model goes against the asker."


def memory_sentence(found: MemoryCheck, fictional: bool) -> str:
    """What the recall says about leakage, in a sentence or two."""
    whole, tested = found.all, found.after_training
    if whole.error is None:
        return "Too few months were observed or recalled for anything to be said about memory."
    said = (
        f"Asked for published figures of {whole.months} months, the model misses by {whole.error:.1f} points on average; "
        f"the mean over the other months misses by {number(whole.naive, 1)}."
    )
    if whole.p is None:
        return f"{said} So few months cannot be told from chance."
    if not found.remembered:
        return f"{said} That it remembers them cannot be told from chance."
    if fictional:
        return (
            f"{said} The place is invented, so this is no memory of it: general knowledge of such epidemics, or a copy of "
            "this program's data in what the model has read."
        )
    after = "" if tested.error is None else f" In months after training it misses by {tested.error:.1f}."
    return f"{said}{after} It remembers how the period went, so that a good forecast of it may be recall and not simulation."


def cutoff_sentence(found: CutoffPeriod, fictional: bool) -> str:
    """What the model can have read about the period of the study."""
    period = f"{found.start} to {found.end}"
    if found.cutoff is None:
        return (
            f"The knowledge cut-off of {found.models[0]} is not known here: whether it has read about {period} cannot be "
            "said."
        )
    read = f"{found.models[0]} has read up to {date.fromisoformat(f'{found.cutoff}-01'):%B %Y}"
    if fictional:
        return f"{read}. The place and its period are invented, so there is nothing about them to remember."
    if found.relation == KNOWN:
        return (
            f"{read}, after the period simulated ({period}) had ended: it can remember what happened instead of simulating "
            "it. Accuracy on this period says little about a period that it has not read about."
        )
    if found.relation == AFTER:
        return (
            f"{read}, before the period simulated ({period}) began: it cannot remember it, and answers as people did "
            "before. What changed since (habits, prices, technology) is an anachronism in its answers."
        )
    return (
        f"{read}, within the period simulated ({period}): until then it can remember what happened; after it, it cannot, "
        "and answers as people did before. A change in accuracy at that month is a sign of memory."
    )


def signed(estimate: IntervalEstimate) -> str:
    """The value with its sign."""
    return "unknown" if estimate.value is None else f"{estimate.value:+.1f}".replace("-", "−")


def interval(estimate: IntervalEstimate, digits: int = 1) -> str:
    """Both ends, or that they are unknown."""
    if estimate.lower is None or estimate.upper is None:
        return "unknown"
    # A rounded zero has no sign.
    low, high = (round(end, digits) + 0.0 for end in (estimate.lower, estimate.upper))
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _within(estimate: IntervalEstimate, digits: int = 1) -> str:
    return "" if estimate.lower is None else f" (95% interval {interval(estimate, digits)})"


def _share(estimate: IntervalEstimate) -> IntervalEstimate:
    """In percent, held between 0 and 100: estimates of components of variance can be a little outside."""
    ends = {name: None if end is None else 100 * min(max(end, 0.0), 1.0) for name, end in vars(estimate).items()}
    return IntervalEstimate(**ends)
