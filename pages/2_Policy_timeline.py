"""Policy timeline: what was in force, what could have been, and scenarios to compare."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from core.policy.timeline import PolicyTimeline
from core.report.figures.policies import Split, in_words, policy_figure
from core.services.policies.drafts import check_support, training_support
from core.services.policies.tables import calendar_strip, changed_stretches, daily_table, stretches
from core.services.policies.timelines import delete_scenario, load_timeline, policy_source, saved_scenarios
from pages.common.charts import chart
from pages.common.policy_link import EDITS, copy_link, linked_policies
from pages.common.shell import Workspace, link_parameters, open_page, plain_errors, try_to
from pages.views.policy.draft import SCENARIO, Editing, current_draft
from pages.views.policy.editor import draft_notice, editor
from pages.views.policy.scenarios import OBSERVED_ID, reproduce, scenarios_section, show_changes

DAYS = "days"
PRESETS = {"all": "All", "training": "Training", "holdout": "Hold-out", "own": "Choose…"}


def main() -> None:
    workspace = open_page("Policy timeline")
    with plain_errors():
        left, right = st.columns([5, 4], vertical_alignment="bottom")
        with left:
            parent = _chosen_timeline(workspace)
        split = _split(workspace, parent)
        with right:
            first, last = _chosen_days(workspace, parent, split)
        editing = Editing(workspace, parent, split, first, last)
        draft = current_draft(editing)
        # A container each: what comes and goes in one must not move the others, or the browser forgets the open tab.
        with st.container():
            _picture(editing, draft)
        with st.container():
            editor(editing)
        with st.container():
            _figures_of(editing, draft)
        with st.container():
            scenarios_section(editing)
    looked_at, observed = draft or parent, workspace.inputs.timeline
    if looked_at.changes(observed):
        copy_link(workspace.study.id, [looked_at], observed)
    st.caption(f"Source of the policy: {policy_source(workspace.study)}.")
    reproduce(editing)


def _chosen_timeline(workspace: Workspace) -> PolicyTimeline:
    """The timeline looked at, which is also the parent of edits: the observed policy or a saved scenario."""
    kept = saved_scenarios(workspace.store, workspace.study)
    names = {OBSERVED_ID: "Observed (what was in force)", **dict(zip(kept["timeline_id"], kept["name"], strict=True))}
    linked = {item.id: item for item in linked_policies(workspace.inputs.timeline)[:1]}
    names |= {key: f"From the link: {item.name}" for key, item in linked.items() if key not in names}
    in_url = st.query_params.get(SCENARIO) or next(iter(linked), None)
    remembered = f"policy-scenario-{workspace.study.id}"
    asked = str(in_url or st.session_state.get(remembered) or OBSERVED_ID)
    if asked not in names:
        if in_url:
            st.warning("The scenario in the link is not in this store; showing the observed policy.")
        asked = OBSERVED_ID
    key = f"timeline-choice-{workspace.study.id}"
    st.session_state[key] = asked

    def choose() -> None:
        st.query_params[SCENARIO] = st.session_state[key]
        if st.session_state[key] not in linked:
            st.query_params.pop(EDITS, None)

    chosen = st.selectbox(
        "Timeline to look at and to edit",
        list(names),
        format_func=lambda name: names[name],
        key=key,
        on_change=choose,
        help="Edits never change what they are made of: they become a scenario of their own, with this as its parent.",
    )
    st.session_state[remembered] = chosen
    if chosen == OBSERVED_ID:
        st.query_params.pop(SCENARIO, None)
        return workspace.inputs.timeline
    st.query_params[SCENARIO] = chosen
    if chosen in linked:
        return linked[chosen]
    found: list[PolicyTimeline] = []
    if not try_to(lambda: found.append(load_timeline(workspace.store, workspace.study, chosen))):
        # It can be neither drawn nor edited, but it must be possible to get rid of it.
        if st.button("Delete this scenario", icon=":material/delete:", key=f"broken-{chosen}"):
            delete_scenario(workspace.store, workspace.study, chosen)
            st.query_params.pop(SCENARIO, None)
            st.session_state.pop(remembered, None)
            st.rerun()
        st.stop()
    return found[0]


def _split(workspace: Workspace, timeline: PolicyTimeline) -> Split:
    """Training end and hold-out of the run shown, else of the study, as far as the timeline reaches."""
    study, run = workspace.study, workspace.run
    train_end = study.train_end if run is None or run.record.train_end is None else run.record.train_end
    test_end = study.end if run is None or run.record.test_end is None else run.record.test_end
    return Split(min(train_end, timeline.end - timedelta(days=1)), min(test_end, timeline.end))


def _chosen_days(workspace: Workspace, timeline: PolicyTimeline, split: Split) -> tuple[date, date]:
    spans = {
        "all": (timeline.start, timeline.end),
        "training": (max(workspace.study.start, timeline.start), split.train_end),
        "holdout": (workspace.study.step.after(split.train_end, 1), split.test_end),
    }
    asked = st.query_params.get(DAYS, "all")
    own = _own_days(asked, timeline)
    key = f"days-choice-{workspace.study.id}"
    if key not in st.session_state:
        st.session_state[key] = "own" if own else (asked if asked in spans else "all")
    chosen = st.segmented_control(
        "Time shown", list(PRESETS), format_func=lambda name: PRESETS[name], key=key, required=True
    )
    if chosen in spans:
        st.query_params[DAYS] = chosen
        return spans[chosen]
    first, last = own or spans["holdout"]
    picked = st.date_input(
        "From and to",
        value=(first, last),
        min_value=timeline.start,
        max_value=timeline.end,
        key=f"days-own-{workspace.study.id}",
    )
    if isinstance(picked, tuple) and len(picked) == 2:
        first, last = picked
    st.query_params[DAYS] = f"{first}..{last}"
    return first, last


def _own_days(text: str, timeline: PolicyTimeline) -> tuple[date, date] | None:
    """The days in a link, such as 2021-01-01..2021-06-30, cut to the timeline; None where they cannot be read."""
    begin, _, end = text.partition("..")
    try:
        first, last = date.fromisoformat(begin), date.fromisoformat(end)
    except ValueError:
        return None
    first, last = max(first, timeline.start), min(last, timeline.end)
    return (first, last) if first <= last else None


def _picture(editing: Editing, draft: PolicyTimeline | None) -> None:
    """The Gantt chart over the curve; of the draft where there is one, with its parent's curve beside it."""
    workspace, parent = editing.workspace, editing.parent
    study, first, last, window = workspace.study, editing.first, editing.last, editing.window
    curve, base = draft or parent, editing.base(draft)
    bars = curve
    if draft is not None:
        draft_notice(editing)
        side = st.segmented_control(
            "The bars show", ["the draft", "its parent"], default="the draft", required=True, key=editing.key("side")
        )
        bars = parent if side == "its parent" else draft
    support = training_support(workspace.inputs.timeline, study.start, editing.split.train_end)
    outside = check_support(curve, support, *editing.holdout).outside
    figure = policy_figure(
        stretches(bars, first, last),
        calendar_strip(bars.calendar, first, last, study.context),
        curve.stringency(window),
        measures=[item.name for item in study.indicators],
        split=editing.split,
        source=policy_source(study),
        title=f"{study.place}: policy {first:%-d %b %Y} to {last:%-d %b %Y}",
        name=curve.name if draft is None else f"{draft.name} (not saved)",
        index=study.index,
        parent=None if base is None else base.stringency(window),
        parent_name="" if base is None else base.name,
        changed=None if base is None or bars is not curve else changed_stretches(curve, base, first, last),
        seen=(support.lowest, support.highest),
        outside=outside.reindex(window, fill_value=False),
    )
    chart(
        figure,
        daily_table(curve, first, last, base),
        f"policy-{curve.id}",
        key="policy-figure",
        alt=f"Measures in force in {study.place} as bars over time, above the curve of the {in_words(study.index).lower()}.",
    )
    st.caption(
        "One row per measure; a darker bar is a higher level (its number is on the bar), a hatched one is targeted "
        "rather than general. Point at a bar for its meaning. "
        f"The {in_words(study.index).lower()} is computed from the measures. The blue band is the range training saw; "
        f"the grey area is the hold-out, the {study.step}s the twin is tested on."
    )


def _figures_of(editing: Editing, draft: PolicyTimeline | None) -> None:
    """The figures that say what the draft, or the timeline looked at, amounts to."""
    workspace, parent = editing.workspace, editing.parent
    observed = workspace.inputs.timeline
    shown, base = draft or parent, editing.base(draft)
    begin, end = editing.holdout
    window = observed.dates[(observed.dates.date >= begin) & (observed.dates.date <= end)]
    mean = float(shown.stringency(window).mean())
    before = None if base is None else float(base.stringency(window).mean())
    checked = check_support(
        shown, training_support(observed, workspace.study.start, editing.split.train_end), begin, end
    )
    called = (
        "the draft" if draft is not None else ("this scenario" if base is not None else "the policy that was in force")
    )
    columns = st.columns(3)
    columns[0].metric(
        f"Mean {in_words(workspace.study.index).lower()}, hold-out",
        f"{mean:.1f}",
        delta=None if before is None else f"{mean - before:+.1f} against {'its parent' if draft else 'observed'}",
        delta_color="off",
        border=True,
        height="stretch",
        help=f"Over {begin} to {end}; 0 is no measure, 100 every measure in full.",
    )
    differs = (
        0
        if base is None
        else int((shown.levels(window).fillna(-1) != base.levels(window).fillna(-1)).any(axis=1).sum())
    )
    step = workspace.study.step
    columns[1].metric(
        f"Hold-out {step}s that differ",
        "–" if base is None else f"{differs:,} of {len(window):,}",
        border=True,
        height="stretch",
        help=f"{str(step).capitalize()}s on which at least one measure's level or scope is not what it is in the parent.",
    )
    columns[2].metric(
        f"Hold-out {step}s unlike training",
        f"{checked.outside_days:,} of {checked.days:,}",
        border=True,
        height="stretch",
        help=f"A {step} is unlike training when its index or its mix of measures lies far from every {step} the twin was "
        "fitted on. There, an answer is the engine's assumption, not a pattern seen in data.",
    )
    warning = checked.sentence(called)
    if warning:
        (st.info if base is None else st.warning)(warning, icon=":material/travel_explore:")
    if base is not None:
        show_changes(shown.changes(base), "its parent" if draft is not None else "the observed policy")
    if draft is None and parent.parent_id is not None:
        st.page_link(
            "pages/5_Counterfactuals.py",
            label="See on Counterfactuals what this scenario would change",
            icon=":material/compare_arrows:",
            query_params={**link_parameters(), SCENARIO: parent.id},
        )


if __name__ == "__main__":
    with plain_errors():
        main()
