"""Populations for pages and commands: synthesise, edit, keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import pandas as pd

from core.errors import InputError, nearest
from core.people.personas import Population, restore, synthesise
from core.people.population_file import population_of, spec_from_dict
from core.people.spec import PopulationSpec
from core.store.database import Store
from core.store.labels import labelled
from core.study import Study

ID_DIGITS = 12
#: Characters of a population's name; longer ones do not fit a list.
LONGEST_NAME = 80
#: Populations of up to this many personas are remembered; a larger one takes too much memory to keep by the dozen.
REMEMBERED_PERSONAS = 20_000


def population_spec(study: Study) -> PopulationSpec:
    """The tables and assumptions a study's population is made from."""
    return population_of(study)


@dataclass(frozen=True)
class _Tables:
    """Equal tables are the same, wherever they were read."""

    content_hash: str
    spec: PopulationSpec = field(compare=False)


@lru_cache(maxsize=16)
def _synthesised(tables: _Tables, personas: int, seed: int) -> Population:
    return synthesise(tables.spec, personas, seed)


def make_population(study: Study, personas: int, seed: int = 0, spec: PopulationSpec | None = None) -> Population:
    """A population of this size by `spec`, or by the study's own tables, whose file is read only then; repeated calls cost
    nothing."""
    spec = population_spec(study) if spec is None else spec
    if personas > REMEMBERED_PERSONAS:
        return synthesise(spec, personas, seed)
    return _synthesised(_Tables(spec.content_hash, spec), personas, seed)


def population_id(population: Population) -> str:
    """A short id that follows from what the population is."""
    return f"pop-{population.content_hash[:ID_DIGITS]}"


def save_population(
    store: Store, study: Study, population: Population, label: str, parent_id: str | None = None
) -> str:
    """Keep a population (the same one twice is one) and return its id."""
    identifier = population_id(population)
    with store.transaction():
        if len(store.read("populations", columns=["population_id"], population_id=identifier)):
            return identifier
        columns = [name for name in population.personas.columns if name not in ("persona_id", "weight", "text")]
        attributes = pd.Series(population.personas[columns].to_dict("records"), index=population.personas.index)
        rows = population.personas[["persona_id", "weight", "text"]].assign(
            population_id=identifier, attributes=attributes
        )
        store.append("personas", rows)
        store.append(
            "populations",
            [
                {
                    "population_id": identifier,
                    "study_id": study.id,
                    "label": label,
                    "personas": population.size,
                    "total": population.spec.total,
                    "seed": population.seed,
                    "largest_marginal_error": population.largest_error,
                    "marginals": population.spec.to_dict(),
                    "parent_id": parent_id,
                    "content_hash": population.content_hash,
                }
            ],
        )
    return identifier


def keep_population(store: Store, study: Study, population: Population, name: str, parent_id: str | None = None) -> str:
    """Keep a population under a name that the user chose, and return its id.

    The same population kept twice is one, under the newer name. InputError where the name is empty, too long, or that of
    another population of the study.
    """
    label = " ".join(name.split())
    where = "name of the population"
    if not 1 <= len(label) <= LONGEST_NAME:
        raise InputError(f"has {len(label)} characters", where=where, allowed=f"1 to {LONGEST_NAME}")
    identifier = population_id(population)
    with store.transaction():
        kept = saved_populations(store, study)
        taken = kept[(kept["label"] == label) & (kept["population_id"] != identifier)]
        if len(taken):
            problem = f"“{label}” is the name of another population ({taken['population_id'].iloc[0]})"
            raise InputError(problem, where=where, allowed="a name that is not taken", nearest=_free(label, kept))
        if identifier in set(kept["population_id"]):
            row = store.read("populations", population_id=identifier).iloc[0].to_dict()
            store.replace("populations", [{**row, "label": label}], population_id=identifier)
            return identifier
        return save_population(store, study, population, label, parent_id)


def _free(label: str, kept: pd.DataFrame) -> str:
    number = 2
    while f"{label} {number}" in set(kept["label"]):
        number += 1
    return f"{label} {number}"


def delete_population(store: Store, study: Study, identifier: str) -> None:
    """Forget a kept population. InputError for an unknown one, and for one that a run was made with."""
    if identifier not in set(saved_populations(store, study)["population_id"]):
        raise InputError(f"no population '{identifier}' of study {study.id}", where=store.name)
    with store.transaction():
        runs = runs_with(store, identifier)
        if runs:
            raise InputError(
                f"is the population of {runs[0]}" + (f" and {len(runs) - 1} more" if len(runs) > 1 else ""),
                where=f"population {identifier}",
                allowed="populations that no run was made with",
            )
        store.delete("personas", population_id=identifier)
        store.delete("populations", population_id=identifier)
        store.delete("labels", object_id=identifier)


def runs_with(store: Store, identifier: str) -> list[str]:
    """Ids of the runs of any kind that were made with this population, newest first."""
    found = store.read("runs", columns=["run_id", "created_at"], population_id=identifier)
    return [str(item) for item in found.sort_values("created_at", ascending=False)["run_id"]]


def load_population(store: Store, identifier: str) -> Population:
    """The population that was kept under this id; InputError for an unknown one."""
    row = _kept(store, identifier)
    people = store.read("personas", population_id=identifier)
    attributes = pd.DataFrame(list(people["attributes"]))
    spec = spec_from_dict(row["marginals"], where=f"population {identifier}")
    personas = pd.concat([people[["persona_id", "weight"]].reset_index(drop=True), attributes], axis=1)
    return restore(spec, personas, int(row["seed"]))


def kept_spec(store: Store, identifier: str) -> PopulationSpec:
    """The tables and assumptions of the population that was kept under this id; InputError for an unknown one."""
    return spec_from_dict(_kept(store, identifier)["marginals"], where=f"population {identifier}")


def _kept(store: Store, identifier: str) -> pd.Series:
    found = store.read("populations", population_id=identifier)
    if found.empty:
        known = store.read("populations", columns=["population_id"])["population_id"]
        raise InputError(f"no population '{identifier}'", where=store.name, nearest=nearest(identifier, known))
    return found.iloc[0]


def saved_populations(store: Store, study: Study) -> pd.DataFrame:
    """Kept populations of a study, newest first.

    Columns: population_id, label, personas, seed, largest_marginal_error (percentage points), parent_id, created_at.
    """
    columns = ["population_id", "label", "personas", "seed", "largest_marginal_error", "parent_id", "created_at"]
    found = store.read("populations", columns=columns, study_id=study.id)
    found["label"] = labelled(store, found["population_id"], found["label"])
    return found.sort_values("created_at", ascending=False).reset_index(drop=True)


def identical_personas(personas: pd.DataFrame, attributes: tuple[str, ...], traits: tuple[str, ...]) -> pd.DataFrame:
    """Everybody alike: the most common value of each attribute by weight, the weighted mean of each trait."""
    weight = personas["weight"]
    row: dict[str, object] = {"persona_id": 0, "weight": int(weight.sum())}
    for name in attributes:
        row[name] = weight.groupby(personas[name].astype(str)).sum().idxmax()
    for name in traits:
        row[name] = float((personas[name] * weight).sum() / weight.sum())
    return pd.DataFrame([row])
