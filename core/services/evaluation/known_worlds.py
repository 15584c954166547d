"""How far contrasts miss in worlds whose truth is known: the measurement as a command, kept in the store if asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.cognition.coefficients import load_coefficients
from core.cognition.registry import DEFAULT_ENGINE
from core.cognition.rules import RulesEngine
from core.errors import InputError, one_of
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.records import RunRecord, code_version, content_hash
from core.services.studies.inputs import study_hash
from core.services.studies.stored_inputs import save_engine_texts
from core.store.database import Store
from core.study import Study, load_study
from core.synthetic.worlds import HORIZON, KINDS, MERIDIA, PATTERN
from core.validity.known_worlds import CLEAR_EFFECT, ESTIMATORS, PERSONAS, TRIALS, measure_world, summary_of

#: Everything that can be asked for.
WORLDS = (*KINDS, MERIDIA)
SEEDS = 12
MOST_SEEDS, MOST_PERSONAS, MOST_TRIALS = 100, 10_000, 500
#: How the result is called among the studies of a store.
STUDY_ID = "known_worlds"
#: What each estimator is, in words for the screen.
ESTIMATOR_WORDS: dict[str, str] = {
    "twin": "The calibrated twin",
    "before_after": "Before and after the largest policy change",
    "interrupted_time_series": "Interrupted time series at that change",
    "regression": "Least squares on stringency, weekday and cases",
    "gradient_boosting": "Gradient boosting on stringency and weekday",
}
CLAIM = (
    "the worlds are generated; how far contrasts miss there says how far they can miss where nobody knows the truth, "
    "not how far they do"
)


def known_worlds(
    kinds: Sequence[str] | None = None,
    seeds: int = SEEDS,
    *,
    personas: int = PERSONAS,
    trials: int = TRIALS,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    store: Store | None = None,
    again: bool = False,
) -> dict[str, Any]:
    """Measure the twin's contrasts and its rivals' against the truth of generated worlds and of Meridia.

    `seeds` worlds of each of `kinds` (default: all of `WORLDS`), each with a twin of `personas` people and a search of
    `trials` (0: the engine's table as it is). Returns `summary`, `rows` and what they were made with; with a `store` the
    result is kept as a run of kind "worlds", whose id is `run_id`, and where it
    is there already it is that which is returned, unless `again`. Worlds are measured in parallel where there is an
    executor; the result does not depend on it. Raises InputError for an unknown kind or a number out of range, and
    Cancelled when the watch says stop.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    chosen = _checked_kinds(kinds)
    for name, value, low, high in (
        ("seeds", seeds, 1, MOST_SEEDS), ("personas", personas, 1, MOST_PERSONAS), ("trials", trials, 0, MOST_TRIALS),
    ):  # fmt: skip
        if not low <= value <= high:
            raise InputError(
                f"{value} {name}",
                where="known worlds",
                allowed=f"{low} to {high}",
                nearest=str(min(max(value, low), high)),
            )
    record = None if store is None else _record(store, chosen, seeds, personas, trials)
    same = None if store is None or record is None or again else store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return dict(same.summary)
    asked = [(kind, seed) for kind in chosen for seed in range(seeds)]
    work = [(*item, personas, trials) for item in asked]
    rows = [row for part in each_of(measure_world, work, watch, "validate", "worlds", executor) for row in part]
    values: dict[str, Any] = {
        "worlds": list(chosen),
        "seeds": seeds,
        "horizon": HORIZON,
        "clear_effect": CLEAR_EFFECT,
        "engine": DEFAULT_ENGINE,
        "personas": personas,
        "trials": trials,
        "estimators": {name: ESTIMATOR_WORDS[name] for name in ESTIMATORS},
        "summary": summary_of(rows),
        "rows": rows,
        "claims": CLAIM,
        "code_version": code_version(),
        "seconds": round(time.perf_counter() - began, 2),
    }
    if store is not None and record is not None:
        values["run_id"] = record.run_id
        finished = replace(record, result_hash=content_hash(rows))
        with store.transaction():
            # While worlds were measured, the deletion of the only run that named them may have taken them away.
            save_engine_texts(store, load_study(PATTERN))
            store.begin_run(record)
            store.finish_run(record.run_id, {}, values, seconds=values["seconds"], record=finished)
    watch.finish("store", "done")
    return values


def _checked_kinds(kinds: Sequence[str] | None) -> tuple[str, ...]:
    if kinds is None:
        return WORLDS
    chosen = tuple(dict.fromkeys(one_of(item, WORLDS, what="kind of world", where="known worlds") for item in kinds))
    if not chosen:
        raise InputError("no kind of world is given", where="known worlds", allowed=", ".join(WORLDS))
    return chosen


def _record(store: Store, kinds: Sequence[str], seeds: int, personas: int, trials: int) -> RunRecord:
    """The record of these worlds, with the engine's tables kept in the store."""
    study: Study = load_study(PATTERN)
    return RunRecord(
        kind="worlds",
        study_id=STUDY_ID,
        study_hash=study_hash(study),
        engine=DEFAULT_ENGINE,
        engine_version=RulesEngine.for_study(study, load_coefficients(study.coefficients_file)).version,
        seed=0,
        personas=personas,
        input_hashes=save_engine_texts(store, study),
        parameters={"worlds": list(kinds), "seeds": seeds, "trials": trials, "horizon": HORIZON},
        calibrator="twin",
    )
