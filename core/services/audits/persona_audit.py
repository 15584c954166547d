"""Do a run's personas answer as people would? Spread, repeated samples, wording, cues, and what the model knew.

The order of the checks:
1. who and what: some personas, and situations from mild to strict, of the run's own;
2. the questions of all parts together: as in the run, in other words, with cues, and for figures it may remember;
3. figures with their intervals (core/validity); what they say is in core/report/sentences;
4. stored as a run of kind "persona_audit", which names the run it is about.

With the rules engine there is nobody to be swayed by words: the parts that need a language model say so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE, with_own
from core.cognition.llm.budget import Plan
from core.cognition.llm.prompts import PERSONA, PromptWriter
from core.cognition.llm.variants import LEADING, PARAPHRASE, Variant, variants_of
from core.cognition.registry import DEFAULT_ENGINE, engine_for
from core.execution.progress import ProgressReporter
from core.records import RunRecord
from core.services.audits.memorisation import METRIC, cutoff_period, memory_check, memory_questions, observed_months
from core.services.audits.preparing import (
    Answers,
    Batch,
    Part,
    Subject,
    keep_audit,
    some_personas,
    some_situations,
    subject_of,
)
from core.services.audits.requests import PersonaAuditRequest
from core.services.audits.results import (
    CHECKS,
    KIND,
    NO_VARIANTS,
    NO_WORDS,
    NOBODY,
    OF_CHECKS,
    OF_RUN,
    OTHER_METRIC,
    TOO_FEW,
    PersonaAuditResult,
)
from core.services.audits.values import (
    collapse_figures,
    found_of,
    opposed_cues,
    sample_agreement,
    spread_figures,
    wording_change,
)
from core.services.language.engines import asked_of
from core.store.database import Store
from core.study import Study
from core.validity.persona_audit import agreement

#: Stored answers of more personas than this are judged by an evenly spread part of them.
MOST_JUDGED = 500
BASE = "base"


def audit_personas(
    request: PersonaAuditRequest, store: Store, *, watch: ProgressReporter | None = None, study: Study | None = None
) -> PersonaAuditResult:
    """Every check of a finished run's personas, kept as a run of its own.

    What the cache knows is not asked again. `study` is the run's where it was read already. Raises InputError for what
    cannot be checked, AnswersMissing and what the pipe raises otherwise, and Cancelled when the watch says stop; answers
    until then are kept.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the run")
    checked = _Checked(store, request, watch, study)
    record = checked.record()
    answers = None if checked.batch is None else checked.batch.ask(record.run_id)
    watch.report("validate", 0, 1, "the personas")
    result = checked.result(answers)
    result = keep_audit(store, record, result, result.content(), began)
    watch.finish("store", "done")
    return result


def persona_audit_cost(request: PersonaAuditRequest, store: Store) -> Plan | None:
    """What `audit_personas` would take, asking nothing; None for the rules engine, which costs nothing."""
    batch = _Checked(store, request, ProgressReporter()).batch
    return None if batch is None else batch.plan()


class _Checked:
    """A run about to be checked: everything read, nothing asked."""

    def __init__(
        self, store: Store, request: PersonaAuditRequest, watch: ProgressReporter, study: Study | None = None
    ) -> None:
        self.store, self.samples, self.most_situations = store, request.repeats, request.situations
        self.subject = subject = subject_of(store, request.run, request.asking, watch, study)
        self.personas = some_personas(subject.population.personas, request.personas)
        rows = some_situations(subject, request.situations)
        self.contexts = subject.contexts.iloc[rows].reset_index(drop=True)
        self.weights = self.personas["weight"].to_numpy(float)
        self.variants: tuple[Variant, ...] = ()
        self.months = pd.DataFrame()
        self.batch: Batch | None = None
        self.not_checked: dict[str, str] = {}
        if subject.engine is None:
            self.not_checked = dict.fromkeys(("wording", "cues", "cutoff", "memory"), NO_WORDS)
            return
        self.batch = self._batch(subject)

    def _batch(self, subject: Subject) -> Batch:
        engine = subject.engine
        assert engine is not None
        parts = []
        if engine.design.respondent == PERSONA:
            base = replace(engine, samples=self.samples, returned=set())
            parts.append(Part(BASE, base, self.personas, self.contexts))
            self.variants = variants_of(engine.writer.files.version)
            for item in self.variants:
                writer = PromptWriter(engine.writer.study, item.files)
                words = replace(engine, writer=writer, samples=1, returned=set())
                parts.append(Part(item.id, words, self.personas, self.contexts))
            if not self.variants:
                self.not_checked |= dict.fromkeys(("wording", "cues"), NO_VARIANTS)
        else:
            self.not_checked = dict.fromkeys(("spread", "collapse", "samples", "wording", "cues"), NOBODY)
        others = []
        if subject.study.metric == METRIC:
            self.months = observed_months(self.store, subject.record, subject.study)
            others = memory_questions(engine, subject.study, list(self.months.index))
        else:
            self.not_checked["memory"] = OTHER_METRIC
        return Batch(engine, parts, others)

    def record(self) -> RunRecord:
        """The record of the checks, with a run id of its own."""
        subject, engine = self.subject, self.subject.engine
        of = subject.record
        words = {} if engine is None else {item.id: item.files.hash for item in self.variants}
        parameters = {
            "what": CHECKS,
            "of_run": subject.run_id,
            "asking": {} if engine is None else engine.description,
            "samples": self.samples,
            "contexts": len(self.contexts),
            "most_situations": self.most_situations,
            "variants": words,
        }
        asked = {} if engine is None else asked_of(engine)
        return of.about(KIND, parameters, personas=len(self.personas), **asked)

    def result(self, answers: Answers | None) -> PersonaAuditResult:
        """All figures, of what could be checked."""
        subject, study = self.subject, self.subject.study
        engine, seed = subject.engine, subject.record.seed
        used = 1 if engine is None else engine.samples
        result = PersonaAuditResult(
            study=study.id,
            fictional=study.fictional,
            engine=subject.record.engine if engine is None else engine.name,
            model=None if engine is None else engine.spec.model,
            model_ids=() if answers is None else answers.model_ids,
            design=None if engine is None else engine.design.name,
            temperature=None if engine is None else engine.spec.temperature,
            of_run=subject.run_id,
            personas=len(self.personas),
            of_personas=subject.population.size,
            contexts=len(self.contexts),
            samples=self.samples,
            behaviours={item.id: item.label for item in study.behaviours},
            not_checked=self.not_checked,
        )
        repeated = self._repeated(answers)
        if repeated is not None:
            found = agreement(repeated, seed=seed)
            samples = sample_agreement(found, self.weights, used, study.behaviour_ids)
            result = replace(result, samples_agree=samples)
            own, reference, weights, kinds, days, source = self._judged(repeated)
            if len(own) < 2:
                self.not_checked |= dict.fromkeys(("spread", "collapse"), TOO_FEW)
            else:
                noise = found.noise**2 / (used if source == OF_RUN else self.samples)
                result = replace(
                    result,
                    spread=spread_figures(
                        own, reference, weights, days, noise, study.behaviour_ids, source, engine is None, seed
                    ),
                    collapse=collapse_figures(own, reference, weights, kinds, days, found),
                )
        if answers is not None and engine is not None:
            assert self.batch is not None and subject.record.train_end is not None
            result = replace(
                self._with_words(result, answers),
                cutoff=cutoff_period(study, engine.spec.engine, [*answers.model_ids, engine.spec.model]),
                memory=None
                if "memory" in self.not_checked
                else memory_check(
                    study, self.months, self.batch.others, answers.others, subject.record.train_end, seed
                ),
                spent=answers.spent,
                failed=answers.failed,
            )
        return replace(result, found=found_of(result))

    def _repeated(self, answers: Answers | None) -> np.ndarray | None:
        """Samples of the same questions; the rules engine is asked as often, and has to say the same."""
        if answers is None:
            engine = self._rules()
            return np.stack([engine.respond(self.personas, self.contexts).astype(float) for _ in range(self.samples)])
        return answers.values.get(BASE)

    def _rules(self) -> Any:
        """The rules engine as a run of rules ended with, or as it is for the study."""
        rules = engine_for(self.subject.study)
        if self.subject.record.engine != DEFAULT_ENGINE:
            return rules
        found = (self.store.run(self.subject.run_id).summary or {}).get("parameters", {})
        return with_own(rules, found)

    def _judged(
        self, repeated: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Sequence[str], np.ndarray, str]:
        """Answers whose spread is judged, those of the rules engine for the same, weights, kinds of day, days, source.

        All that the run stored where it was the same model, else the means of what was asked now.
        """
        subject = self.subject
        personas, contexts, days = self.personas, self.contexts, np.ones(len(self.contexts))
        kept, context_ids, persona_ids = self.store.read_responses(subject.run_id)
        own, source = np.asarray(_means(repeated)), OF_CHECKS
        if subject.own and kept.size:
            people = subject.population.personas.set_index("persona_id").loc[persona_ids.tolist()].reset_index()
            places = np.flatnonzero(people["weight"].to_numpy() > 0)
            places = places[
                np.unique(np.linspace(0, len(places) - 1, min(MOST_JUDGED, len(places))).round().astype(int))
            ]
            row = pd.Index(context_ids).get_indexer(pd.Index(subject.context_ids))
            personas, contexts, days = people.iloc[places].reset_index(drop=True), subject.contexts, subject.days
            own, source = kept[row][:, places].transpose(1, 0, 2).astype(float), OF_RUN
        whole = np.isfinite(own).all(axis=(1, 2))
        personas, own = personas[whole], own[whole]
        weights, kinds = personas["weight"].to_numpy(float), contexts[DAY_TYPE].astype(str).tolist()
        return own, self._rules().respond(personas, contexts), weights, kinds, days, source

    def _with_words(self, result: PersonaAuditResult, answers: Answers) -> PersonaAuditResult:
        """The result with what other words and cues do."""
        if not self.variants:
            return result
        base, names = answers.values[BASE], self.subject.study.behaviour_ids
        # Two statements about each sentence without a direction, one about each that leads, and one on them together.
        tests = sum(1 if item.kind == LEADING else 2 for item in self.variants) + 1
        rows = [
            wording_change(item, base, answers.values[item.id], self.weights, self.subject.signs, names, tests)
            for item in self.variants
        ]
        return replace(
            result,
            wording=tuple(row for row in rows if row.kind == PARAPHRASE),
            cues=tuple(row for row in rows if row.kind != PARAPHRASE),
            opposed=opposed_cues(self.variants, answers.values, self.weights, self.subject.signs, tests),
        )


def _means(samples: np.ndarray) -> np.ndarray:
    """Means over the samples that answered, (personas, contexts, behaviours); NaN where none did."""
    known = np.isfinite(samples)
    counts = known.sum(axis=0)
    sums = np.where(known, samples, 0.0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
