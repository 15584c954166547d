"""A study of one country of the tables that are loaded: its observations, policy and calendar, and people who stand in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import tomli_w

from core.content_cache import cached_by_content
from core.datasets.findings import Findings
from core.datasets.observed import find_source
from core.datasets.places import choose_places, countries
from core.datasets.tables import read_cases, read_mobility, read_policy
from core.errors import InputError
from core.forecasting.places import PATTERN, last_observed, places_from_tables
from core.inputs.files import read_written
from core.options import option
from core.services.studies.inputs import observations_folder
from core.services.studies.origins import PERSONAS, POPULATION
from core.services.studies.own import AddedStudy, AddStudyRequest, add_study, unplaced
from core.services.studies.splits import check_length
from core.settings import shipped_data
from core.study import Study, load_study
from core.study.definition import WEEKDAYS

#: What a country's study shares with the shipped ones, in `data/studies`.
BASE = "base/pandemic_mobility.toml"
#: People by country, age and sex, where the folder of observations has it.
HEADCOUNTS = "population_age_sex_2020.parquet"
#: A study says how many live there; where that is not known, nothing is counted per inhabitant.
UNTOLD = 1_000_000
_READERS: Mapping[str, Callable[..., pd.DataFrame]] = {
    "mobility": read_mobility,
    "policy": read_policy,
    "cases": read_cases,
}


@dataclass(frozen=True)
class CountryStudyRequest:
    """A study of `country`, an ISO 3166-1 code or a name, from the tables in `data` (None: the usual folder)."""

    country: str = option("the country, by its code or name", positional=True, word="COUNTRY")
    data: Path | None = option("folder of the tables (default: that of `policytwin data fetch`)", None, word="DIR")
    id: str | None = option("of the study (default: the country's code)", None)
    title: str | None = option("of the study", None, word="TEXT")


@dataclass(frozen=True)
class CountryStudy:
    """A country as a study, before it is kept: its `study`, what was observed (days × behaviours), and its rows of the loaded
    `tables` by their kind; without `cases` the epidemic stays untold."""

    study: Study
    observations: pd.DataFrame
    tables: dict[str, pd.DataFrame]


def loaded_countries(data: Path | None = None) -> dict[str, str]:
    """Names by ISO-3 code of the countries whose observations and policy are both loaded, in the order of their names.

    InputError where no folder of observations is known, or it lacks these tables.
    """
    both = set(_codes(data, "mobility")) & set(_codes(data, "policy"))
    names = {code: countries()[code].name for code in both if code in countries()}
    return dict(sorted(names.items(), key=lambda item: item[1]))


def prepare_country(request: CountryStudyRequest) -> CountryStudy:
    """The study that would be made. InputError for a country that the tables lack, or that cannot be forecast."""
    codes = list(loaded_countries(request.data))
    code = choose_places(request.country, codes, {}, Findings("the loaded tables"), what="country")[0]
    mobility, policy = (_table(request.data, kind, code) for kind in ("mobility", "policy"))
    # Days on which nothing was published are there, and empty, so that they are not taken for days that got lost.
    mobility = mobility.set_index("date").asfreq("D").assign(place=code).reset_index()
    people = _inhabitants(request.data, code)
    cases = _table(request.data, "cases", code) if people and code in _codes(request.data, "cases") else None
    found, left_out = places_from_tables(mobility, policy, cases, {code: people} if people else None, wanted=[code])
    if not found:
        raise InputError(left_out[code], where=countries()[code].name, allowed="a country that can be forecast")
    study, usual = found[0].study, load_study(PATTERN).train_end
    end = min(study.end, last_observed(found[0]))
    middle = study.start + (end - study.start) / 2
    study = replace(
        study,
        id=request.id or code.lower(),
        title=request.title or f"{study.place}, COVID-19 mobility",
        end=end,
        train_end=usual if study.start < usual < end else middle,
        inhabitants=people or UNTOLD,
    )
    check_length(study)
    mobility = mobility[["place", "date", *(item.column for item in study.behaviours)]]
    tables = {"mobility": mobility, "policy": policy, **({} if cases is None else {"cases": cases})}
    return CountryStudy(study, found[0].observations, tables)


def country_study(request: CountryStudyRequest) -> AddedStudy:
    """Make the study and take it in among the user's own, with its rows of the tables. InputError as `prepare_country` and
    `add_study`."""
    made = prepare_country(request)
    with TemporaryDirectory() as folder:
        for kind, table in made.tables.items():
            table.to_csv(Path(folder) / f"{kind}.csv", index=False, lineterminator="\n", date_format="%Y-%m-%d")
        path = Path(folder) / "study.toml"
        path.write_text(tomli_w.dumps(_written(made.study, list(made.tables))), encoding="utf-8")
        with unplaced(Path(folder)):
            return add_study(AddStudyRequest(path))


def _written(study: Study, kinds: list[str]) -> dict[str, Any]:
    """What the study's file says beside what it shares with the shipped ones."""
    base, spec = read_written(shipped_data() / "studies" / BASE), study.calendar
    citation = load_study(PATTERN).citation
    told: dict[str, Any] = {
        "extends": BASE,
        "id": study.id, "title": study.title, "place": study.place, "code": study.code, "fictional": False,
        "summary": f"How people in {study.place} moved about, as Google counted it, under the policies that OxCGRT recorded.",
        "start": study.start, "end": study.end, "train_end": study.train_end, "citation": citation,
        "population": {
            "file": f"populations/{POPULATION}.toml", "personas": PERSONAS, "inhabitants": study.inhabitants,
        },
        "calendar": {
            "country": spec.country,
            "ramadan": spec.ramadan,
            "working_weeks": [
                {
                    "start": week.start, "announced": week.announced,
                    **{
                        name: [WEEKDAYS[day] for day in getattr(week, name)]
                        for name in ("rest_days", "weekend_days", "half_days")
                    },
                }
                for week in spec.working_weeks
            ],
        },
        "sources": {kind: {"file": f"{kind}.csv", "layout": "wide_csv", "place": study.code} for kind in kinds},
        "behaviours": [item for item in base["behaviours"] if item["id"] in study.behaviour_ids],
    }  # fmt: skip
    return told | ({} if study.latitude is None else {"latitude": study.latitude})


def _paths(data: Path | None, kind: str) -> list[Path]:
    """The loaded tables of a kind. InputError where there is no folder, or none in it."""
    pattern = load_study(PATTERN)
    return find_source(pattern, kind, observations_folder(pattern, data))[1]


def _codes(data: Path | None, kind: str) -> list[str]:
    return sorted({code for path in _paths(data, kind) for code in _codes_in(path, kind)})


@cached_by_content()
def _codes_in(path: Path, kind: str) -> frozenset[str]:
    return frozenset(map(str, _READERS[kind](path, allow_gaps=True)["place"].unique()))


def _table(data: Path | None, kind: str, code: str) -> pd.DataFrame:
    """The country's rows; of several files, those of each that has any."""
    paths = [path for path in _paths(data, kind) if code in _codes_in(path, kind)]
    rows = pd.concat([_READERS[kind](path, place=code, allow_gaps=True) for path in paths], ignore_index=True)
    return rows.drop_duplicates("date").sort_values("date", ignore_index=True)


def _inhabitants(data: Path | None, code: str) -> int:
    """How many live there, or 0 where that is not known."""
    path = observations_folder(load_study(PATTERN), data) / HEADCOUNTS
    if not path.is_file():
        return 0
    rows = pd.read_parquet(path, columns=["iso3", "male", "female"], filters=[("iso3", "==", code)])
    return int(rows[["male", "female"]].to_numpy().sum())
