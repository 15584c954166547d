"""How coherent the agents of a run were, in words: how much was judged, and where it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON
from core.counterfactual.coherence import STRINGENCY

EPIDEMIC_WORDS = ("a low epidemic", "a moderate epidemic", "a high epidemic")
#: Failures that are spelt out; the rest are counted.
SPELT_OUT = 3


def coherence_lines(values: Mapping[str, Any]) -> list[str]:
    """Sentences on the `coherence` of a run's or sweep's values, none where it was not judged."""
    found = values.get("coherence")
    if not found:
        return []
    asked = "asked about" if "asking" in values else "of every kind"
    if not found["pairs"]:
        return [f"No two of the {found.get('situations', 0):,} situations {asked} differ in policy alone."]
    scope = f"Coherence: {found['situations']:,} situations {asked}, " if "situations" in found else "Coherence: "
    share = found["as_expected"] / found["comparisons"] if found["comparisons"] else 0.0
    missed = found["comparisons"] - found["as_expected"]
    exact = "all" if not missed else f"{min(share, 0.999):.1%}"
    lines = [
        f"{scope}{found['pairs']:,} pairs with a stricter and a looser policy; {exact} of the behaviours moved as expected "
        "or not at all."
    ]
    if not found["bounded"]:
        lines.append("Some activity lay outside what a share of people can be.")
    return [*lines, *_failures(found.get("failures", ()))]


def _failures(failures: Sequence[Mapping[str, Any]]) -> list[str]:
    said = [
        f"{'Stringency' if item['lever'] == STRINGENCY else item['lever']} up, {item['behaviour']} the wrong way by "
        f"{100 * item['size']:.2g} of 100 people ({_situation(item['situation'])})"
        for item in failures[:SPELT_OUT]
    ]
    if not said:
        return []
    more = len(failures) - len(said)
    return [f"Not as expected: {'; '.join(said)}{f'; and {more} more' if more else ''}."]


def _situation(about: Mapping[str, Any]) -> str:
    parts = [f"{about[DAY_TYPE]} day" if about[DAY_TYPE] != "holiday" else "holiday"]
    parts += ["Ramadan"] if about[RAMADAN] in (True, "True") else []
    level = int(about[EPIDEMIC])
    parts.append(EPIDEMIC_WORDS[level] if level < len(EPIDEMIC_WORDS) else f"epidemic level {level}")
    parts.append(f"{about[RESTRICTED_DAYS]} days restricted")
    return ", ".join([*parts, *([str(about[SEASON])] if SEASON in about else [])])
