"""What a simulation takes and took, how it ended, and how to repeat it, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.services.engine_words import DESIGN_CHOICES, is_rules
from core.services.fitting import Reproduce, Unfinished
from core.store.database import Store
from core.store.llm_calls import ANSWERED, FAILED
from core.store.runs import StoredRun

#: What a check of a crowd looks at, in words.
CROWD_CHECKS: Mapping[str, str] = {
    "collapse": "Everybody answers alike",
    "samples": "Chance says more than the person",
    "sycophancy": "It tells the asker what is hoped for",
    "wording": "The wording matters",
    "irrelevant": "A sentence without bearing matters",
    "leading": "A leading sentence matters",
    "memory": "The model remembers the period",
    "spread": "The spread is another than the rules engine's",
}


@dataclass(frozen=True)
class Figure:
    """A number with its label, and what it means."""

    label: str
    value: str
    help: str


def count(value: float) -> str:
    """A number of things: whole, with thousands apart; large ones in millions."""
    return f"{value / 1e6:.1f} million" if value >= 1e6 else f"{value:,.0f}"


def about(value: float) -> str:
    """An estimate of a count, to two digits that mean something."""
    return count(float(f"{value:.2g}"))


def between(low: float, high: float) -> str:
    """A range of estimates, as one number where it is one."""
    return about(low) if about(low) == about(high) else f"{about(low)} to {about(high)}"


def money(value: float) -> str:
    """An amount, exact enough to be nonzero."""
    return f"{value:,.{2 if value >= 0.1 or value == 0 else 4}f}"


def plan_figures(values: Mapping[str, Any]) -> tuple[Figure, ...]:
    """What asking will take (`Plan.as_dict`, `CostBefore.as_dict`), for a row of tiles."""
    cost, currency = values["cost"], values["currency"]
    if cost is None or currency is None:
        price, typical = no_cost(price_sentence(values)), ""
    else:
        price = f"{money(cost['low'])} – {money(cost['high'])} {currency}"
        typical = f" Typically {money(cost['typical'])} {currency}."
    canaries = values.get("canaries")
    calls = f"{canaries:,} of them are canaries, which tell whether another model answers. " if canaries else ""
    return (
        Figure(
            "Questions",
            count(values["distinct"]),
            f"Distinct ones, of {values['questions']:,} in all: equal questions are asked once.",
        ),
        Figure("Answered already", count(values["cached"]), "Their answers are in the cache, and cost nothing."),
        Figure(
            "Calls",
            count(values["calls"]),
            f"{calls}Up to {values['at_most_calls']:,} where answers are malformed and asked for again.",
        ),
        Figure("Cost", price, f"{_sentence(price_sentence(values))}{typical}"),
    )


def plan_note(values: Mapping[str, Any]) -> str:
    """What a plan counts, in sentences: questions, tokens, and where the price is from or why there is none."""
    tokens_in, tokens_out = values["tokens_in"], values["tokens_out"]
    text = f"{values['questions']:,} questions in all, {values['distinct']:,} of them distinct"
    if values["calls"]:
        text += (
            f"; about {between(tokens_in['low'], tokens_in['high'])} tokens in and "
            f"{between(tokens_out['low'], tokens_out['high'])} out, thinking included (typically "
            f"{about(tokens_in['typical'])} and {about(tokens_out['typical'])}), estimated from the length of the texts"
        )
    text = f"{text}. {_sentence(price_sentence(values))}"
    if values["cost"] is not None:
        text += " Prices change: look at the provider's page before a large run, and set a cap."
    return text


def no_cost(sentence: str) -> str:
    """What stands in the place of a cost that cannot be given."""
    return "unknown" if "unknown" in sentence else "none"


def price_sentence(values: Mapping[str, Any]) -> str:
    """Where the price of a plan is from, as it was said."""
    return str(values["price_sentence"] if "price_sentence" in values else values["about_cost"])


def asking_summary(run: StoredRun) -> Mapping[str, Any] | None:
    """What a run kept of how it asked; None for the offline engine."""
    summary = run.summary if isinstance(run.summary, Mapping) else {}
    found = summary.get("asking")
    return found if isinstance(found, Mapping) else None


def took_figures(asked: Mapping[str, Any]) -> tuple[Figure, ...]:
    """What a finished run took, for a row of tiles."""
    return (
        Figure("Questions", count(asked["distinct"]), "Distinct ones: equal questions are asked once."),
        Figure(
            "From cache", count(asked["cached"]), "Questions that had been answered before, by this or another run."
        ),
        Figure("Calls", count(asked["calls"]), f"{asked['canary_calls']:,} of them were canaries."),
        Figure("Failed", count(asked["failed"]), "Questions that have no valid answer; they are listed below."),
        Figure("Cost", cost_words(asked), _sentence(asked["about_cost"])),
    )


def took_note(asked: Mapping[str, Any]) -> str:
    """Tokens, repairs and price of a finished run, in sentences."""
    text = f"{asked['tokens_in']:,} tokens in and {asked['tokens_out']:,} out, as the provider counted them"
    text += f" ({asked['uncounted']:,} replies did not say)." if asked["uncounted"] else "."
    if asked["repairs"]:
        text += f" {asked['repairs']:,} replies were malformed and asked for again."
    of_run = asked["of_run"]["calls"]
    if of_run > asked["calls"]:
        text += f" With what the run asked before it was taken up again: {of_run:,} calls."
    return f"{text} {_sentence(asked['about_cost'])}"


def cost_words(asked: Mapping[str, Any]) -> str:
    """What a finished run cost."""
    if asked["cost"] is None:
        return no_cost(asked["about_cost"])
    return f"{money(asked['cost'])} {asked['currency']}"


def model_words(asked: Mapping[str, Any]) -> str:
    """Which model answered, as the provider said."""
    ids = ", ".join(f"{name} ({number:,})" for name, number in asked["model_ids"].items())
    returned = f" The provider says that it was answered by: {ids}." if ids else ""
    samples = f"{asked['samples']} sample{'s' * (asked['samples'] != 1)} of each question"
    return (
        f"Asked for {asked['model']}, prompts {asked['prompts']}, design {asked['design']}, kinds of day {asked['days']}, "
        f"{samples}, {asked['personas']:,} personas in {asked['contexts']:,} situations.{returned}"
    )


def canary_words(asked: Mapping[str, Any]) -> str:
    """Whether the model behind the name was compared with what it was."""
    canaries = asked["canaries"]
    if canaries is None:
        return "No canaries were asked with this run: everything came from the cache."
    if canaries["compared_with"] is None:
        return (
            "Canaries, a few fixed questions, were asked with this run. They are the first of this model here, so that there is "
            "nothing to compare them with yet."
        )
    if asked["warnings"]:
        return f"Canaries, a few fixed questions, were compared with those of run {canaries['compared_with']}."
    return (
        f"Canaries, a few fixed questions, are answered as with run {canaries['compared_with']}: nothing speaks for another "
        "model behind the name."
    )


def failure_table(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The questions without a valid answer: whose, about what, which sample, and why."""
    return [
        {
            "Persona": _people(item["personas"]),
            "Situation": " | ".join(item["situations"]),
            "Kinds of day": ", ".join(item["days"]),
            "Sample": int(item["sample"]) + 1,
            "Why": item["problem"],
        }
        for item in asked["failures"]
    ]


def took_row(run: StoredRun, label: str) -> dict[str, str]:
    """A run's row in a table of what runs took."""
    asked = asking_summary(run)
    row = {"Engine": label, "Personas": f"{run.record.personas:,}", "Time": _duration(run.seconds)}
    if asked is None:
        nothing = "none" if is_rules(run.record) else "not recorded"
        return {
            **row,
            "Calls": nothing,
            "From the cache": nothing,
            "Tokens": nothing,
            "Cost": nothing,
            "Failed": nothing,
        }
    return {
        **row,
        "Calls": f"{asked['calls']:,}",
        "From the cache": f"{asked['cached']:,}",
        "Tokens": f"{asked['tokens_in']:,} in, {asked['tokens_out']:,} out",
        "Cost": cost_words(asked),
        "Failed": f"{asked['failed']:,}",
    }


def story(item: Unfinished, store: Store) -> str:
    """How a run ended early, and how far it had come."""
    record = item.record
    text = (
        f"A run begun on {item.created_at:%-d %B %Y at %H:%M} UTC {item.how} (training to {record.train_end:%-d %B %Y}, "
        f"{record.personas:,} personas, seed {record.seed})."
    )
    if is_rules(record):
        return f"{text} {item.trials_done} of {item.trials} trials are kept."
    rows = store.read("llm_calls", columns=["status"], run_id=record.run_id)
    answered, failed = (int((rows["status"] == name).sum()) for name in (ANSWERED, FAILED))
    without = f", {failed:,} have no valid answer" if failed else ""
    return f"{text} {answered:,} questions were answered and are kept{without}."


def audit_line(verdict: Mapping[str, Any], variables: int) -> str:
    """What a design's part of a confounding audit found, in a line."""
    design = DESIGN_CHOICES[str(verdict["design"])].title
    about = "" if verdict["stated"] else ", the number of cases left unsaid"
    moved = len(verdict["moved"])
    if not moved:
        return f"{design}{about}: none of {variables} things that the policy cannot move goes with it beyond chance."
    return f"{design}{about}: {moved} of {variables} things that the policy cannot move go with it."


def crowd_sentences(values: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """What the checks of a crowd say, by topic; what was not checked, and why, comes last."""
    parts = [
        ("Spread between people", [values["spread"]]),
        ("How many different people there are", [values["collapse"]]),
        ("Asked again", [values["samples_agree"]]),
        ("In other words", values["wording"]),
        ("With cues", [*values["cues"], values["opposed"]]),
        ("What the model knew beforehand", [values["cutoff"], values["memory"]]),
    ]
    said = [(title, [item["verdict"] for item in items if item]) for title, items in parts]
    reasons: dict[str, list[str]] = {}
    for check, why in values["not_checked"].items():
        reasons.setdefault(why, []).append(check)
    left_out = [f"{', '.join(checks)}: {why}." for why, checks in reasons.items()]
    return [(title, sentences) for title, sentences in [*said, ("Not checked", left_out)] if sentences]


def crowd_table(values: Mapping[str, Any]) -> pd.DataFrame:
    """The spread of answers by behaviour (rows), in points: of this run, of the rules engine, and between samples."""
    labels, columns = values["behaviours"], {}
    if values["spread"]:
        columns["Between people"] = values["spread"]["own"]
        columns["Between people, rules engine"] = values["spread"]["rules"]
    if values["samples_agree"]:
        columns["Between samples of one question"] = values["samples_agree"]["noise"]
        columns["Left of it in the mean"] = values["samples_agree"]["error_of_mean"]
    table = pd.DataFrame(columns, index=list(labels)).astype(float)
    return table.rename(index=labels).rename_axis("behaviour")


def reproduce_section(section: str, run: StoredRun, store_name: str, shown: Mapping[str, Any]) -> Reproduce | None:
    """Lines that give what a section of the Simulate page shows of a run; None where the run's own lines are all.

    `shown` has what the section chose: `persona`, `run_ids`.
    """
    head = f"from core.store.database import Store\n\nwith Store({store_name!r}) as store:\n"
    closed = "A store is open in one program at a time: close PolicyTwin first, or take a copy of the file."
    if section == "read" and not is_rules(run.record):
        persona = int(shown.get("persona", 0))
        return Reproduce(
            "",
            f"from core.services.asking import persona_answers\n{head}"
            f"    print(persona_answers(store, {run.run_id!r}, {persona}))\n",
            f"The answers and reasons of persona {persona}, from this store. {closed}",
        )
    if section == "compare" and shown.get("run_ids"):
        return Reproduce(
            "",
            "from core.services.engine_comparison import compare_engines\nfrom core.study import load_study\n"
            f"{head}    found = compare_engines(store, {list(shown['run_ids'])!r}, load_study({run.record.study_id!r}))\n"
            "print(found.errors, found.activity)\n",
            f"The runs side by side, from this store. {closed}",
        )
    if section == "ask" and shown.get("asked"):
        asked = str(shown["asked"])
        return Reproduce(
            "",
            f"from core.services.asking_people import asked_answers, by_subgroup\n{head}"
            f'    print(store.run({asked!r}).summary["everyone"])\n'
            f"    print(by_subgroup(store, {asked!r}, [{str(shown.get('by', ''))!r}]))\n"
            f"    print(asked_answers(store, {asked!r}))\n",
            f"The answers to the question shown, from this store. {closed}",
        )
    if section == "crowd":
        audit = "" if is_rules(run.record) else f"    print(latest_confounding_audit(store, {run.run_id!r}))\n"
        return Reproduce(
            "",
            f"from core.services.crowd import latest_confounding_audit, latest_crowd_checks\n{head}"
            f"    print(latest_crowd_checks(store, {run.run_id!r}))\n{audit}",
            f"The newest checks of this run, from this store. {closed}",
        )
    return None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _people(personas: list[int]) -> str:
    shown = ", ".join(str(item) for item in personas[:6])
    return shown + (f" and {len(personas) - 6} more" if len(personas) > 6 else "")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
