"""The comparison's courses over time."""

from __future__ import annotations

import streamlit as st

from core.counterfactual.contrast import Contrast
from core.report.figures.contrasts import paths_figure
from core.report.sentences.counterfactuals import reference_label
from core.report.sentences.domain import index_word
from core.services.counterfactuals.tables import cumulative_table, difference_table, path_table
from core.study import Step
from pages.common.address import pick
from pages.common.charts import chart
from pages.views.counterfactuals.choices import CounterfactualInputs, pick_behaviour


def over_time(asked: CounterfactualInputs, found: list[Contrast]) -> tuple[str, bool]:
    """Draw the courses; returns the behaviour shown, and whether by week."""
    study = asked.study
    st.markdown("#### Over time")
    left, middle, right = st.columns(3)
    with left:
        behaviour, label = pick_behaviour(study, "show")
    with middle:
        drawn = {
            "paths": "Each policy's path",
            "difference": "Difference from the reference",
            "summed": "Difference, added up",
        }
        draw = pick(study, "draw", "Draw", list(drawn), lambda name: drawn[name], "paths")
    with right:
        steps = {"week": "Weekly means", "day": "Days"}
        daily = study.step is Step.DAY  # longer periods are drawn as they are
        weekly = daily and pick(study, "step", "Step", list(steps), lambda name: steps[name], "week") == "week"
    reference = reference_label(found[0].reference_name)
    if draw == "difference":
        table = difference_table(found, behaviour, weekly=weekly)
    elif draw == "summed":
        table = cumulative_table(found, behaviour, weekly=weekly)
    else:
        seen = asked.workspace.inputs.observations
        table = path_table(found, behaviour, weekly=weekly, reference=reference, observations=seen)
    chart(
        paths_figure(
            table,
            reference=reference,
            label=label,
            difference=draw != "paths",
            summed=draw == "summed",
            weekly=weekly,
            source=asked.source,
            index=index_word(study),
            step=study.step,
            unit=study.metric_unit,
        ),
        table,
        f"compare-{study.id}-{behaviour}",
        "paths",
        f"{label} over time under each policy, with the {index_word(study)} of each policy beneath.",
    )
    st.caption(f"All {study.step}s shown lie after the end of training on {asked.twin.origin}.")
    return behaviour, weekly
