"""A study's policy as levers of the society: a table says what a town would know of each indicator's levels."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from core.errors import InputError
from core.policy.timeline import PolicyTimeline
from core.settings import shipped_data
from core.society.scenario import Scenario, read_scenario

#: The arm that holds the policy, and the word in a table for all restaurants of a scenario.
POLICY_ARM, RESTAURANTS = "policy", "restaurants"


@dataclass(frozen=True)
class PolicyLink:
    """A scenario with a study's policy as its arm; `carried` are indicators that became levers, `not_carried` those in force on
    some day that this town knows nothing of."""

    scenario: Scenario
    carried: tuple[str, ...]
    not_carried: tuple[str, ...]


def policy_levers(domain: str) -> dict[str, dict[int, dict[str, Any]]]:
    """The table of a domain: lever by indicator and level. InputError where a domain has none."""
    path = shipped_data() / "society" / "policies" / f"{domain}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.toml")))
        raise InputError(
            f"the domain {domain} has no table of levers", where="society policy", allowed=f"a study of {known}"
        )
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["indicator"]
    return {row["code"]: {int(level): lever for level, lever in row.items() if level != "code"} for row in rows}


def with_policy(scenario: Scenario, timeline: PolicyTimeline, domain: str, first: date, title: str) -> PolicyLink:
    """The scenario from `first` on, with what the timeline has in force as the arm `policy`. InputError for days beyond it."""
    last = first + timedelta(days=scenario.days - 1)
    if not timeline.start <= first or not last <= timeline.end:
        near = min(max(first, timeline.start), timeline.end - timedelta(days=scenario.days - 1))
        raise InputError(
            f"{first} to {last} is not all within the policy",
            where="society policy",
            allowed=f"{timeline.start} to {timeline.end}",
            nearest=str(near),
        )
    table = policy_levers(domain)
    days = [first + timedelta(days=number) for number in range(scenario.days)]
    in_force = [timeline.in_force(day) for day in days]
    codes = sorted({code for levels in in_force for code, (level, _) in levels.items() if level > 0})
    edits: list[dict[str, Any]] = []
    for code in (code for code in codes if code in table):
        steps = [_lever(table[code], in_force[at].get(code, (0.0, None))[0]) for at in range(len(days))]
        for lever, run in groupby(zip(days, steps, strict=True), key=lambda item: item[1]):
            if lever is not None:
                held = [day for day, _ in run]
                edits.append(
                    {
                        "add": _placed(lever, scenario)
                        | {"id": f"{code}-{held[0]}", "start": str(held[0]), "end": str(held[-1])}
                    }
                )
    raw = scenario.as_dict() | {"start": str(first), "levers": [], "shocks": [], "title": title}
    raw["question"] = "What does this policy do to visits, spending and stress in a town, and for whom?"
    raw["arms"] = [{"id": POLICY_ARM, "title": f"Policy: {timeline.name}", "edit": edits}]
    carried = tuple(code for code in codes if code in table)
    return PolicyLink(read_scenario(raw, scenario.id), carried, tuple(code for code in codes if code not in table))


def _lever(levels: Mapping[int, dict[str, Any]], level: float) -> dict[str, Any] | None:
    """The lever of a level, else of the next lower one that has one."""
    lower = [known for known in levels if known <= level]
    return levels[max(lower)] if lower else None


def _placed(lever: dict[str, Any], scenario: Scenario) -> dict[str, Any]:
    if lever.get("places") != RESTAURANTS:
        return lever
    return lever | {"places": [place.id for place in scenario.places if place.kind == "restaurant"]}
