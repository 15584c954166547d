"""The finished run that something is asked of: one that is there, else a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.result import Result, result_class
from core.services.language.usage import RunUsage
from core.services.runs.costs import cost_before
from core.services.runs.preparing import complete_run
from core.services.runs.run import ensure_run, run_study
from core.services.studies.requests import ModelOptions, RunRequest
from core.store.database import Store

Kind = TypeVar("Kind", bound=Result)


def finished_run(
    request: RunRequest,
    store: Store,
    *,
    ask: bool = False,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> tuple[str, ModelOptions | None]:
    """The id of a finished run of this request, and how its model may be asked further: caps are for all that is asked.

    A run that would ask a language model is made only with `ask`; its cost is told to the watch before. Raises InputError
    where there is none and it may not be made.
    """
    watch = watch or ProgressReporter()
    if request.asking is None:
        return ensure_run(request, store, watch, executor), None
    found = complete_run(request, store)
    if found is not None:
        return found, request.asking
    cost = cost_before(store, request)
    if cost.calls and not ask:
        raise InputError(
            f"there is no finished run of {request.study} in which {cost.model} was asked so; it takes {cost.calls:,} calls",
            where=f"engine {request.engine}",
            allowed="`policytwin run` with the same options, or --ask where there is such an option",
        )
    watch.on_cost(cost)
    result = run_study(request, store, watch, executor)
    assert result.asking is not None
    return result.run_id, _left(request.asking, result.asking)


def newest_about(store: Store, run_id: str, kind: type[Kind]) -> Kind | None:
    """The newest result of this class about a run, or None."""
    for found in store.runs(kind=kind.kind, status="complete")["run_id"]:
        summary = store.run(str(found)).summary or {}
        if summary.get("of_run") == run_id and result_class(kind.kind, summary) is kind:
            return kind.from_dict(summary)
    return None


def _left(asking: ModelOptions, took: RunUsage) -> ModelOptions:
    """What the caps leave after so much was asked."""
    tokens = took.tokens_in + took.tokens_out
    caps: dict[str, Any] = {}
    for name, used in (("max_calls", took.calls), ("max_tokens", tokens), ("max_cost", took.cost or 0.0)):
        cap = getattr(asking, name)
        if cap is not None:
            caps[name] = max(type(cap)(0), cap - used)
    return replace(asking, **caps)
