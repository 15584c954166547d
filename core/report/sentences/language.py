"""What concerns language models, in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from core.calibration.untold import LEAST_SHARE
from core.cognition.llm.budget import Plan, Range, Spent
from core.cognition.llm.canaries import CanaryChange
from core.cognition.llm.local_weights import caution_of
from core.policy.calendar import DAY_WORDS
from core.report.document import Block, Document, Paragraph, Table, signed
from core.services.audits.results import Audited
from core.services.benchmarks.language import LanguageBenchmark
from core.services.language.answer_cache import CacheContents, ExportedAnswers, ImportedAnswers
from core.services.language.usage import FailedQuestion, ModelUsage, RunUsage
from core.services.runs.costs import CostBefore
from core.services.surveys.results import SurveyResult


def cache_document(found: CacheContents) -> Document:
    """What a cache of answers holds."""
    if not found.groups:
        return Document(f"The cache of answers in {found.store} is empty.", ())
    rows = tuple(
        (
            group.engine, group.model, group.base_url or "the provider's own", group.prompt_version, group.design,
            group.status, group.calls, _count(group.tokens_in), _count(group.tokens_out), group.last_asked[:16],
        )
        for group in found.groups
    )  # fmt: skip
    return Document(
        f"{found.answers:,} answers and {found.failures:,} failures in {found.store}.",
        (
            Table(
                (
                    "Engine", "Model", "Server", "Prompts", "Design", "Status", "Calls", "Tokens in", "Tokens out",
                    "Last asked",
                ),
                rows,
            ),
        ),
    )  # fmt: skip


def exported_document(found: ExportedAnswers) -> Document:
    """A cache in a file."""
    return Document(f"Wrote {found.answers:,} answers to {found.file}. Others replay them without a key.", ())


def imported_document(found: ImportedAnswers) -> Document:
    """A cache from a file."""
    known = f"{found.new:,} new, {found.known:,} known already"
    return Document(f"Checked {found.answers:,} answers in {found.file}: {known}.", ())


def language_benchmark_document(found: LanguageBenchmark) -> Document:
    """The pipe's speed beside the bare client's."""
    rows = tuple(
        (str(number), run.bare, run.pipe, run.pipe / run.bare) for number, run in enumerate(found.runs, start=1)
    )
    return Document(
        f"The pipe reaches {found.ratio:.3f} of the bare client's speed (median; from {found.lowest:.3f} to "
        f"{found.highest:.3f}), with every answer kept in a store.",
        (
            Table(("Run", "Bare client (calls/s)", "Pipe (calls/s)", "Ratio"), rows),
            Paragraph(
                f"{found.machine}; {found.client}; {found.calls:,} calls of {found.latency * 1000:.0f} ms, "
                f"{found.concurrency} at a time (at best {found.ideal:.0f} calls a second)."
            ),
        ),
    )


def cost_before_text(cost: Plan | None) -> str:
    """How many calls, how many tokens, and what they cost, if anybody knows; None for what asks no model."""
    if cost is None:
        return "The run's engine is the rules engine: nothing is asked, and nothing costs."
    known = f"{cost.distinct:,} distinct questions, {cost.cached:,} of them answered already: {cost.calls:,} calls"
    tokens = (
        f"{_between(cost.tokens_in)} tokens in and {_between(cost.tokens_out)} out (typically "
        f"{cost.tokens_in.typical:,.0f} and {cost.tokens_out.typical:,.0f})"
    )
    if cost.cost is None:
        price = f"No cost is given: {cost.about_cost}."
    else:
        price = (
            f"Cost: {cost.cost.low:,.2f} to {cost.cost.high:,.2f} {cost.currency}, typically {cost.cost.typical:,.2f}; "
            f"{cost.about_cost}."
        )
    more = f"Answers that are malformed are asked for again, up to {cost.at_most_calls:,} calls in all."
    same = _same_calls(cost.canaries).strip()
    return "\n".join(filter(None, (f"{known}; {tokens}.", price, more, same)))


def run_cost_text(cost: CostBefore) -> str:
    """What a run or a contrast will ask."""
    lines = []
    if cost.complete:
        lines.append(f"There is a finished run of this already: {cost.complete}.")
    lines.append(f"{cost.engine} {cost.model}: {cost.personas:,} personas, {cost.contexts:,} contexts to ask about.")
    usual = cost.usual_personas
    if usual is not None and usual > cost.personas:
        lines.append(
            f"Where a model is asked {cost.personas} personas are usual; the study's {usual:,} would take about "
            f"{usual / cost.personas:.0f} times the calls."
        )
    if not cost.calls:
        lines.append(f"{cost.cached:,} of {cost.distinct:,} questions are answered in the cache: no call.")
        return "\n".join(lines)
    return "\n".join([*lines, cost_before_text(cost)])


def usage_blocks(usage: ModelUsage) -> tuple[Block, ...]:
    """What a run or contrast asked: of whom, what it took, what failed, and what to beware of."""
    ids = ", ".join(f"{name} ({number:,})" for name, number in usage.model_ids.items())
    asked = f"Asked {usage.model}{f' (answered by {ids})' if ids else ''}, design {usage.design}"
    if isinstance(usage, RunUsage):
        times = f"{usage.samples} sample{'s' * (usage.samples != 1)} of each question"
        asked += (
            f", prompts {usage.prompts}, kinds of day {usage.days}, {times}, {usage.personas:,} personas in "
            f"{usage.contexts:,} situations"
        )
    said = f"{asked}: {spent_sentence(usage)}"
    if usage.unread is not None:
        other = f"{100 * usage.unread:.0f}% of the probability was on other words, and is left out."
        said += f" Answers are how probable the model makes each letter; {other}"
    if usage.repairs:
        said += f" {usage.repairs:,} replies were no valid answer and were mended on request."
    found: list[Block] = [*(Paragraph(f"Beware: {text}", "caution") for text in warnings_of(usage))]
    if isinstance(usage, RunUsage):
        if usage.of_run.calls > usage.calls:
            said += f" With what the run asked before it was taken up again: {usage.of_run.calls:,} calls."
        found.append(Paragraph(canary_sentence(usage)))
    if usage.failed:
        text = f"{usage.failed:,} of {usage.distinct:,} questions have no valid answer. Means are over the people who answered."
        found.append(Paragraph(text, "caution"))
    if isinstance(usage, RunUsage) and usage.failures:
        found.append(Table.of(failure_table(usage.failures), "Questions without a valid answer."))
    return (Paragraph(said), *found)


def failure_table(failures: Sequence[FailedQuestion]) -> pd.DataFrame:
    """Questions without a valid answer: whose, which sample, why, and about what."""
    return pd.DataFrame(
        {
            "Persona": [", ".join(map(str, item.personas)) for item in failures],
            "Sample": [item.sample + 1 for item in failures],
            "Why": [item.problem for item in failures],
            "Kinds of day": [", ".join(DAY_WORDS.get(name, name) for name in item.days) for item in failures],
            "Situation": [" | ".join(item.situations) for item in failures],
        }
    )


def canary_sentence(usage: RunUsage) -> str:
    """Whether the model behind the name was compared with what it was."""
    canaries = usage.canaries
    if canaries is None:
        return "No canaries (a few fixed questions) were asked: everything came from the cache."
    if canaries.compared_with is None:
        return "Canaries, a few fixed questions, were asked. They are the first of this model here: nothing to compare yet."
    if canaries.changes or usage.warnings:
        return f"Canaries, a few fixed questions, were compared with those of run {canaries.compared_with}."
    return (
        f"Canaries, a few fixed questions, are answered as with run {canaries.compared_with}: nothing speaks for another "
        "model behind the name."
    )


def warnings_of(found: ModelUsage | SurveyResult | Audited) -> list[str]:
    """What to beware of in answers of a language model: its size, others that answered, canaries that differ, and
    what it says next to nothing of."""
    ids = sorted(set(found.model_ids))
    caution = caution_of(getattr(found, "model", None), *ids)
    said = [] if caution is None else [f"The model has {caution}"]
    said += [f"The answers come from more than one model: {', '.join(ids)}."] if len(ids) > 1 else []
    canaries = found.canaries if isinstance(found, RunUsage | SurveyResult) else None
    said += [] if canaries is None else map(change_sentence, canaries.changes)
    untold = (found.untold or {}) if isinstance(found, RunUsage) else {}
    said += [untold_sentence(behaviour, kinds) for behaviour, kinds in untold.items()]
    return [*said, *(() if isinstance(found, Audited) else found.warnings)]


def change_sentence(change: CanaryChange) -> str:
    """A sign that another model answers than in an earlier run."""
    if change.ids_now:
        old, new = ", ".join(change.ids_before), ", ".join(change.ids_now)
        return f"Another model answers: {new}, where it was {old} with run {change.run_id}."
    if change.limit is None:
        return f"The canary '{change.canary}' was answered with run {change.run_id}, and is not any more."
    beyond = f"more than the {change.limit:.2f} that sampling explains."
    if change.canary:
        return (
            f"The canary '{change.canary}' is answered {change.now:.2f}, where it was {change.before:.2f} with run "
            f"{change.run_id}: {beyond}"
        )
    return f"The canaries' answers moved by {signed(change.moved or 0.0, 2)} on average since run {change.run_id}: {beyond}"


def untold_sentence(behaviour: str, kinds: Sequence[str]) -> str:
    """A behaviour of which the model says next to nothing on some kinds of day (`untold_kinds`)."""
    return (
        f"The model says that next to nobody does '{behaviour}' on days of the kinds {', '.join(kinds)}: less than "
        f"{LEAST_SHARE:.0%} of the busiest weekday, too little to divide by. {LEAST_SHARE:.0%} was taken, on which policy has "
        "no effect. Do not rely on the forecast of days whose kind has changed, such as a day of rest that is now worked."
    )


def spent_sentence(spent: Spent) -> str:
    """What was asked, and what it took."""
    cost = spent.about_cost or "cost unknown" if spent.cost is None else f"{spent.cost:,.4f} {spent.currency}"
    unsaid = f"; the replies of {spent.uncounted:,} questions did not say their tokens" if spent.uncounted else ""
    same = _same_calls(spent.canary_calls)
    return (
        f"{spent.calls:,} calls: {spent.answered:,} questions answered, {spent.failed:,} failed, {spent.cached:,} from the "
        f"cache; {spent.tokens_in:,} tokens in, {spent.tokens_out:,} out; {cost}{unsaid}.{same}"
    )


def _same_calls(calls: int) -> str:
    return f" {calls:,} of the calls are the same in every run, to notice when another model answers." if calls else ""


def _between(values: Range) -> str:
    return f"{values.low:,.0f} to {values.high:,.0f}"


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"
