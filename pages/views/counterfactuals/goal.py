"""The goal of the Counterfactuals page: which measures reach it, the trade-off, and the policy to take as a scenario."""

from __future__ import annotations

import streamlit as st

from core.cognition.llm.memoising import NotAsked
from core.counterfactual.goal_seek import Goal, scenario_of, seek
from core.report.sentences.goals import (
    CHANCE_TEXT,
    front_block,
    front_table,
    goal_sentence,
    goal_words,
    in_force_sentence,
    level_texts,
    reproduce_goal,
    tried_sentence,
)
from core.services.counterfactuals.goals import MOST_CANDIDATES, GoalResult, goal_result
from core.services.policies.timelines import LONGEST_NAME, save_scenario
from core.settings import observed_data, read_only
from pages.common.address import pick, pick_several, type_number
from pages.common.answers import AT_ONCE_UP_TO
from pages.common.render import render
from pages.common.results_cache import remembered
from pages.common.shell import link, plain_text, try_to
from pages.views.counterfactuals.choices import CounterfactualInputs, pick_behaviour

SIDES = {"least": "at or above", "most": "at or below"}
FEW_MEASURES = 3


def goal_view(asked: CounterfactualInputs) -> None:
    """Choose a goal and what may be moved for it; everything below follows."""
    study = asked.study
    if len(asked.twin.personas) > AT_ONCE_UP_TO:
        st.info(f"Seeking takes too long here with {len(asked.twin.personas):,} people; `policytwin goal` does it.")
        return
    names = {item.code: item.name for item in study.indicators}
    left, middle, right, far = st.columns([3, 2, 2, 5])
    with left:
        behaviour, _ = pick_behaviour(study, "goal")
    with middle:
        side = pick(study, "side", "is to be", list(SIDES), SIDES.__getitem__, "least")
    with right:
        value = type_number(study, "bound", study.metric_unit.split(" ")[0], -20.0, -100.0, 500.0, 1.0)
    with far:
        first = list(names)[:FEW_MEASURES]
        measures = pick_several(study, "moved", "by moving", list(names), names.__getitem__, first)
    if not measures:
        st.info("Choose at least one measure that may be moved.", icon=":material/arrow_upward:")
        return
    goal = Goal(behaviour, value, side == "least")
    try:
        result = _sought(*asked.key, goal, tuple(measures), _asked=asked)
    except NotAsked:
        st.info("The language model was not asked about these policies, so no goal can be sought with this run.")
        return
    st.markdown(f"##### {plain_text(goal_words(result, study)[:1].upper() + goal_words(result, study)[1:])}")
    st.markdown(plain_text(f"{goal_sentence(result, study)} {in_force_sentence(result, study)}"))
    render((front_block(result, study),), "goal-front")
    st.caption(plain_text(f"{tried_sentence(result)} {CHANCE_TEXT}"))
    if result.best is not None:
        _take(asked, result)
    with st.expander(f"All {len(result.front)} on the front"):
        st.dataframe(front_table(result, study), width="stretch", hide_index=True, key="goal-table")
    data = None if study.shipped or observed_data() is None else str(observed_data())
    render((reproduce_goal(asked.run.record, result, asked.dates, data).details(),), "goal-reproduce")


@remembered(show_spinner="Trying policies…", max_entries=16)
def _sought(
    store: str, run_id: str, people: str, start: str, end: str, goal: Goal, measures: tuple[str, ...],
    _asked: CounterfactualInputs,
) -> GoalResult:  # fmt: skip
    found = seek(_asked.twin, goal, measures, _asked.dates, trials=MOST_CANDIDATES)
    return goal_result(_asked.study, run_id, found, measures, _asked.dates)


def _take(asked: CounterfactualInputs, result: GoalResult) -> None:
    """The policy to take, in words, and as a scenario of its own."""
    assert result.best is not None
    study, best = asked.study, result.front[result.best]
    st.markdown("\n".join(f"- {plain_text(text)}" for text in level_texts(best, study)))
    if read_only():
        return
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    name = left.text_input(
        "Name of the scenario",
        f"To {goal_words(result, study)}"[:LONGEST_NAME],
        max_chars=LONGEST_NAME,
        key="goal-name",
    )
    if right.button("Save as scenario", icon=":material/save:", key="goal-save"):
        observed = asked.workspace.inputs.timeline
        scenario = scenario_of(observed, best.levels, asked.dates, name)

        def save() -> None:
            save_scenario(asked.workspace.store, study, scenario, observed, name)

        if try_to(save):
            st.success("Saved: Home, Policy timeline and Compare know it now.", icon=":material/check_circle:")
            link("Policy timeline", "See it on the Policy timeline")
