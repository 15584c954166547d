"""Which document says what a stored result means, by the class of the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from core.errors import InputError
from core.records import RunRecord
from core.report.basis import INVENTED, basis, data_words
from core.report.document import Block, Code, Details, Document, Heading, Items
from core.report.files import write_document
from core.report.renderers.terminal import terminal_text
from core.report.sentences.ablations import ablations_document
from core.report.sentences.backtests import backtest_document
from core.report.sentences.confounding import confounding_document
from core.report.sentences.corrections import correction_document
from core.report.sentences.counterfactuals import comparison_document, sweep_document
from core.report.sentences.donors import donors_document
from core.report.sentences.groups import groups_document
from core.report.sentences.known_effects import known_effects_document
from core.report.sentences.known_worlds import worlds_document
from core.report.sentences.panel_backtests import panel_backtest_document
from core.report.sentences.persona_audit import persona_audit_document
from core.report.sentences.projections import projection_document
from core.report.sentences.replicated_choices import choices_document
from core.report.sentences.replicated_effects import effects_document
from core.report.sentences.replicated_twins import twins_document
from core.report.sentences.replications import answers_document
from core.report.sentences.runs import run_document
from core.report.sentences.sensitivity import sensitivity_document
from core.report.sentences.society import society_document
from core.report.sentences.society_attention import attention_document
from core.report.sentences.society_facts import facts_document
from core.report.sentences.society_record import record_blocks
from core.report.sentences.surveys import survey_document
from core.report.sentences.twins import calibration_document, prediction_document
from core.result import Result, result_class
from core.services.audits.group_results import GroupsResult
from core.services.audits.results import ConfoundingResult, PersonaAuditResult
from core.services.counterfactuals.projection_results import ProjectionResult
from core.services.counterfactuals.results import ComparisonResult, SweepResult
from core.services.evaluation.backtests import read_backtest
from core.services.evaluation.donors import DonorsResult
from core.services.evaluation.known_effects import KnownEffectsResult
from core.services.evaluation.known_worlds import read_worlds
from core.services.evaluation.replication_results import (
    AnswersReplication,
    ChoicesReplication,
    EffectsReplication,
    TwinsReplication,
)
from core.services.evaluation.results import AblationsResult, BacktestResult, PanelBacktestResult, WorldsResult
from core.services.evaluation.sensitivity import SensitivityResult
from core.services.library.archive import load_result
from core.services.runs.results import RunResult
from core.services.society.facts import FactsResult
from core.services.society.governance import governance_record
from core.services.society.reading import society_result
from core.services.society.results import SocietyResult
from core.services.studies.stored_inputs import stored_study
from core.services.surveys.calibration_results import CalibrationResult, PredictionResult
from core.services.surveys.correct import CorrectionResult
from core.services.surveys.results import SurveyResult
from core.society.attention_verdict import AttentionResult
from core.store.database import Store
from core.study import Study

R = TypeVar("R", bound=Result)

#: Each takes a result and the study that it is about.
DOCUMENTS: dict[type[Result], Callable[[Any, Study], Document]] = {
    RunResult: run_document,
    SensitivityResult: sensitivity_document,
    SweepResult: sweep_document,
    ComparisonResult: comparison_document,
    ProjectionResult: projection_document,
    SurveyResult: survey_document,
    CorrectionResult: correction_document,
    PersonaAuditResult: persona_audit_document,
    ConfoundingResult: confounding_document,
    GroupsResult: groups_document,
    AblationsResult: ablations_document,
    PanelBacktestResult: lambda result, study: panel_backtest_document(result),
    KnownEffectsResult: lambda result, study: known_effects_document(result),
}
#: Of what is about many places and of no one study: the document, and where the data are from.
OF_MANY: dict[type[Result], tuple[Callable[[Store, str], Document], str]] = {
    BacktestResult: (
        lambda store, run_id: backtest_document(read_backtest(store, run_id)),
        "files of the user's own, as observed by their providers",
    ),
    WorldsResult: (lambda store, run_id: worlds_document(read_worlds(store, run_id)), INVENTED),
    SocietyResult: (
        lambda store, run_id: society_document(
            society_result(store, run_id), record_blocks(governance_record(store, run_id))
        ),
        INVENTED,
    ),
    AttentionResult: (lambda store, run_id: attention_document(_measured(store, run_id, AttentionResult)), INVENTED),
    FactsResult: (lambda store, run_id: facts_document(_measured(store, run_id, FactsResult)), INVENTED),
}
#: Of tables of people and twins, or of places, that were made elsewhere: no study, and no personas of ours.
OF_TABLES: dict[type[Result], Callable[[Any], Document]] = {
    CalibrationResult: calibration_document, PredictionResult: prediction_document, DonorsResult: donors_document,
    AnswersReplication: answers_document, EffectsReplication: effects_document, ChoicesReplication: choices_document,
    TwinsReplication: twins_document,
}  # fmt: skip


def document_of(store: Store, run_id: str) -> Document:
    """What a complete run found, as it is to be read. InputError where nothing is said of its kind."""
    result = load_result(store, run_id)
    found = _found(store, result, run_id)
    if found is None:
        raise InputError(f"is a {result.kind}, of which no report is made", where=f"run {run_id}")
    said, data = found
    if type(result) in OF_TABLES:
        return replace(said, blocks=(*said.blocks, *_basis_of_tables(store.run(run_id).record, data)), run_id=run_id)
    return replace(said, blocks=(*said.blocks, *basis(store.run(run_id).record, data)), run_id=said.run_id or run_id)


def reportable(kind: str) -> bool:
    """Whether there is a report of results of this kind."""
    return any(found.kind == kind for found in (*DOCUMENTS, *OF_MANY, *OF_TABLES))


def shown_text(store: Store, run_id: str) -> str:
    """What a run found, for a terminal; "" where there is no document for its kind, or it was not completed."""
    run = store.run(run_id)
    if not run.complete or result_class(run.record.kind, run.summary or {}) is None:
        return ""
    found = _found(store, load_result(store, run_id), run_id)
    return "" if found is None else terminal_text(found[0])


def _found(store: Store, result: Result, run_id: str) -> tuple[Document, str] | None:
    """What is said of a result, and where its data are from; None where nothing is."""
    if type(result) in OF_MANY:
        of_run, data = OF_MANY[type(result)]
        return of_run(store, run_id), data
    if type(result) in OF_TABLES:
        named = store.run(run_id).record.input_hashes.items()
        return OF_TABLES[type(result)](result), ", ".join(
            f"{name} {key[:12]}" if len(key) == 64 else key for name, key in named
        )
    if type(result) not in DOCUMENTS:
        return None
    study = stored_study(store, store.run(run_id).record)
    return DOCUMENTS[type(result)](result, study), data_words(study)


def _measured(store: Store, run_id: str, kind: type[R]) -> R:
    return kind.from_dict(store.run(run_id).summary)


def _basis_of_tables(record: RunRecord, data: str) -> tuple[Block, ...]:
    return (
        Heading("What this rests on"),
        Items(
            (
                f"Tables of others, which are not kept here (SHA-256): {data}.",
                f"Claim: {record.rung}.",
                f"PolicyTwin {record.code_version}, {record.created_at:%-d %B %Y}.",
            )
        ),
        Details("Make it again", (Code(f"policytwin rerun {record.run_id} --data DIR", "bash"),)),
    )


def write_report(store: Store, run_id: str, path: Path) -> Path:
    """Write the report of a run as one file, HTML or PDF. InputError where it cannot be, or another file is in its place."""
    return write_document(document_of(store, run_id), path)
