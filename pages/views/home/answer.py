"""Home's answer: the question, its course, its effects, who is moved, and how far to trust it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.cognition.registry import asks_model, engine_label
from core.csv_out import stamped
from core.policy.timeline import PolicyTimeline
from core.report.figures.answers import (
    IN_FORCE,
    OBSERVED_NAME,
    TRUTH,
    WHAT_IF,
    answer_figure,
    effects_figure,
    people_figure,
)
from core.report.sentences.answers import (
    calendar_sentence,
    effect_sentence,
    ladder,
    moved_sentence,
    person_sentence,
    support_sentence,
    trust_sentence,
    truth_sentence,
)
from core.report.sentences.domain import index_word
from core.report.what_if import CHANGES_SHOWN, Basis, answer_document
from core.services.counterfactuals.answers import (
    Answer,
    AnswerNames,
    MovedGroup,
    answer_table,
    effects_table,
    most_moved,
    moved_groups,
    people_table,
)
from core.services.counterfactuals.claims import claims_of
from core.services.counterfactuals.questions import questions_of
from core.services.language.descriptions import caution_of_run
from core.services.populations.synthesis import population_spec
from core.services.runs.results import RunResult
from core.store.runs import StoredRun
from pages.common.address import pick
from pages.common.answers import answered
from pages.common.charts import chart, download
from pages.common.report_button import report_button
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, bold, link, plain_text
from pages.common.why import why

QUESTION, BEHAVIOUR = "ask", "show"


def answer_view(workspace: Workspace, run: StoredRun) -> None:
    """Everything beneath the title, once there is a twin."""
    with st.container(key="home"):
        _answer(workspace, run)


def _answer(workspace: Workspace, run: StoredRun) -> None:
    study = workspace.study
    assert run.record.train_end is not None
    questions = questions_of(workspace.store, study, workspace.inputs.timeline, run.record.train_end)
    names = {item.id: item.text for item in questions}
    chosen = pick(
        study, QUESTION, "What would people do if…", list(names), names.__getitem__, next(iter(names)),
        pills=True, wrap=True, label_visibility="collapsed",
    )  # fmt: skip
    question = next(item for item in questions if item.id == chosen)
    timeline = question.timeline()
    found = answered(workspace, timeline)
    if found is None:
        return
    table = effects_table(study, found.item, found.true_effect)
    behaviour = _course_and_effects(workspace, timeline, found, table)
    basis, title = Basis(workspace.inputs, run, workspace.twin()), question.title(study)
    report_button(lambda: answer_document(basis, found, title, behaviour), f"answer-{study.id}")
    _people_and_trust(workspace, run, found, table, behaviour)


def _course_and_effects(workspace: Workspace, timeline: PolicyTimeline, found: Answer, table: pd.DataFrame) -> str:
    study, item = workspace.study, found.item
    left, right = st.columns([3, 2], gap="medium")
    labels = {behaviour.id: behaviour.label for behaviour in study.behaviours}
    most = most_moved(table)
    with left:
        narrow, wide, beside = st.columns([4, 8, 3], vertical_alignment="center")
        with narrow:
            behaviour = pick(
                study, BEHAVIOUR, "Behaviour", list(labels), labels.__getitem__, most, label_visibility="collapsed"
            )
        wide.markdown(bold(effect_sentence(table, behaviour)))
        with beside:
            why(workspace, behaviour, "why", timeline)
        names = AnswerNames(OBSERVED_NAME, IN_FORCE, WHAT_IF, TRUTH)
        seen = workspace.inputs.observations
        course = answer_table(study, item, behaviour, names=names, observations=seen, truth=found.truth)
        figure = answer_figure(course, origin=workspace.twin().origin, unit=study.metric_unit, index=index_word(study))
        chart(
            figure, course, "", "answer", f"{labels[behaviour]} over time, observed and under both policies: {item.name}",
            offer=False,
        )  # fmt: skip
    with right:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown("**Compared with what was done**", width="content")
            with st.popover("What changes", icon=":material/list:", type="tertiary"):
                _what_changes(workspace, found, {"effects": table, f"course-{behaviour}": course})
        chart(
            effects_figure(table, periods=f"{study.step}s"), table, "", "effects",
            f"What the policy changes, by behaviour: {item.name}", offer=False,
        )  # fmt: skip
    return behaviour


def _people_and_trust(workspace: Workspace, run: StoredRun, found: Answer, table: pd.DataFrame, behaviour: str) -> None:
    study = workspace.study
    left, right = st.columns([3, 2], gap="medium")
    people, groups = _people(
        workspace.store.name, run.run_id, found.timeline.id, behaviour, _workspace=workspace, _found=found
    )
    with left, st.container(border=True, height="stretch", key="who"):
        label = study.behaviour(behaviour).label
        figure = people_figure(people.assign(words=people["text"].str.slice(0, 90)), label=label)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown("**Who is moved**", width="content")
            meet = st.empty()
        st.markdown(bold(moved_sentence(groups)))
        alt = f"{len(people)} people, a dot each, by how much they change. Choose a dot to meet the person."
        picked = chart(figure, people, "", "people", alt, select=True, offer=False)
        row = people.iloc[picked[0] if picked else int(people["change"].abs().to_numpy().argmax())]
        with meet.popover("Meet one", icon=":material/person:", type="tertiary"):
            st.markdown(plain_text(person_sentence(row, label)))
            link("Population", "More people")
    with right, st.container(border=True, height="stretch", key="trust"):
        st.markdown("**How far to trust this**")
        for line in (
            trust_sentence(RunResult.of(run), study),
            support_sentence(study, found.item),
            calendar_sentence(found.item),
            truth_sentence(table),
        ):
            if line:
                st.markdown(bold(line))
        marks = {True: ":green[:material/check_circle:]", False: ":material/radio_button_unchecked:"}
        st.caption(" → ".join(f"{marks[rung.reached]} {rung.name}" for rung in ladder(run.record.rung)))
        with st.container(horizontal=True, vertical_alignment="center"):
            _engine_badge(run)
            with st.popover("More", icon=":material/help:", type="tertiary"):
                assert run.record.train_end is not None
                claims = claims_of(study, run.record.engine, run.record.train_end)
                st.markdown(plain_text(claims.headline))
                st.caption(plain_text(claims.details))
            link("Validation", "Evidence")
    caution = caution_of_run(run.record)
    if caution is not None:
        st.warning(f"The model has {caution}", icon=":material/science:")


@remembered(show_spinner=False, max_entries=48)
def _people(
    store: str, run_id: str, timeline_id: str, behaviour: str, _workspace: Workspace, _found: Answer
) -> tuple[pd.DataFrame, list[MovedGroup]]:
    """A sample of the people, and the groups, by how much they are moved. Two policies may have one name: the id tells them."""
    twin, item = _workspace.twin(), _found.item
    return people_table(twin, item, behaviour), moved_groups(twin, item, behaviour, population_spec(_workspace.study))


def _what_changes(workspace: Workspace, found: Answer, tables: dict[str, pd.DataFrame]) -> None:
    """The policy's changes in words, and the data behind the screen."""
    changes = found.item.changes
    st.text("\n".join(f"• {change}" for change in changes[:CHANGES_SHOWN]) or "• nothing")
    if len(changes) > CHANGES_SHOWN:
        st.caption(f"and {len(changes) - CHANGES_SHOWN} more")
    source = "" if workspace.run is None else workspace.run.run_id
    for name, table in tables.items():
        label, file = f"Data: {name.replace('-', ', ')}", f"{name}-{workspace.study.id}"
        download(stamped(table, source), file, f"home-{name}", label, kind="tertiary")
    link("Counterfactuals", "Compare policies")


def _engine_badge(run: StoredRun) -> None:
    engine = run.record.engine
    name = engine_label(engine)
    short = name.split(" (")[0]
    st.badge(
        short, icon=":material/smart_toy:" if asks_model(engine) else ":material/rule:", color="gray",
        help=f"{name[:1].upper()}{name[1:]}. {run.record.personas:,} personas. Run {run.run_id}.",
    )  # fmt: skip
