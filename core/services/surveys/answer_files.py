"""Files of answers: people's and twins', one row a person and one column a question, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.files import RawFile
from core.errors import InputError, one_of
from core.survey.calibration.tables import AnswerTables, paired

CONSTRUCTION = "construction"
#: What the column of shares may be called.
RETEST = ("retest", "retest_exact")


def read_answers(path: str | Path, construction: str | None = None) -> pd.DataFrame:
    """The numbers of a file by id, its first column; empty is NaN. A file of several `construction`s of twins, named in a column
    of that name, gives the one asked for. InputError for a cell that is no number, with its place."""
    file = RawFile(path)
    frame = file.load(file.columns).table.to_pandas()
    if CONSTRUCTION in frame.columns:
        known = sorted(map(str, frame[CONSTRUCTION].dropna().unique()))
        if construction is None and len(known) > 1:
            raise InputError(
                f"has {len(known)} constructions of twins", where=str(path),
                allowed=f"--construction with one of {', '.join(known)}",
            )  # fmt: skip
        chosen = one_of(construction or known[0], known, what="construction", where=str(path))
        frame = frame[frame[CONSTRUCTION].astype(str) == chosen].drop(columns=CONSTRUCTION)
    elif construction is not None:
        raise InputError("has no column 'construction'", where=str(path), allowed="the file without --construction")
    if frame.shape[1] < 2:
        raise InputError(
            "has no column of answers", where=str(path), allowed="an id in the first column, then questions"
        )
    frame = frame.set_index(frame.columns[0])
    frame.index = frame.index.astype(str)
    return numbers_of(frame, str(path))


def read_pair(
    human: str | Path, twin: str | Path, construction: str | None = None, new: Sequence[str] = ()
) -> AnswerTables:
    """The pair of two files; see `read_answers` and `paired`."""
    return paired(read_answers(human), read_answers(twin, construction), new=new)


def read_traits(path: str | Path) -> pd.DataFrame:
    """What is known of people, as text by id, the first column. InputError for an id that is there twice."""
    file = RawFile(path)
    frame = file.load(file.columns).table.to_pandas()
    frame = frame.set_index(frame.columns[0])
    frame.index = frame.index.astype(str)
    twice = frame.index[frame.index.duplicated()]
    if len(twice) or not len(frame.columns):
        given = f"id {twice[0]} is there twice" if len(twice) else "has no column beside the id"
        raise InputError(given, where=str(path), allowed="a row a person: the id, then a column for each attribute")
    return frame.astype("string")


def read_retest(path: str | Path) -> pd.Series:
    """The share of people who gave the same answer again, by question: the first column names it, the share is in a column called
    retest or retest_exact, else in the second. InputError for what is no share."""
    file = RawFile(path)
    frame = file.load(file.columns).table.to_pandas()
    if len(frame.columns) < 2:
        raise InputError("has one column", where=str(path), allowed="a question and the share who repeat their answer")
    name = next((each for each in RETEST if each in frame.columns), frame.columns[1])
    shares = numbers_of(frame[[name]].set_axis(frame[frame.columns[0]].astype("string"), axis=0), str(path))[str(name)]
    shares = shares[shares.index.notna() & (shares.index != "")]
    if ((shares < 0) | (shares > 1)).any():
        raise InputError(
            f"{float(shares[(shares < 0) | (shares > 1)].iloc[0]):g} is no share", where=str(path), allowed="0 to 1"
        )
    return shares[~shares.index.duplicated()]


def numbers_of(frame: pd.DataFrame, where: str, cell: str = "id {}, question {}") -> pd.DataFrame:
    """The cells of a frame by id as numbers, NaN where empty. InputError for the first that is no finite number."""
    found = {}
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_float_dtype(column) and not np.isinf(column.to_numpy(float)).any():
            found[str(name)] = column.astype(float)
            continue
        if column.dtype == object or pd.api.types.is_string_dtype(column):
            column = column.replace("", None)
        numbers = pd.to_numeric(column, errors="coerce").astype(float)
        wrong = (numbers.isna() & column.notna()) | np.isinf(numbers)
        if wrong.any():
            person = wrong.index[wrong][0]
            raise InputError(
                f"'{column[wrong].iloc[0]}' is no number", where=f"{where}, {cell.format(person, name)}",
                allowed="numbers, and nothing where not answered",
            )  # fmt: skip
        found[str(name)] = numbers
    return pd.DataFrame(found, index=frame.index)
