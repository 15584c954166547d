"""Populations for pages and commands: synthesise, edit, keep."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pandas as pd

from core.errors import InputError
from core.people.personas import Population, restore, synthesise
from core.people.population_file import load_population_spec, spec_from_dict
from core.people.spec import PopulationSpec
from core.store.database import Store
from core.study import Study

ID_DIGITS = 12


def population_spec(study: Study) -> PopulationSpec:
    """The tables and assumptions a study's population is made from."""
    return load_population_spec(study.population_file)


@lru_cache(maxsize=16)
def _synthesised(spec_hash: str, path: str, personas: int, seed: int) -> Population:
    return synthesise(load_population_spec(path), personas, seed)


def make_population(study: Study, personas: int, seed: int = 0, spec: PopulationSpec | None = None) -> Population:
    """The study's population of this size; repeated calls with the study's own tables cost nothing."""
    own = population_spec(study)
    if spec is None or spec.content_hash == own.content_hash:
        return _synthesised(own.content_hash, str(study.population_file), personas, seed)
    return synthesise(spec, personas, seed)


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
        rows = population.personas[["persona_id", "weight", "text"]].assign(
            population_id=identifier, attributes=population.personas[columns].to_dict("records")
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


def load_population(store: Store, identifier: str) -> Population:
    """The population that was kept under this id; InputError for an unknown one."""
    found = store.read("populations", population_id=identifier)
    if found.empty:
        raise InputError(f"no population '{identifier}'", where=store.name)
    row = found.iloc[0]
    people = store.read("personas", population_id=identifier)
    attributes = pd.DataFrame(list(people["attributes"]))
    spec = spec_from_dict(row["marginals"], where=f"population {identifier}")
    personas = pd.concat([people[["persona_id", "weight"]].reset_index(drop=True), attributes], axis=1)
    return restore(spec, personas, int(row["seed"]))


def saved_populations(store: Store, study: Study) -> pd.DataFrame:
    """Kept populations of a study, newest first: population_id, label, personas, largest_marginal_error, created_at."""
    columns = ["population_id", "label", "personas", "largest_marginal_error", "parent_id", "created_at"]
    found = store.read("populations", columns=columns, study_id=study.id)
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


def relabelled(population: Population, personas: pd.DataFrame) -> Population:
    """The population with other personas of the same shape (sensitivity runs)."""
    return replace(population, personas=personas)
