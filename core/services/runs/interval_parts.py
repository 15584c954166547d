"""What the intervals of a finished run held, and what they are made of."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from core.counterfactual.fitted import FittedTwin
from core.counterfactual.forecast_parts import forecast_parts
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.services.runs.finished import finished_run
from core.services.runs.fitted import fitted_twin
from core.services.runs.results import IntervalPart, IntervalsResult, RunResult
from core.services.studies.requests import RunRequest
from core.store.database import Store


def stored_intervals(store: Store, run_id: str) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Ends of a run's intervals by level, each (days × behaviours)."""
    kept = store.read_result("intervals", run_id)
    found = {}
    for level, part in kept.groupby("level"):
        lower, upper = (part.pivot_table(index="date", columns="behaviour", values=name) for name in ("lower", "upper"))
        found[int(str(level))] = (lower, upper)
    return found


def intervals_of_run(
    store: Store,
    run_id: str,
    data: str | Path | None = None,
    twin: FittedTwin | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> IntervalsResult:
    """What a run's intervals held on the hold-out, and what they are made of.

    InputError for a run that is not complete, or was made before runs kept intervals.
    """
    run = store.run(run_id)
    held = RunResult.of(run).intervals if run.complete and run.record.kind == RunResult.kind else None
    if held is None:
        raise InputError("keeps no intervals", where=f"run {run_id}", allowed="a complete run of this version")
    twin = twin or fitted_twin(store, run_id, data, executor=executor)
    kept = stored_intervals(store, run_id)
    if 80 not in kept:
        raise InputError(
            "has no 80% interval of any behaviour",
            where=f"run {run_id}",
            allowed="a longer training period, or a place that others have taught",
        )
    lower, upper = kept[80]
    parts = forecast_parts(twin, ((upper - lower) / 2)[list(twin.problem.study.behaviour_ids)], executor=executor)
    return IntervalsResult(
        **vars(held),
        run_id=run_id,
        engine=run.record.engine,
        parts=tuple(IntervalPart(**dict(row)) for _, row in parts.round(4).iterrows()),
    )


def intervals(
    request: RunRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> IntervalsResult:
    """The intervals of the run that was asked for: one that is in the store, else a new one that asks no language model."""
    run_id, _ = finished_run(request, store, watch=watch, executor=executor)
    return intervals_of_run(store, run_id, request.data, executor=executor)
