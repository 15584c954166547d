"""Two arms on one clock: households on the map, hour by hour, and one of them looked at closely."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from core.services.society.shown import Inspected, inspect, replay_of
from core.society.scenario import of_arm
from pages.common.address import type_number
from pages.common.shell import Workspace, plain_text
from pages.views.society.chosen import Shown, detailed, pick_arm
from pages.views.society.replay_player import player

SHOWN = 200
#: Opinions from the lowest value on.
LIKED = ((0.4, "likes"), (0.1, "thinks well of"), (-0.2, "is of two minds about"), (-2.0, "dislikes"))


@st.fragment
def replay_view(workspace: Workspace, shown: Shown) -> None:
    """The map with its player, and beneath it the household that was chosen."""
    arms = [shown.result.against]
    if shown.others:
        arms.append(pick_arm(workspace, shown))
    worlds = {arm: detailed(shown, arm) for arm in arms}
    scenario = shown.scenario
    count = min(SHOWN, *(world.replay.shape[1] for world in worlds.values()))
    steps = min(world.replay.shape[0] for world in worlds.values())
    answer: Any = player(
        key="society-replay",
        data={
            "grid": list(scenario.space.grid),
            "hours": scenario.step_hours,
            "start": datetime.combine(scenario.start, datetime.min.time()).isoformat(),
            "steps": steps,
            "households": count,
            "dark": st.context.theme.type == "dark",
            "places": [
                {"id": place.id.replace("_", " "), "cell": list(place.cell), "kind": place.kind}
                for place in scenario.places
            ],
            "arms": [{"title": shown.arms[arm], **asdict(replay_of(world, count))} for arm, world in worlds.items()],
        },
        on_picked_change=lambda: None,
    )
    picked = answer.picked
    if picked:
        st.session_state["society-household"], st.session_state["society-step"] = (
            int(picked["household"]),
            int(picked["step"]),
        )
    household = int(st.session_state.get("society-household", 0))
    step = min(int(st.session_state.get("society-step", steps - 1)), steps - 1)
    if not picked:
        household = int(
            type_number(
                workspace.study, "household", "Household", household, 0, count - 1, 1, help="Or click one on the map."
            )
        )
    columns = st.columns(len(worlds))
    for column, (arm, world) in zip(columns, worlds.items(), strict=True):
        with column:
            _inspector(
                inspect(world, of_arm(scenario, arm), min(household, count - 1), step), shown.arms[arm], shown, step
            )


def _inspector(seen: Inspected, title: str, shown: Shown, step: int) -> None:
    """Stress, memory in words, what happened last, and the purse."""
    scenario = shown.scenario
    when = datetime.combine(scenario.start, datetime.min.time()) + timedelta(hours=step * scenario.step_hours)
    quarter = ("the poorest quarter", "the second quarter", "the third quarter", "the richest quarter")[
        seen.quartile - 1
    ]
    st.markdown(f"**{plain_text(title)}**")
    work = "in work" if seen.employed else "not in work"
    st.caption(
        f"Household {seen.household} on {when:%-d %B, %H:%M}: of {quarter}, {seen.income / 100:,.0f} a month, {work}."
    )
    bars = pd.DataFrame({"Stress": [name.capitalize() for name in seen.stress], "Level": list(seen.stress.values())})
    st.dataframe(
        bars,
        hide_index=True,
        width="stretch",
        column_config={"Level": st.column_config.ProgressColumn(min_value=0, max_value=1, format="%.2f")},
    )
    st.markdown(plain_text(memory_words(seen)))
    if not seen.events.empty:
        events = seen.events.iloc[::-1]
        first = datetime.combine(scenario.start, datetime.min.time())
        times = [f"{first + timedelta(hours=int(at) * scenario.step_hours):%-d %b, %H:%M}" for at in events["step"]]
        what = ["went there" if kind == "visit" else "read of it" for kind in events["what"]]
        table = pd.DataFrame(
            {
                "When": times,
                "What": what,
                "Place": events["place"].str.replace("_", " "),
                "Tone": events["valence"].round(2),
            }
        )
        st.dataframe(table, hide_index=True, width="stretch", height=220)
    if not seen.purse.empty:
        spent = seen.purse.tail(7)
        table = pd.DataFrame(
            {
                "Day": spent["day"] + 1,
                "Cash": spent["cash"] / 100,
                "Out": spent["out"] / 100,
                "Food at home": spent["home"] / 100,
                "Other": spent["other"] / 100,
            }
        )
        st.dataframe(table, hide_index=True, width="stretch")


def memory_words(seen: Inspected) -> str:
    """What the household thinks of the places it knows, at the end of the run."""
    if seen.thoughts.empty:
        return "It knows no restaurant."
    by_opinion: dict[str, list[str]] = {}
    for row in seen.thoughts.sort_values("quality", ascending=False).itertuples():
        word = next(word for least, word in LIKED if float(row.quality) >= least)  # type: ignore[arg-type]
        by_opinion.setdefault(word, []).append(str(row.place).replace("_", " "))
    return "At the end it " + "; ".join(f"{word} {', '.join(names)}" for word, names in by_opinion.items()) + "."
