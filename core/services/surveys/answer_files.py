"""Files of answers: people's and twins', one row a person and one column a question, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from core.datasets.files import RawFile
from core.errors import InputError, one_of
from core.survey.calibration.tables import AnswerTables, paired

CONSTRUCTION = "construction"


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
    return _numbers(frame, str(path))


def read_pair(
    human: str | Path, twin: str | Path, construction: str | None = None, new: Sequence[str] = ()
) -> AnswerTables:
    """The pair of two files; see `read_answers` and `paired`."""
    return paired(read_answers(human), read_answers(twin, construction), new=new)


def _numbers(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    found = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object or pd.api.types.is_string_dtype(column):
            column = column.replace("", None)
        numbers = pd.to_numeric(column, errors="coerce").astype(float)
        wrong = numbers.isna() & column.notna()
        if wrong.any():
            person = wrong.index[wrong][0]
            raise InputError(
                f"'{column[wrong].iloc[0]}' is no number", where=f"{where}, id {person}, question {name}",
                allowed="numbers, and nothing where not answered",
            )  # fmt: skip
        found[str(name)] = numbers
    return pd.DataFrame(found, index=frame.index)
