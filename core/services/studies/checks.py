"""Whether a study's files can be read, and of a panel which places can be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.datasets.panels import load_panel
from core.forecasting.places import places_from_panel
from core.people.population_file import population_of
from core.result import Result
from core.services.studies.inputs import observations_folder, open_study
from core.study import load_study


@dataclass(frozen=True, kw_only=True)
class StudyCheck(Result):
    """The `places` of a study that can be forecast, its first and last period, how many values of each behaviour were observed,
    and why places are `left_out`."""

    study: str
    step: str
    places: int
    first: str
    last: str
    observed: Mapping[str, int]
    left_out: Mapping[str, str]


def check_study(name: str, data: Path | None = None) -> StudyCheck:
    """Read all that a study names. InputError for what cannot be read at all."""
    study = load_study(name)
    left_out: Mapping[str, str] = {}
    if study.is_panel:
        found, left_out = places_from_panel(study, load_panel(study, data or observations_folder(study)))
        for place in found[:1]:
            population_of(place.study)
        tables = [place.observations for place in found]
    else:
        population_of(study)
        tables = [open_study(name, data).observations]
    days = [day for table in tables for day in (table.index[0], table.index[-1])]
    return StudyCheck(
        study=study.id, step=str(study.step), places=len(tables),
        first=study.step.text(min(days).date()) if days else "", last=study.step.text(max(days).date()) if days else "",
        observed={
            item: sum(int(table[item].notna().sum()) for table in tables if item in table) for item in study.behaviour_ids
        },
        left_out=left_out,
    )  # fmt: skip
