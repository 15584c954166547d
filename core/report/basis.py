"""What every result rests on, as it stands at the end of a report."""

from __future__ import annotations

import shlex

from core.cognition.llm.local_weights import caution_of
from core.cognition.registry import engine_label
from core.records import RUNGS, RunRecord
from core.report.document import Block, Code, Details, Heading, Items
from core.study import Study

INVENTED = "invented by PolicyTwin: nothing here is about a real place"


def data_words(study: Study) -> str:
    """Where a study's data are from."""
    return INVENTED if study.fictional else study.citation or "the user's own"


def rungs_text(rung: str) -> str:
    """The four claims in order, those marked on which a result stands."""
    reached = RUNGS.index(rung)
    return " → ".join(f"{'●' if place <= reached else '○'} {text}" for place, text in enumerate(RUNGS))


def basis(record: RunRecord, data: str, again: Details | None = None) -> tuple[Block, ...]:
    """What a result rests on, and how it is made `again` (None: from the store that holds it): the same for every kind."""
    people = record.population_id or "drawn for this"
    learned = "nothing" if record.priors == "none" else record.priors
    return (
        Heading("What this rests on"),
        Items(
            (
                f"Data: {data}.".replace("..", "."),
                f"People: {record.personas:,} synthetic personas (population {people}, seed {record.seed}). Nobody "
                "was asked; traits without a source are assumptions.",
                f"Engine: {engine_label(record.engine)}, version {record.engine_version}"
                f"{f', model {record.model_id}' if record.model_id else ''}."
                f"{f' The model has {caution}' if (caution := caution_of(record.model_id)) else ''}",
                f"Learned from other places' past: {learned}.",
                f"Claim: {rungs_text(record.rung)}. That the mechanism is valid for this place is not claimed.",
                f"Run {record.run_id}, of {record.created_at:%-d %B %Y}, by PolicyTwin {record.code_version}.",
            )
        ),
        again or Details("Make it again", (Code(shlex.join(["policytwin", "rerun", record.run_id]), "bash"),)),
    )
