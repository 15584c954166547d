"""Python lines that give what a section of the Simulate page shows of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.reproduction import Reproduction, python_lines, reproduction
from core.report.sentences.surveys import reproduce_question
from core.services.audits.confounding import confounding_audit
from core.services.audits.persona_audit import audit_personas
from core.services.audits.requests import ConfoundingRequest
from core.services.evaluation.engine_comparison import compare_engines
from core.services.language.descriptions import is_rules
from core.services.runs.costs import persona_answers
from core.store.runs import StoredRun
from core.study import load_study


def reproduce_section(section: str, run: StoredRun, store_name: str, shown: Mapping[str, Any]) -> Reproduction | None:
    """Lines that give what a section of the Simulate page shows of a run; None where the run's own lines are all.

    `shown` has what the section chose: `persona`, `run_ids`, `asked` (the run of a question), or the request that was `audited`.
    """
    closed = "A store is open in one program at a time: close PolicyTwin first, or take a copy of the file."
    if section == "read" and not is_rules(run.record):
        persona = int(shown.get("persona", 0))
        return Reproduction(
            "",
            python_lines(
                (persona_answers,),
                f"persona_answers(store, {run.run_id!r}, {persona})",
                "print(result)",
                store=store_name,
            ),
            f"The answers and reasons of persona {persona}, from this store. {closed}",
        )
    if section == "compare" and shown.get("run_ids"):
        made = f"compare_engines(store, {list(shown['run_ids'])!r}, load_study({run.record.study_id!r}))"
        told = "print(result.errors, result.activity)"
        python = python_lines((compare_engines, load_study), made, told, store=store_name)
        return Reproduction("", python, f"The runs side by side, from this store. {closed}")
    if section == "ask" and shown.get("asked"):
        return reproduce_question(shown["asked"], store_name, str(shown.get("by", "")))
    audited = shown.get("audited")
    if audited is not None:
        name, work = (
            ("audit", confounding_audit)
            if isinstance(audited, ConfoundingRequest)
            else ("persona-audit", audit_personas)
        )
        return reproduction(
            name, audited, work, store=store_name, note=f"What was answered is not asked again. {closed}"
        )
    return None
