"""Why a forecast or a what-if is what it is, for a run of a study: the parts as a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from core.counterfactual.explain import Explanation, explain_contrast, explain_forecast
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.options import option
from core.policy.scenario import load_scenario
from core.result import Result
from core.services.runs.finished import finished_run
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.studies.inputs import open_study
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.study import Study


@dataclass(frozen=True)
class ExplainRequest:
    """The forecast of a run, or with a `scenario` the difference that it makes to the policy in force; for everybody, or with a
    scenario for one `person` by number."""

    run: RunRequest
    scenario: Path | None = option("TOML or JSON (default: the forecast itself is explained)", None)
    person: int | None = option("one persona, by number; with a scenario", None)
    start: date | None = option("first day (default: of the hold-out)", None)
    end: date | None = option("last day (default: of the hold-out)", None)

    def __post_init__(self) -> None:
        if self.person is not None and self.scenario is None:
            raise InputError("one person, and no scenario", where="explain", allowed="--person with --scenario FILE")


@dataclass(frozen=True, kw_only=True)
class ExplainedPart:
    """What one part adds by behaviour: its `kind`, the `code` of its measure or variable ("" where there is one of the kind), and
    its `label` from the study."""

    kind: str
    code: str
    label: str
    points: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ExplanationResult(Result):
    """From `start_value` to `end_value` by behaviour (mean over the days, points of the metric; of a person, percentage points of
    probability) in parts that sum exactly. `shapley` says whether they are means over all orders, or over two. `scenario` is ""
    where the forecast is explained."""

    study: str
    fictional: bool
    of_run: str
    scenario: str
    person: int | None
    start: date
    end: date
    start_value: Mapping[str, float]
    end_value: Mapping[str, float]
    parts: tuple[ExplainedPart, ...]
    shapley: bool

    def frame(self) -> pd.DataFrame:
        """One row per part: kind, code, label, and points by behaviour."""
        rows = [{"kind": item.kind, "code": item.code, "label": item.label, **item.points} for item in self.parts]
        return pd.DataFrame(rows)


def explain(
    request: ExplainRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> ExplanationResult:
    """The explanation that was asked for. InputError for a scenario that is none, days that cannot be, and an unknown person."""
    run_id, _ = finished_run(request.run, store, watch=watch, executor=executor)
    twin = fitted_twin(store, run_id, request.run.data)
    dates = horizon_dates(twin, request.start, request.end)
    if request.scenario is None:
        name, found = "", explain_forecast(twin, dates)
    else:
        observed = open_study(request.run.study, request.run.data).timeline
        scenario = load_scenario(request.scenario, observed)
        people = len(twin.personas)
        if request.person is not None and not 0 <= request.person < people:
            nearest = str(min(max(request.person, 0), people - 1))
            raise InputError(f"person {request.person}", where="explain", allowed=f"0 to {people - 1}", nearest=nearest)
        name, found = scenario.name, explain_contrast(twin, scenario, dates, person=request.person)
    return explanation_result(twin.problem.study, run_id, found, name, dates, request.person)


def explanation_result(
    study: Study, run_id: str, found: Explanation, scenario: str, dates: pd.DatetimeIndex, person: int | None = None
) -> ExplanationResult:
    """An explanation as a result, its parts named as the study names them."""
    names = {item.code: item.name for item in study.indicators} | {item.code: item.name for item in study.context}
    return ExplanationResult(
        study=study.id,
        fictional=study.fictional,
        of_run=run_id,
        scenario=scenario,
        person=person,
        start=dates[0].date(),
        end=dates[-1].date(),
        start_value=_plain(found.start),
        end_value=_plain(found.end),
        parts=tuple(
            ExplainedPart(kind=item.kind, code=item.name, label=names.get(item.name, ""), points=_plain(item.points))
            for item in found.parts
        ),
        shapley=found.exact,
    )


def _plain(values: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}
