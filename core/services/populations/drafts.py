"""A population while it is being edited: where it starts from and every change, as a small value that can be undone.

A draft holds no people. It says how to make them, so that a page keeps it cheaply, compares it, takes a step back, and
prints the lines that make the same people elsewhere.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import RLock

import numpy as np

from core.errors import InputError, nearest, one_of
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.people.group_edits import clone_persona, set_share, shift_trait
from core.people.marginals import edited, marginal_frame
from core.people.personas import Population, edit_persona, synthesise
from core.people.spec import PopulationSpec
from core.services.populations.synthesis import (
    kept_spec,
    load_population,
    make_population,
    population_spec,
    saved_populations,
)
from core.services.populations.tables import filters, find_people, table_steps
from core.store.database import Store
from core.study import Study, load_study

KEY_DIGITS = 16
#: A shelf forgets the oldest populations beyond this many personas in all (about 1 kB each).
SHELVED_PERSONAS = 400_000

#: Numbers of an edited table that are told one by one.
MOST_STEPS = 4
#: What of a group changes where it is no trait: its share of all inhabitants.
SHARE = "share"

#: The changed attributes (category ids) and traits (0 to 1) of one person.
Changes = tuple[tuple[str, str | float], ...]


@dataclass(frozen=True)
class TableEdit:
    """Other numbers for one table: the values of `marginal_frame`'s rows, or none for the study's own numbers."""

    marginal: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class PersonEdit:
    """What differs in one person from the people that the tables gave."""

    persona_id: int
    changes: Changes


@dataclass(frozen=True)
class GroupEdit:
    """A group of people, `who` as names and values of `Filter`, and what of it changes: a trait `what` moved `by` so much, or its
    share of all inhabitants (`SHARE`) set to `by`."""

    who: tuple[tuple[str, str], ...]
    what: str
    by: float


@dataclass(frozen=True)
class PopulationDraft:
    """`personas` people of a study, with edits.

    `source` is the kept population it starts from (None: the study's own tables). `anew` says that the people are drawn
    again from the source's tables; else they are those that were kept. Edits of tables come first, then those of groups, then
    `clones` of persons, at the end of the people, then edits of single persons.
    """

    study: str
    personas: int
    seed: int = 0
    source: str | None = None
    anew: bool = False
    tables: tuple[TableEdit, ...] = ()
    people: tuple[PersonEdit, ...] = ()
    groups: tuple[GroupEdit, ...] = ()
    clones: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """A short text that is equal for equal drafts alone."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:KEY_DIGITS]

    @property
    def before_people(self) -> PopulationDraft:
        """The draft without edits of people."""
        return replace(self, people=())

    @property
    def unedited(self) -> PopulationDraft:
        """The draft without any edit: the study's own tables, or the people that were kept."""
        return replace(self, tables=(), groups=(), clones=(), people=())

    @property
    def is_edited(self) -> bool:
        return bool(self.tables or self.groups or self.clones or self.people)

    def with_size(self, personas: int, seed: int) -> PopulationDraft:
        """Another number of people, or others by another seed. Edits of people go: they were edits of these people."""
        if (personas, seed) == (self.personas, self.seed):
            return self
        return replace(self, personas=personas, seed=seed, anew=self.source is not None, people=(), clones=())

    def with_table(self, marginal: str, values: Sequence[float]) -> PopulationDraft:
        """Other numbers in one table; the people are made anew, so edits of people go."""
        others = tuple(item for item in self.tables if item.marginal != marginal)
        edit = TableEdit(marginal, tuple(float(value) for value in values))
        return replace(self, tables=(*others, edit), anew=self.source is not None, people=(), clones=())

    def with_own_table(self, marginal: str) -> PopulationDraft:
        """The study's own numbers in one table again."""
        others = tuple(item for item in self.tables if item.marginal != marginal)
        if self.source is not None:
            others = (*others, TableEdit(marginal, ()))
        return replace(self, tables=others, anew=self.source is not None, people=(), clones=())

    def with_group(self, edit: GroupEdit) -> PopulationDraft:
        """One more edit of a group, made after those before it."""
        return replace(self, groups=(*self.groups, edit))

    def with_clone(self, persona_id: int) -> PopulationDraft:
        """One more persona like this one was before it was edited."""
        return replace(self, clones=(*self.clones, persona_id))

    def with_person(self, persona_id: int, changes: Mapping[str, str | float]) -> PopulationDraft:
        """One person edited; `changes` are all differences from the unedited person, so none takes the edit back."""
        others = [item for item in self.people if item.persona_id != persona_id]
        if changes:
            others.append(PersonEdit(persona_id, tuple(sorted(changes.items()))))
        return replace(self, people=tuple(others))


def draft_of(store: Store, study: Study, identifier: str) -> PopulationDraft:
    """The draft that starts from a kept population; InputError for an unknown one."""
    kept = saved_populations(store, study)
    row = kept[kept["population_id"] == identifier]
    if row.empty:
        raise InputError(
            f"no population '{identifier}' of study {study.id}",
            where=store.name,
            allowed="a kept population",
            nearest=nearest(identifier, kept["population_id"]),
        )
    return PopulationDraft(study.id, int(row["personas"].iloc[0]), int(row["seed"].iloc[0]), identifier)


def draft_spec(store: Store, study: Study, draft: PopulationDraft) -> PopulationSpec:
    """The tables and assumptions of a draft; InputError where an edit cannot be."""
    own = population_spec(study)
    spec = own if draft.source is None else kept_spec(store, draft.source)
    for item in draft.tables:
        if item.values:
            table = marginal_frame(spec, item.marginal)
            if len(item.values) != len(table):
                raise InputError(
                    f"{len(item.values)} values", where=f"marginal {item.marginal}", allowed=f"{len(table)}"
                )
            spec = edited(spec, item.marginal, table.assign(value=list(item.values)))
        else:
            original = own.marginal(item.marginal)
            tables = tuple(original if table.name == item.marginal else table for table in spec.marginals)
            spec = replace(spec, marginals=tables)
    return spec


def draw_population(draft: PopulationDraft, store: Store) -> Population:
    """The people of a draft, from nothing but the store where it starts from a kept population; as `build_population`."""
    return build_population(store, load_study(draft.study), draft)


def build_population(store: Store, study: Study, draft: PopulationDraft) -> Population:
    """The people of a draft. InputError where a table, a number or an edit of a person cannot be."""
    return _with_people(_without_people(store, study, draft), draft.people)


def _without_people(store: Store, study: Study, draft: PopulationDraft) -> Population:
    if draft.source is not None and not draft.anew:
        population = load_population(store, draft.source)
    else:
        population = make_population(study, draft.personas, draft.seed, draft_spec(store, study, draft))
    for item in draft.groups:
        population = _with_group(population, item)
    for persona_id in draft.clones:
        population = clone_persona(population, persona_id)
    return population


def group_of(population: Population, edit: GroupEdit) -> np.ndarray:
    """Who is in the group that an edit is of, (personas,) of bool. InputError for what nobody can be."""
    offered = {(item.name, item.value): item for item in filters(population.spec)}
    for name, value in edit.who:
        one_of(name, list(dict.fromkeys(known for known, _ in offered)), what="attribute or trait", where="group")
        one_of(value, [told for known, told in offered if known == name], what=f"value of {name}", where="group")
    chosen = [offered[pair] for pair in edit.who]
    group = np.zeros(population.size, dtype=bool)
    group[find_people(population, "", chosen)] = True
    return group


def _with_group(population: Population, edit: GroupEdit) -> Population:
    group = group_of(population, edit)
    return (
        set_share(population, group, edit.by)
        if edit.what == SHARE
        else shift_trait(population, group, edit.what, edit.by)
    )


def _with_people(population: Population, people: Sequence[PersonEdit]) -> Population:
    for item in people:
        population = edit_persona(population, item.persona_id, dict(item.changes))
    return population


class PopulationCache:
    """Populations made lately, by the keys of their drafts; shared by sessions and threads."""

    def __init__(self, most_personas: int = SHELVED_PERSONAS) -> None:
        self.most_personas = most_personas
        self._kept: OrderedDict[str, Population] = OrderedDict()
        self._lock = RLock()

    def get(self, draft: PopulationDraft) -> Population | None:
        """The draft's population if it is still here."""
        with self._lock:
            found = self._kept.get(draft.key)
            if found is not None:
                self._kept.move_to_end(draft.key)
            return found

    def put(self, draft: PopulationDraft, population: Population) -> None:
        """Keep a population; the ones not asked for the longest go where there are too many."""
        with self._lock:
            self._kept[draft.key] = population
            self._kept.move_to_end(draft.key)
            while len(self._kept) > 1 and sum(item.size for item in self._kept.values()) > self.most_personas:
                self._kept.popitem(last=False)

    def build(self, store: Store, study: Study, draft: PopulationDraft) -> Population:
        """The draft's population, made from the closest earlier step that is here; the steps it needs are kept."""
        found = self.get(draft)
        if found is not None:
            return found
        done = len(draft.people)
        population = None
        while population is None and done:
            done -= 1
            population = self.get(replace(draft, people=draft.people[:done]))
        if population is None:
            population = _without_people(store, study, draft)
            self.put(draft.before_people, population)
        population = _with_people(population, draft.people[done:])
        self.put(draft, population)
        return population


def shelve(
    shelf: PopulationCache,
    store: Store,
    study: Study,
    draft: PopulationDraft,
    watch: ProgressReporter,
    executor: Executor,
) -> None:
    """Put the draft's people on the shelf, drawn in a worker process: for populations that take long.

    Raises Cancelled when the watch says stop; InputError as `build_population`.
    """
    watch.report("Drawing the people", 0, 1, f"population of {draft.personas:,}")
    if shelf.get(draft.before_people) is None and (draft.source is None or draft.anew):
        wanted = (draft_spec(store, study, draft), draft.personas, draft.seed)
        shelf.put(draft.before_people, next(executor.map(synthesise, [wanted], check=watch.check)))
    shelf.build(store, study, draft)
    watch.finish("Drawing the people", "population")


def draft_changes(draft: PopulationDraft, before: Population) -> list[str]:
    """Every edit in words; `before` is the population of `draft.before_people`."""
    spec = before.spec
    said = []
    for item in draft.tables:
        steps = table_steps(spec, item.marginal)
        if not item.values or not steps:
            said.append(f"Table “{spec.marginal(item.marginal).label}”: back to the study's own numbers")
        said += [f"{spec.marginal(item.marginal).label}, {step.text}" for step in steps[:MOST_STEPS]]
        if len(steps) > MOST_STEPS:
            said.append(f"and {len(steps) - MOST_STEPS} more numbers of this table")
    labels = {(item.name, item.value): item.label for item in filters(spec)}
    for group in draft.groups:
        who = ", ".join(labels.get(pair, pair[1]) for pair in group.who) or "everybody"
        if group.what == SHARE:
            said.append(f"{who}: {100 * group.by:.1f}% of all")
        else:
            said.append(f"{who}: {spec.trait(group.what).label} moved by {group.by:+.2f}")
    said += [f"Person {number} cloned" for number in draft.clones]
    for person in draft.people:
        row = before.personas.iloc[person.persona_id]
        parts = []
        for name, value in person.changes:
            if name in spec.trait_names:
                parts.append(f"{spec.trait(name).label} {float(row[name]):.2f} → {float(value):.2f}")
            else:
                attribute = spec.attribute(name)
                old, new = attribute.category(str(row[name])).label, attribute.category(str(value)).label
                parts.append(f"{attribute.label} {old} → {new}")
        said.append(f"Person {person.persona_id}: {'; '.join(parts)}")
    return said
