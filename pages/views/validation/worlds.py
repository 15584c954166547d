"""Contrasts in generated worlds, where the truth is known."""

from __future__ import annotations

import streamlit as st

from core.report.figures.validity import worlds_figure
from core.report.sentences.validity import world_table, world_words
from core.services.evaluation.known_worlds import SEEDS, WORLDS, known_worlds
from core.services.evaluation.newest_worlds import newest_worlds, worlds_from
from pages.common.charts import chart
from pages.common.measure import measure
from pages.common.shell import Workspace, plain_text

KIND = "worlds"
GROUPS = {
    "by_world": ("Kind of world", "How far answers lie from the truth, by kind of world"),
    "by_alternative": ("Question asked", "How far answers lie from the truth, by question"),
    "by_distance": ("Distance to training", "How far answers lie from the truth, by distance to what training saw"),
    "working_week": ("Working week", "How far answers about the working week lie from the truth"),
}


def worlds_view(workspace: Workspace) -> None:
    """The newest measurement of the store, else the one that ships, and a button to make one."""
    store = workspace.store
    st.markdown("##### How far are counterfactuals off where the truth is known?")
    st.caption(
        "What another policy would have done was never observed anywhere. In generated, invented worlds it is known: each is a "
        "country with its own people, epidemic and policy, and what policies do there was written down beforehand. A twin is "
        "fitted as always, asked, and held against the truth, beside ways of answering that analysts use."
    )
    measured = newest_worlds(store)
    if measured is None:
        st.info("No generated world has been measured in this store yet.", icon=":material/public:")
    else:
        values = measured.values
        st.caption(plain_text(worlds_from(measured)))
        for text in world_words(values):
            st.markdown(f"- {plain_text(text)}")
        groups = {name: words for name, words in GROUPS.items() if values["summary"].get(name)}
        if groups:
            chosen = st.segmented_control(
                "Split by", list(groups), default=next(iter(groups)), format_func=lambda name: groups[name][0],
                required=True, key="worlds-by", bind="query-params",
            )  # fmt: skip
            name = str(chosen) if chosen in groups else next(iter(groups))
            table = world_table(values["summary"][name], values["estimators"])
            figure = worlds_figure(table, values["estimators"], groups[name][1], measured.source)
            chart(figure, table, f"worlds-{name}", "worlds", groups[name][1])
        st.caption(plain_text(f"{values['claims'][:1].upper()}{values['claims'][1:]}."))
    own = measured is not None and measured.run_id is not None
    measure(
        workspace,
        KIND,
        "generated",
        lambda watch, executor: known_worlds(watch=watch, executor=executor, store=store),
        takes=f"about a minute and a half: {SEEDS} worlds of each of {len(WORLDS)} kinds",
        label="Measure again" if own else "Measure it",
        primary=not own,
    )
