"""People's answers to questions of a survey, as a table of shares: what corrects the personas' answers to another question."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from core.datasets.files import RawFile
from core.errors import InputError
from core.records import content_hash
from core.survey.questions import SCALE, SurveyQuestion

QUESTION, ANSWERS = "question", "answers"
LAYOUT = "columns: question, then for each answer of the question, in its order, how many people gave it (or percent)"
OTHER_ANSWERS = "has another number of answers than the question"
NOBODY = "no person answered"
#: Of a table with a column of each question's own answers, these part them.
BETWEEN = "|"


@dataclass(frozen=True)
class PeopleShares:
    """`questions` with people's `shares` (in the order of the answers), `left_out` says why by question; `text` is the table as
    CSV, kept under `key`."""

    name: str
    questions: tuple[SurveyQuestion, ...]
    shares: tuple[tuple[float, ...], ...]
    left_out: Mapping[str, str]
    text: str

    @property
    def key(self) -> str:
        """The hash of its content."""
        return content_hash(self.text)


def read_people_shares(path: str | Path, new: SurveyQuestion) -> PeopleShares:
    """The table of a CSV or Parquet file, whose questions are answered as `new` is. InputError for what is none."""
    frame = RawFile(path).load(RawFile(path).columns).table.to_pandas()
    text = frame.to_csv(index=False, lineterminator="\n")
    return _shares(frame, text, Path(path).name, new)


def people_shares_of(content: bytes, name: str, new: SurveyQuestion) -> PeopleShares:
    """The same of a file's content."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_bytes(content)
        return read_people_shares(path, new)


def stored_people_shares(text: str, name: str, new: SurveyQuestion) -> PeopleShares:
    """The same of a kept text."""
    return _shares(pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False), text, name, new)


def _shares(frame: pd.DataFrame, text: str, name: str, new: SurveyQuestion) -> PeopleShares:
    names = {str(column).strip().casefold(): column for column in frame.columns}
    if QUESTION not in names:
        raise InputError(f"has the columns {', '.join(map(str, frame.columns[:6]))}", where=name, allowed=LAYOUT)
    columns = [column for key, column in names.items() if key not in (QUESTION, ANSWERS)]
    numbers = frame[columns].apply(lambda column: pd.to_numeric(column.replace("", None), errors="coerce"))
    written = frame[columns].notna() & (frame[columns].astype(str) != "")
    wrong = (numbers.isna() & written) | (numbers < 0)
    if wrong.to_numpy().any():
        row, column = next((row, column) for row in range(len(frame)) for column in columns if wrong[column].iloc[row])
        given = f"'{frame[column].iloc[row]}' is no number of people"
        raise InputError(given, where=f"{name}, question {row + 1}, {column}", allowed="0 and above")
    questions, shares, left_out = [], [], {}
    for row, given in enumerate(frame[names[QUESTION]].astype(str)):
        counts = [float(value) for value in numbers.iloc[row] if pd.notna(value)]
        own = str(frame[names[ANSWERS]].iloc[row]) if ANSWERS in names else ""
        labels = [part.strip() for part in own.split(BETWEEN) if part.strip()]
        if given.strip() == new.text:
            left_out[given] = "is the question itself: what people said to it is not read"
        elif len(counts) != len(new.keys) or (labels and len(labels) != len(counts)):
            left_out[given] = OTHER_ANSWERS
        elif sum(counts) <= 0:
            left_out[given] = NOBODY
        else:
            # Put as the new question is, but for its situation: people gave these answers at another time.
            asked = replace(new, text=given, situation="", as_of=None)
            if labels and new.kind != SCALE:
                asked = SurveyQuestion.of_choices(given, labels, rotate=new.rotate)
            questions.append(asked)
            shares.append(tuple(count / sum(counts) for count in counts))
    return PeopleShares(name, tuple(questions), tuple(shares), left_out, text)
