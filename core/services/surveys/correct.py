"""Correct what personas said to a question by what people said to other questions.

1. the question was asked of the personas (`ask`), and is a run in the store;
2. people's shares of answers to other questions come in a table;
3. those questions are put to the same personas in the same way, where they were not yet;
4. weights of personas and dummies that bring the personas to people's shares there say what people would answer here;
5. each of the other questions, left out in turn, says how far that misses: the interval, and whether it helps at all;
6. the result is kept as a run of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.options import option
from core.records import RunRecord, content_hash
from core.result import Result
from core.services.studies.requests import ModelOptions
from core.services.studies.stored_inputs import save_text, stored_text
from core.services.surveys.ask import ask_people, cost_of_asking, kept_questions, survey_result
from core.services.surveys.calibration_results import DIGITS, PredictedShares
from core.services.surveys.people_shares import PeopleShares, read_people_shares, stored_people_shares
from core.services.surveys.preparing import KIND
from core.services.surveys.requests import asked_with
from core.services.surveys.tables import answers_of_rows
from core.store.database import Store
from core.store.runs import StoredRun
from core.survey.calibration.correction import FEWEST_QUESTIONS, LEVEL, corrected_shares
from core.survey.prompts import SURVEY_PROMPTS
from core.survey.questions import SurveyQuestion

#: Of the run's inputs.
PEOPLE = "people"
NOT_PUT = "was not put to these personas"


@dataclass(frozen=True)
class CorrectionRequest:
    """A question that personas answered, and people's answers to others."""

    run: str = option("the run of the question (policytwin ask, or the page Ask)", positional=True)
    people: str | Path = option(
        "people's answers to other questions: a column question, then one of counts for each answer", word="FILE"
    )
    ask: bool = option("put those questions to the personas that they were not asked yet: this calls the model", False)


@dataclass(frozen=True, kw_only=True)
class AnchorScore:
    """A question that people answered: how far personas as they are, and the correction that did not see it, are from people's
    shares (total variation)."""

    question: str
    asked_run: str
    raw: float
    corrected: float


@dataclass(frozen=True, kw_only=True)
class CorrectionResult(Result, kind="survey_correction"):
    """What people would answer to the question of `of_run`, by their answers to `anchors`. `left_out` says why by question."""

    run_id: str = ""
    study: str
    place: str
    fictional: bool
    of_run: str
    question: SurveyQuestion
    engine: str
    model: str | None
    personas: int
    people_file: str
    predicted: PredictedShares
    anchors: tuple[AnchorScore, ...]
    left_out: Mapping[str, str]
    rung: str = ""
    result_hash: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class CorrectionPlan:
    """`asked` questions were put to the personas already, `unasked` were not; `calls` of the model these would take."""

    asked: int
    unasked: tuple[str, ...]
    calls: int


def correct(request: CorrectionRequest, store: Store, *, watch: ProgressReporter | None = None) -> CorrectionResult:
    """As `correct_asked`, from files. InputError also for a table that cannot be read."""
    people = read_people_shares(request.people, _asked_run(store, request.run)[1])
    return correct_asked(store, request.run, people, put=request.ask, watch=watch)


def plan_correction(store: Store, run_id: str, people: PeopleShares) -> CorrectionPlan:
    """What correcting would take."""
    run, _ = _asked_run(store, run_id)
    found = _anchors(store, run, people)
    unasked = [item for item in people.questions if item.text not in found]
    asking = asked_with(run.record)
    calls = 0
    if asking is not None:
        calls = sum(cost_of_asking(store, str(run.record.population_id), item, asking=asking, **_how(run)).calls
                    for item in unasked)  # fmt: skip
    return CorrectionPlan(len(found), tuple(item.text for item in unasked), calls)


def correct_asked(
    store: Store, run_id: str, people: PeopleShares, *, put: bool = False, asking: ModelOptions | None = None,
    watch: ProgressReporter | None = None,
) -> CorrectionResult:  # fmt: skip
    """Correct the answers of a kept question and keep the result; the same again gives the run that is there.

    With `put`, questions that these personas were not asked are put to them first, as the question was (or by `asking`).
    InputError where fewer than five questions are left; what asking raises.
    """
    watch = watch or ProgressReporter()
    run, question = _asked_run(store, run_id)
    way = asking or asked_with(run.record)
    if put and way is not None:
        for item in people.questions:
            if item.text not in _anchors(store, run, people):
                ask_people(store, str(run.record.population_id), item, asking=way, watch=watch, **_how(run))
    anchors = _anchors(store, run, people)
    parameters = {"of_run": run_id, "people": people.name, "anchors": anchors, "level": LEVEL}
    hashes = {**run.record.input_hashes, PEOPLE: people.key}
    record = run.record.about(CorrectionResult.kind, parameters, input_hashes=hashes)
    same = store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return CorrectionResult.from_dict({**same.summary, "run_id": same.run_id})
    result = replace(corrected(store, run, question, people, anchors, watch), run_id=record.run_id)
    finished = replace(record, result_hash=result.result_hash)
    with store.transaction():
        save_text(store, people.key, PEOPLE, people.text)
        store.begin_run(record)
        store.finish_run(record.run_id, {}, result.as_dict(), seconds=result.seconds, record=finished)
    watch.finish("store", "done")
    return result


def corrected(
    store: Store, run: StoredRun, question: SurveyQuestion, people: PeopleShares, anchors: Mapping[str, str],
    watch: ProgressReporter | None = None,
) -> CorrectionResult:  # fmt: skip
    """The correction by these `anchors` ({question: its run}); nothing is kept."""
    began, watch = time.perf_counter(), watch or ProgressReporter()
    known = [(item, share) for item, share in zip(people.questions, people.shares, strict=True) if item.text in anchors]
    left_out = {**people.left_out, **{item.text: NOT_PUT for item in people.questions if item.text not in anchors}}
    if len(known) < FEWEST_QUESTIONS:
        raise InputError(
            f"{len(known)} questions were answered by people and by these personas ({len(left_out)} left out)",
            where=people.name, allowed=f"{FEWEST_QUESTIONS} or more, with {len(question.keys)} answers each",
        )  # fmt: skip
    new, weights = _said(store, run.run_id, question)
    said = np.stack([_said(store, anchors[item.text], question)[0] for item, _ in known])
    shares = np.array([share for _, share in known])

    def tell(done: int, total: int) -> None:
        watch.check()
        watch.report("calibrate", done, total, "questions left out in turn")

    found = corrected_shares(new, said, shares, weights, watch=tell)
    asked = survey_result(run)
    scores = zip(known, found.missed_by_question["raw"], found.missed_by_question["corrected"], strict=True)
    predicted = PredictedShares.of(found, question.labels)
    return CorrectionResult(
        study=asked.study, place=asked.place, fictional=asked.fictional, of_run=run.run_id, question=question,
        engine=asked.engine, model=asked.model, personas=len(weights), people_file=people.name, predicted=predicted,
        anchors=tuple(
            AnchorScore(question=item.text, asked_run=anchors[item.text], raw=round(float(raw), DIGITS),
                        corrected=round(float(own), DIGITS))
            for (item, _), raw, own in scores
        ),
        left_out=left_out, rung=run.record.rung, result_hash=content_hash(predicted),
        seconds=round(time.perf_counter() - began, 3),
    )  # fmt: skip


def corrected_again(store: Store, record: RunRecord) -> CorrectionResult:
    """The correction of a kept record, made anew from the store."""
    run, question = _asked_run(store, str(record.parameters["of_run"]))
    text = stored_text(store, record.input_hashes[PEOPLE])
    people = stored_people_shares(str(text), str(record.parameters["people"]), question)
    return corrected(store, run, question, people, record.parameters["anchors"])


def kept_corrections(store: Store, study_id: str) -> list[StoredRun]:
    """Corrections of a study's questions, newest first."""
    names = store.runs(kind=CorrectionResult.kind, study_id=study_id, status="complete")["run_id"]
    return [store.run(str(name)) for name in names]


def people_of(store: Store, record: RunRecord, new: SurveyQuestion) -> PeopleShares:
    """People's answers that a kept correction used, for another question."""
    return stored_people_shares(
        str(stored_text(store, record.input_hashes[PEOPLE])), str(record.parameters["people"]), new
    )


def _asked_run(store: Store, run_id: str) -> tuple[StoredRun, SurveyQuestion]:
    run = store.run(run_id)
    if run.record.kind != KIND or not run.complete:
        raise InputError(f"is a {run.record.kind} ({run.status})", where=f"run {run_id}",
                         allowed="a question that personas answered (policytwin ask)")  # fmt: skip
    question = SurveyQuestion.from_dict(run.record.parameters["question"])
    if question.several:
        raise InputError("takes several answers", where=f"run {run_id}", allowed="a question with one answer")
    return run, question


def _anchors(store: Store, run: StoredRun, people: PeopleShares) -> dict[str, str]:
    """The runs in which these personas answered the questions in the same way, the newest of each."""
    wanted = {item.text: item.labels for item in people.questions}
    record, way, found = run.record, asked_with(run.record), {}
    for other in kept_questions(store, record.study_id):
        said = other.record.parameters
        question = SurveyQuestion.from_dict(said["question"])
        same = (
            other.record.population_id == record.population_id and wanted.get(question.text) == question.labels
            and (said["among"], said.get("most")) == (record.parameters["among"], record.parameters.get("most"))
            and asked_with(other.record) == way and question.situation == "" and question.as_of is None
        )  # fmt: skip
        if same and question.text not in found:
            found[question.text] = other.run_id
    return found


def _how(run: StoredRun) -> dict[str, Any]:
    said = run.record.parameters
    return {"personas": said.get("most"), "among": said["among"] or None, "seed": run.record.seed,
            "prompts": run.record.prompt_version or SURVEY_PROMPTS}  # fmt: skip


def _said(store: Store, run_id: str, question: SurveyQuestion) -> tuple[np.ndarray, np.ndarray]:
    """(probabilities (personas, answers), weights (personas,)) of an asked question, in the order of personas."""
    rows = store.read_result("survey_answers", run_id)
    values, weights, _ = answers_of_rows(rows, len(question.keys))
    seen = ~np.isnan(values)
    total = np.where(seen, values, 0.0).sum(axis=1)
    count = seen.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), weights
