"""A small society as a laboratory: households, places and a follower network, coupled by memory and stress.

    scenario ──► world ──► step, step, … ──► recorder ──► run (days, groups, steps, ledger)
    (JSON)      (arrays)  (feed, choice,      (frames)       └─► paired contrasts of arms over seeds
                           market, posts)

What is found here is found of this model. It says nothing of a real place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.society.run import SocietyRun
    from core.society.scenario import Scenario

__all__ = ["load", "simulate"]


def load(scenario: str) -> Scenario:
    """The scenario of this id, or in this file."""
    from core.society.shipped import find_scenario

    return find_scenario(scenario)


def simulate(scenario: Scenario, seeds: int = 1, **how: Any) -> SocietyRun:
    """The scenario as it stands in so many worlds; see `core.society.run.simulate`."""
    from core.society.run import simulate as run

    return run(scenario, seeds=seeds, **how)
