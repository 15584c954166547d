"""Scenarios of societies: those that ship, and what one holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.result import Result
from core.society.arms import BASE
from core.society.scenario import Scenario, of_arm, scenario_hash
from core.society.shipped import find_scenario, shipped_scenarios


@dataclass(frozen=True, kw_only=True)
class ScenarioSummary(Result):
    """What a scenario holds. `arms` are titles by id; `alike` are arms that change nothing of it."""

    id: str
    title: str
    question: str
    fictional: bool
    scenario_hash: str
    households: int
    days: int
    warm_up_days: int
    step_hours: int
    places: Mapping[str, str]
    levers: tuple[str, ...]
    shocks: tuple[str, ...]
    arms: Mapping[str, str]
    alike: tuple[str, ...]
    changed_parameters: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ScenarioList(Result):
    """The scenarios that ship."""

    scenarios: tuple[ScenarioSummary, ...]


def check_scenario(scenario: str) -> ScenarioSummary:
    """What is in a scenario: an id that ships, or a JSON file. InputError names the key that is wrong and the nearest valid."""
    return summary_of(find_scenario(scenario))


def list_scenarios() -> ScenarioList:
    """The scenarios that ship, by id."""
    return ScenarioList(scenarios=tuple(map(check_scenario, shipped_scenarios())))


def summary_of(found: Scenario) -> ScenarioSummary:
    """What a scenario holds."""
    own = scenario_hash(found)
    return ScenarioSummary(
        id=found.id, title=found.title, question=found.question, fictional=found.fictional, scenario_hash=own,
        households=found.households.number, days=found.days, warm_up_days=found.warm_up_days, step_hours=found.step_hours,
        places={place.id: place.kind for place in found.places}, levers=tuple(lever.kind for lever in found.levers),
        shocks=tuple(shock.kind for shock in found.shocks),
        arms={BASE: found.title, **{arm.id: arm.title for arm in found.arms}},
        alike=tuple(arm.id for arm in found.arms if scenario_hash(of_arm(found, arm.id)) == own),
        changed_parameters=dict(found.parameters),
    )  # fmt: skip
