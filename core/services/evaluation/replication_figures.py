"""The figures of replications that README quotes, measured on public panels, experiments and twins that do not ship."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.execution.progress import ProgressReporter
from core.services.evaluation.replicated_choices import replicate_choices
from core.services.evaluation.replicated_effects import replicate_effects
from core.services.evaluation.replicated_twins import replicate_twins
from core.services.evaluation.replication_results import (
    AnswersReplication,
    AnswersRequest,
    ChoicesReplication,
    ChoicesRequest,
    EffectsReplication,
    EffectsRequest,
    TwinsReplication,
    TwinsRequest,
)
from core.services.evaluation.replications import replicate_answers
from core.services.evaluation.twin_scores import HUMAN, TWIN
from core.validity.measured import Header, Strict

#: Measured with, and neither shipped nor fetched: its repository has no licence.
PANEL = "people/no_licence_file/self_regulation"
EFFECTS = "people/treatment_effects/megastudy_effects.csv"
TWIN2K = "people/twin2k"
REPLICATION_FILES = (
    *(f"{PANEL}/{name}" for name in ("answers_first.parquet", "answers_again.parquet", "items.csv", "people.csv")),
    f"{PANEL}/choices.parquet", EFFECTS, f"twins/{HUMAN}", f"twins/{TWIN}",
    *(f"{TWIN2K}/{name}" for name in ("retest_by_question.csv", "people.csv", "scores.parquet")),
)  # fmt: skip


@dataclass(frozen=True)
class ReplicationScores(Strict):
    """What replicating people's answers, choices and experiments, and judging twins, found."""

    header: Header
    answers: AnswersReplication
    choices: ChoicesReplication
    effects: EffectsReplication
    twins: TwinsReplication


def replication_scores(data: Path, watch: ProgressReporter | None = None) -> dict[str, Any]:
    """The parts of `ReplicationScores`, from a folder of data."""
    panel, twin2k = data / PANEL, data / TWIN2K
    found: dict[str, Any] = {
        "answers": replicate_answers(AnswersRequest(panel), watch),
        "choices": replicate_choices(ChoicesRequest(panel / "choices.parquet")),
        "effects": replicate_effects(EffectsRequest(data / EFFECTS)),
        "twins": replicate_twins(
            TwinsRequest(
                data / "twins", twin2k / "retest_by_question.csv", twin2k / "people.csv", twin2k / "scores.parquet"
            ),
            watch,
        ),
    }
    return {name: replace(item, seconds=0.0) for name, item in found.items()}
