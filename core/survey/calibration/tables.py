"""Two tables of answers made into a pair: the same people, the same questions, and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.errors import InputError, nearest

FEWEST_PEOPLE, FEWEST_QUESTIONS = 10, 3
#: A question more of whose twins' answers lie outside what people said was put on another scale.
MOST_OUTSIDE = 0.5
#: Numbers that surveys write for no answer. One that lies further from the answers than these lie apart is none of them.
NO_ANSWER = frozenset({-9999, -999, -99, -98, -97, -88, -77, -9, -8, 77, 88, 97, 98, 99, 999, 9999})
NOBODY = "no person answered"
NO_TWIN = "no twin answered"
CONSTANT = "every person gave the same answer"
OTHER_SCALE = "twins answer on another scale than people"
ONE_SIDE = "in one of the two tables only"


@dataclass(frozen=True)
class AnswerTables:
    """`people` and `twins` (people, questions), NaN where not answered. `left_out` says why by question; `unmatched` counts ids
    that only one table has; `blanked` people's answers that have no twin's beside them."""

    ids: tuple[str, ...]
    questions: tuple[str, ...]
    people: np.ndarray
    twins: np.ndarray
    left_out: Mapping[str, str] = field(default_factory=dict)
    unmatched: int = 0
    blanked: int = 0

    @property
    def missing(self) -> float:
        """The share of cells that people left empty."""
        return float(np.isnan(self.people).mean())


def paired(people: pd.DataFrame, twins: pd.DataFrame, *, new: Sequence[str] = ()) -> AnswerTables:
    """The pair of two frames of numbers whose index is the id. `new` questions need not have been put to people.

    InputError for ids given twice, ids or questions that do not meet, and too few of either; questions that cannot be scored
    are left out with a reason.
    """
    for frame, whose in ((people, "people"), (twins, "twins")):
        twice = frame.index[frame.index.duplicated()]
        if len(twice):
            raise InputError(f"id {twice[0]} is there twice", where=f"table of {whose}", allowed="each id once")
    shared = people.index.intersection(twins.index, sort=False)
    if len(shared) < FEWEST_PEOPLE:
        close = nearest(str(people.index[0]), map(str, twins.index)) if len(people) and not len(shared) else None
        said = ", ".join(
            f"{len(frame)} {whose}{f' such as {frame.index[0]}' if len(frame) else ''}"
            for frame, whose in ((people, "people"), (twins, "twins"))
        )
        raise InputError(
            f"{len(shared)} ids are in both tables ({said})", where="ids",
            allowed=f"{FEWEST_PEOPLE} or more people who have a twin of the same id", nearest=close,
        )  # fmt: skip
    left_out = {
        str(name): ONE_SIDE
        for name in [
            *people.columns.difference(twins.columns, sort=False),
            *twins.columns.difference(people.columns, sort=False),
        ]
        if name not in new
    }
    names = [name for name in twins.columns if name in people.columns or name in new]
    ours = people.reindex(index=shared, columns=names).to_numpy(float)
    theirs = twins.reindex(index=shared, columns=names).to_numpy(float)
    if names and np.array_equal(ours, theirs, equal_nan=True) and not np.isnan(ours).all():
        raise InputError("both tables hold the same answers", where="people and twins", allowed="a table of each")
    kept = []
    for place, name in enumerate(names):
        why = None if name in new else _fault(ours[:, place], theirs[:, place])
        if np.isnan(theirs[:, place]).all():
            why = NO_TWIN
        if why:
            left_out[str(name)] = why
        else:
            kept.append(place)
    if len(kept) < FEWEST_QUESTIONS:
        raise InputError(
            f"{len(kept)} questions are left that people and twins both answered{reasons_of(left_out)}", where="questions",
            allowed=f"{FEWEST_QUESTIONS} or more: one is predicted from the others",
        )  # fmt: skip
    ours, theirs = ours[:, kept], theirs[:, kept]
    return AnswerTables(
        ids=tuple(map(str, shared)),
        questions=tuple(str(names[place]) for place in kept),
        people=ours,
        twins=theirs,
        left_out=left_out,
        unmatched=len(people) + len(twins) - 2 * len(shared),
        blanked=int((np.isnan(theirs) & ~np.isnan(ours)).sum()),
    )


def reasons_of(left_out: Mapping[str, str]) -> str:
    """Why questions are left out, and how many for each reason, as it ends a sentence; nothing where none is."""
    counts = Counter(left_out.values()).most_common()
    return f"; left out: {', '.join(f'{number} ({why})' for why, number in counts)}" if counts else ""


def _fault(people: np.ndarray, twins: np.ndarray) -> str | None:
    said, told = people[~np.isnan(people)], twins[~np.isnan(twins)]
    if not len(said):
        return NOBODY
    if not len(told):
        return NO_TWIN
    if said.min() == said.max():
        return CONSTANT
    code = next((found for column in (said, told) if (found := _no_answer(column)) is not None), None)
    if code is not None:
        return f"{code:g} looks like a code for no answer, where an empty cell is read as that"
    if ((told < said.min()) | (told > said.max())).mean() > MOST_OUTSIDE:
        return OTHER_SCALE
    return None


def _no_answer(answers: np.ndarray) -> float | None:
    known = np.unique(answers)
    for end, beside, rest in ((0, 1, known[1:]), (-1, -2, known[:-1])):
        if len(rest) > 1 and known[end] in NO_ANSWER and abs(known[end] - known[beside]) > 2 * np.ptp(rest):
            return float(known[end])
    return None
