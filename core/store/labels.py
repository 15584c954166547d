"""What people call the things in a store, and what they note about them: beside the things, which never change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import pandas as pd

from core.errors import InputError, nearest
from core.store.database import Store

LONGEST_NAME, LONGEST_NOTE = 80, 2000
#: What may be labelled: the table that it is a row of, and the column of its id. A run's kind is its own.
LABELLED = {
    "run": ("runs", "run_id"),
    "scenario": ("timelines", "timeline_id"),
    "population": ("populations", "population_id"),
}


@dataclass(frozen=True)
class Label:
    """A name ("" where it has none), a note, and whether it is starred."""

    name: str = ""
    note: str = ""
    starred: bool = False


def read_labels(store: Store) -> dict[str, Label]:
    """The labels of everything in the store, by id."""
    found = store.read("labels", columns=["object_id", "name", "note", "starred"])
    return {
        str(row.object_id): Label(str(row.name), str(row.note), bool(row.starred))
        for row in found.itertuples(index=False)
    }


def labelled(store: Store, ids: pd.Series, names: pd.Series) -> pd.Series:
    """The names of things by their `ids`, as people call them where they do."""
    named = {key: label.name for key, label in read_labels(store).items() if label.name}
    return pd.Series(
        [named.get(str(key), name) for key, name in zip(ids, names, strict=True)], names.index, names.dtype
    )


def set_label(
    store: Store, object_id: str, *, name: str | None = None, note: str | None = None, starred: bool | None = None
) -> Label:
    """Name, note or star a run, a saved scenario or a population; what is None stays. Returns the whole label.

    InputError for an unknown id, and for a name or note that is too long.
    """
    kind = _kind(store, object_id)
    given = {"name": None if name is None else " ".join(name.split()), "note": None if note is None else note.strip()}
    for what, most in (("name", LONGEST_NAME), ("note", LONGEST_NOTE)):
        text = given[what]
        if text is not None and len(text) > most:
            raise InputError(f"the {what} has {len(text)} characters", where=object_id, allowed=f"up to {most}")
    changes = {what: value for what, value in {**given, "starred": starred}.items() if value is not None}
    with store.transaction():
        label = replace(read_labels(store).get(object_id, Label()), **changes)  # type: ignore[arg-type]
        row = {
            "object_id": object_id,
            "kind": kind,
            **asdict(label),
            "changed_at": datetime.now(UTC).replace(tzinfo=None),
        }
        store.replace("labels", [row], object_id=object_id)
    return label


def _kind(store: Store, object_id: str) -> str:
    known: list[str] = []
    for kind, (table, column) in LABELLED.items():
        ids = [str(name) for name in store.read(table, columns=[column])[column]]
        if object_id in ids:
            return kind
        known += ids
    raise InputError(
        f"nothing is called '{object_id}'", where=store.name, allowed="the id of a run, a saved scenario or a population",
        nearest=nearest(object_id, known),
    )  # fmt: skip
