"""What each part of the twin is worth: the twin again without it, everything else fitted anew, on the same hold-out.

The price of a part is the macro RMSE without it minus the twin's, in units of the metric: positive where the part is
worth having. Its interval says what other weeks of the same kind would have shown, and other draws of the people where
the people are drawn. The order of the work:
1. rebuild the run, to be sure that its twin is the one that this code makes;
2. refit the twin without each part (in worker processes where there are some);
3. score every forecast on the hold-out, and draw its weeks again for the intervals;
4. keep the rows as a run of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.twin import priors_of
from core.cognition.registry import DEFAULT_ENGINE
from core.errors import InputError, one_of
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.forecasting.metrics import MACRO, rmse
from core.records import RunRecord, frame_hash
from core.services.evaluation.ablation_parts import CONTROL, Ablation, ablations_of
from core.services.evaluation.ablation_refits import Refit, refit_forecast
from core.services.evaluation.requests import AblateRequest
from core.services.evaluation.results import AblationRow, AblationsResult
from core.services.runs.finished import finished_run
from core.services.runs.fits import request_of
from core.services.runs.fitted import fitted_twin
from core.services.runs.preparing import Prepared, prepare
from core.services.runs.reading import curves
from core.services.runs.tables import rounded
from core.services.studies.inputs import StudyInputs
from core.services.studies.requests import RunRequest
from core.statistics.bootstrap import DRAWS
from core.statistics.levels import SHOWN, central
from core.store.database import Store
from core.store.runs import StoredRun
from core.validity.paired import macro_draws

ABLATED_ENGINE = DEFAULT_ENGINE
NOT_ASKED = "not asked for"


def ablate(
    request: AblateRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    again: bool = False,
    executor: Executor = IN_THIS_PROCESS,
) -> AblationsResult:
    """The ablations that were asked for, of the run that they are about: one that is in the store, else a new one."""
    if request.only is not None:
        check_ablations(request.run, request.only, store)
    run_id, _ = finished_run(request.run, store, watch=watch, executor=executor)
    return run_ablations(
        store, run_id, data=request.run.data, only=request.only, watch=watch, executor=executor, again=again
    )


def run_ablations(
    store: Store,
    run_id: str,
    *,
    data: str | Path | None = None,
    only: Sequence[str] | None = None,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    inputs: StudyInputs | None = None,
    again: bool = False,
) -> AblationsResult:
    """Ablate the twin of a finished run and keep the rows.

    `only` takes some ablations by name (default: all). With the same run the rows are the same, whatever the executor. Where the
    store has the same already, that is returned, unless `again`. InputError for an unknown ablation, and for a run that is not
    complete, cannot be rebuilt, or was answered by a language model; Cancelled where the watch says stop, and then nothing is
    kept.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    stored = store.run(run_id)
    watch.report("ingest", 0, 1, "reading the run")
    prepared = _rebuilt(store, stored, data, inputs, executor)
    every = ablations_of(prepared)
    chosen = _chosen(every, only)
    record = _record(stored, prepared, only)
    same = None if again else store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return AblationsResult.from_dict(same.summary)
    kept = curves(store, run_id, prepared.inputs.study.behaviour_ids).forecasts
    forecasts = _forecasts(chosen, kept, watch, executor)
    truth = prepared.inputs.observations.reindex(prepared.problem.final.horizon)
    twin, rows = ablation_rows(kept["twin"], chosen, forecasts, truth, stored.record.seed)
    frame = _score_frame(rows, twin)
    finished = replace(record, result_hash=frame_hash(frame))
    study = prepared.inputs.study
    assert record.train_end is not None and record.test_end is not None
    result = AblationsResult(
        study=study.id,
        fictional=study.fictional,
        engine=record.engine,
        of_run=run_id,
        personas=record.personas,
        trials=prepared.request.trials,
        train_end=record.train_end,
        test_end=record.test_end,
        unit=study.metric_unit,
        macro_rmse=_four(twin.mean()),
        rmse=_by_behaviour(twin),
        interval=SHOWN,
        draws=DRAWS,
        rows=tuple(rows),
        left_out={item.label: NOT_ASKED for item in every if item not in chosen},
        run_id=record.run_id,
        seconds=round(time.perf_counter() - began, 3),
    )
    with store.transaction():
        store.begin_run(record)
        store.finish_run(
            record.run_id, {"scores": frame}, result.as_dict(), seconds=result.seconds, record=finished
        )  # fmt: skip
    watch.finish("store", "done")
    return result


def check_ablations(request: RunRequest, only: Sequence[str], store: Store) -> None:
    """InputError for the name of an ablation that a run so requested does not have, before it is run."""
    every = ablations_of(prepare(request, store))
    if not only:
        raise InputError("no ablation is named", allowed=", ".join(item.name for item in every))
    _chosen(every, only)


def latest_ablations(store: Store, run_id: str) -> AblationsResult | None:
    """The newest finished ablations of a run, those of all parts before those of a selection; None where there are none."""
    found = store.runs(kind=AblationsResult.kind, status="complete")
    own = [row for row in found.to_dict("records") if row["record"]["parameters"].get("of_run") == run_id]
    whole = [row for row in own if row["record"]["parameters"].get("only") is None]
    return AblationsResult.from_dict((whole or own)[0]["summary"]) if own else None


def ablation_rows(
    twin: pd.DataFrame,
    chosen: Sequence[Ablation],
    forecasts: Mapping[str, Sequence[pd.DataFrame]],
    truth: pd.DataFrame,
    seed: int,
) -> tuple[pd.Series, list[AblationRow]]:
    """The twin's RMSE by behaviour, and a row per ablation. Frames are (days × behaviours) of the hold-out.

    Where an ablation was drawn several times, its errors and its price are medians of the draws, and the interval of the
    price is over all draws of people and weeks together. A price is told from chance (`distinguishable`) where its
    interval leaves out 0 and it is larger than the range over which the error moves when the search is repeated with
    nothing left out: any two searches may differ by as much.
    """
    own = rmse(twin, truth)
    flat = [frame for item in chosen for frame in forecasts[item.name]]
    scores = macro_draws([twin, *flat], truth, draws=DRAWS, seed=seed)
    prices = scores[1:] - scores[0]
    rows = []
    place = 0
    for item in chosen:
        errors = pd.DataFrame([rmse(frame, truth) for frame in forecasts[item.name]])
        macro = errors.mean(axis=1).to_numpy()
        low, high = central(prices[place : place + len(macro)])
        place += len(macro)
        rows.append(
            AblationRow(
                ablation=item.name,
                group=item.group,
                label=item.label,
                personas=item.personas,
                macro_rmse=_four(np.median(macro)),
                macro_rmse_min=_four(macro.min()),
                macro_rmse_max=_four(macro.max()),
                price=_four(np.median(macro) - own.mean()),
                price_low=_four(float(low)),
                price_high=_four(float(high)),
                rmse=_by_behaviour(errors.median()),
                seeds=item.seeds,
                macro_rmse_by_seed=tuple(_four(value) for value in macro),
            )
        )
    searched = [macro for row in rows if row.ablation == CONTROL for macro in row.macro_rmse_by_seed]
    chance = float(np.ptp([own.mean(), *searched]))

    def told(row: AblationRow) -> bool:
        apart = row.price_low > 0 or row.price_high < 0
        return bool(apart and abs(row.price) > chance and row.ablation != CONTROL)

    return own, [replace(row, distinguishable=told(row)) for row in rows]


def _rebuilt(
    store: Store, stored: StoredRun, data: str | Path | None, inputs: StudyInputs | None, executor: Executor
) -> Prepared:
    """The run as it was about to start. InputError where it is not complete, where the code or the data have changed, and
    where a language model answered: every part left out would ask it everything anew."""
    if stored.record.engine != ABLATED_ENGINE:
        raise InputError(
            f"was answered by the engine {stored.record.engine}, which would be asked everything anew for each part",
            where=f"run {stored.run_id}",
            allowed=f"a run of the engine {ABLATED_ENGINE}",
        )
    if not stored.complete or stored.record.kind != "run":
        raise InputError(
            f"is a {stored.record.kind} that is {stored.status}", where=f"run {stored.run_id}", allowed="a complete run"
        )
    prepared = prepare(replace(request_of(stored.record), data=data), store, inputs)
    fitted_twin(store, stored.run_id, inputs=prepared.inputs, executor=executor)
    return prepared


def _chosen(every: Sequence[Ablation], only: Sequence[str] | None) -> list[Ablation]:
    for name in only or ():
        one_of(name, [item.name for item in every], what="ablation")
    return [item for item in every if only is None or item.name in only]


def _forecasts(
    chosen: Sequence[Ablation], kept: Mapping[str, pd.DataFrame], watch: ProgressReporter, executor: Executor
) -> dict[str, list[pd.DataFrame]]:
    """Every ablation's forecasts of the hold-out, one per seed."""
    jobs: list[tuple[str, int, Refit]] = [
        (item.name, place, refit) for item in chosen for place, refit in enumerate(item.refits)
    ]
    found: dict[tuple[str, int], pd.DataFrame] = {
        (item.name, 0): kept[item.stored] for item in chosen if item.stored is not None
    }
    refitted = [refit for _, _, refit in jobs]
    # Most refits leave most as it is.
    large = {id(item): item for refit in refitted for item in (refit.problem, refit.engine, refit.people)}
    with executor.share(*large.values()):
        refits = each_of(refit_forecast, [(item,) for item in refitted], watch, "validate", "refits", executor)
    found |= {(name, place): forecast for (name, place, _), forecast in zip(jobs, refits, strict=True)}
    return {item.name: [found[item.name, place] for place in range(len(item.seeds))] for item in chosen}


def _record(stored: StoredRun, prepared: Prepared, only: Sequence[str] | None) -> RunRecord:
    parameters = {"of_run": stored.run_id, "only": None if only is None else sorted(only), "draws": DRAWS}
    return stored.record.about(
        AblationsResult.kind, parameters, priors=priors_of(prepared.problem.study, [prepared.problem.final.origin])
    )


def _by_behaviour(errors: pd.Series) -> dict[str, float | None]:
    return {str(name): rounded(float(value)) for name, value in errors.items()}


def _four(value: Any) -> float:
    return round(float(value), 4)


def _score_frame(rows: Sequence[AblationRow], twin: pd.Series) -> pd.DataFrame:
    """Rows of the table `scores`: RMSE by behaviour and macro, and of each ablation the price with its interval."""
    scores = [("twin", name, "rmse", value) for name, value in [*twin.items(), (MACRO, twin.mean())]]
    for row in rows:
        scores += [(row.ablation, name, "rmse", value) for name, value in row.rmse.items()]
        scores.append((row.ablation, MACRO, "rmse", row.macro_rmse))
        scores += [(row.ablation, MACRO, name, getattr(row, name)) for name in ("price", "price_low", "price_high")]
    frame = pd.DataFrame(scores, columns=["forecaster", "behaviour", "metric", "value"])
    return frame.assign(value=frame["value"].astype(float))
