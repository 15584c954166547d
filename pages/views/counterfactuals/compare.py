"""The comparison of the Counterfactuals page: scenarios against a reference policy, over the same days and people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.counterfactual.contrast import Contrast, contrasts, group_contrast
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.people.spec import PopulationSpec
from core.policy.scenario import scenario_file_name, scenario_file_names, scenario_text
from core.policy.timeline import PolicyTimeline
from core.report.figures.contrasts import group_figure, matrix_figure, movers_figure
from core.report.figures.sweeps import readable
from core.report.sentences.counterfactuals import (
    contrast_block,
    reference_words,
    reproduce_comparison,
    scenario_frame,
    scenario_sentence,
)
from core.report.sentences.domain import periods
from core.report.sentences.held import held_compare_text
from core.report.what_if import compared_document
from core.services.counterfactuals.answers import movers_table
from core.services.counterfactuals.results import ComparisonResult, comparison_result
from core.services.counterfactuals.run import about_twin, kept_counterfactuals, run_compare
from core.services.counterfactuals.tables import contrast_table
from core.services.policies.timelines import distinct_scenarios, load_timeline, saved_scenarios
from core.services.policies.what_ifs import FEWEST_DAYS, MOST_DAYS, USUAL_SHIFT, WHAT_IFS, what_if
from core.services.populations.synthesis import population_spec
from core.settings import observed_data
from core.study import Study
from pages.common.address import from_address, into_address, key_of, pick, pick_several
from pages.common.answers import AT_ONCE_UP_TO
from pages.common.charts import chart
from pages.common.policy_link import EDITS, copy_link, linked_policies
from pages.common.render import render
from pages.common.report_button import report_button
from pages.common.results_cache import remembered
from pages.common.shell import link, plain_text
from pages.views.counterfactuals.asking import found_or_asked
from pages.views.counterfactuals.choices import (
    GROUPS_TEXT,
    CounterfactualInputs,
    earlier_results,
    keep_button,
    pick_behaviour,
    run_in_background,
)
from pages.views.counterfactuals.over_time import over_time

OBSERVED, PLACEBO = "observed", "placebo"
PLACEBO_TEXT = "- Nothing changes (placebo): the policy in force against itself. It has to differ by exactly zero."
MOST_SCENARIOS = 6
CHANGES_SHOWN = 60


@dataclass(frozen=True)
class Question:
    """The scenarios, each with its file name, and the reference (None: the policy that was in force)."""

    scenarios: list[PolicyTimeline]
    files: list[str]
    reference: PolicyTimeline | None

    @property
    def key(self) -> tuple[str, ...]:
        return ("observed" if self.reference is None else self.reference.id, *(item.id for item in self.scenarios))


def compare_view(asked: CounterfactualInputs) -> None:
    """Choose policies and see the contrast; everything below follows from the choices above it."""
    question = _question(asked)
    if not question.scenarios:
        st.info("Choose at least one what-if or scenario above.", icon=":material/arrow_upward:")
        link("Policy timeline", "Make a scenario on the Policy timeline page")
        return
    if len(question.scenarios) > MOST_SCENARIOS:
        st.info(f"Choose at most {MOST_SCENARIOS} policies at a time, so that the figures stay readable.")
        return
    found = _compared(asked, question)
    if found is None:
        return
    record = asked.run.record
    ids = [item.id for item in question.scenarios]
    result = comparison_result(found, ids, about_twin(asked.twin, record.run_id, record.engine, ""))
    if len(result.scenarios) > 1:
        table = contrast_table(result, asked.study)
        against = plain_text(reference_words(result.reference))
        st.markdown(f"**Difference from {against}**, points, mean over the {asked.study.step}s (80% effect interval)")
        chart(
            matrix_figure(table, source=asked.source), table,
            f"matrix-{asked.study.id}", "matrix", "What each policy changes, by behaviour, with 80% effect intervals.",
        )  # fmt: skip
    else:
        render((contrast_block(result, asked.study),), "contrast")
    with st.expander("In words", expanded=len(result.scenarios) == 1):
        _in_words(asked, result)
    behaviour, weekly = over_time(asked, found)
    _changes(found)
    if asked.twin.attributes:
        _by_group(asked, question, found)
    days = {name: str(asked.dates[at].date()) for name, at in (("start", 0), ("end", -1))}
    if question.reference is None:
        observed = asked.workspace.inputs.timeline
        copy_link(asked.study.id, question.scenarios, observed, {"view": "compare", **days})
    report_button(
        lambda: compared_document(
            asked.basis, result, found, question.scenarios, behaviour, reference=question.reference, weekly=weekly
        ),
        f"compare-{asked.study.id}",
    )
    if len(asked.twin.personas) <= AT_ONCE_UP_TO:
        keep_button("Keep this comparison", "keep-compare", lambda: _run(asked, question)[0].run_id)
    _earlier(asked)
    _reproduce(asked, question)


def _question(asked: CounterfactualInputs) -> Question:
    study, observed = asked.study, asked.workspace.inputs.timeline
    kept = saved_scenarios(asked.workspace.store, study)
    names = {str(key): str(name) for key, name in zip(kept["timeline_id"], kept["name"], strict=True)}
    labels = {item.id: item.label for item in WHAT_IFS} | {PLACEBO: "Nothing changes (placebo)"}
    carried = linked_policies(observed)
    linked = bool(carried) or "scenario" in st.query_params
    chosen = pick_several(
        study,
        "what",
        "What-ifs made on the spot",
        list(labels),
        lambda name: labels[name],
        [] if linked else [WHAT_IFS[0].id],
        help="\n".join(f"- {item.label}: {item.text}" for item in WHAT_IFS) + "\n" + PLACEBO_TEXT,
    )
    left, right = st.columns([3, 2])
    with left:
        wanted = pick_several(
            study,
            "scenario",
            "Saved scenarios",
            list(names),
            lambda name: names[name],
            [],
            placeholder="None chosen" if names else "None saved yet: make one on the Policy timeline page",
            disabled=not names,
            help="Scenarios are made and saved on the Policy timeline page.",
        )
    with right:
        against = pick(
            study,
            "against",
            "Compared with",
            [OBSERVED, *names],
            lambda name: "The policy that was in force" if name == OBSERVED else names[name],
            OBSERVED,
        )
    usual = USUAL_SHIFT[study.step]
    days = _shift(study, usual) if any(item.uses_days and item.id in chosen for item in WHAT_IFS) else usual
    store = asked.workspace.store
    made = [
        observed.renamed("Nothing changes", parent_id=observed.id)
        if name == PLACEBO
        else what_if(name, observed, asked.twin.origin, days)
        for name in chosen
    ]
    made += [load_timeline(store, study, name) for name in wanted]
    made = [*_carried(carried), *made]
    scenarios = distinct_scenarios(made) if made else []
    reference = None if against == OBSERVED else load_timeline(store, study, against)
    return Question(scenarios, scenario_file_names([item.name for item in scenarios]), reference)


def _carried(policies: list[PolicyTimeline]) -> list[PolicyTimeline]:
    """The policies that the link itself holds, unless they are put aside."""
    if not policies:
        return []
    named = ", ".join(f"“{item.name}”" for item in policies)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"From the link, not saved here: {plain_text(named)}.", width="content")
        if st.button("Leave out", key="leave-link", icon=":material/link_off:", type="tertiary"):
            st.query_params.pop(EDITS, None)
            return []
    return policies


def _shift(study: Study, usual: int) -> int:
    key = from_address(study, "shift", usual, _days)
    label = f"{study.step.capitalize()}s earlier or later"
    chosen = int(st.number_input(label, FEWEST_DAYS, MOST_DAYS, step=1, key=key, width=220))
    into_address("shift", str(chosen), str(usual))
    return chosen


def _days(text: str) -> int:
    days = int(text)
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        raise ValueError(text)
    return days


def _compared(asked: CounterfactualInputs, question: Question) -> list[Contrast] | None:
    if len(asked.twin.personas) <= AT_ONCE_UP_TO:
        return found_or_asked(
            asked,
            " ".join(question.key),
            lambda with_model: contrasts(with_model.twin, question.scenarios, with_model.dates, question.reference),
            lambda: _contrasts(*asked.key, question.key, _asked=asked, _question=question),
        )
    subject = " ".join([*asked.key, *question.key])
    done = run_in_background(asked, "compare", subject, "Compare the policies", partial(_run, asked, question))
    if done is None:
        return None
    result, found = done
    st.caption(f"Kept as {result.run_id}; it took {result.seconds:.0f} s.")
    return list(found)


def _run(
    asked: CounterfactualInputs, question: Question, watch: Any = None, executor: Executor = IN_THIS_PROCESS
) -> tuple[ComparisonResult, list[Contrast]]:
    return run_compare(
        asked.workspace.store,
        asked.run.run_id,
        question.scenarios,
        start=asked.dates[0].date(),
        end=asked.dates[-1].date(),
        twin=asked.twin,
        population=asked.population,
        reference=question.reference,
        watch=watch,
        executor=executor,
    )


@remembered(show_spinner="Following the policies…", max_entries=8)
def _contrasts(
    store: str, run_id: str, people: str, start: str, end: str, policies: tuple[str, ...], _asked: CounterfactualInputs,
    _question: Question,
) -> list[Contrast]:  # fmt: skip
    return contrasts(_asked.twin, _question.scenarios, _asked.dates, _question.reference)


@remembered(show_spinner="Comparing the groups…", max_entries=16)
def _groups(
    store: str, run_id: str, people: str, start: str, end: str, policies: tuple[str, ...], position: int,
    attribute: str, _asked: CounterfactualInputs, _item: Contrast,
) -> pd.DataFrame:  # fmt: skip
    return group_contrast(_asked.twin, _item, attribute)


@remembered(show_spinner=False, max_entries=16)
def _movers(
    store: str, run_id: str, people: str, start: str, end: str, policies: tuple[str, ...], position: int,
    attribute: str, behaviour: str, _asked: CounterfactualInputs, _item: Contrast, _spec: PopulationSpec,
) -> pd.DataFrame:  # fmt: skip
    return movers_table(_asked.twin, _item, behaviour, attribute, _spec)


def _in_words(asked: CounterfactualInputs, result: ComparisonResult) -> None:
    for item in result.scenarios:
        with st.container(border=True):
            st.text(scenario_frame(result, item, asked.study))
            if not item.changes:
                st.caption("This policy is the same as the one it is compared with: there is nothing to see.")
                continue
            said = [scenario_sentence(item, behaviour) for behaviour in asked.study.behaviours]
            st.markdown("\n".join(f"- {plain_text(text)}" for text in said))
            if item.days_outside_support:
                st.badge(
                    f"{item.days_outside_support} of {periods(asked.study.step, result.days)} outside what training saw",
                    icon=":material/warning:",
                    color="orange",
                    help="There the measures are unlike any in training: the engine's assumptions decide.",
                )
    held = held_compare_text(asked.study)
    st.caption(f"Points are percentage points of the change from baseline, mean over the {asked.study.step}s. {held}")


def _changes(found: list[Contrast]) -> None:
    with st.expander("What each policy does otherwise, in words"):
        for item in found:
            st.text(f"{item.name}, instead of {reference_words(item.reference_name)}:")
            shown = item.changes[:CHANGES_SHOWN]
            st.text("\n".join(f"• {change}" for change in shown) or "• nothing")
            if len(item.changes) > len(shown):
                st.caption(f"and {len(item.changes) - len(shown)} more; the scenario file below has all of them.")


def _by_group(asked: CounterfactualInputs, question: Question, found: list[Contrast]) -> None:
    study = asked.study
    st.markdown("#### Who is moved more, who less")
    left, middle, right = st.columns(3)
    with left:
        attribute = pick(study, "by", "By", asked.twin.attributes, readable, asked.twin.attributes[0])
    with middle:
        behaviour, label = pick_behaviour(study, "behaviour")
    with right:
        names = {item.id: item.name for item in question.scenarios}
        scenario = pick(study, "of", "Policy", list(names), lambda name: names[name], next(iter(names)))
    position = list(names).index(scenario)
    item = found[position]
    table = _groups(*asked.key, question.key, position, attribute, _asked=asked, _item=item)
    chart(
        group_figure(
            table[table["behaviour"] == behaviour],
            float(item.difference[behaviour]),
            title=f"{label} by {readable(attribute).lower()}: “{item.name}” against "
            f"{reference_words(item.reference_name)}",
            source=asked.source,
        ),
        table,
        f"compare-{study.id}-by-{attribute}",
        "compare-groups",
        f"Difference of {label} by {readable(attribute).lower()}, with 80% intervals.",
    )
    st.caption(GROUPS_TEXT)
    spec = population_spec(study) if asked.population is None else asked.population.spec
    movers = _movers(*asked.key, question.key, position, attribute, behaviour, _asked=asked, _item=item, _spec=spec)
    st.markdown(f"**Who falls and who rises**: {plain_text(label.lower())}")
    chart(
        movers_figure(movers, label=label, source=asked.source), movers, f"movers-{study.id}-{attribute}", "movers",
        f"Share of the people who fall, stay alike and rise in {label.lower()}, by {readable(attribute).lower()}.",
    )  # fmt: skip
    st.caption(
        "Whether rising is good, the study does not say. A person moves whose probability changes by a point or more."
    )


def _earlier(asked: CounterfactualInputs) -> None:
    kept = kept_counterfactuals(asked.workspace.store, asked.study.id, "compare")
    with st.expander(f"Kept comparisons of this study ({len(kept)})", key="kept-comparisons"):
        if kept.empty:
            st.caption("None yet. “Keep this comparison” puts the one above and its policies into the store.")
            return
        shown = pd.DataFrame(
            {
                "Comparison": kept["run_id"],
                "Made": kept["created_at"],
                "Policies": ["; ".join(item["name"] for item in row["scenarios"]) for row in kept["summary"]],
                "Against": [row["reference"] for row in kept["summary"]],
                "From": kept["start"],
                "To": kept["end"],
                "Of run": kept["of_run"],
                "Personas": kept["personas"],
            }
        )
        earlier_results(asked, kept, shown, "comparisons", _open)


def _open(asked: CounterfactualInputs, row: dict[str, Any]) -> None:
    """Put a kept comparison's choices back. Its policies were saved with it, so all of them open as saved scenarios."""
    study, parameters = asked.study, row["parameters"]
    state = st.session_state
    state[key_of(study, "scenario")] = list(parameters["scenarios"])
    state[key_of(study, "what")] = []
    observed = parameters["reference"] == asked.run.record.timeline_id
    state[key_of(study, "against")] = OBSERVED if observed else parameters["reference"]
    state[key_of(study, "start")] = date.fromisoformat(parameters["start"])
    state[key_of(study, "end")] = date.fromisoformat(parameters["end"])
    own = row["population_id"] == asked.run.record.population_id
    state[key_of(study, "people")] = "own" if own else row["population_id"]


def _reproduce(asked: CounterfactualInputs, question: Question) -> None:
    with st.expander("Reproduce this"):
        observed = asked.workspace.inputs.timeline
        st.caption(
            "First put the scenario files beside you; they hold each policy as edits of the one that was in force."
        )
        against = [] if question.reference is None else [question.reference]
        reference_file = (
            None if question.reference is None else f"reference-{scenario_file_name(question.reference.name)}"
        )
        for timeline, name in zip(
            [*question.scenarios, *against],
            [*question.files, *([reference_file] if reference_file else [])],
            strict=True,
        ):
            st.download_button(
                name,
                data=partial(scenario_text, timeline, observed),
                file_name=name,
                mime="application/toml",
                key=f"file-{name}",
                on_click="ignore",
                icon=":material/download:",
            )
        data = None if asked.study.shipped or observed_data() is None else str(observed_data())
        lines = reproduce_comparison(
            asked.run.record, question.files, asked.dates, data, reference_file, edited=asked.population is not None
        )
        render(lines.details().blocks, "reproduce")
