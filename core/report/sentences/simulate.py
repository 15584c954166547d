"""What a simulation takes and took, and how it ended, in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.cognition.llm import canaries
from core.cognition.llm.budget import Plan
from core.cognition.llm.designs import TOGETHER, design_of
from core.cognition.llm.memoising import JOINT
from core.cognition.llm.prompts import PERSONA
from core.report.document import duration
from core.services.language.descriptions import is_rules
from core.services.language.engines import ASKING
from core.services.language.usage import RunUsage
from core.services.runs.costs import CostBefore
from core.services.runs.fits import Unfinished
from core.services.studies.requests import ModelOptions
from core.store.database import Store
from core.store.llm_calls import ANSWERED, FAILED
from core.store.runs import StoredRun

#: Seconds that a call to a hosted model mostly takes: an assumption, to say how long a run may last.
CALL_SECONDS = (2.0, 10.0)


@dataclass(frozen=True)
class Tile:
    """A number with its label, and what it means."""

    label: str
    value: str
    help: str


def count(value: float) -> str:
    """A number of things: whole, with thousands apart; large ones in millions."""
    return f"{value / 1e6:.1f} million" if value >= 1e6 else f"{value:,.0f}"


def money(value: float) -> str:
    """An amount, exact enough to be nonzero."""
    return f"{value:,.{2 if value >= 0.1 or value == 0 else 4}f}"


def plan_figures(cost: Plan) -> tuple[Tile, ...]:
    """What asking will take, for a row of tiles."""
    if cost.cost is None:
        price, typical = no_cost(cost.about_cost), ""
    else:
        price = f"{money(cost.cost.low)} – {money(cost.cost.high)} {cost.currency}"
        typical = f" Typically {money(cost.cost.typical)} {cost.currency}."
    calls = (
        f"{cost.canaries:,} of them are canaries, which tell whether another model answers. " if cost.canaries else ""
    )
    return (
        Tile(
            "Questions",
            count(cost.distinct),
            f"Distinct ones, of {cost.questions:,} in all: equal questions are asked once, and what was answered before "
            "is not asked again.",
        ),
        Tile("Answered already", count(cost.cached), "Their answers are in the cache, and cost nothing."),
        Tile(
            "Calls",
            count(cost.calls),
            f"{calls}Up to {cost.at_most_calls:,} where answers are malformed and asked for again.",
        ),
        Tile("Cost", price, f"{_sentence(cost.about_cost)}{typical}"),
    )


def asked_words(cost: CostBefore, asking: ModelOptions) -> str:
    """How many people and situations a plan is about, and why there are fewer questions than that."""
    text = f"{cost.personas:,} personas in {cost.contexts:,} situations"
    if asking.samples > 1:
        text += f", each asked {asking.samples} times"
    if design_of(asking.design).respondent != PERSONA:
        text += "; nobody in particular is asked, so that personas take no questions of their own"
    shared = [
        name for name, holds in (("rules", asking.design == JOINT), ("kind of day", asking.days == TOGETHER)) if holds
    ]
    if shared:
        text += f"; situations that differ only in {' and '.join(shared)} share a question"
    return f"{text}."


def time_words(calls: int, asking: ModelOptions) -> str:
    """How long so many calls may take: nobody knows before how fast a model is, but a limit per minute says the least."""
    at_once = min(asking.concurrency, calls)
    fast, slow = (calls * seconds / at_once for seconds in CALL_SECONDS)
    text = (
        f"How long it takes depends on the model: {_range(fast, slow)} if a call takes {CALL_SECONDS[0]:.0f} to "
        f"{CALL_SECONDS[1]:.0f} seconds and {at_once:,} are made at a time. The time left is shown while it runs."
    )
    if asking.requests_per_minute:
        text += f" The limit of {asking.requests_per_minute:,.0f} calls a minute makes it "
        text += f"{duration(max(60.0 * calls / asking.requests_per_minute, 1.0))} at least."
    return text


def news_words(run: StoredRun) -> str:
    """What a run that has just ended took, in a sentence."""
    asked = usage_of_run(run)
    if asked is None:
        return "no calls were made and nothing was paid."
    failed = f"{asked.failed:,} questions have no valid answer" if asked.failed else "every question has an answer"
    return f"{asked.calls:,} calls, {asked.cached:,} answers from the cache, {failed}; cost: {cost_words(asked)}."


def no_cost(sentence: str) -> str:
    """What stands in the place of a cost that cannot be given."""
    return "unknown" if "unknown" in sentence else "none"


def usage_of_run(run: StoredRun) -> RunUsage | None:
    """What a run asked and took; None for the offline engine."""
    found = run.summary.get(ASKING) if isinstance(run.summary, Mapping) else None
    return None if found is None else RunUsage.from_dict(found)


def took_figures(asked: RunUsage) -> tuple[Tile, ...]:
    """What a finished run took, for a row of tiles."""
    return (
        Tile("Questions", count(asked.distinct), "Distinct ones: equal questions are asked once."),
        Tile("From cache", count(asked.cached), "Questions that had been answered before, by this or another run."),
        Tile("Calls", count(asked.calls), f"{asked.canary_calls:,} of them were canaries."),
        Tile("Failed", count(asked.failed), "Questions that have no valid answer; they are listed below."),
        Tile("Cost", cost_words(asked), _sentence(asked.about_cost)),
    )


def cost_words(asked: RunUsage) -> str:
    """What a finished run cost."""
    if asked.cost is None:
        return no_cost(asked.about_cost)
    return f"{money(asked.cost)} {asked.currency}"


def took_row(run: StoredRun, label: str) -> dict[str, str]:
    """A run's row in a table of what runs took."""
    asked = usage_of_run(run)
    row = {"Engine": label, "Personas": f"{run.record.personas:,}", "Time": duration(run.seconds)}
    if asked is None:
        nothing = "none" if is_rules(run.record) else "not recorded"
        return row | dict.fromkeys(("Calls", "From the cache", "Tokens", "Cost", "Failed"), nothing)
    return row | {
        "Calls": f"{asked.calls:,}",
        "From the cache": f"{asked.cached:,}",
        "Tokens": f"{asked.tokens_in:,} in, {asked.tokens_out:,} out",
        "Cost": cost_words(asked),
        "Failed": f"{asked.failed:,}",
    }


def why_it_ended(message: str) -> str:
    """Why a run ended early, as the page says it: with what to press in place of what to type."""
    found = re.match(r"(\d+ of \d+ questions have no valid answer);", message)
    if found:
        reason = re.search(r"sample \d+: (.*?)(?: \| |\. The same command)", message)
        such = f", such as one with {reason[1].rstrip('.')}" if reason else ""
        return (
            f"{found[1]}{such}. What was answered is kept, and Resume asks those alone again. To go on without them, choose so "
            "below, under “Limits, and what happens when something fails”, and then resume."
        )
    return _sentence(message.replace("the same command asks", "Resume asks"))


def story(item: Unfinished, store: Store) -> str:
    """How a run ended early, and how far it had come."""
    record = item.record
    text = (
        f"A run begun on {item.created_at:%-d %B %Y at %H:%M} UTC {item.how} (training to {record.train_end:%-d %B %Y}, "
        f"{record.personas:,} personas, seed {record.seed})."
    )
    if is_rules(record):
        return f"{text} {item.trials_done} of {item.trials} trials are kept."
    answered, failed = _calls(store, record.run_id, ANSWERED), failed_calls(store, record.run_id)
    if not answered + failed:
        return f"{text} No question had been answered yet."
    without = f"; {failed:,} have no valid answer" if failed else ""
    return f"{text} {answered:,} questions were answered and are kept{without}."


def failed_calls(store: Store, run_id: str) -> int:
    """How many questions were last asked in a run and have no valid answer; canaries do not count."""
    return _calls(store, run_id, FAILED)


def _calls(store: Store, run_id: str, status: str) -> int:
    rows = store.read("llm_calls", columns=["design"], run_id=run_id, status=status)
    return int((~rows["design"].str.startswith(canaries.DESIGN)).sum())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _range(low: float, high: float) -> str:
    first, last = (duration(max(seconds, 1.0)) for seconds in (low, high))
    (number, unit), (until, same) = first.split(), last.split()
    if first == last:
        return f"about {first}"
    return f"{number} to {until} {unit}" if unit == same else f"{first} to {last}"
