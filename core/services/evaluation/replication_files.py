"""Folders of people's answers: `answers_first`, `answers_again` (a row a person, a column an item), `items`, `people`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.files import RawFile
from core.errors import InputError, nearest
from core.portrait.panel import AnswerPanel, Items, near_copies
from core.services.surveys.answer_files import numbers_of, read_traits

ENDINGS = (".parquet", ".csv")
FIRST, AGAIN, ITEMS, PEOPLE = "answers_first", "answers_again", "items", "people"


@dataclass(frozen=True)
class PeopleFolder:
    """What a folder holds: first answers, answers given again (None where that was not asked for), and what is known of people:
    texts by attribute, "" where unknown; without attributes where there is no such file."""

    first: AnswerPanel
    again: AnswerPanel | None
    people: pd.DataFrame


def read_items(folder: str | Path) -> Items:
    """The items of a folder. InputError for a file or column that is not there, and for an impossible number of choices."""
    path = _file(folder, ITEMS)
    texts = [name for name in ("item_text",) if name in RawFile(path).columns]
    frame = read_columns(path, ("item_ID", "survey", "choices", *texts))
    names, choices = frame["item_ID"].astype(str), frame["choices"]
    for row, (name, given) in enumerate(zip(names, choices, strict=True), start=first_row(path)):
        number = pd.to_numeric(given, errors="coerce")
        if not number >= 2 or number % 1 or number > 100:
            raise InputError(
                f"{name} has {given} choices", where=f"{path}, row {row}, column choices", allowed="2 to 100"
            )
    twice = names[names.duplicated()]
    if len(twice) or not len(names):
        given = f"item {twice.iloc[0]} is there twice" if len(twice) else "has no items"
        raise InputError(given, where=f"{path}, column item_ID", allowed="each item once")
    instruments = tuple(frame["survey"].astype(str))
    copies = near_copies(frame["item_text"].fillna("").astype(str).tolist(), instruments) if texts else ()
    return Items(tuple(names), instruments, pd.to_numeric(choices).to_numpy(int), copies)


def read_people(folder: str | Path, items: Items, *, again: bool) -> PeopleFolder:
    """The answers of a folder. InputError for a file or an item that is not there, with the nearest that is, and for a code that
    is no choice, with its row and column."""
    first = _answers(_file(folder, FIRST), items)
    path = found_file(folder, PEOPLE)
    traits = pd.DataFrame(index=pd.Index(first.people)) if path is None else read_traits(path)
    known = traits.reindex(list(first.people)).fillna("")
    return PeopleFolder(first, _answers(_file(folder, AGAIN), items) if again else None, known)


def read_columns(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """These columns of a file. InputError for one that is not there, with the nearest that is."""
    file = RawFile(path)
    for name in names:
        if name not in file.columns:
            raise InputError(
                f"has no column '{name}'", where=str(path), allowed=f"the columns {', '.join(names)}",
                nearest=nearest(name, file.columns),
            )  # fmt: skip
    frame: pd.DataFrame = file.load(list(names)).table.to_pandas()
    return frame


def _answers(path: Path, items: Items) -> AnswerPanel:
    file = RawFile(path)
    gone = [name for name in items.names if name not in file.columns[1:]]
    if gone:
        others = [name for name in file.columns[1:] if name not in items.names]
        raise InputError(
            f"has no column for {len(gone)} of {len(items.names)} items, as {gone[0]}", where=str(path),
            allowed=f"the person in the first column, then every item of {ITEMS}",
            nearest=nearest(gone[0], others) if others else None,
        )  # fmt: skip
    frame: pd.DataFrame = file.load([file.columns[0], *items.names]).table.to_pandas()
    ids = frame[file.columns[0]].astype(str)
    twice = ids[ids.duplicated()]
    if len(twice):
        row = int(twice.index[0]) + first_row(path)
        raise InputError(f"'{twice.iloc[0]}' is there twice", where=f"{path}, row {row}", allowed="each person once")
    numbers = numbers_of(frame[list(items.names)].set_axis(pd.Index(ids)), str(path), "row of {}, column {}")
    codes = numbers.to_numpy(float)
    wrong = np.argwhere(~np.isnan(codes) & ((codes < 1) | (codes > items.choices) | (codes % 1 != 0)))
    if len(wrong):
        row, place = wrong[0]
        most = int(items.choices[place])
        raise InputError(
            f"{codes[row, place]:g} is no choice", where=f"{path}, row {row + first_row(path)}, column {items.names[place]}",
            allowed=f"whole numbers from 1 to {most}, and nothing where not answered",
            nearest=str(int(np.clip(np.round(codes[row, place]), 1, most))),
        )  # fmt: skip
    return AnswerPanel(tuple(ids), items, codes)


def _file(folder: str | Path, name: str) -> Path:
    found = found_file(folder, name)
    if found is None:
        raise InputError(
            f"has no file {name}.csv or {name}.parquet", where=str(folder), allowed=f"{FIRST}, {AGAIN}, {ITEMS} and {PEOPLE}",
            nearest=nearest(name, [item.name for item in Path(folder).iterdir()]),
        )  # fmt: skip
    return found


def found_file(folder: str | Path, name: str) -> Path | None:
    """The CSV or Parquet file of this name, without ending; None where there is none. InputError for no folder."""
    place = Path(folder)
    if not place.is_dir():
        beside = [item.name for item in place.parent.iterdir() if item.is_dir()] if place.parent.is_dir() else []
        raise InputError(
            "no such folder", where=str(folder), allowed="an existing folder", nearest=nearest(place.name, beside)
        )
    return next((place / f"{name}{ending}" for ending in ENDINGS if (place / f"{name}{ending}").is_file()), None)


def first_row(path: Path) -> int:
    """The number of the first record: as a spreadsheet shows it, or from 1 in Parquet."""
    return 1 if path.suffix == ".parquet" else 2
