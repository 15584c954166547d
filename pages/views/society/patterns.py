"""Posts and sales: a dose set by us beside what days alone would say; and facts of real places beside the society's."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.figures.society import dose_curve, fact_ranges
from core.report.sentences.society_attention import ARM_WORDS, attention_document
from core.report.sentences.society_facts import WHAT, counted, facts_document
from core.services.society.facts import MeasuredFacts
from core.services.society.shown import SHIPPED
from core.society.attention_verdict import AttentionResult
from core.validity.measured import ShownResult, read_measured
from pages.common.charts import chart
from pages.common.render import render
from pages.common.shell import Workspace, plain_text
from pages.views.society.chosen import Shown

ATTENTION, FACTS = f"shown_attention_{SHIPPED}", "society_facts"
#: What a verdict means on the screen.
SHAPES = {
    "saturating": "More posts sell more, and each further one sells less.",
    "inverted U": "More posts sell more up to a point, and less beyond it.",
    "not shown": "No shape can be told from chance.",
}


def attention_view(workspace: Workspace, shown: Shown) -> None:
    """The randomised dose, the arm where nobody reads, and the echo."""
    kept = read_measured(ShownResult, ATTENTION)
    if kept is None:
        st.info("Not measured in this version. `policytwin society attention` does it.", icon=":material/flag:")
        return
    result = AttentionResult.from_dict(kept.result)
    place = result.place.replace("_", " ")
    shape = plain_text(SHAPES.get(result.verdict, SHAPES["not shown"]))
    st.markdown(f"**{shape}** Posts about the {place}, set by us, in {result.seeds} worlds.")
    rows = pd.DataFrame(
        [
            (ARM_WORDS[name], dose.posts_per_hour, dose.relative_sales, dose.low, dose.high)
            for name, arm in result.arms.items()
            for dose in arm.doses
        ],
        columns=["arm", "dose", "mean", "low", "high"],
    )
    source = f"society lab, invented people; {kept.header.command}, version {kept.header.code_version}"
    chart(
        dose_curve(rows, source),
        rows,
        "society-dose",
        "society-dose",
        "Sales of the place by posts an hour, for each arm, with intervals.",
    )
    share = result.echo.unread_share
    echo = "" if share is None else f"On {share:.0%} of it nobody had read a post: people post about where they ate. "
    alone = "Days of posts and sales alone would show a relation too (the echo)."
    st.caption(plain_text(f"{alone} {echo}Only posts that are set say what posts do."))
    with st.expander("All of the test: arms, placebos, echo, dispersion"):
        render(attention_document(result).blocks, "society-attention")


def facts_view(workspace: Workspace, shown: Shown) -> None:
    """Each fact, inside its range or not, tuned or held out."""
    kept = read_measured(MeasuredFacts, FACTS)
    if kept is None:
        st.info("Not measured in this version. `policytwin society facts` does it.", icon=":material/flag:")
        return
    result = kept.result
    st.markdown(f"**{plain_text(counted(result))}**")
    rows = pd.DataFrame(
        [
            (
                f"{item.fact}: {item.quantity}",
                item.value,
                item.range_low,
                item.range_high,
                item.hit,
                item.use != "held out",
            )
            for item in result.figures
            if item.value is not None
        ],
        columns=["label", "value", "low", "high", "hit", "tuned"],
    )
    source = f"society lab, invented people, scenario {result.scenario}; ranges: the sources in the table"
    chart(
        fact_ranges(rows, source),
        rows,
        "society-facts",
        "society-facts",
        "Each figure of the society within the range of published ones, or outside.",
    )
    st.caption(f"The band is what was measured elsewhere. Open diamonds were used to set the society up. {WHAT}")
    with st.expander("In numbers, with sources, and what cannot be computed"):
        render(facts_document(result).blocks[1:], "society-facts-table")
