"""Do the personas answer as people would, and what else moves with the policy?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import PolicyTwinError
from core.report.figures.persona_audit import (
    association_figure,
    memory_figure,
    range_figure,
    spread_figure,
    wording_figure,
)
from core.report.sentences.simulate import (
    PERSONA_AUDIT_CHECKS,
    audit_line,
    persona_audit_sentences,
    persona_audit_table,
)
from core.services.audits.persona_audit import (
    audit_personas,
    confounding_audit,
    confounding_cost,
    latest_confounding_audit,
    latest_persona_audit,
    persona_audit_cost,
)
from core.services.language.descriptions import is_rules
from core.services.language.engines import asking_of
from core.services.language.server_check import require_server
from core.services.runs.results import source_line, twin_source
from core.store.runs import StoredRun
from core.study import Study
from pages.common.address import pick
from pages.common.charts import chart, download
from pages.common.measure import ANSWERS_KEPT, NOTHING_KEPT, measure
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, engine_note, plain_text
from pages.views.simulate.run import kept_answers, plan_view

CHECKS, AUDIT = "persona_audit", "audit"
PARTS = {CHECKS: "The people", AUDIT: "What else moves with the policy"}


def persona_audit_view(workspace: Workspace) -> None:
    """The newest checks of the run shown, and buttons to make them, each with its cost."""
    run = workspace.run
    st.markdown("##### Do these answers come from many different people, or from one model in many guises?")
    if run is None:
        st.info("Nothing has been simulated yet. Run an engine first.", icon=":material/flag:")
        return
    engine_note(run)
    part = pick(workspace.study, "checks", "What to check", list(PARTS), PARTS.__getitem__, CHECKS, buttons=True)
    if part == AUDIT:
        _audit(workspace, run)
    else:
        _people(workspace, run)


def _people(workspace: Workspace, run: StoredRun) -> None:
    values = latest_persona_audit(workspace.store, run.run_id)
    if values is None:
        st.info(
            "Not checked yet for this run. The checks ask some of its personas again: several times, in other words, and with "
            "cues that should make no difference; and they ask the model for figures of the period that it may remember.",
            icon=":material/groups:",
        )
    else:
        _checks(workspace.study, run, values)
    store, run_id = workspace.store, run.run_id
    _with_cost(
        workspace,
        CHECKS,
        lambda: persona_audit_cost(store, run_id),
        lambda: measure(
            workspace,
            CHECKS,
            run_id,
            lambda watch, _: _reaching(run, lambda: audit_personas(store, run_id, watch=watch)),
            takes="a few seconds" if is_rules(run.record) else "as long as the model needs for these calls",
            keeps=NOTHING_KEPT if is_rules(run.record) else ANSWERS_KEPT,
            label="Measure it" if values is None else "Measure again",
            primary=values is None,
        ),
    )


def _checks(study: Study, run: StoredRun, values: Mapping[str, Any]) -> None:
    asked = f"{values['personas']:,} of {values['of_personas']:,} personas, {values['contexts']:,} situations"
    times = f", each question {values['samples']} times" if values["samples"] > 1 else ""
    st.caption(plain_text(f"Asked of {asked}{times}; checks {values['run_id']}."))
    if values["found"]:
        st.markdown("**What a reader of this run must know**")
        for item in values["found"]:
            st.warning(
                plain_text(f"{PERSONA_AUDIT_CHECKS.get(item['check'], item['check'])}. {item['what']}"),
                icon=":material/warning:",
            )
    else:
        st.success(
            "None of the checks found anything that speaks against these personas.", icon=":material/check_circle:"
        )
    for title, sentences in persona_audit_sentences(values):
        st.markdown(f"**{title}**")
        for text in sentences:
            st.markdown(f"- {plain_text(text)}")
    _figures(study, run, values)
    table = persona_audit_table(values)
    if len(table.columns):
        st.table(
            table.rename(index=plain_text, columns=plain_text)
            .rename_axis(index=None)
            .style.format("{:.1f}", na_rep="–")
        )
        download(table, f"persona-audit-{run.run_id}", "persona-audit-data")


def _figures(study: Study, run: StoredRun, values: Mapping[str, Any]) -> None:
    source = f"{twin_source(study, run.record.engine, run.run_id)} Checks {values['run_id']}."
    spread, memory = values["spread"], values["memory"]
    if spread and spread["source"] and not is_rules(run.record):
        rows = pd.DataFrame.from_dict(spread["ratios"], orient="index").rename_axis("behaviour")
        chart(
            spread_figure(spread, values["behaviours"], source=source), rows, f"persona-audit-spread-{run.run_id}",
            "persona-audit-spread",
            "Spread between people over that of the rules engine, by behaviour, with intervals",
        )  # fmt: skip
    if values["wording"] or values["cues"]:
        rows = pd.DataFrame(
            [{"id": row["id"], "kind": row["kind"], **row["shift"]} for row in (*values["wording"], *values["cues"])]
        )
        chart(
            wording_figure(values, source=source), rows, f"persona-audit-wording-{run.run_id}", "persona-audit-wording",
            "What other words and cues do to the answers, with intervals",
        )  # fmt: skip
    if memory and memory["rows"]:
        labels = values["behaviours"]
        name = pick(study, "recalled", "Figures recalled of", list(labels), labels.__getitem__, next(iter(labels)))
        chart(
            memory_figure(
                memory["rows"], behaviour=name, label=labels[name], unit=memory["unit"],
                source=f"{source} Observed: {source_line(study)}",
            ),
            pd.DataFrame(memory["rows"]), f"persona-audit-memory-{run.run_id}", "persona-audit-memory",
            "Figures that the model recalls beside those observed, by month",
        )  # fmt: skip


def _audit(workspace: Workspace, run: StoredRun) -> None:
    st.caption(
        "At several levels of stringency the model is asked for things that a policy set by chance cannot move, such as the "
        "weather. Where they move with it, the model takes the policy for news of something else, and its answers about "
        "behaviour carry that along (Gui and Toubia, 2023)."
    )
    if is_rules(run.record):
        st.info(
            "The rules engine is asked nothing in words, so nothing else can move. The audit needs a run of a language model.",
            icon=":material/info:",
        )
        return
    values = latest_confounding_audit(workspace.store, run.run_id)
    if values is None:
        st.info("Not audited yet for this run.", icon=":material/rule:")
    else:
        count = len(values["variables"])
        for verdict in values["verdicts"]:
            _said(audit_line(verdict, count), bool(verdict["moved"]))
        source = f"{twin_source(workspace.study, run.record.engine, run.run_id)} Audit {values['run_id']}."
        for stated in sorted({bool(row["stated"]) for row in values["associations"]}, reverse=True):
            own = [row for row in values["associations"] if row["stated"] == stated]
            chart(
                association_figure(own, stated=stated, source=source), _association_rows(own),
                f"audit-{run.run_id}-{'stated' if stated else 'unstated'}", f"audit-{stated}",
                "Change of what a policy cannot move from no to full policy, by design, with intervals",
            )  # fmt: skip
        ranges = [row for row in values["ranges"] if row["behaviour"] is not None]
        if ranges:
            chart(
                range_figure(values["ranges"], source=source),
                pd.DataFrame([{**row, **row["effect"]} for row in ranges]).drop(columns="effect"),
                f"audit-ranges-{run.run_id}", "audit-ranges",
                "Change of the answers at one level when the policies shown beside it lie further apart",
            )  # fmt: skip
        rows = _association_rows(values["associations"])
        st.dataframe(
            rows, hide_index=True, width="stretch", key="audit-table",
            alt="Change of each variable from no to full stringency, by design",
            column_config={
                name: st.column_config.NumberColumn(name, format="%+.1f")
                for name in ("Change, points", "Lower", "Upper")
            },
        )  # fmt: skip
        st.caption("Change from stringency 0 to 100, in points of the answer's scale, with its 95% interval.")
        with st.expander("The findings in words", icon=":material/notes:"):
            for verdict in (*values["verdicts"], *values["range_verdicts"]):
                st.markdown(f"- {plain_text(verdict['text'])}")
        download(pd.DataFrame(values["associations"]), f"audit-{run.run_id}", "audit-data", index=False)
    store, run_id = workspace.store, run.run_id
    _with_cost(
        workspace,
        AUDIT,
        lambda: confounding_cost(store, run_id),
        lambda: measure(
            workspace,
            AUDIT,
            run_id,
            lambda watch, _: _reaching(run, lambda: confounding_audit(store, run_id, watch=watch)),
            takes="as long as the model needs for these calls",
            keeps=ANSWERS_KEPT,
            label="Audit it" if values is None else "Audit again",
            primary=values is None,
        ),
    )


def _said(text: str, moved: bool) -> None:
    icon = ":material/warning:" if moved else ":material/check:"
    st.markdown(f"{icon} {plain_text(text)}")


def _association_rows(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Design": row["design"],
                "Epidemic": "stated" if row["stated"] else "not stated",
                "What should not move": row["label"],
                "Said in the prompt": "yes" if row["fixed"] else "no",
                "Change, points": row["slope"]["value"],
                "Lower": row["slope"]["lower"],
                "Upper": row["slope"]["upper"],
                "Moves": "yes" if row["moves"] else "no",
            }
            for row in rows
        ]
    )


def _reaching(run: StoredRun, work: Callable[[], Any]) -> Any:
    """The work, or a line at once where the run's own server is on this machine and is not there."""
    if not is_rules(run.record):
        require_server(asking_of(run.record))
    return work()


def _with_cost(
    workspace: Workspace, what: str, cost: Callable[[], Mapping[str, Any] | None], begin: Callable[[], None]
) -> None:
    """What a measurement would take, and then its button: the cost is said first."""
    assert workspace.run is not None
    try:
        found = _planned(workspace.store.name, workspace.run.run_id, what, kept_answers(workspace), cost)
    except PolicyTwinError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        return
    if found is None:
        st.caption("It costs nothing: the rules engine runs on this machine.")
    else:
        plan_view(found)
    begin()


@remembered(show_spinner="Counting questions and cost…", max_entries=16)
def _planned(
    store_name: str, run_id: str, what: str, answers: str, _cost: Callable[[], Mapping[str, Any] | None]
) -> Mapping[str, Any] | None:
    return _cost()
