"""What the shipped answers of the small model come to: forecasts, checks of its people and canaries, beside the rules engine.

Nobody is asked: the answers lie in `data/answers`, and what was not answered is left out and counted. Those about the UAE are
about its real policies, and are tested against observations, which do not ship.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from core.cognition.llm.canaries import CANARIES, VERSION
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.local_weights import SMOLLM2
from core.cognition.llm.memoising import NotAsked
from core.cognition.registry import REPLAY
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.services.audits.persona_audit import audit_personas
from core.services.audits.requests import PersonaAuditRequest
from core.services.audits.results import WordingChange
from core.services.language.answer_cache import import_answers
from core.services.runs.results import RunResult
from core.services.runs.run import ensure_run
from core.services.studies.requests import ASKED_PERSONAS, ModelOptions, RunRequest
from core.settings import shipped_data
from core.store.database import Store
from core.validity.measured import AskedScores, AskedSplit, CrowdChecks, Header

#: The files of answers by study, and the ends of training and of the test. An hour of one core is too little for all of the
#: UAE's situations: all ten people were asked about those of the shortest training that a study of days takes (180 days) and of
#: the 91 days after it.
SHIPPED = {
    "meridia": ("meridia-smollm2.parquet", None, None),
    "uae": ("uae-smollm2.parquet", date(2020, 8, 12), date(2020, 11, 11)),
}
#: How many of Meridia's people were asked again, as often and in as many situations.
AUDITED, SITUATIONS, REPEATS = 4, 1, 2


def shipped_answers(study: str) -> Path:
    """The file of the model's answers about a study."""
    return shipped_data() / "answers" / SHIPPED[study][0]


def replayed(study: str, data: Path | None = None) -> RunRequest:
    """The run that the shipped answers about a study make."""
    _, train_end, test_end = SHIPPED[study]
    asking = ModelOptions(REPLAY, SMOLLM2.name, of="local", allow_failures=True)
    return RunRequest(study, data, personas=ASKED_PERSONAS, train_end=train_end, test_end=test_end, asking=asking)


def asked_scores(
    store: Store, data: Path | None, watch: ProgressReporter, executor: Executor = IN_THIS_PROCESS
) -> AskedScores:
    """The figures, with a header that says nothing yet. InputError where observations of the UAE are not there."""
    splits, checks = [], None
    for study in (name for name in SHIPPED if shipped_answers(name).exists()):
        import_answers(store, shipped_answers(study))
        run_id = ensure_run(replayed(study, data), store, watch, executor)
        splits.append(_split(store, run_id, study, data, watch, executor))
        checks = checks or _checks(store, run_id, watch)
    rows = store.read("llm_calls", prompt_version=VERSION, model=SMOLLM2.name)
    canaries = {
        name: float(np.mean([item["values"]["probability"] for item in own["parsed"]]))
        for name, own in ((name, rows[rows["prompt"].str.startswith(text)]) for name, text in CANARIES.items())
        if len(own)
    }
    valid = int((rows["attempts"] == 1).sum())
    header = Header("", "", date.min, "", {}, 0.0)
    return AskedScores(header, SMOLLM2.name, tuple(splits), checks, canaries, len(rows), valid)


def _split(
    store: Store, run_id: str, study: str, data: Path | None, watch: ProgressReporter, executor: Executor
) -> AskedSplit:
    """A replayed run beside the rules engine's of the same people."""
    run = store.run(run_id)
    own = RunResult.of(run)
    request = replace(replayed(study, data), asking=None, engine="rules", personas=None)
    request = replace(request, population_id=run.record.population_id)
    rules = RunResult.of(store.run(ensure_run(request, store, watch, executor)))
    values, _, _ = store.read_responses(run_id)
    asking = own.asking
    assert asking is not None and run.record.train_end is not None and run.record.test_end is not None
    return AskedSplit(
        study=study,
        train_end=run.record.train_end,
        test_end=run.record.test_end,
        personas=asking.personas,
        situations=asking.distinct // asking.personas,
        questions=asking.distinct,
        answered=asking.cached,
        fewest=int((~np.isnan(values)).all(axis=-1).sum(axis=1).min()),
        repairs=asking.repairs,
        model=_known(own),
        rules=_known(rules),
        model_as_expected=_as_expected(own),
        rules_as_expected=_as_expected(rules),
    )


def _known(result: RunResult) -> dict[str, float]:
    return {name: value for name, value in result.macro_rmse.items() if value is not None}


def _as_expected(result: RunResult) -> float | None:
    found = result.coherence
    return None if found is None or not found.comparisons else found.as_expected / found.comparisons


def _checks(store: Store, run_id: str, watch: ProgressReporter) -> CrowdChecks | None:
    """The persona audit of a run from answers that ship with it; None where they do not."""
    try:
        # Figures of months that the model recalls are not bounded, and some have no valid answer.
        request = PersonaAuditRequest(run_id, AUDITED, SITUATIONS, REPEATS, asking=replayed("meridia").asking)
        found = audit_personas(request, store, watch=watch)
    except (AnswersMissing, NotAsked):
        return None
    agree, spread = found.samples_agree, found.spread
    return CrowdChecks(
        personas=found.personas,
        questions=0 if found.spent is None else found.spent.cached,
        samples_agree=None if agree is None else agree.overall.value,
        between_people=None if found.collapse is None else found.collapse.between_people.value,
        spread_to_rules=None if spread is None else spread.ratio.value,
        wordings=len(found.wording),
        wordings_moved=_moved(found.wording),
        cues=len(found.cues),
        cues_moved=_moved(found.cues),
    )


def _moved(changes: tuple[WordingChange, ...]) -> int:
    return sum(item.moves for item in changes)
