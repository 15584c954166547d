"""How far to believe it: posts and sales, stylised facts, what each part does, and the record."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.document import Code, Details, Table
from core.report.documents import document_of
from core.report.figures.society import ABLATED, effect_dots
from core.report.sentences.society import WORDS, tests_table
from core.services.evaluation.results import Measured
from core.services.evaluation.shown_results import shown_result
from core.services.society.results import SocietyResult
from core.services.society.shown import SHIPPED
from core.society.parameters import parameters_hash, registered
from core.society.scenario import scenario_hash
from pages.common.charts import chart
from pages.common.render import render
from pages.common.shell import Workspace, plain_text
from pages.views.society.chosen import Shown


def ablations_view(workspace: Workspace, shown: Shown) -> None:
    """The shipped scenario without one part at a time, and the directions that were registered."""
    found = shown_result(SocietyResult, f"{SHIPPED}_ablations")
    if found is None:
        st.info(
            f"Not measured in this version. `policytwin society ablate {shown.scenario.id}` does it.",
            icon=":material/flag:",
        )
        return
    result = found.result
    _of_another(shown, result)
    rows = []
    for quantity in ABLATED:
        for arm in result.arms:
            if arm.id != result.against:
                item = result.of(arm.id, quantity)
                if item.reference and item.low is not None and item.high is not None:
                    parts = (100 * value / item.reference for value in (item.mean, item.low, item.high))
                    rows.append((arm.title, WORDS[quantity].label, *parts))
    frame = pd.DataFrame(rows, columns=["label", "arm", "mean", "low", "high"])
    source = f"society lab, invented people; {_made(found)}"
    alt = "Change of spending, visits and posts where one part of the society is left out, in percent with intervals."
    chart(effect_dots(frame, source), frame, "society-ablations", "society-ablations", alt)
    st.caption("Each part left out by itself, in the same worlds. What hardly moves does little in this town.")
    signs = shown_result(SocietyResult, f"{SHIPPED}_signs")
    if signs is not None:
        tests = signs.result.tests
        held = sum(test.verdict == "held" for test in tests)
        st.markdown(f"**{held} of {len(tests)} directions that were registered beforehand held.**")
        render((tests_table(signs.result),), "society-signs")


def record_view(workspace: Workspace, shown: Shown) -> None:
    """What the run rests on, what it leaves out, and how to make it again."""
    result = shown.result
    if result.run_id:
        document = document_of(workspace.store, result.run_id)
        start = next(
            (at for at, block in enumerate(document.blocks) if getattr(block, "text", "") == "What may be claimed"),
            0,
        )
        claimed, rest = document.blocks[start : start + 2], document.blocks[start + 2 :]
        render((*claimed, Details("What it has nothing of, what was tested, and the record", rest)), "society-record")
    assumed = sum(item.status == "assumption" for item in registered().values())
    changed = ", ".join(shown.scenario.parameters)
    st.markdown(
        plain_text(
            f"Scenario {scenario_hash(shown.scenario)[:12]}, parameters {parameters_hash()[:12]}: {len(registered())} numbers, "
            f"of which {assumed} are assumptions{f'; changed here: {changed}' if changed else ''}."
        )
    )
    rows = tuple(
        (item.name.replace("_", " "), item.value, item.low, item.high, item.unit, item.status, item.source)
        for item in registered().values()
    )
    table = Table(("Parameter", "Value", "From", "To", "Unit", "Status", "Source"), rows, digits=3)
    size = f"--seeds {len(result.seeds)} --households {result.households} --days {result.days}"
    line = f"policytwin society run {shown.scenario.id} {size}"
    call = f'result = simulate(load("{shown.scenario.id}"), seeds={len(result.seeds)})'
    python = f"from core.society import load, simulate\n{call}\nresult.days"
    render((Details("All parameters", (table,)), Code(line, "bash"), Code(python, "python")), "society-again")


def _of_another(shown: Shown, result: SocietyResult) -> None:
    if shown.scenario.id != result.scenario:
        st.caption(plain_text(f"Of the shipped scenario “{result.title.removesuffix(' (fictional)')}”."))


def _made(found: Measured[SocietyResult]) -> str:
    return f"{found.header.command}, version {found.header.code_version}" if found.header else "shipped"
