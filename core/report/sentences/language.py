"""What concerns language models, in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.report.terminal import table

if TYPE_CHECKING:
    pass

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


def cost_before_text(values: Mapping[str, Any]) -> str:
    """A plan (`Plan.as_dict`): how many calls, how many tokens, and what they cost, if anybody knows."""
    calls, cost = values["calls"], values["cost"]
    known = f"{values['distinct']:,} distinct questions, {values['cached']:,} of them answered already: {calls:,} calls"
    tokens = (
        f"{_between(values['tokens_in'])} tokens in and {_between(values['tokens_out'])} out "
        f"(typically {values['tokens_in']['typical']:,.0f} and {values['tokens_out']['typical']:,.0f})"
    )
    if cost is None:
        price = f"No cost is given: {values['about_cost']}."
    else:
        price = (
            f"Cost: {cost['low']:,.2f} to {cost['high']:,.2f} {values['currency']}, typically {cost['typical']:,.2f}; "
            f"{values['about_cost']}."
        )
    more = f"Answers that are malformed are asked for again, up to {values['at_most_calls']:,} calls in all."
    return f"{known}; {tokens}.\n{price}\n{more}"


def run_cost_text(values: Mapping[str, Any]) -> str:
    """What a run or a contrast will ask (`CostBefore.as_dict`)."""
    lines = []
    if values["complete"]:
        lines.append(f"There is a finished run of this already: {values['complete']}.")
    lines.append(
        f"{values['engine']} {values['model']}: {values['personas']:,} personas, {values['contexts']:,} contexts to ask about."
    )
    usual = values["usual_personas"]
    if usual is not None and usual > values["personas"]:
        lines.append(
            f"Where a model is asked {values['personas']} personas are usual; the study's {usual:,} would take about "
            f"{usual / values['personas']:.0f} times the calls."
        )
    if not values["calls"]:
        lines.append(f"{values['cached']:,} of {values['distinct']:,} questions are answered in the cache: no call.")
        return "\n".join(lines)
    lines.append(cost_before_text({**values, "about_cost": values["price_sentence"]}))
    if values["canaries"]:
        lines.append(
            f"{values['canaries']} of the calls are the same in every run, to notice when another model answers."
        )
    return "\n".join(lines)


def run_asking_text(values: Mapping[str, Any]) -> str:
    """What a finished run or contrast asked (`asking` of its summary): what it took, what failed, what to beware of."""
    ids = ", ".join(values["model_ids"]) or values["model"]
    lines = [f"Asked {values['model']} (answered by {ids}), design {values['design']}: {cost_after_text(values)}"]
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


def cost_after_text(values: Mapping[str, Any]) -> str:
    """What was spent (`Spent.as_dict`)."""
    unknown = values.get("about_cost") or "cost unknown"
    cost = unknown if values["cost"] is None else f"{values['cost']:,.4f} {values['currency']}"
    unsaid = (
        f"; the replies of {values['uncounted']:,} questions did not say their tokens" if values["uncounted"] else ""
    )
    return (
        f"{values['calls']:,} calls: {values['answered']:,} questions answered, {values['failed']:,} failed, "
        f"{values['cached']:,} from the cache; {values['tokens_in']:,} tokens in, {values['tokens_out']:,} out; {cost}{unsaid}."
    )


def _between(values: Mapping[str, float]) -> str:
    return f"{values['low']:,.0f} to {values['high']:,.0f}"


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"
