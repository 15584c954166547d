"""A study's policy taken into a town of the society, as a scenario file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.options import option
from core.result import Result
from core.services.policies.timelines import load_timeline
from core.services.studies.inputs import open_study
from core.society.policies import with_policy
from core.society.shipped import find_scenario, write_scenario
from core.store.database import Store
from core.validity.measured import domain_of


@dataclass(frozen=True)
class PolicyArmRequest:
    """Which study's policy, from which day, in which town."""

    study: str = option("a study", positional=True, word="STUDY")
    first: date = option("the first day of the policy that the town lives through")
    to: Path = option("the scenario file to write")
    timeline: str | None = option("a kept timeline (default: the observed one)", None, word="ID")
    scenario: str = option("the town: an id that ships, or a JSON file", "meridia_town")
    data: Path | None = option("folder of observations", None, word="DIR")


@dataclass(frozen=True, kw_only=True)
class PolicyArm(Result):
    """The file, how many levers the policy became, and what of it this town knows nothing of."""

    file: str
    levers: int
    carried: tuple[str, ...]
    not_carried: tuple[str, ...]


def policy_arm(request: PolicyArmRequest, store: Store) -> PolicyArm:
    """Write the scenario. InputError for a study, timeline or day that there is not, and a domain without a table."""
    inputs = open_study(request.study, request.data)
    study = inputs.study
    timeline = inputs.timeline if request.timeline is None else load_timeline(store, study, request.timeline)
    scenario = find_scenario(request.scenario)
    title = f"{scenario.title.removesuffix(' (fictional)')} under the policy of {study.place} (fictional)"
    link = with_policy(scenario, timeline, domain_of(study), request.first, title)
    write_scenario(link.scenario, request.to)
    return PolicyArm(
        file=str(request.to), levers=len(link.scenario.arms[0].edit), carried=link.carried, not_carried=link.not_carried
    )
