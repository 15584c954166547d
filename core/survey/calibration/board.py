"""The board: raw twins, the trivial baseline and every method, each predicting every unit as if people had not answered it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from core.execution.threads import one_thread
from core.survey.calibration.base import TWIN_METHODS, TwinCalibrator
from core.survey.calibration.problem import CalibrationProblem
from core.survey.calibration.scores import MethodScore, score
from core.survey.calibration.trivial import trivial_answers

RAW, TRIVIAL, ALL = "raw", "trivial", "all"
THREADS = 2
#: What takes most of the time of all.
DEAR = ("soft_svd", "neural_net")


@dataclass(frozen=True)
class Board:
    """Scores of raw twins, the trivial baseline and each method; `answers` (rows, units) of each method by name."""

    raw: MethodScore
    trivial: MethodScore
    methods: dict[str, MethodScore]
    answers: dict[str, np.ndarray]


def method_names(asked: Sequence[str]) -> tuple[str, ...]:
    """The methods meant, `all` being the ten. InputError for an unknown name."""
    names: list[str] = []
    for name in asked:
        known = [item.name for item in TWIN_METHODS.values() if item.standard] if name == ALL else [name]
        names += [TWIN_METHODS.named(each, where="--methods").name for each in known if each not in names]
    return tuple(names)


@one_thread
def board(
    problem: CalibrationProblem, methods: Sequence[str], watch: Callable[[str, int, int], None] | None = None
) -> Board:
    """Predict every unit with each method and score it, two methods at a time; the dearest begin first. Each has one thread of
    linear algebra: more would wait for each other, and their number would decide the last bits."""
    raw = problem.twins.T if problem.by_user else problem.twins
    problem.gram.sum()  # shared by all, and made before the threads part

    def one(name: str) -> tuple[np.ndarray, MethodScore]:
        began, used = time.perf_counter(), time.thread_time()
        estimator: TwinCalibrator = TWIN_METHODS[name].make(problem.target).fit(problem)
        answers = estimator.predict()
        spent = time.perf_counter() - began, time.thread_time() - used
        return answers, score(problem, answers, *spent)

    found = {}
    with ThreadPoolExecutor(THREADS) as pool:
        waiting = {name: pool.submit(one, name) for name in sorted(methods, key=lambda name: name not in DEAR)}
        try:
            for place, name in enumerate(methods):
                if watch:
                    watch(name, place, len(methods))
                found[name] = waiting[name].result()
        finally:
            for other in waiting.values():
                other.cancel()
    trivial = trivial_answers(problem)
    return Board(
        score(problem, raw), score(problem, trivial),
        {name: item[1] for name, item in found.items()},
        {RAW: raw, TRIVIAL: trivial, **{name: item[0] for name, item in found.items()}},
    )  # fmt: skip
