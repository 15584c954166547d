"""What concerns language models, in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.cognition.llm.budget import Plan, Range, Spent
from core.report.terminal import table
from core.services.runs.costs import CostBefore

#: Failed questions that a text spells out.
SHOWN_FAILURES = 5


def cache_exported_text(values: Mapping[str, Any]) -> str:
    """A cache in a file."""
    return f"Wrote {values['answers']:,} answers to {values['file']}. Others replay them without a key."


def cache_imported_text(values: Mapping[str, Any]) -> str:
    """A cache from a file."""
    return f"Checked {values['answers']:,} answers in {values['file']}: {values['new']:,} new, {values['known']:,} known already."


def cache_text(values: Mapping[str, Any]) -> str:
    """What a cache holds."""
    if not values["groups"]:
        return f"The cache of answers in {values['store']} is empty."
    head = [
        "Engine",
        "Model",
        "Server",
        "Prompts",
        "Design",
        "Status",
        "Calls",
        "Tokens in",
        "Tokens out",
        "Last asked",
    ]
    rows = [
        [
            group["engine"],
            group["model"],
            group["base_url"] or "the provider's own",
            group["prompt_version"],
            group["design"],
            group["status"],
            group["calls"],
            _count(group["tokens_in"]),
            _count(group["tokens_out"]),
            group["last_asked"][:16],
        ]
        for group in values["groups"]
    ]
    return "\n".join(
        [
            f"{values['answers']:,} answers and {values['failures']:,} failures in {values['store']}.",
            "",
            table(head, rows),
        ]
    )


def bench_llm_text(values: Mapping[str, Any]) -> str:
    """The pipe's speed beside the bare client's."""
    rows = [
        [str(number), run["bare"], run["pipe"], run["pipe"] / run["bare"]]
        for number, run in enumerate(values["runs"], start=1)
    ]
    return "\n".join(
        [
            f"{values['machine']}; {values['client']}; {values['calls']:,} calls of {values['latency'] * 1000:.0f} ms, "
            f"{values['concurrency']} at a time (at best {values['ideal']:.0f} calls a second).",
            "",
            table(["Run", "Bare client (calls/s)", "Pipe (calls/s)", "Ratio"], rows),
            "",
            f"The pipe reaches {values['ratio']:.3f} of the bare client's speed (median; from {values['lowest']:.3f} to "
            f"{values['highest']:.3f}), with every answer kept in a store.",
        ]
    )


def cost_before_text(cost: Plan | CostBefore | None) -> str:
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
    return f"{known}; {tokens}.\n{price}\n{more}"


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
    lines.append(cost_before_text(cost))
    if cost.canaries:
        lines.append(f"{cost.canaries} of the calls are the same in every run, to notice when another model answers.")
    return "\n".join(lines)


def run_asking_text(values: Mapping[str, Any]) -> str:
    """What a finished run or contrast asked (`asking` of its summary): what it took, what failed, what to beware of."""
    ids = ", ".join(values["model_ids"]) or values["model"]
    lines = [
        f"Asked {values['model']} (answered by {ids}), design {values['design']}: {spent_sentence(Spent.from_dict(values))}"
    ]
    if values["repairs"]:
        lines.append(f"{values['repairs']:,} replies were no valid answer and were mended on request.")
    if values["failed"]:
        lines.append(
            f"{values['failed']:,} of {values['distinct']:,} questions have no valid answer. Means are over the people who "
            "answered."
        )
        lines += [
            f"  persona {', '.join(map(str, item['personas']))}; {'; '.join(item['situations'])}: {item['problem']}"
            for item in values.get("failures", [])[:SHOWN_FAILURES]
        ]
    lines += [f"Beware: {text}" for text in values.get("warnings", [])]
    return "\n".join(lines)


def spent_sentence(spent: Spent) -> str:
    """What was asked, and what it took."""
    cost = spent.about_cost or "cost unknown" if spent.cost is None else f"{spent.cost:,.4f} {spent.currency}"
    unsaid = f"; the replies of {spent.uncounted:,} questions did not say their tokens" if spent.uncounted else ""
    return (
        f"{spent.calls:,} calls: {spent.answered:,} questions answered, {spent.failed:,} failed, {spent.cached:,} from the "
        f"cache; {spent.tokens_in:,} tokens in, {spent.tokens_out:,} out; {cost}{unsaid}."
    )


def _between(values: Range) -> str:
    return f"{values.low:,.0f} to {values.high:,.0f}"


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"
