"""The governance record of a society in words: what it rests on, what was judged, what it lacks, and what may be said."""

from __future__ import annotations

from core.records import RUNGS
from core.report.document import Block, Details, Heading, Items, Paragraph, Table
from core.services.society.governance import NOT_RUN, GovernanceRecord, JudgedLine
from core.society.ablations import HELD

EXCLUDED_WORDS = {
    "labour_market": "labour market (nobody loses or finds work)",
    "finance": "finance (no banks, savings plans or asset prices)",
    "credit": "credit (nobody borrows)",
    "health": "health",
    "households_of_several": "households of several people (each acts as one)",
    "learning_of_firms": "firms that learn (prices move by a fixed rule)",
    "real_geography": "real geography (a grid)",
}
ATTENTION_WORDS = {
    "verdict": "verdict:", "ablation": "stress bends the curve:", "unread": "nothing where nobody reads:",
    "other_place": "nothing at another place:", "shuffled": "nothing with doses shuffled:",
}  # fmt: skip
NOT_FOR = (
    "Not for decisions about real people or places, for forecasts, or as evidence that a measure works anywhere. It is for "
    "asking what follows from written assumptions, and for trying a design before it is tested on people."
)


def record_blocks(record: GovernanceRecord) -> tuple[Block, ...]:
    """The record as it stands at the end of a report."""
    return (
        Heading("What may be claimed"),
        Items(claims(record)),
        Heading("What this model has nothing of"),
        Paragraph(f"It has no {_listed([EXCLUDED_WORDS[name] for name in record.excluded])}. {NOT_FOR}", "caution"),
        Heading("What was tested"),
        Items((signs_sentence(record), ablations_sentence(record), attention_sentence(record), facts_sentence(record))),
        *(_signs_table(record.signs) if any(line.verdict != NOT_RUN for line in record.signs) else ()),
        Details("Governance record", (Items(_basis(record)),)),
    )


def claims(record: GovernanceRecord) -> tuple[str, ...]:
    """A sentence for each rung: what is reached, and what is not claimed. None says more than was reached."""
    reached = RUNGS.index(record.rung)
    said = [
        "The code ran: money and goods were conserved to the cent and the unit on every day of every world, and equal seeds "
        "give equal worlds."
    ]
    said.append(
        "The model is coherent: every direction that was registered beforehand held."
        if reached >= 1
        else f"Coherence is not claimed: {_why_incoherent(record)}."
    )
    said.append(
        "A target pattern was reproduced: posts sell as was registered, and at least 70% of the facts that nothing was tuned on "
        "lie inside their ranges."
        if reached >= 2
        else "That a target pattern was reproduced is not claimed."
    )
    said.append("That it is valid for any place is never claimed: this takes observed data of the place.")
    return tuple(said)


def _why_incoherent(record: GovernanceRecord) -> str:
    missed = [line for line in record.signs if line.verdict not in (HELD, NOT_RUN)]
    if missed:
        return "; ".join(f"“{line.title}” was {line.verdict}" for line in missed)
    return (
        "the registered directions were not run for this scenario by this version (policytwin society ablate --signs)"
    )


def signs_sentence(record: GovernanceRecord) -> str:
    """How many registered directions held."""
    judged = [line for line in record.signs if line.verdict != NOT_RUN]
    if not judged:
        return f"Registered directions: none of {len(record.signs)} was run for this scenario by this version."
    held = sum(line.verdict == HELD for line in judged)
    return f"Registered directions: {held} of {len(judged)} held (run {judged[0].run_id})."


def ablations_sentence(record: GovernanceRecord) -> str:
    """Which parts were left out one at a time, and which not."""
    ran = [line for line in record.ablations if line.verdict != NOT_RUN]
    names = ", ".join(line.id for line in record.ablations)
    return f"Ablations: {f'run ({ran[0].run_id})' if ran else 'not run'}: {names}."


def attention_sentence(record: GovernanceRecord) -> str:
    """What came of the test of attention and popularity."""
    if any(line.verdict == NOT_RUN for line in record.attention):
        return (
            "Posts and sales: the registered test was not run for this scenario (policytwin society attention --keep)."
        )
    parts = "; ".join(f"{ATTENTION_WORDS[line.id]} {line.verdict}" for line in record.attention)
    return f"Posts and sales ({record.attention[0].run_id}): {parts}."


def facts_sentence(record: GovernanceRecord) -> str:
    """How many published figures the society shows, and which it misses."""
    if not record.facts:
        return "Stylised facts: not measured for this scenario (policytwin society facts --keep)."
    missed = [f"{line.id} ({line.used})" for line in record.facts if line.verdict != "inside"]
    inside = (
        "" if record.held_out_inside is None else f" {record.held_out_inside:.0%} of the facts held out lie inside."
    )
    return (
        f"Stylised facts ({record.facts[0].run_id}): {len(record.facts) - len(missed)} of {len(record.facts)} figures inside; "
        f"outside: {', '.join(missed) or 'none'}.{inside}"
    )


def _signs_table(lines: tuple[JudgedLine, ...]) -> tuple[Block, ...]:
    return (Table(("registered direction", "verdict"), tuple((line.title, line.verdict) for line in lines)),)


def _basis(record: GovernanceRecord) -> tuple[str, ...]:
    changed = [
        f"{item.name} {item.value:g} instead of {item.registered:g} ({item.arm})" for item in record.changed_parameters
    ]
    return (
        f"Scenario {record.scenario}, {record.scenario_hash}"
        f"{'; arms: ' + ', '.join(f'{arm} {key[:12]}' for arm, key in record.arms.items())}.",
        f"parameters.csv {record.parameters_hash}; changed: {'; '.join(changed) or 'none'}.",
        f"Seeds {record.seeds[0]} to {record.seeds[-1]}, {record.households:,} households; {len(record.streams)} streams of "
        f"draws; order of a step: {record.step_order}.",
        f"Engine {record.engine} {record.engine_version}, PolicyTwin {record.code_version}, "
        f"{', '.join(f'{name} {version}' for name, version in record.packages.items())}.",
        f"Result {record.result_hash}.",
    )


def _listed(names: list[str]) -> str:
    return f"{', no '.join(names)}"
