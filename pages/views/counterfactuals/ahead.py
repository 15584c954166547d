"""Beyond the last observed period: what may come if policy stays, and under a policy of one's own. Nothing can confirm it yet."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import streamlit as st

from core.cognition.llm.memoising import NotAsked
from core.errors import InputError
from core.forecasting.places import last_observed
from core.policy.interventions import level_in_words
from core.policy.scenario import apply_edits, scenario_file_names, scenario_text
from core.policy.timeline import PolicyTimeline
from core.policy.written import Edit
from core.report.basis import basis, data_words
from core.report.document import Details, Document
from core.report.figures.answers import effects_figure
from core.report.sentences.projections import (
    came_sentence,
    course_sentence,
    day_words,
    effect_table,
    held_words,
    level_table,
    outside_sentence,
    projection_block,
    projection_document,
    reproduce_projection,
    scenario_sentence,
    track_sentence,
    unverified,
)
from core.services.counterfactuals.answers import most_moved
from core.services.counterfactuals.projection_results import ProjectionResult, what_came
from core.services.counterfactuals.projections import (
    Ahead,
    extended,
    furthest,
    kept_projection,
    kept_projections,
    look_ahead,
    projected,
    usual_end,
)
from core.services.policies.what_ifs import what_if
from core.services.studies.inputs import StudyInputs
from core.settings import observed_data
from core.store.runs import StoredRun
from pages.common.address import pick, pick_day
from pages.common.answers import AT_ONCE_UP_TO
from pages.common.charts import chart
from pages.common.policy_link import copy_link, linked_policies
from pages.common.render import render
from pages.common.report_button import report_button
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, bold, plain_text
from pages.views.counterfactuals.choices import keep_button, pick_behaviour

HELD, LIFTED, STRICT, TIGHTER, LOOSER, OWN, LINKED = "held", "lifted", "strict", "tighter", "looser", "own", "linked"
POLICIES = {
    HELD: "it stays as it is", LIFTED: "every measure ends", TIGHTER: "every measure is one level stricter",
    LOOSER: "every measure is one level looser", STRICT: "the strictest week comes back", OWN: "my own",
}  # fmt: skip
MEASURE, LEVEL, FROM = "Measure", "Level", "From"
KEPT, NEW = "kept", "new"


def ahead_view(workspace: Workspace, run: StoredRun) -> None:
    """Choose how far and under which policy; everything below follows."""
    study, inputs = workspace.study, workspace.inputs
    if run.record.personas > AT_ONCE_UP_TO:
        st.info(f"With {run.record.personas:,} people this takes longer; `policytwin project` does it.")
        return
    origin = last_observed(inputs)
    left, right = st.columns([1, 4])
    with left:
        until = pick_day(
            study, "until", "Look ahead to", usual_end(study, origin), study.step.after(origin, 1), furthest(study, origin),
            help=f"Observations end on {day_words(study, origin)}.",
        )  # fmt: skip
    held = extended(inputs, until).timeline
    with right:
        scenario = _policy(inputs, held)
    try:
        ahead = _ahead(workspace.store.name, run.run_id, study.id, str(until), _workspace=workspace)
        result = _projected(
            workspace.store.name, run.run_id, study.id, str(until), scenario, _ahead=ahead, _workspace=workspace
        )
    except NotAsked:
        st.info("The language model was not asked about these situations, so this run cannot look ahead.")
        return
    _shown(workspace, run, result, scenario, held)
    _earlier(workspace)


def _policy(inputs: StudyInputs, held: PolicyTimeline) -> PolicyTimeline | None:
    """The policy to come; None for the one that stays."""
    study = inputs.study
    origin = last_observed(inputs)
    first = study.step.after(origin, 1)
    carried = linked_policies(held)
    options = {**({LINKED: f"“{carried[0].name}”"} if carried else {}), **POLICIES}
    usual = LINKED if carried else HELD
    chosen = pick(study, "under", "What if", list(options), options.__getitem__, usual, pills=True, wrap=True)
    if chosen == LINKED:
        return carried[0]
    if chosen == LIFTED:
        return what_if("no-measures", held, origin).renamed("Every measure ends", parent_id=held.id)
    if chosen == STRICT:
        return what_if("strictest-week", held, origin).renamed("Strictest week", parent_id=held.id)
    if chosen in (TIGHTER, LOOSER):
        name = "One level stricter" if chosen == TIGHTER else "One level looser"
        return held.tightened(1 if chosen == TIGHTER else -1, start=first, name=name)
    return _own(inputs, held) if chosen == OWN else None


def _own(inputs: StudyInputs, held: PolicyTimeline) -> PolicyTimeline | None:
    """A policy of the analyst's own: measures, the level each is set to, and from when."""
    study, origin = inputs.study, last_observed(inputs)
    first = study.step.after(origin, 1)
    names = {item.name: item for item in study.indicators}
    start = pd.DataFrame({MEASURE: [next(iter(names))], LEVEL: [float("nan")], FROM: [first]})
    columns: dict[str, Any] = {
        MEASURE: st.column_config.SelectboxColumn(MEASURE, options=list(names), width="medium", required=True),
        LEVEL: st.column_config.NumberColumn(
            LEVEL, help="A level, or an amount in the measure's unit; 0 ends a measure."
        ),
        FROM: st.column_config.DateColumn(FROM, format="YYYY-MM-DD", min_value=first, max_value=held.end),
    }
    table, meaning = st.columns([3, 2], gap="large")
    with table:
        rows = st.data_editor(
            start, num_rows="dynamic", hide_index=True, width="stretch", column_config=columns, placeholder="–",
            key=f"ahead-own-{study.id}-{held.end}",
        )  # fmt: skip
    with meaning:
        named = [names[str(name)] for name in rows[MEASURE].dropna().unique() if name in names]
        now = held.in_force(origin)
        for item in named[:4]:
            st.caption(plain_text(f"{item.name}, now: {level_in_words(now[item.code][0], item)}"))
    edits: list[Edit] = []
    for row in rows.to_dict("records"):
        if pd.isna(row[MEASURE]) or pd.isna(row[LEVEL]):
            continue
        indicator = names[str(row[MEASURE])]
        level = float(row[LEVEL])
        edit: Edit = {"set": indicator.code, "level": level if indicator.amount or level % 1 else int(level)}
        if indicator.has_flag and level > 0:
            edit["flag"] = 1
        edits.append({**edit, "start": first if pd.isna(row[FROM]) else row[FROM]})
    if not edits:
        st.caption("Give a measure a level: the answer follows.")
        return None
    try:
        return apply_edits(held, edits, name="My policy", where="Row")
    except InputError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        return None


def _shown(
    workspace: Workspace,
    run: StoredRun,
    result: ProjectionResult,
    scenario: PolicyTimeline | None,
    held: PolicyTimeline,
) -> None:
    study = workspace.study
    policies = result.policies[1:]
    labels = {item.id: item.label for item in study.behaviours}
    usual = most_moved(effect_table(policies[0], study)) if policies else next(iter(labels))
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width=260):
            behaviour = pick(
                study, "behaviour", "Behaviour", list(labels), labels.__getitem__, usual, label_visibility="collapsed"
            )
        st.badge(unverified(result, study).rstrip("."), icon=":material/visibility_off:", color="orange")
    item = study.behaviour(behaviour)
    left, right = st.columns([3, 2] if policies else [1, 0.001], gap="medium")
    with left:
        st.markdown(bold(course_sentence(result, item, study)))
        block = projection_block(result, item, study)
        chart(block.draw(), block.data, block.name, "projection", block.words)
    if policies:
        with right:
            st.markdown(bold(scenario_sentence(policies[0], item)))
            table = effect_table(policies[0], study)
            chart(
                effects_figure(table, periods=f"{study.step}s"), table, "", "projected-effects",
                "What the policy changes against the policy held, by behaviour.", offer=False,
            )  # fmt: skip
            st.caption(plain_text(outside_sentence(result, policies[0], study)))
    st.markdown(plain_text(track_sentence(result, study)))
    with st.expander("All behaviours, and what is held"):
        render((level_table(result, study),), "ahead-table")
        st.caption(plain_text(held_words(result, study)))
    scenarios = [] if scenario is None else [scenario]
    if scenario is not None:
        copy_link(study.id, [scenario], held, {"view": "ahead", "until": str(result.until)})
    files = dict(
        zip(
            scenario_file_names([item.name for item in scenarios]),
            (scenario_text(item, held) for item in scenarios),
            strict=True,
        )
    )
    data = None if study.shipped or observed_data() is None else str(observed_data())
    lines = reproduce_projection(run.record, result, files, data)
    report_button(lambda: _report(workspace, run, result, lines), f"projection-{study.id}")
    keep_button(
        "Keep this projection", "keep-projection",
        lambda: kept_projection(workspace.store, result, scenarios, time.perf_counter()).run_id,
    )  # fmt: skip
    render(lines if len(lines) == 1 else (Details("Reproduce this", lines),), "ahead-reproduce")


def _report(workspace: Workspace, run: StoredRun, result: ProjectionResult, lines: Any) -> Document:
    said = projection_document(result, workspace.study)
    rest = basis(run.record, data_words(workspace.study), Details("Make it again", lines))
    return Document(said.title, (*said.blocks, *rest), said.fictional, said.source, said.run_id or run.run_id)


def _earlier(workspace: Workspace) -> None:
    """Projections that were kept, each against what was observed since."""
    kept = {item.run_id: item for item in kept_projections(workspace.store, workspace.study.id)}
    if not kept:
        return
    study = workspace.study
    st.subheader("Kept projections")
    words = {
        name: f"From {day_words(study, item.origin)} to {day_words(study, item.until)}, run {item.of_run}"
        for name, item in kept.items()
    }
    chosen = pick(study, KEPT, "Projection", list(words), words.__getitem__, next(iter(words)))
    result = kept[chosen]
    observed = workspace.inputs.observations
    came = what_came(result, observed)
    said = came_sentence(result, came, study) if came else "Nothing has been observed since it was made."
    st.markdown(plain_text(said))
    if came:
        behaviour, _ = pick_behaviour(study, "of")
        block = projection_block(result, study.behaviour(behaviour), study, observed)
        chart(block.draw(), block.data, block.name, "kept-projection", block.words)


@remembered(show_spinner="Fitting on everything observed…", max_entries=8)
def _ahead(store: str, run_id: str, study_id: str, until: str, _workspace: Workspace) -> Ahead:
    return look_ahead(_workspace.store, run_id, _workspace.inputs, pd.Timestamp(until).date())


@remembered(
    show_spinner="Looking ahead…", max_entries=32,
    hash_funcs={PolicyTimeline: lambda item: item.id},
)  # fmt: skip
def _projected(
    store: str,
    run_id: str,
    study_id: str,
    until: str,
    scenario: PolicyTimeline | None,
    _ahead: Ahead,
    _workspace: Workspace,
) -> ProjectionResult:
    return projected(_ahead, _workspace.store, [] if scenario is None else [scenario])
