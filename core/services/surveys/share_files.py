"""Files of shares: twins' answers to each question, and how many people gave each answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.files import RawFile
from core.errors import InputError
from core.services.surveys.answer_files import numbers_of, read_answers
from core.survey.calibration.tables import reasons_of

#: Answers of no place on a scale.
UNORDERED = ("refused", "don't know", "dont know", "do not know", "no answer", "not sure", "none of these", "dk", "na")
FEWEST = 10


@dataclass(frozen=True)
class ShareTables:
    """`answers` (questions, twins) are places among the options, −1 where none; `counts` (questions, options) of people. The
    first `ordered` options stand at `values`; the others have no order. `left_out` says why by question."""

    questions: tuple[str, ...]
    answers: np.ndarray
    counts: np.ndarray
    options: tuple[str, ...]
    values: tuple[float, ...]
    ordered: int
    left_out: dict[str, str]


def read_shares(answers: str | Path, targets: str | Path) -> ShareTables:
    """Answers: a row a question, a column a twin. Targets: JSON of {question: {choices, choice_to_numeric, choice_counts}}, or a
    table with a column of counts for each answer, named by its number. InputError where they do not fit together."""
    said = read_answers(answers)
    values, names, counts = _json(Path(targets)) if Path(targets).suffix.lower() == ".json" else _table(Path(targets))
    for frame, file in ((said, answers), (counts, targets)):
        twice = frame.index[frame.index.duplicated()]
        if len(twice):
            raise InputError(f"question {twice[0]} is there twice", where=str(file), allowed="each question once")
    given = counts.to_numpy(float)
    wrong = np.argwhere(~np.isfinite(given) | (given < 0))
    if len(wrong):
        row, column = wrong[0]
        raise InputError(f"{given[row, column]:g} is no number of people", allowed="0 and above",
                         where=f"{targets}, question {counts.index[row]}, answer {names[column]}")  # fmt: skip
    shared = said.index.intersection(counts.index, sort=False)
    if len(shared) < FEWEST:
        raise InputError(
            f"{len(shared)} questions are in both files ({len(said)} with answers, {len(counts)} with counts)",
            where="questions", allowed=f"{FEWEST} or more",
        )  # fmt: skip
    left_out = {str(name): "in one of the two files only" for name in said.index.symmetric_difference(counts.index)}
    table, number = said.loc[shared].to_numpy(float), counts.loc[shared].to_numpy(float)
    at = np.asarray(values)
    nearest = np.abs(np.nan_to_num(table)[:, :, None] - at[None, None, :]).argmin(axis=2)
    known = np.isclose(at[nearest], table)
    places = np.where(known, nearest, -1)
    kept = []
    for row, name in enumerate(shared):
        stray = float((~known[row] & ~np.isnan(table[row])).mean())
        if number[row].sum() <= 0:
            left_out[str(name)] = "no person answered"
        elif stray > 0.5 or (places[row] < 0).all():
            left_out[str(name)] = "twins' answers are none of the options"
        else:
            kept.append(row)
    if len(kept) < FEWEST:
        raise InputError(
            f"{len(kept)} questions are left{reasons_of(left_out)}", where="questions", allowed=f"{FEWEST} or more"
        )
    unordered = [place for place, name in enumerate(names) if name.casefold() in UNORDERED]
    order = [place for place in range(len(names)) if place not in unordered] + unordered
    moved = np.argsort(order)
    return ShareTables(
        questions=tuple(str(shared[row]) for row in kept),
        answers=np.where(places[kept] < 0, -1, moved[places[kept]]),
        counts=number[kept][:, order],
        options=tuple(names[place] for place in order),
        values=tuple(values[place] for place in order[: len(order) - len(unordered)]),
        ordered=len(order) - len(unordered),
        left_out=left_out,
    )


def _json(path: Path) -> tuple[list[float], list[str], pd.DataFrame]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        rows = {
            name: {int(key): float(count) for key, count in item["choice_counts"].items()} for name, item in raw.items()
        }
        values = sorted({key for row in rows.values() for key in row})
        last = {item["choices"][-1].casefold() for item in raw.values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as wrong:
        raise InputError(
            f"cannot be read ({wrong})", where=str(path), allowed="{question: {choices: […], choice_counts: {1: n, …}}}"
        ) from None
    names = [str(value) for value in values]
    # Questions have their own words; what all of them share is the answer that has no order.
    if len(last) == 1 and next(iter(last)) in UNORDERED:
        names[-1] = next(iter(last)).capitalize()
    frame = pd.DataFrame(
        [[row.get(value, 0.0) for value in values] for row in rows.values()], index=list(map(str, rows))
    )
    return [float(value) for value in values], names, frame


def _table(path: Path) -> tuple[list[float], list[str], pd.DataFrame]:
    file = RawFile(path)
    named = {name: number for name in file.columns[1:] if (number := _number(name)) is not None}
    if len(named) < 2:
        raise InputError(
            "has no counts of answers", where=str(path), allowed="a column for each answer, named by its number"
        )
    frame = file.load([file.columns[0], *named]).table.to_pandas().set_index(file.columns[0])
    frame.index = frame.index.astype(str)
    return list(named.values()), list(named), numbers_of(frame, str(path), "question {}, answer {}").fillna(0.0)


def _number(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None
