"""Do a run's personas answer as people would? Spread, repeated samples, wording, cues, and what the model knew.

The order of the checks:
1. who and what: some personas, and situations from mild to strict, of the run's own;
2. the questions of all parts together: as in the run, in other words, with cues, and for figures it may remember;
3. figures with their intervals (core/validity), and what they say in a sentence each;
4. stored as a run of kind "persona_audit", which names the run it is about.

With the rules engine there is nobody to be swayed by words: the parts that need a language model say so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE, with_own
from core.cognition.llm.prompts import PERSONA, PromptWriter
from core.cognition.llm.variants import LEADING, PARAPHRASE, Variant, variants_of
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.records import RunRecord, content_hash
from core.services.audits.confounding import confounding_audit, confounding_cost, latest_confounding_audit
from core.services.audits.memorisation import (
    METRIC,
    cutoff_values,
    memory_questions,
    memory_values,
    observed_months,
)
from core.services.audits.preparing import (
    CHECKS,
    KIND,
    Answers,
    Batch,
    Part,
    Subject,
    some_personas,
    some_situations,
    subject_of,
)
from core.services.audits.values import (
    agreement_values,
    change_values,
    collapse_values,
    cue_values,
    found_of,
    spread_values,
)
from core.services.language.engines import asked_of
from core.services.language.model_identity import several_models
from core.services.studies.inputs import engine_for
from core.services.studies.requests import ModelOptions
from core.store.database import Store
from core.study import Study
from core.validity.persona_audit import agreement

__all__ = [
    "audit_personas",
    "confounding_audit",
    "confounding_cost",
    "latest_confounding_audit",
    "latest_persona_audit",
    "persona_audit_cost",
]

MOST_PERSONAS, MOST_SITUATIONS, SAMPLES = 20, 3, 3
#: Stored answers of more personas than this are judged by an evenly spread part of them.
MOST_JUDGED = 500
BASE = "base"
NO_WORDS = "needs a language model: the rules engine is asked nothing in words"
NOBODY = "the run asked about all inhabitants together, so that no person answers"


def audit_personas(
    store: Store,
    run_id: str,
    *,
    asking: ModelOptions | None = None,
    most_personas: int = MOST_PERSONAS,
    most_situations: int = MOST_SITUATIONS,
    samples: int = SAMPLES,
    watch: ProgressReporter | None = None,
    study: Study | None = None,
) -> dict[str, Any]:
    """Every check of a finished run's personas, kept as a run of its own; returns what is printed.

    `asking` asks another language model about the run's people and situations than the run's own. At most
    `most_personas` people are asked about `most_situations` situations, `samples` times as in the run and once in each
    other wording; what the cache knows is not asked again. `study` is the run's where it was read already. Raises
    InputError for what cannot be checked, AnswersMissing
    and what the pipe raises otherwise, and Cancelled when the watch says stop; answers until then are kept.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the run")
    checked = _Checked(store, run_id, asking, most_personas, most_situations, samples, watch, study)
    record = checked.record()
    answers = None if checked.batch is None else checked.batch.ask(record.run_id)
    watch.report("validate", 0, 1, "the personas")
    values = checked.values(answers)
    record = replace(record, model_id=", ".join(answers.model_ids) or None) if answers else record
    values |= {"run_id": record.run_id, "seconds": round(time.perf_counter() - began, 3)}
    finished = replace(record, result_hash=content_hash(checked.result(values)))
    with store.transaction():
        store.begin_run(record)
        store.finish_run(record.run_id, {}, values, seconds=values["seconds"], record=finished)
    watch.finish("store", "done")
    return values


def persona_audit_cost(
    store: Store,
    run_id: str,
    *,
    asking: ModelOptions | None = None,
    most_personas: int = MOST_PERSONAS,
    most_situations: int = MOST_SITUATIONS,
    samples: int = SAMPLES,
) -> dict[str, Any] | None:
    """What `audit_personas` would take (`Plan.as_dict`), asking nothing; None for the rules engine, which costs nothing."""
    checked = _Checked(store, run_id, asking, most_personas, most_situations, samples, ProgressReporter())
    return None if checked.batch is None else checked.batch.plan().as_dict()


def latest_persona_audit(store: Store, run_id: str) -> dict[str, Any] | None:
    """The newest checks of a run as they were printed, or None."""
    for found in store.runs(kind=KIND, status="complete")["run_id"]:
        summary = store.run(str(found)).summary or {}
        if summary.get("of_run") == run_id and summary.get("what") == CHECKS:
            return dict(summary)
    return None


class _Checked:
    """A run about to be checked: everything read, nothing asked."""

    def __init__(
        self,
        store: Store,
        run_id: str,
        asking: ModelOptions | None,
        most_personas: int,
        most_situations: int,
        samples: int,
        watch: ProgressReporter,
        study: Study | None = None,
    ) -> None:
        if samples < 2:
            raise InputError(f"{samples} samples", where="persona audit", allowed="2 and above", nearest="2")
        self.store, self.samples, self.most_situations = store, samples, most_situations
        self.subject = subject = subject_of(store, run_id, asking, watch, study)
        self.personas = some_personas(subject.population.personas, most_personas)
        rows = some_situations(subject, most_situations)
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
                reason = f"the prompts {engine.writer.files.version} have no other wordings"
                self.not_checked |= dict.fromkeys(("wording", "cues"), reason)
        else:
            self.not_checked = dict.fromkeys(("spread", "collapse", "samples", "wording", "cues"), NOBODY)
        others = []
        if subject.study.metric == METRIC:
            self.months = observed_months(self.store, subject.record, subject.study)
            others = memory_questions(engine, subject.study, list(self.months.index))
        else:
            self.not_checked["memory"] = f"questions of memory are for the metric {METRIC} alone"
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

    def values(self, answers: Answers | None) -> dict[str, Any]:
        """All figures and sentences, in JSON's own types."""
        subject, study = self.subject, self.subject.study
        engine = subject.engine
        values: dict[str, Any] = {
            "what": CHECKS,
            "study": study.id,
            "fictional": study.fictional,
            "engine": subject.record.engine if engine is None else engine.name,
            "model": None if engine is None else engine.spec.model,
            "model_ids": [] if answers is None else list(answers.model_ids),
            "design": None if engine is None else engine.design.name,
            "temperature": None if engine is None else engine.spec.temperature,
            "of_run": subject.run_id,
            "personas": len(self.personas),
            "of_personas": subject.population.size,
            "contexts": len(self.contexts),
            "samples": self.samples,
            "behaviours": {item.id: item.label for item in study.behaviours},
            "not_checked": self.not_checked,
        }
        repeated = self._repeated(answers)
        found = None if repeated is None else agreement(repeated, seed=subject.record.seed)
        values |= {"spread": None, "collapse": None, "samples_agree": None, "wording": [], "cues": []}
        values |= {"opposed": None, "cutoff": None, "memory": None}
        if repeated is not None and found is not None:
            used = 1 if engine is None else engine.samples
            values["samples_agree"] = agreement_values(found, self.weights, used, study.behaviour_ids)
            own, reference, weights, kinds, days, source = self._judged(repeated)
        if repeated is not None and found is not None and len(own) < 2:
            self.not_checked |= dict.fromkeys(("spread", "collapse"), "fewer than two people answered everything")
        elif repeated is not None and found is not None:
            noise = found.noise**2 / (used if source.startswith("the run") else self.samples)
            values["spread"] = spread_values(
                own, reference, weights, days, noise, study.behaviour_ids, source, engine is None, subject.record.seed
            )
            values["collapse"] = collapse_values(own, reference, weights, kinds, days, found)
        if answers is not None and engine is not None:
            values |= self._words(answers, values)
            models = [*answers.model_ids, engine.spec.model]
            values["cutoff"] = cutoff_values(study, engine.spec.engine, models)
            if "memory" not in self.not_checked:
                assert self.batch is not None and subject.record.train_end is not None
                values["memory"] = memory_values(
                    study, self.months, self.batch.others, answers.others, subject.record.train_end, subject.record.seed
                )
            values |= {"spent": answers.spent, "failed": answers.failed}
            values["warnings"] = several_models(answers.model_ids)
        values["found"] = found_of(values)
        return values

    def result(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What of the values is a result, and no circumstance of its making."""
        return {name: value for name, value in values.items() if name not in ("run_id", "seconds", "spent")}

    def _repeated(self, answers: Answers | None) -> np.ndarray | None:
        """Samples of the same questions; the rules engine is asked as often, and has to say the same."""
        if answers is None:
            engine = self._rules()
            return np.stack([engine.respond(self.personas, self.contexts).astype(float) for _ in range(self.samples)])
        return answers.values.get(BASE)

    def _rules(self) -> Any:
        """The rules engine as a run of rules ended with, or as it is for the study."""
        rules = engine_for(self.subject.study)
        if self.subject.record.engine != "rules":
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
        own, source = np.asarray(_means(repeated)), "what was asked for these checks"
        if subject.own and kept.size:
            people = subject.population.personas.set_index("persona_id").loc[persona_ids.tolist()].reset_index()
            places = np.flatnonzero(people["weight"].to_numpy() > 0)
            places = places[
                np.unique(np.linspace(0, len(places) - 1, min(MOST_JUDGED, len(places))).round().astype(int))
            ]
            row = pd.Index(context_ids).get_indexer(pd.Index(subject.context_ids))
            personas, contexts, days = people.iloc[places].reset_index(drop=True), subject.contexts, subject.days
            own, source = kept[row][:, places].transpose(1, 0, 2).astype(float), "the run's stored answers"
        whole = np.isfinite(own).all(axis=(1, 2))
        personas, own = personas[whole], own[whole]
        weights, kinds = personas["weight"].to_numpy(float), contexts[DAY_TYPE].astype(str).tolist()
        return own, self._rules().respond(personas, contexts), weights, kinds, days, source

    def _words(self, answers: Answers, values: Mapping[str, Any]) -> dict[str, Any]:
        """What other words and cues do."""
        if not self.variants:
            return {}
        base, names = answers.values[BASE], self.subject.study.behaviour_ids
        # Two statements about each sentence without a direction, one about each that leads, and one on them together.
        tests = sum(1 if item.kind == LEADING else 2 for item in self.variants) + 1
        rows = [
            change_values(item, base, answers.values[item.id], self.weights, self.subject.signs, names, tests)
            for item in self.variants
        ]
        return {
            "wording": [row for row in rows if row["kind"] == PARAPHRASE],
            "cues": [row for row in rows if row["kind"] != PARAPHRASE],
            "opposed": cue_values(self.variants, answers.values, self.weights, self.subject.signs, tests),
        }


def _means(samples: np.ndarray) -> np.ndarray:
    """Means over the samples that answered, (personas, contexts, behaviours); NaN where none did."""
    known = np.isfinite(samples)
    counts = known.sum(axis=0)
    sums = np.where(known, samples, 0.0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
