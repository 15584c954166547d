"""A study with its observations, ready to be simulated: what every page and command starts from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from core.cognition.llm.prices import PRICES_VARIABLE
from core.content_cache import content_digest
from core.datasets.observed import ObservedData, load_observed, source_files
from core.datasets.panels import load_panel, place_of_panel, places_beside
from core.errors import InputError
from core.inputs.files import read_text
from core.policy.calendar import observed_calendar
from core.policy.timeline import PolicyTimeline
from core.records import content_hash, counts_in_hashes, frame_hash
from core.settings import (
    DATA_VARIABLE,
    observed_data,
    shipped_data,
)
from core.study import Study, available_studies, load_study, own_studies, read_study

#: Where files are is no part of what a study says: their content is recorded instead.
_PLACES = frozenset({"population_file", "coefficients_file", "learned"})


@dataclass(frozen=True)
class StudyInputs:
    """A study and what was observed: `observations` (days × behaviours), `cases` (new cases per day or None), the
    observed `timeline`, `published` index where the provider gives one, and the hashes of all of it.

    `policy` is the table that the timeline was made from. `texts` holds what was read as text, by its name in `hashes`:
    the coefficients, and the tables learned elsewhere by their names; and, as `study`, what its file says. `notes` says
    what is assumed where nothing was reported, and whose people are not those that ship.
    """

    study: Study
    observations: pd.DataFrame
    cases: pd.Series | None
    timeline: PolicyTimeline
    published: pd.Series | None
    hashes: dict[str, str]
    files: dict[str, str]
    policy: pd.DataFrame = field(default_factory=pd.DataFrame)
    texts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    context: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def stringency(self) -> pd.Series:
        """The published index where there is one, else the recomputed one (they differ by rounding)."""
        computed = self.timeline.stringency()
        return computed if self.published is None else self.published.reindex(computed.index).fillna(computed)


@dataclass(frozen=True)
class StudyListing:
    """A study on offer, whether its observations are there, and the `places` of its panel."""

    id: str
    title: str
    place: str
    fictional: bool
    ready: bool
    missing: str
    places: tuple[str, ...] = ()


def list_studies(data: str | Path | None = None) -> list[StudyListing]:
    """The shipped studies and the user's own, and what keeps any from being run."""
    listings = []
    for name in available_studies():
        study = load_study(name)
        problem = ""
        if not study.shipped and observed_data(data) is None:
            problem = f"Needs observations: run `policytwin data fetch`, or set {DATA_VARIABLE} to their folder."
        places: tuple[str, ...] = ()
        if study.is_panel and not problem:
            try:
                places = places_beside(study, None if study.shipped else observed_data(data))
            except InputError as wrong:
                problem = f"Needs its tables: {wrong}"
        # A panel of many places is called by its title: the place that its file names is only one of it.
        place = study.place if study.shipped or not study.is_panel else study.title
        listings.append(StudyListing(study.id, study.title, place, study.fictional, not problem, problem, places))
    for name, path in own_studies().items():
        # One that was spoiled by hand is still named, and says what is wrong with it.
        try:
            study = load_study(name)
            places = places_beside(study, path.parent) if study.is_panel else ()
            # A panel is called by its title: the place that its file names is only one of it.
            place = study.place if len(places) < 2 else study.title
            listings.append(StudyListing(name, study.title, place, study.fictional, True, "", places))
        except InputError as wrong:
            listings.append(StudyListing(name, name, name, False, False, str(wrong)))
    return listings


def open_study(name: str | Path, data: str | Path | None = None) -> StudyInputs:
    """Read a study and its observations; of a panel, those of the place that its name says (`NAME@PLACE`), or its sources.
    InputError where the folder of observations is not known, and for a place that the panel lacks."""
    study, given = read_study(name)
    folder = observations_folder(study, data)
    if not study.is_panel:
        return inputs_of(study, given, load_observed(study, folder))
    own, observed = place_of_panel(study, load_panel(study, folder), study.sources["mobility"].place)
    return inputs_of(own, _of_place(given, own), observed)


def observations_folder(study: Study, data: str | Path | None = None) -> Path:
    """Where a study's observations are. InputError where no folder is known."""
    folder = _folder_of(study, data)
    if folder is None:
        raise InputError(
            "its observations are not here",
            where=f"study {study.id}",
            allowed=f"--data FOLDER, the variable {DATA_VARIABLE}, or `policytwin data fetch`",
        )
    return folder


def _folder_of(study: Study, data: str | Path | None) -> Path | None:
    if study.shipped:
        return shipped_data() / study.folder
    # The folder that is looked at anyway holds others' tables: those of an own study lie beside it.
    usual = data is None or Path(data) == observed_data()
    own = own_studies().get(study.folder) if usual else None
    return observed_data(data) if own is None else own.parent


def _of_place(given: Mapping[str, Any], own: Study) -> dict[str, Any]:
    """What the file of a panel's study would say of one place alone."""
    told = {**given, "start": own.start, "end": own.end, "train_end": own.train_end}
    if own.shares:
        told["population"] = {**given["population"], "shares": {item.of: dict(item.shares) for item in own.shares}}
    return told


def inputs_of(study: Study, given: Mapping[str, Any], observed: ObservedData) -> StudyInputs:
    """The study with these observations, laid out and hashed; `given` is what its file says."""
    policy = observed.policy
    first, last = policy.index.min().date(), policy.index.max().date()
    timeline = PolicyTimeline.from_levels(policy, study, observed_calendar(study, first, last, observed.context))
    texts = engine_texts(study)
    hashes = {
        "mobility": frame_hash(observed.mobility),
        "policy": frame_hash(policy),
        **{name: content_hash(text) for name, text in texts.items()},
    }
    cases = None if observed.cases.empty else observed.cases
    if cases is not None:
        hashes["cases"] = frame_hash(cases)
    if study.context:
        hashes["context"] = frame_hash(observed.context)
    return StudyInputs(
        study,
        observed.mobility,
        cases,
        timeline,
        policy.get(study.index),
        hashes,
        dict(observed.hashes),
        policy,
        {"study": given, **texts},
        (*observed.notes, *_other_people(study)),
        observed.context,
    )


def _other_people(study: Study) -> list[str]:
    """That a shipped study is told of people who do not ship with it."""
    if study.id not in available_studies():
        return []
    usual, file = load_study(study.id).population_file, study.population_file
    if file == usual or (file.is_file() and content_digest(file) == content_digest(usual)):
        return []
    return [f"The people are those of {file.name}, not those that ship with this study."]


def engine_texts(study: Study) -> dict[str, Any]:
    """The files of numbers beside a study's observations, as they are now: `coefficients`, and `learned` by file."""
    texts: dict[str, Any] = {"coefficients": read_text(study.coefficients_file)}
    if study.learned is not None:
        texts["learned"] = {
            file.relative_to(study.learned).as_posix(): read_text(file) for file in sorted(study.learned.rglob("*.csv"))
        }
    return texts


def inputs_digest(name: str | Path, data: str | Path | None = None) -> str:
    """SHA-256 of every file that what is shown of a study is made from, as it is now: an edit of any of them changes it.

    Unchanged files are not read again. InputError where the study's own file cannot be read.
    """
    study, given = read_study(name)
    shipped = shipped_data()
    folder = _folder_of(study, data)
    paths = [study.coefficients_file, study.population_file, *([] if study.learned is None else [study.learned])]
    paths += [shipped / place for place in ("populations", "prompts", "codebooks", "prices.csv", "model_cutoffs.csv")]
    paths += [Path(os.environ[PRICES_VARIABLE])] if os.environ.get(PRICES_VARIABLE) else []
    for kind in study.sources:
        # What is lacking is said where it is needed.
        with suppress(InputError):
            paths += source_files(study, kind, folder)[1]
    if study.places is not None and folder is not None:
        paths.append(Path(folder) / study.places.file)
    return content_hash([given, *((path, content_digest(path)) for path in paths)])


def study_hash(study: Study) -> str:
    """SHA-256 of what a study says, wherever its files lie: theirs is the content's own hash in `StudyInputs.hashes`."""
    told = [item.name for item in fields(study) if item.name not in _PLACES and counts_in_hashes(study, item)]
    return content_hash({name: getattr(study, name) for name in told})


EMBEDDED = "meridia"
