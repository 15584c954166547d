"""How the shipped studies of many real places forecast: their hold-outs with every baseline, and their published effects."""

from __future__ import annotations

from dataclasses import dataclass

from core.datasets.observed import DOMAINS
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.forecasting.panel_backtest import PanelSummary
from core.services.evaluation.known_effects import KnownEffect, KnownEffectsRequest, known_effects
from core.services.evaluation.panel_backtests import panel_backtest
from core.services.evaluation.requests import PanelBacktestRequest
from core.services.studies.inputs import observations_folder
from core.store.database import Store
from core.study import Study, available_studies, load_study
from core.validity.measured import Header, Strict


@dataclass(frozen=True)
class DomainPart(Strict):
    """One hold-out of a study, which took so many seconds."""

    name: str
    summary: PanelSummary
    seconds: float


@dataclass(frozen=True)
class DomainStudy(Strict):
    """A study's hold-outs, and its published effects beside ours."""

    study: str
    title: str
    step: str
    unit: str
    personas: int
    parts: tuple[DomainPart, ...]
    effects: tuple[KnownEffect, ...]


@dataclass(frozen=True)
class DomainScores(Strict):
    """Every shipped study that names hold-outs."""

    header: Header
    studies: tuple[DomainStudy, ...]


def domain_studies() -> tuple[Study, ...]:
    """The shipped studies that name hold-outs."""
    return tuple(study for study in map(load_study, available_studies()) if study.hold_outs)


def domain_files() -> tuple[str, ...]:
    """Their tables, as a folder of observations holds them."""
    return tuple(
        f"{DOMAINS}/{study.id}/{source.file}" for study in domain_studies() for source in study.sources.values()
    )


def scores_of(
    study: Study, data: str | None, store: Store, watch: ProgressReporter, executor: Executor, *, again: bool = False
) -> DomainStudy:
    """Measured, or of the store where this code measured it there on equal tables."""
    folder = observations_folder(study, data)
    parts = []
    for item in study.hold_outs:
        request = PanelBacktestRequest(study.id, item.origins, item.horizons, folder)
        found = panel_backtest(request, store, watch=watch, executor=executor, again=again)
        parts.append(DomainPart(item.name, found.summary, found.seconds))
    effects = known_effects(KnownEffectsRequest(study.id, folder), store, watch=watch, executor=executor, again=again)
    return DomainStudy(
        study.id, study.title, str(study.step), study.metric_unit, study.personas, tuple(parts), effects.effects
    )
