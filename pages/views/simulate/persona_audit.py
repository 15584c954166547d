"""Do the personas answer as people would, and what else moves with the policy?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core.cognition.llm.budget import Plan
from core.errors import PolicyTwinError
from core.report.sentences.confounding import confounding_document
from core.report.sentences.persona_audit import RECALL, memory_blocks, persona_audit_document
from core.services.audits.confounding import confounding_audit, confounding_cost
from core.services.audits.persona_audit import audit_personas, persona_audit_cost
from core.services.audits.requests import ConfoundingRequest, PersonaAuditRequest
from core.services.audits.results import ConfoundingResult, PersonaAuditResult
from core.services.language.descriptions import is_rules
from core.services.language.engines import asking_of
from core.services.language.server_check import require_server
from core.services.runs.finished import newest_about
from core.store.runs import StoredRun
from core.study import Study
from pages.common.address import pick
from pages.common.job_panel import ANSWERS_KEPT, NOTHING_KEPT, measure
from pages.common.render import render
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, engine_note, plain_text
from pages.views.simulate.run import kept_answers, plan_view

CHECKS, AUDIT = "persona_audit", "audit"
PARTS = {CHECKS: "The people", AUDIT: "What else moves with the policy"}


def persona_audit_view(workspace: Workspace) -> dict[str, object]:
    """The newest checks of the run shown, and buttons to make them, each with its cost; returns what was `audited`."""
    run = workspace.run
    st.markdown("##### Do these answers come from many different people, or from one model in many guises?")
    if run is None:
        st.info("Nothing has been simulated yet. Run an engine first.", icon=":material/flag:")
        return {}
    engine_note(run)
    part = pick(workspace.study, "checks", "What to check", list(PARTS), PARTS.__getitem__, CHECKS, buttons=True)
    return {"audited": _audit(workspace, run) if part == AUDIT else _people(workspace, run)}


def _people(workspace: Workspace, run: StoredRun) -> PersonaAuditRequest:
    result = newest_about(workspace.store, run.run_id, PersonaAuditResult)
    if result is None:
        st.info(
            "Not checked yet for this run. The checks ask some of its personas again: several times, in other words, and with "
            "cues that should make no difference; and they ask the model for figures of the period that it may remember.",
            icon=":material/groups:",
        )
    else:
        _checks(workspace.study, result)
    request = PersonaAuditRequest(run.run_id)
    _with_cost(workspace, run, CHECKS, request, (persona_audit_cost, audit_personas), "Measure", result is None)
    return request


def _checks(study: Study, result: PersonaAuditResult) -> None:
    render(persona_audit_document(result, study, recall=False).blocks, "persona-audit")
    if result.memory is not None and result.memory.rows:
        st.markdown(f"##### {RECALL}")
        labels = dict(result.behaviours)
        name = pick(study, "recalled", "Figures recalled of", list(labels), labels.__getitem__, next(iter(labels)))
        render(memory_blocks(result, study, name), "persona-audit-memory")


def _audit(workspace: Workspace, run: StoredRun) -> ConfoundingRequest | None:
    st.caption(
        "At several levels of policy the model is asked for things that a policy set by chance cannot move, such as the "
        "weather. Where they move with it, the model takes the policy for news of something else, and its answers about "
        "behaviour carry that along (Gui and Toubia, 2023)."
    )
    if is_rules(run.record):
        st.info(
            "The rules engine is asked nothing in words, so nothing else can move. The audit needs a run of a language model.",
            icon=":material/info:",
        )
        return None
    result = newest_about(workspace.store, run.run_id, ConfoundingResult)
    if result is None:
        st.info("Not audited yet for this run.", icon=":material/rule:")
    else:
        render(confounding_document(result, workspace.study).blocks, "audit")
    request = ConfoundingRequest(run.run_id)
    _with_cost(workspace, run, AUDIT, request, (confounding_cost, confounding_audit), "Audit", result is None)
    return request


def _with_cost(
    workspace: Workspace,
    run: StoredRun,
    what: str,
    request: PersonaAuditRequest | ConfoundingRequest,
    use_cases: tuple[Callable[..., Plan | None], Callable[..., Any]],
    label: str,
    first: bool,
) -> None:
    """What a measurement would take, and then its button: the cost is said first. `use_cases` are that of the cost, and the
    work's."""
    cost, work = (partial(use_case, request, workspace.store) for use_case in use_cases)
    try:
        found = _planned(workspace.store.name, run.run_id, what, kept_answers(workspace), cost)
    except PolicyTwinError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        return
    if found is None:
        st.caption("It costs nothing: the rules engine runs on this machine.")
    else:
        plan_view(found)

    def reaching(watch: Any, _: Any) -> Any:
        """The work, or a line at once where the run's own server is on this machine and is not there."""
        if not is_rules(run.record):
            require_server(asking_of(run.record))
        return work(watch=watch)

    measure(
        workspace,
        what,
        run.run_id,
        reaching,
        takes="a few seconds" if is_rules(run.record) else "as long as the model needs for these calls",
        keeps=NOTHING_KEPT if is_rules(run.record) else ANSWERS_KEPT,
        label=f"{label} {'it' if first else 'again'}",
        primary=first,
    )


@remembered(show_spinner="Counting questions and cost…", max_entries=16)
def _planned(store_name: str, run_id: str, what: str, answers: str, _cost: Callable[[], Plan | None]) -> Plan | None:
    return _cost()
