"""Stress over time, the network, and who paid whom."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.figures.society import ledger_sankey, network_map, stress_lines
from core.services.society.reading import frames_of
from core.services.society.shown import drawn_network, paid
from core.society.ledger import Purpose
from core.society.scenario import of_arm
from pages.common.charts import chart
from pages.common.shell import Workspace, plain_text
from pages.views.society.chosen import Shown, detailed, pick_arm


@st.cache_data(show_spinner=False, max_entries=4)
def _frames(_store: object, run_id: str, name: str) -> pd.DataFrame:
    found: pd.DataFrame = getattr(frames_of(_store, run_id), name)  # type: ignore[arg-type]
    return found


def _of_arms(workspace: Workspace, shown: Shown, name: str, arms: list[str]) -> pd.DataFrame:
    """A frame of all worlds where the run is kept; of the first world where it ships."""
    if shown.kept:
        frame = _frames(workspace.store, shown.result.run_id, name)
        return frame[frame["arm"].isin(arms)]
    parts = []
    for arm in arms:
        world = detailed(shown, arm)
        part = getattr(world, name).assign(arm=arm, seed=world.seed)
        parts.append(
            part.melt(["arm", "seed", "day"], var_name="purpose", value_name="cents") if name == "ledger" else part
        )
    return pd.concat(parts, ignore_index=True)


def stress_view(workspace: Workspace, shown: Shown) -> None:
    """Six stresses by day, the arm over the scenario as it stands."""
    arm = pick_arm(workspace, shown) if shown.others else shown.result.against
    arms = list(dict.fromkeys([shown.result.against, arm]))
    steps = _of_arms(workspace, shown, "steps", arms)
    steps = steps.assign(step=steps["step"] - steps["step"].min(), arm=steps["arm"].map(shown.arms))
    scenario = of_arm(shown.scenario, arm)
    marks = sorted(
        {((lever.start - scenario.start).days, lever.kind) for lever in (*scenario.levers, *scenario.shocks)}
    )
    figure = stress_lines(steps, scenario.step_hours, marks, shown.source)
    by_day = steps.groupby(["arm", "seed", "step"]).mean(numeric_only=True).reset_index()
    chart(
        figure,
        by_day,
        "society-stress",
        "society-stress",
        "Mean of six stresses by day, 0 to 1, one line for each arm.",
    )
    worlds = steps["seed"].nunique()
    band = f"The band holds the middle 80% of {worlds} worlds." if worlds > 1 else "One world of chance."
    off = [
        name
        for name in ("hunger", "fatigue", "crowd", "money", "sleep", "social")
        if name not in scenario.stress.dimensions or not scenario.stress.on
    ]
    idle = f" Stress that changes nothing in this arm: {', '.join(off)}." if off else ""
    begins = f" Dotted: {', '.join(words.replace('_', ' ') for _, words in marks)} begins." if marks else ""
    st.caption(plain_text(f"0 is none, 1 the most there can be. {band}{begins}{idle}"))


def network_view(workspace: Workspace, shown: Shown) -> None:
    """Who follows whom among the most followed."""
    arm = pick_arm(workspace, shown) if shown.others else shown.result.against
    world = detailed(shown, arm)
    positions, edges = drawn_network(world)
    chart(
        network_map(positions, edges, shown.source),
        positions,
        "society-network",
        "society-network",
        "The most followed accounts, larger with more followers, coloured by the tone of what they wrote.",
    )
    followers = pd.Series(world.network["first"]).diff().dropna().sort_values(ascending=False)
    top = followers.iloc[: max(1, len(followers) // 10)].sum() / max(followers.sum(), 1)
    spread = world.cascades
    passed = spread["passed_on"] / max(spread["posts"], 1)
    one, two, three = st.columns(3)
    one.metric("Follows a household", f"{followers.mean():.1f}")
    two.metric(
        "Followers of the top tenth",
        f"{top:.0%}",
        help="The share of all follows that goes to the tenth with most followers.",
    )
    three.metric("Posts passed on", f"{passed:.0%}", help="Of what people wrote themselves, at least once.")
    st.caption(
        f"The {len(positions)} accounts with most followers of {len(followers):,}, at the end of the first world."
    )


def ledger_view(workspace: Workspace, shown: Shown) -> None:
    """Who paid whom; nothing comes from nothing."""
    arm = pick_arm(workspace, shown) if shown.others else shown.result.against
    ledger = _of_arms(workspace, shown, "ledger", [arm])
    cents = paid(ledger)
    rows = pd.DataFrame(
        {"purpose": [purpose.name for purpose in Purpose], "cents": [cents[purpose.name] for purpose in Purpose]}
    )
    chart(
        ledger_sankey(cents, shown.source),
        rows,
        "society-ledger",
        "society-ledger",
        "Payments between households, places, the government, employers and the rest of the world.",
    )
    days = ledger["day"].nunique()
    st.caption(
        f"Payments of {days} days, the mean of {ledger['seed'].nunique()} worlds. Every payment has two sides: after each "
        "day the money of all accounts together was the same to the cent. Government and outside may owe."
    )
