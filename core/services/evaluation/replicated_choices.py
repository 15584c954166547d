"""Logs of choices, and how often the next one is foreseen of people who were not learned from.

With a second log its people are judged, by all of the first. Else those who came twice are, by those who came once; where too few
did either, everybody is, in five parts of people, each by the other four.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.files import RawFile
from core.errors import InputError, nearest
from core.execution.threads import one_thread
from core.portrait.next_choice import Choices, predict_choices
from core.records import content_hash
from core.services.evaluation.replication_files import first_row, read_columns
from core.services.evaluation.replication_results import CHOOSERS, ChoicesReplication, ChoicesRequest, TaskChoices
from core.services.evaluation.replications import FEWEST_PEOPLE, IN_BOTH, rounded_result
from core.services.surveys.answer_files import numbers_of
from core.statistics.bootstrap import generator_of
from core.statistics.levels import JUDGED
from core.validity.next_action import action_scores, lead

CONTEXT = ("smaller", "sooner_days", "larger", "later_days")
PARTS = 5
ONE_CHOICE = "people with one choice in a session"


@one_thread
def replicate_choices(request: ChoicesRequest) -> ChoicesReplication:
    """How often each engine foresees the next choice. InputError for logs that cannot be read, and too few people."""
    began = time.perf_counter()
    learned = read_log(request.log)
    asked = learned if request.predict is None else read_log(request.predict)
    left_out: dict[str, int] = {}
    tasks = {}
    for name, choices in asked.items():
        if name not in learned:
            raise InputError(f"task '{name}' is not in the first log", where=str(request.predict),
                             allowed=", ".join(learned), nearest=nearest(name, learned))  # fmt: skip
        whole = [row for row in range(len(choices.people)) if _scored(choices, 0)[row].any()]
        left_out[ONE_CHOICE] = left_out.get(ONE_CHOICE, 0) + len(choices.people) - len(whole)
        others = learned[name]
        if request.predict is not None:
            apart = np.flatnonzero(~np.isin(others.people, choices.people))
            left_out[IN_BOTH] = left_out.get(IN_BOTH, 0) + len(others.people) - len(apart)
            others = others.take(apart)
        tasks[name] = _task(others, choices.take(np.array(whole, dtype=int)), request)
    result: ChoicesReplication = rounded_result(
        ChoicesReplication(
            file=Path(request.predict or request.log).name, engine=request.engine, tasks=tasks, level=JUDGED,
            left_out={why: number for why, number in left_out.items() if number},
        )
    )  # fmt: skip
    return replace(result, result_hash=content_hash(result.tasks), seconds=round(time.perf_counter() - began, 3))


def read_log(path: str | Path) -> Mapping[str, Choices]:
    """The choices of a log by task. InputError for a column that is not there, and for a cell that cannot be, with its row."""
    here = Path(path)
    names = ["worker", "task", "order", *CONTEXT, "waits"]
    frame = read_columns(here, [*names, *(["wave"] if "wave" in RawFile(here).columns else [])])
    frame.index = pd.RangeIndex(first_row(here), first_row(here) + len(frame))
    numbers = numbers_of(frame[["order", *CONTEXT, "waits"]], str(path), "row {}, column {}")
    frame = frame.fillna({"worker": "", "task": "", **({"wave": ""} if "wave" in frame else {})})
    for column, wrong, allowed in (
        ("worker", frame["worker"].astype(str) == "", "who chose"), ("task", frame["task"].astype(str) == "", "a name"),
        ("waits", ~numbers["waits"].isin([0, 1]), "0 for the smaller, 1 for the larger"),
        ("smaller", ~(numbers["smaller"] > 0), "above 0"), ("larger", ~(numbers["larger"] > 0), "above 0"),
        ("sooner_days", ~(numbers["sooner_days"] >= 0), "0 and above"),
        ("later_days", ~(numbers["later_days"] >= numbers["sooner_days"]), "no sooner than sooner_days"),
        ("order", numbers["order"].isna(), "the place of the choice in its session"),
    ):  # fmt: skip
        if wrong.any():
            row = frame.index[wrong][0]
            raise InputError(
                f"'{frame.loc[row, column]}' cannot be", where=f"{path}, row {row}, column {column}", allowed=allowed
            )
    table = numbers.assign(
        worker=frame["worker"].astype(str), task=frame["task"].astype(str),
        wave=_waves(frame["wave"]) if "wave" in frame else 0,
    )  # fmt: skip
    twice = table.duplicated(["worker", "task", "wave", "order"])
    if twice.any():
        row = table.index[twice][0]
        raise InputError("this step of the session is there twice", where=f"{path}, row {row}, column order",
                         allowed="each step of a person's session of a task once")  # fmt: skip
    if not len(table):
        raise InputError("has no choices", where=str(path), allowed="a row for each choice")
    return {str(name): _choices(part) for name, part in table.groupby("task", sort=False)}


def _waves(named: pd.Series) -> np.ndarray:
    """The place of each session's wave: one called `first` before all, others by number or name."""
    names = sorted(
        named.astype(str).unique(), key=lambda name: (name != "first", len(name) if name.isdigit() else 0, name)
    )
    return named.astype(str).map({name: place for place, name in enumerate(names)}).to_numpy(int)


def _choices(table: pd.DataFrame) -> Choices:
    table = table.sort_values(["worker", "wave", "order"])
    row, people = pd.factorize(table["worker"])
    step = table.groupby("worker").cumcount().to_numpy()
    waits = np.full((len(people), int(step.max()) + 1), np.nan)
    context, session = np.full((*waits.shape, len(CONTEXT)), np.nan), np.full(waits.shape, -1)
    waits[row, step], context[row, step] = table["waits"], table[list(CONTEXT)]
    session[row, step] = table.groupby("worker")["wave"].rank(method="dense").to_numpy(int) - 1
    return Choices(tuple(map(str, people)), context, waits, session)


def _task(learned: Choices, asked: Choices, request: ChoicesRequest) -> TaskChoices:
    found = {name: np.full(asked.waits.shape, np.nan) for name in CHOOSERS}
    judged = np.zeros(len(asked.people), dtype=bool)
    panel = 0
    for others, own in _folds(learned, asked, request):
        predicted = predict_choices(others, asked.take(own)).by_engine
        panel, judged[own] = max(panel, len(others.people)), True
        for name in CHOOSERS:
            found[name][own] = predicted[name]
    rows = np.flatnonzero(judged)
    people, found = asked.take(rows), {name: item[rows] for name, item in found.items()}
    first, again = _scored(people, 0), _scored(people, 1)
    came = again.any(axis=1)
    last = first & ~np.pad(first, ((0, 0), (0, 1)))[:, 1:]
    return TaskChoices(
        people=len(rows), panel=panel, choices=int(first.sum()),
        engines={name: action_scores(item, people.waits, first, last, seed=request.seed) for name, item in found.items()},
        later={
            name: action_scores(item[came], people.waits[came], again[came], np.zeros_like(again[came]), seed=request.seed)
            for name, item in found.items()
        } if came.sum() >= FEWEST_PEOPLE else {},
        later_people=int(came.sum()), retest=_retest(people),
        lead=lead(found[request.engine], found["question"], people.waits, first, seed=request.seed),
    )  # fmt: skip


def _folds(learned: Choices, asked: Choices, request: ChoicesRequest) -> Iterator[tuple[Choices, np.ndarray]]:
    """(people learned from, rows of `asked` that are judged by them)."""
    if request.predict is not None:
        folds = [(np.arange(len(learned.people)), np.arange(len(asked.people)))]
    else:
        place = {name: row for row, name in enumerate(learned.people)}
        twice = (asked.session > 0).any(axis=1)
        own = np.array([place[name] for name in asked.people], dtype=int)
        if min(twice.sum(), (~twice).sum()) >= FEWEST_PEOPLE:
            parts = [np.flatnonzero(twice)]
        else:
            parts = np.array_split(generator_of(request.seed).permutation(len(own)), PARTS)
        folds = [(np.setdiff1d(np.arange(len(learned.people)), own[part]), part) for part in parts]
    for others, part in folds:
        for number, whose in ((len(others), "to learn from"), (len(asked.people), "to foresee")):
            if number < FEWEST_PEOPLE:
                raise InputError(f"{number} people {whose}", where=str(request.predict or request.log),
                                 allowed=f"{FEWEST_PEOPLE} or more with two choices or more")  # fmt: skip
        yield learned.take(others), part


def _scored(choices: Choices, session: int) -> np.ndarray:
    """Steps of the first session (0), or of later ones (1), but each session's first, (people, steps)."""
    after = np.zeros(choices.waits.shape, dtype=bool)
    after[:, 1:] = (choices.session[:, 1:] == choices.session[:, :-1]) & choices.seen[:, 1:]
    return after & ((choices.session == 0) if session == 0 else (choices.session > 0))


def _retest(choices: Choices) -> float | None:
    """The share of equal choices in the first two sessions, mean over people who met most questions of the first one again."""
    shares = []
    for context, waits, session in zip(choices.context, choices.waits, choices.session, strict=True):
        met = [
            {tuple(row): choice for row, choice in zip(context[session == one], waits[session == one], strict=True)}
            for one in (0, 1)
        ]
        same = [met[0][row] == met[1][row] for row in met[0] if row in met[1]]
        if 2 * len(same) > len(met[0]):
            shares.append(float(np.mean(same)))
    return float(np.mean(shares)) if len(shares) >= FEWEST_PEOPLE else None
