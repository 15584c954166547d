"""Which scenario, arms and worlds are shown, and the run of them: kept, shipped, or to be made."""

from __future__ import annotations

import json
from dataclasses import dataclass

import streamlit as st

from core.errors import InputError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.inputs.files import parsed
from core.records import content_hash
from core.report.document import duration
from core.services.evaluation.shown_results import shown_result
from core.services.society.reading import kept_societies
from core.services.society.results import ARMS, SocietyResult
from core.services.society.run import Plan, planned, run_plan
from core.services.society.shown import arm_hashes
from core.society.arms import BASE
from core.society.recorder import SeedRun
from core.society.run import run_world
from core.society.scenario import Scenario, of_arm, read_scenario
from core.society.shipped import find_scenario, shipped_scenarios, with_parent
from pages.common.address import from_address, into_address, pick, type_number
from pages.common.job_panel import measure
from pages.common.shell import Workspace, plain_text, try_to
from pages.views.society.levers import OWN_ARM, own_arm

#: The scenario of a first visit.
FIRST = "pizza"
OWN = "own-file"
AS_IT_STANDS = "As it stands"
#: Household-hours that a core of this kind of machine goes through in a second, for the estimate beside the button.
A_SECOND = 700_000
_UPLOADED = "society-uploaded"


@dataclass(frozen=True, eq=False)
class Shown:
    """What is looked at. `kept` is a run of this store; otherwise the result ships."""

    scenario: Scenario
    result: SocietyResult
    kept: bool

    @property
    def arms(self) -> dict[str, str]:
        """Titles of the arms of the result by id."""
        return {arm.id: AS_IT_STANDS if arm.id == BASE else arm.title for arm in self.result.arms}

    @property
    def others(self) -> dict[str, str]:
        """The arms that are held against another."""
        return {name: title for name, title in self.arms.items() if name != self.result.against}

    @property
    def source(self) -> str:
        """What stands beneath a figure."""
        made = f"run {self.result.run_id}" if self.kept else "shipped with PolicyTwin"
        fictional = "invented people; " if self.scenario.fictional else ""
        return f"society lab, {fictional}scenario {self.scenario.id}, {made}"


@st.cache_resource(show_spinner="Living through the days…", max_entries=6)
def world_of(scenario: str, arm: str, seed: int, households: int, days: int) -> SeedRun:
    """One world of an arm in detail; the scenario in JSON."""
    return run_world(of_arm(read_scenario(json.loads(scenario)), arm), seed, households, days, True)


def detailed(shown: Shown, arm: str) -> SeedRun:
    """The first world of an arm with its sampled households."""
    result = shown.result
    return world_of(json.dumps(shown.scenario.as_dict()), arm, result.seeds[0], result.households, result.days)


def choose(workspace: Workspace) -> Shown:
    """The choices, the button that runs them, and what is shown until it is pressed."""
    names = [*shipped_scenarios(), *([OWN] if _UPLOADED in st.session_state else [])]
    titles = {name: _scenario(name).title.removesuffix(" (fictional)") for name in names}
    chosen = pick(workspace.study, "scenario", "Scenario", names, titles.__getitem__, FIRST)
    scenario = own_arm(_scenario(chosen))
    arms = {arm.id: arm.title for arm in scenario.arms}
    several = _arms(workspace, chosen, arms)
    with st.expander("Size and chance"):
        seeds = int(
            type_number(
                workspace.study,
                "worlds",
                "Worlds of chance",
                20,
                1,
                100,
                1,
                help="Each arm lives through the same worlds.",
            )
        )
        households = int(
            type_number(workspace.study, "households", "Households", scenario.households.number, 20, 20_000, 10)
        )
        days = int(type_number(workspace.study, "days", "Days", scenario.days, 1, 120, 1))
        _upload()
    plan = planned(scenario, ("base", *several), seeds, households, days)
    kept = _kept(workspace, plan)
    if kept is not None:
        return Shown(scenario, kept, True)
    _start(workspace, plan)
    fallback = _fallback(workspace, scenario)
    return fallback if fallback is not None else st.stop()


def _arms(workspace: Workspace, scenario: str, arms: dict[str, str]) -> list[str]:
    """Which arms are held against the scenario as it stands; in the address where not all."""
    key = from_address(workspace.study, "arms", list(arms), lambda text: text.split(","))
    wanted = [name for name in st.session_state[key] if name in arms] or list(arms)
    st.markdown("What if")
    chosen = [
        name
        for name, title in arms.items()
        if st.checkbox(plain_text(title), name in wanted or name == OWN_ARM, key=f"arm-{scenario}-{name}")
    ]
    into_address("arms", ",".join(chosen), ",".join(arms))
    return chosen


def _scenario(name: str) -> Scenario:
    if name == OWN:
        found: Scenario = st.session_state[_UPLOADED]
        return found
    return find_scenario(name)


def _upload() -> None:
    file = st.file_uploader(
        "A scenario of your own (JSON)",
        type="json",
        key="society-file",
        help="`policytwin society schema` prints the format.",
    )
    if file is None or st.session_state.get("society-file-read") == file.file_id:
        return

    def take() -> None:
        raw = parsed(file.getvalue(), "json", file.name)
        st.session_state[_UPLOADED] = read_scenario(with_parent(raw, file.name), file.name)

    if try_to(take):
        st.session_state["society-file-read"] = file.file_id
        st.query_params["scenario"] = OWN
        st.rerun()


def _kept(workspace: Workspace, plan: Plan) -> SocietyResult | None:
    for found in kept_societies(workspace.store, plan.scenario.id):
        same = (found.households, found.days, found.seeds, tuple(arm.id for arm in found.arms)) == (
            plan.households,
            plan.days,
            plan.seeds,
            plan.arms,
        )
        if same and found.what == ARMS and _hashes(found) == arm_hashes(plan):
            return found
    return None


def _hashes(result: SocietyResult) -> dict[str, str]:
    return {arm.id: arm.scenario_hash for arm in result.arms}


def _start(workspace: Workspace, plan: Plan) -> None:
    store = workspace.store
    seconds = len(plan.worlds) * plan.households * 24 * (plan.days + plan.scenario.warm_up_days) / A_SECOND
    shipped = shown_result(SocietyResult, plan.scenario.id)
    if shipped is not None and _hashes(shipped.result) == arm_hashes(plan) and shipped.result.seeds == plan.seeds:
        return

    def work(watch: ProgressReporter, executor: Executor) -> str:
        return run_plan(plan, store, watch=watch, executor=executor).run_id

    subject = content_hash(
        {"arms": arm_hashes(plan), "seeds": plan.seeds, "households": plan.households, "days": plan.days}
    )
    measure(
        workspace,
        "society",
        subject,
        work,
        takes=f"about {duration(max(seconds, 1))}",
        label="Run it",
        keeps="Worlds that ended are kept.",
    )


def _fallback(workspace: Workspace, scenario: Scenario) -> Shown | None:
    """The shipped result of the scenario, else its newest run, else the shipped one of the first visit."""
    shipped = shown_result(SocietyResult, scenario.id)
    if shipped is not None:
        plain = _with_arms_of(scenario, shipped.result)
        return Shown(plain, shipped.result, False)
    newest = next((found for found in kept_societies(workspace.store, scenario.id) if found.what == ARMS), None)
    if newest is not None:
        st.caption("Shown meanwhile: the newest run of this scenario, with other choices.")
        return Shown(scenario, newest, True)
    st.info(plain_text(f"“{scenario.title}” has not been run here yet."), icon=":material/play_circle:")
    return None


def _with_arms_of(scenario: Scenario, result: SocietyResult) -> Scenario:
    """The scenario with the arms of a result alone."""
    known = {arm.id for arm in result.arms}
    return scenario.model_copy(update={"arms": tuple(arm for arm in scenario.arms if arm.id in known)})


def pick_arm(workspace: Workspace, shown: Shown) -> str:
    """One of the arms that are held against another. InputError where there is none."""
    if not shown.others:
        raise InputError(
            "there is nothing to hold against the scenario as it stands", where="What if", allowed="at least one arm"
        )
    return pick(
        workspace.study, "arm", "What if", list(shown.others), shown.others.__getitem__, next(iter(shown.others))
    )
