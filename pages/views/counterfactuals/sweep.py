"""The sweep of the Counterfactuals page: hold stringency at several levels and see what people would do."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.counterfactual.levels import DEFAULT_LEVELS, checked_targets, mapping_table
from core.counterfactual.sweep import Sweep, stringency_sweep
from core.csv_out import stamped
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.report.figures.contrasts import group_figure
from core.report.figures.sweeps import (
    PANEL_COLUMNS,
    level_heatmap,
    readable,
    sweep_group_figure,
    sweep_panels,
)
from core.report.sentences.counterfactuals import (
    checks,
    reproduce_sweep,
    rung_sentence,
    sweep_sentence,
)
from core.report.sentences.domain import index_word
from core.report.sentences.held import held_blocks
from core.report.what_if import swept_document
from core.services.counterfactuals.results import SweepResult, sweep_result
from core.services.counterfactuals.run import about_twin, kept_counterfactuals, reference_point, run_sweep
from core.services.counterfactuals.tables import (
    level_table,
    reference_table,
    sweep_difference_table,
    sweep_group_change,
    sweep_group_table,
    sweep_table,
)
from core.settings import observed_data
from pages.common.address import from_address, into_address, key_of, pick
from pages.common.answers import AT_ONCE_UP_TO
from pages.common.charts import chart, download
from pages.common.render import render
from pages.common.report_button import report_button
from pages.common.results_cache import remembered
from pages.common.shell import plain_text
from pages.views.counterfactuals.asking import found_or_asked
from pages.views.counterfactuals.choices import (
    GROUPS_TEXT,
    CounterfactualInputs,
    earlier_results,
    keep_button,
    pick_behaviour,
    run_in_background,
)

DIFFERENCE = "difference"
CURVES = {DIFFERENCE: "Difference from the policy in force", "level": "Level of each behaviour"}
LEVELS_TEXT = ", ".join(f"{level:g}" for level in DEFAULT_LEVELS)


def sweep_view(asked: CounterfactualInputs) -> None:
    """Choose levels and see the response; everything below follows from the choices above it."""
    levels = _levels(asked)
    sweep = _swept(asked, tuple(levels))
    if sweep is None:
        return
    study = asked.study
    record = asked.run.record
    result = sweep_result(sweep, about_twin(asked.twin, record.run_id, record.engine, ""))
    table = sweep_table(result, study)
    point = _reference(*asked.key, _asked=asked)
    reference = reference_table(point, study)
    curve = pick(study, "curve", "Draw", list(CURVES), CURVES.__getitem__, DIFFERENCE, buttons=True)
    word = index_word(study)
    if curve == DIFFERENCE:
        shown = sweep_difference_table(sweep, point.path, study)
        st.markdown(f"**Difference from the policy in force**, at each level of {plain_text(word)}")
        _panels(
            sweep_panels(shown, None, index=word, in_force=point.stringency), asked, shown, "sweep-difference",
            f"Difference of {{}} from the policy in force, at each level of {word}, with 80% effect intervals.",
        )  # fmt: skip
        st.caption(
            f"Band: 80% effect interval of the difference from the policy that was in force, whose mean {word} is marked "
            f"({point.stringency:.1f}). Hollow points lie outside what training saw: read them as direction, not size. The curve "
            f"need not pass through 0 at the mark: the measures in force were other ones of the same {word}."
        )
    else:
        st.markdown(f"**Mean response** at each level of {plain_text(word)}, held over the time chosen")
        behind = _download_of(table, reference)
        _panels(
            sweep_panels(table, reference, index=word),
            asked,
            behind,
            "sweep",
            f"Mean response of {{}} at each level of {word}.",
        )
        st.caption(
            "Band: 80% interval of the mean. Hollow points lie outside what training saw. Diamond (forecast) and cross "
            f"(observed) sit at the mean {word} in force on these {study.step}s ({point.stringency:.1f}); they need not lie on "
            f"the curve, for there the measures were other ones of the same {word}{', and fatigue went on' * study.fatigue}."
        )
    if len(result.levels) > 1:
        with st.expander("In words"):
            st.markdown(
                "\n".join(f"- {plain_text(sweep_sentence(result, behaviour, study))}" for behaviour in study.behaviours)
            )
    st.markdown("#### How sure")
    render(checks(result, study), "sweep-checks")
    st.caption(rung_sentence(result))
    with st.expander(f"What is held, and which {study.step}s are counted"):
        render(held_blocks(result, study), "sweep-held")
    _levels_in_words(asked, sweep)
    chart(
        level_heatmap(table, source=asked.source, index=index_word(study)),
        table,
        f"sweep-levels-{study.id}",
        "heatmap",
        "Mean response by level and behaviour, as a grid of numbers.",
    )
    if asked.twin.attributes:
        _by_group(asked, sweep, tuple(levels))
    report_button(lambda: swept_document(asked.basis, result, asked.dates, reference), f"sweep-{study.id}")
    if len(asked.twin.personas) <= AT_ONCE_UP_TO:
        keep_button("Keep this sweep", "keep-sweep", lambda: _run(asked, tuple(levels))[0].run_id)
    _earlier(asked)
    data = None if study.shipped or observed_data() is None else str(observed_data())
    lines = reproduce_sweep(record, levels, asked.dates, data, edited=asked.population is not None)
    render((lines.details(),), "reproduce")


def _panels(
    panels: dict[str, go.Figure], asked: CounterfactualInputs, data: pd.DataFrame, name: str, words: str
) -> None:
    """A panel per behaviour, side by side or, on a phone, below one another; then the source and the data of all."""
    behaviours = list(panels)
    for first in range(0, len(behaviours), PANEL_COLUMNS):
        for column, behaviour in zip(
            st.columns(PANEL_COLUMNS), behaviours[first : first + PANEL_COLUMNS], strict=False
        ):
            with column:
                label = asked.study.behaviour(behaviour).label
                chart(panels[behaviour], data, "", f"{name}-{behaviour}", words.format(label), offer=False)
    beneath, button = st.columns([8, 1], gap="small")
    beneath.caption(plain_text(f"Source: {asked.source.replace('<br>', ' ')}"))
    with button:
        download(stamped(data, asked.source), f"{name}-{asked.study.id}", f"{name}-data", "Data", kind="tertiary")


def _levels(asked: CounterfactualInputs) -> list[float]:
    key = from_address(asked.study, "levels", LEVELS_TEXT, lambda text: ", ".join(_numbers(text)))
    text = st.text_input(
        f"{index_word(asked.study).capitalize()} levels, 0 to 100",
        key=key,
        help="Numbers separated by commas. Each is turned into measures by one fixed rule; the table below says which.",
    )
    levels = checked_targets(_numbers(text))
    into_address("levels", ",".join(f"{level:g}" for level in levels), LEVELS_TEXT.replace(" ", ""))
    return levels


def _numbers(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,;]+", text.strip()) if part]


def _swept(asked: CounterfactualInputs, levels: tuple[float, ...]) -> Sweep | None:
    if len(asked.twin.personas) <= AT_ONCE_UP_TO:
        return found_or_asked(
            asked,
            f"levels {' '.join(f'{level:g}' for level in levels)}",
            lambda with_model: stringency_sweep(with_model.twin, levels, with_model.dates),
            lambda: _sweep(*asked.key, levels, _asked=asked),
        )
    subject = " ".join([*asked.key, *(f"{level:g}" for level in levels)])
    found = run_in_background(asked, "sweep", subject, "Run the sweep", partial(_run, asked, levels))
    if found is None:
        return None
    result, sweep = found
    st.caption(f"Kept as {result.run_id}; it took {result.seconds:.0f} s.")
    return sweep


def _run(
    asked: CounterfactualInputs, levels: tuple[float, ...], watch: Any = None, executor: Executor = IN_THIS_PROCESS
) -> tuple[SweepResult, Sweep]:
    return run_sweep(
        asked.workspace.store,
        asked.run.run_id,
        levels,
        start=asked.dates[0].date(),
        end=asked.dates[-1].date(),
        twin=asked.twin,
        population=asked.population,
        watch=watch,
        executor=executor,
    )


@remembered(show_spinner="Holding policy at each level…", max_entries=8)
def _sweep(
    store: str, run_id: str, people: str, start: str, end: str, levels: tuple[float, ...], _asked: CounterfactualInputs
) -> Sweep:
    return stringency_sweep(_asked.twin, levels, _asked.dates)


@remembered(show_spinner=False, max_entries=16)
def _reference(store: str, run_id: str, people: str, start: str, end: str, _asked: CounterfactualInputs) -> Any:
    return reference_point(_asked.twin, _asked.workspace.inputs.observations, _asked.dates)


@remembered(show_spinner="Comparing the groups…", max_entries=16)
def _group_change(
    store: str, run_id: str, people: str, start: str, end: str, levels: tuple[float, ...], attribute: str,
    _asked: CounterfactualInputs, _sweep: Sweep,
) -> pd.DataFrame:  # fmt: skip
    return sweep_group_change(_asked.twin, _sweep, attribute)


def _levels_in_words(asked: CounterfactualInputs, sweep: Sweep) -> None:
    st.markdown("#### Which measures each level stands for")
    st.caption(
        "One staircase from no measure to every measure in full: each step raises the indicator that is at the smallest "
        "share of its maximum by one level, for everybody. A level takes the step whose index comes closest, so a "
        "stricter level is nowhere looser. The order is an assumption of the study."
    )
    st.dataframe(
        level_table(sweep, asked.twin.support, asked.study),
        width="stretch",
        hide_index=True,
        key="level-table",
        column_config={
            "Level asked for": st.column_config.NumberColumn(format="%g"),
            "Index realised": st.column_config.NumberColumn(format="%.1f"),
            "Distance to the nearest (0 to 100)": st.column_config.NumberColumn(
                format="%.1f",
                help=f"Mean difference of the measures' intensities to the most similar training {asked.study.step}.",
            ),
        },
    )
    words = mapping_table(asked.study, [item.policy for item in sweep.levels])
    with st.expander("Measures in words"):
        shown = words.assign(Measure=words["code"] + " " + words["name"]).drop(columns=["code", "name"])
        st.dataframe(shown.set_index("Measure"), width="stretch", key="measures-table")
        download(words, f"sweep-measures-{asked.study.id}", "measures-data", index=False)


def _by_group(asked: CounterfactualInputs, sweep: Sweep, levels: tuple[float, ...]) -> None:
    study = asked.study
    st.markdown("#### Who responds more, who less")
    left, right = st.columns(2)
    with left:
        attribute = pick(study, "by", "By", asked.twin.attributes, readable, asked.twin.attributes[0])
    with right:
        behaviour, label = pick_behaviour(study, "behaviour")
    table = sweep_group_table(sweep, attribute)
    own = table[table["behaviour"] == behaviour]
    chart(
        sweep_group_figure(own, label, attribute, source=asked.source, index=index_word(study)),
        table,
        f"sweep-{study.id}-by-{attribute}",
        "sweep-groups",
        f"{label} at each level, a line for each category of {readable(attribute).lower()}.",
    )
    if len(sweep.levels) > 1:
        change = _group_change(*asked.key, levels, attribute, _asked=asked, _sweep=sweep)
        first_level, last_level = sweep.levels[0], sweep.levels[-1]
        shown = change[change["behaviour"] == behaviour]
        chart(
            group_figure(
                shown,
                float(last_level.mean[behaviour] - first_level.mean[behaviour]),
                title=(
                    f"{label}: change from {index_word(study)} {first_level.policy.realised:.0f} to "
                    f"{last_level.policy.realised:.0f}, by {readable(attribute).lower()}"
                ),
                source=asked.source,
            ),
            change,
            f"sweep-change-{study.id}-by-{attribute}",
            "sweep-group-change",
            f"Change of {label} from the loosest to the strictest level by {readable(attribute).lower()}.",
        )
    st.caption(GROUPS_TEXT)


def _earlier(asked: CounterfactualInputs) -> None:
    kept = kept_counterfactuals(asked.workspace.store, asked.study.id, "sweep")
    with st.expander(f"Kept sweeps of this study ({len(kept)})", key="kept-sweeps"):
        if kept.empty:
            st.caption(
                "None yet. “Keep this sweep” puts the one above into the store, with all that is needed to repeat it."
            )
            return
        levels = [", ".join(f"{level:g}" for level in item["levels"]) for item in kept["parameters"]]
        checks = [
            "yes" if item["monotone"] and item["bounded"] else "no" for item in kept["summary"]
        ]  # fmt: skip
        shown = pd.DataFrame(
            {
                "Sweep": kept["run_id"],
                "Made": kept["created_at"],
                "Levels": levels,
                "From": kept["start"],
                "To": kept["end"],
                "Of run": kept["of_run"],
                "Personas": kept["personas"],
                "Bounded and monotone": checks,
            }
        )
        earlier_results(asked, kept, shown, "sweeps", _open)


def _open(asked: CounterfactualInputs, row: dict[str, Any]) -> None:
    from datetime import date

    study, parameters = asked.study, row["parameters"]
    people = "own" if row["population_id"] == asked.run.record.population_id else row["population_id"]
    st.session_state[key_of(study, "levels")] = ", ".join(f"{level:g}" for level in parameters["levels"])
    st.session_state[key_of(study, "start")] = date.fromisoformat(parameters["start"])
    st.session_state[key_of(study, "end")] = date.fromisoformat(parameters["end"])
    st.session_state[key_of(study, "people")] = people


def _download_of(table: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """The levels and, as two rows more per behaviour, what they are held against."""
    forecast = reference.rename(columns={"stringency": "realised", "forecast": "mean"})
    seen = reference[["behaviour", "label", "stringency", "observed"]]
    seen = seen.rename(columns={"stringency": "realised", "observed": "mean"})
    return pd.concat(
        [
            table.assign(row="policy held"),
            forecast[["behaviour", "label", "realised", "mean", "lower", "upper"]].assign(row="policy in force, twin"),
            seen.assign(row="policy in force, observed"),
        ],
        ignore_index=True,
    )
