"""People in a table of the user's own: taken in where every cell is one that such people can have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets import cells
from core.datasets.files import RawTable
from core.datasets.findings import Findings
from core.errors import InputError, one_of
from core.options import option
from core.people.personas import MAX_PERSONAS, Population, restore
from core.people.raking import integer_weights
from core.people.spec import PopulationSpec
from core.result import Result
from core.services.populations.drafts import SHARE, GroupEdit, PopulationDraft, build_population, draft_of
from core.services.populations.synthesis import keep_population, population_spec
from core.services.studies.tables import open_table
from core.store.database import Store
from core.study import load_study


@dataclass(frozen=True)
class PeopleRequest:
    """People of `study` in a table: a row each, columns as in an export (attributes by id or label, traits from 0 to 1, and
    `weight`, in any unit; without it everybody counts alike)."""

    study: str = option("the study whose people they are", positional=True)
    file: Path = option("table of people (CSV, Excel or Parquet)", word="FILE")
    name: str = option("name to keep them under", word="TEXT")


@dataclass(frozen=True)
class GroupRequest:
    """A study's people, or those kept as `population`, with one group edited: a trait moved, or its share of all set."""

    study: str = option("the study whose people they are", positional=True)
    who: tuple[str, ...] = option(
        "who is meant: attribute=category or trait=level; repeat", repeat=True, word="NAME=VALUE"
    )
    name: str = option("name to keep them under", word="TEXT")
    trait: str | None = option("the trait that is moved", None, word="NAME")
    by: float | None = option("how far, from -1 to 1", None, word="X")
    share: float | None = option("or the group's share of all inhabitants, in percent", None, word="PERCENT")
    population: str | None = option(
        "a kept population to start from (default: the study's own tables)", None, word="ID"
    )
    personas: int | None = option("how many people (default: the study's)", None)
    seed: int = option("of people (default 0)", 0)

    def __post_init__(self) -> None:
        if (self.share is None) == (self.trait is None or self.by is None):
            raise InputError("one change is needed", where="group", allowed="--trait NAME --by X, or --share PERCENT")


@dataclass(frozen=True, kw_only=True)
class KeptPeople(Result):
    """The id under which people were kept, how many, and the largest error of a table (points of all inhabitants)."""

    population: str
    personas: int
    largest_error: float


def people_of(path: Path, spec: PopulationSpec) -> Population:
    """The people of a table. Weights are scaled to the study's inhabitants, so that they can be compared with its own. InputError
    for a column that is not there, and for a cell that cannot be, by row and column."""
    raw = open_table(path)
    findings = raw.findings
    labels = {item.label: item.name for item in spec.attributes} | {item.label: item.name for item in spec.traits}
    columns = {labels.get(name, name): name for name in raw.columns}
    needed = [*(item.name for item in spec.attributes), *spec.trait_names]
    for name in needed:
        if name not in columns:
            raise InputError(f"has no column '{name}'", where=path.name, allowed=", ".join(["weight", *needed]))
    named = [columns[name] for name in needed]
    table = raw.load([*named, *([columns["weight"]] if "weight" in columns else [])])
    if not 1 <= len(table.rows) <= MAX_PERSONAS:
        raise InputError(f"has {len(table.rows):,} people", where=path.name, allowed=f"1 to {MAX_PERSONAS:,}")
    frame = pd.DataFrame({"persona_id": np.arange(len(table.rows))})
    for attribute in spec.attributes:
        ids = {item.label.casefold(): item.id for item in attribute.categories}
        ids |= {item.id.casefold(): item.id for item in attribute.categories}
        texts = cells.labels(table, columns[attribute.name], findings).texts()
        found = [ids.get(str(text).strip().casefold()) for text in texts]
        if None in found:
            at = found.index(None)
            where = f"{path.name}, row {table.rows[at]}, column {columns[attribute.name]}"
            one_of(str(texts[at]), attribute.ids, what=f"category of {attribute.label}", where=where)
            raise InputError(f"'{texts[at]}' is no category", where=where, allowed=", ".join(attribute.ids))
        frame[attribute.name] = found
    for name in spec.trait_names:
        frame[name] = _within(table, columns[name], findings, 1.0)
    told = "weight" in columns
    weight = _within(table, columns["weight"], findings, np.inf) if told else np.ones(len(frame))
    if not weight.sum() > 0:
        raise InputError(
            "stands for nobody", where=f"{path.name}, column weight", allowed="one weight above 0 at least"
        )
    return restore(spec, frame.assign(weight=integer_weights(weight, spec.total)))


def keep_people(request: PeopleRequest, store: Store) -> KeptPeople:
    """Take people in under a name. InputError as `people_of`, and for a name that cannot be."""
    study = load_study(request.study)
    population = people_of(request.file, population_spec(study))
    identifier = keep_population(store, study, population, request.name)
    return _kept(identifier, population)


def edit_group(request: GroupRequest, store: Store) -> KeptPeople:
    """Keep people of whom one group was edited. InputError for a group that nobody is in, and a change that cannot be."""
    study = load_study(request.study)
    draft = PopulationDraft(study.id, study.personas if request.personas is None else request.personas, request.seed)
    if request.population is not None:
        draft = draft_of(store, study, request.population)
    who = []
    for text in request.who:
        name, is_pair, value = text.partition("=")
        if not is_pair:
            raise InputError(f"'{text}' names nobody", where="who", allowed="NAME=VALUE, such as age=25-34")
        who.append((name.strip(), value.strip()))
    if request.share is None:
        edit = GroupEdit(tuple(who), str(request.trait), float(request.by or 0.0))
    else:
        edit = GroupEdit(tuple(who), SHARE, request.share / 100)
    population = build_population(store, study, draft.with_group(edit))
    identifier = keep_population(store, study, population, request.name, request.population)
    return _kept(identifier, population)


def _kept(identifier: str, population: Population) -> KeptPeople:
    return KeptPeople(
        population=identifier, personas=population.size, largest_error=round(population.largest_error, 4)
    )  # fmt: skip


def _within(table: RawTable, column: str, findings: Findings, most: float) -> np.ndarray:
    """Numbers from 0 to `most`. InputError by row for any other."""
    values = cells.numbers(table, column, findings)
    if findings.count:
        raise InputError(findings.problems[0])
    wrong = ~(np.isfinite(values) & (values >= 0.0) & (values <= most))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        said = "is missing" if np.isnan(values[at]) else f"is {values[at]:g}"
        allowed = "0 to 1" if most == 1.0 else "a number of 0 or more"
        raise InputError(f"{column} {said}", where=f"{findings.file}, row {table.rows[at]}", allowed=allowed)
    return values
