"""The faces of a population: contrasted adults as cards, and everybody as a field of dots, by how a situation moves them."""

from __future__ import annotations

from textwrap import shorten

import numpy as np
import pandas as pd
import streamlit as st

from core.counterfactual.persons import spread_of_people
from core.report.figures.answers import people_figure
from core.services.counterfactuals.population_effects import named_contexts, shifts_of
from core.services.populations.contrasted import contrasted
from pages.common.charts import chart
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, plain_text
from pages.views.population.draft import Edited, linked_choice

#: Dots of the field, and its rows.
DOTS, ROWS = 1_000, 20
CARDS, CARD_TEXT = 6, 230


def meet_view(edited: Edited) -> None:
    """Cards first, then the field; a card's button or a dot chooses the person that is shown below."""
    workspace = edited.workspace
    population = edited.population
    faces = faces_of(edited)
    answers = None
    if workspace.run is not None:
        run_id = workspace.run.run_id
        labels, contexts = known_days(workspace.store.name, run_id, workspace)
        behaviours = {item.id: item.label for item in edited.study.behaviours}
        left, right = st.columns(2)
        with left:
            behaviour = linked_choice("What they do", behaviours, "does", next(iter(behaviours)))
        with right:
            days = {str(number): label for number, label in enumerate(labels) if number}
            day = int(linked_choice("On", days, "on", next(iter(days))))
        column = list(behaviours).index(behaviour)
        found = _shifts(workspace.store.name, run_id, edited.draft.key, edited, contexts)
        answers = found[:, [0, day], column]
        st.caption(plain_text(f"Against: {labels[0]}. The engine's answers, before calibration."))
    for first in range(0, len(faces), 3):
        for column_of, person in zip(st.columns(3), faces[first : first + 3], strict=False):
            with column_of, st.container(border=True, height="stretch"):
                _card(edited, person, answers, "" if answers is None else behaviours[behaviour])
    if answers is not None:
        shown = spread_of_people(population.personas["weight"].to_numpy(), DOTS)
        table = pd.DataFrame(
            {
                "person": shown, "change": (answers[:, 1] - answers[:, 0])[shown],
                "words": population.personas["text"].iloc[shown].str.slice(0, 90).to_numpy(),
            }
        )  # fmt: skip
        st.markdown(
            f"**Everybody**, from who falls most to who rises most: {plain_text(behaviours[behaviour].lower())}, points"
        )
        figure = people_figure(table, label=behaviours[behaviour], height=230, rows=ROWS, size=8)
        alt = f"{len(table)} people, a dot each, by how much they change. Choose a dot to meet the person."
        picked = chart(figure, table, "", "field", alt, select=True, offer=False)
        if picked and st.session_state.get("field-picked") != picked[0]:
            st.session_state["field-picked"] = picked[0]
            st.session_state["person"] = int(table["person"].iloc[picked[0]])


def _card(edited: Edited, person: int, answers: np.ndarray | None, label: str) -> None:
    row = edited.population.personas.iloc[person]
    st.text(shorten(str(row["text"]), CARD_TEXT, placeholder=" …"))
    if answers is not None:
        before, after = answers[person]
        st.metric(
            plain_text(label), f"{after:.0f}%", f"{after - before:+.0f} points".replace("-", "−"), delta_color="off",
            delta_arrow="off",
        )  # fmt: skip

    def choose() -> None:
        st.session_state["person"] = person

    st.button(f"Person {person}", key=f"meet-{person}", on_click=choose, icon=":material/person:", type="tertiary")


def faces_of(edited: Edited) -> list[int]:
    """The people on the cards."""
    return _faces(edited.study.id, edited.draft.key, edited)


@remembered(show_spinner="Meeting people…", max_entries=32)
def _faces(study: str, key: str, _edited: Edited) -> list[int]:
    return contrasted(_edited.population, CARDS)


@remembered(show_spinner=False, max_entries=16)
def known_days(store: str, run_id: str, _workspace: Workspace) -> tuple[tuple[str, ...], pd.DataFrame]:
    """A few days that a reader knows, in words and as contexts."""
    return named_contexts(_workspace.twin())


@remembered(show_spinner=False, max_entries=16)
def _shifts(store: str, run_id: str, key: str, _edited: Edited, _contexts: pd.DataFrame) -> np.ndarray:
    return shifts_of(_edited.workspace.twin(), _edited.population, _contexts)
