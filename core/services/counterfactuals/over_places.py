"""Scenarios over all places of a panel: a twin of each place, and the weighted total of what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.datasets.panels import load_panel, panel_places, place_weights
from core.errors import PolicyTwinError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.result import Result
from core.services.counterfactuals.requests import CompareRequest
from core.services.counterfactuals.results import ComparisonResult
from core.services.counterfactuals.run import compare
from core.services.studies.inputs import observations_folder
from core.store.database import Store
from core.study import load_study
from core.study.definition import AT

#: `--place` that means every place.
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class TotalRow:
    """What a scenario changes by behaviour, in points: the weighted mean over places. The ends of its interval are the weighted
    means of the places' ends: as if all places erred together, which is the widest that they can."""

    scenario: str
    difference: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class PlaceRow(TotalRow):
    """The same of one place, with its own 80% intervals, what it counts in the total, and the comparison that is kept."""

    place: str
    weight: float
    run_id: str


@dataclass(frozen=True, kw_only=True)
class PlacesComparison(Result):
    """Scenarios in every place of a study's panel; places weigh by `weight` (equally: ""). `left_out` says which could not be
    compared and why; the total is of the others."""

    study: str
    fictional: bool
    weight: str
    totals: tuple[TotalRow, ...]
    places: tuple[PlaceRow, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def asks_all_places(request: CompareRequest) -> bool:
    """Whether a comparison is of every place of a panel."""
    return request.run.study.endswith(f"{AT}{ALL}")


def compare_places(
    request: CompareRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> PlacesComparison:
    """The comparison in each place, kept as that of the place alone is, and their total. InputError for a study without a panel,
    a scenario that is none, and where no place could be compared; Cancelled where the watch says stop."""
    named = request.run.study.removesuffix(f"{AT}{ALL}")
    study, watch = load_study(named), watch or ProgressReporter()
    folder = observations_folder(study, request.run.data)
    names = panel_places(load_panel(study, folder))
    weights = place_weights(study, folder, names)
    rows: list[PlaceRow] = []
    left_out: dict[str, str] = {}
    wrong: PolicyTwinError | None = None
    for done, place in enumerate(names):
        watch.report("validate", done, len(names), "places")
        own = replace(request, run=replace(request.run, study=f"{named}{AT}{place}"))
        try:
            found = compare(own, store, executor=executor, again=again)
        except PolicyTwinError as why:
            left_out[place], wrong = str(why), why
            continue
        rows += _rows(place, weights[place], found)
    if not rows and wrong is not None:
        raise wrong
    scenarios = dict.fromkeys(row.scenario for row in rows)
    return PlacesComparison(
        study=study.id,
        fictional=study.fictional,
        weight="" if study.places is None else study.places.column,
        totals=tuple(_total(name, [row for row in rows if row.scenario == name]) for name in scenarios),
        places=tuple(rows),
        left_out=left_out,
    )


def _rows(place: str, weight: float, found: ComparisonResult) -> list[PlaceRow]:
    return [
        PlaceRow(
            place=place, weight=weight, scenario=item.name, difference=item.difference, lower=item.lower, upper=item.upper,
            run_id=found.run_id,
        )
        for item in found.scenarios
    ]  # fmt: skip


def _total(scenario: str, rows: Sequence[PlaceRow]) -> TotalRow:
    weight = sum(row.weight for row in rows)

    def mean(part: str) -> dict[str, float]:
        names = getattr(rows[0], part)
        return {name: round(sum(row.weight * getattr(row, part)[name] for row in rows) / weight, 4) for name in names}

    return TotalRow(scenario=scenario, difference=mean("difference"), lower=mean("lower"), upper=mean("upper"))
