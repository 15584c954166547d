"""Python lines that give what a section of the Simulate page shows of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.reproduction import Reproduction
from core.report.sentences.surveys import reproduce_question
from core.services.language.descriptions import is_rules
from core.services.runs.fits import Reproduce
from core.store.runs import StoredRun


def reproduce_section(
    section: str, run: StoredRun, store_name: str, shown: Mapping[str, Any]
) -> Reproduce | Reproduction | None:
    """Lines that give what a section of the Simulate page shows of a run; None where the run's own lines are all.

    `shown` has what the section chose: `persona`, `run_ids`, `asked` (the run of a question).
    """
    head = f"from core.store.database import Store\n\nwith Store({store_name!r}) as store:\n"
    closed = "A store is open in one program at a time: close PolicyTwin first, or take a copy of the file."
    if section == "read" and not is_rules(run.record):
        persona = int(shown.get("persona", 0))
        return Reproduce(
            "",
            f"from core.services.runs.costs import persona_answers\n{head}"
            f"    print(persona_answers(store, {run.run_id!r}, {persona}))\n",
            f"The answers and reasons of persona {persona}, from this store. {closed}",
        )
    if section == "compare" and shown.get("run_ids"):
        return Reproduce(
            "",
            "from core.services.evaluation.engine_comparison import compare_engines\nfrom core.study import load_study\n"
            f"{head}    found = compare_engines(store, {list(shown['run_ids'])!r}, load_study({run.record.study_id!r}))\n"
            "print(found.errors, found.activity)\n",
            f"The runs side by side, from this store. {closed}",
        )
    if section == "ask" and shown.get("asked"):
        return reproduce_question(shown["asked"], store_name, str(shown.get("by", "")))
    if section == "persona-audit":
        audit = "" if is_rules(run.record) else f"    print(latest_confounding_audit(store, {run.run_id!r}))\n"
        return Reproduce(
            "",
            f"from core.services.audits.persona_audit import latest_confounding_audit, latest_persona_audit\n{head}"
            f"    print(latest_persona_audit(store, {run.run_id!r}))\n{audit}",
            f"The newest checks of this run, from this store. {closed}",
        )
    return None
