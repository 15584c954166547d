"""Speed and memory of calibrating twins on this machine, each figure in a fresh process of its own; nothing is asserted."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError, PolicyTwinError
from core.options import option
from core.result import Result

#: The size of the published tables, for generated ones.
PEOPLE, QUESTIONS = 2058, 123
WHAT = {"ridge": "ridge alone", "all": "all ten methods"}


@dataclass(frozen=True)
class BenchTwinsRequest:
    """A pair of tables, or a generated one of 2,058 people and 123 questions."""

    human: str | Path | None = option("people's answers (default: generated)", None, word="FILE")
    twin: str | Path | None = option("their twins' answers", None, word="FILE")
    construction: str | None = option("which twins, of a file that has several", None, word="NAME")

    def __post_init__(self) -> None:
        if (self.human is None) != (self.twin is None):
            raise InputError("one table is given", where="survey bench", allowed="--human and --twin, or neither")


@dataclass(frozen=True, kw_only=True)
class BenchTwinsFigure:
    """Wall and CPU seconds of predicting and scoring every question by `what`, and the process's most memory."""

    what: str
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float


@dataclass(frozen=True, kw_only=True)
class BenchTwinsResult(Result):
    machine: str
    people: int
    questions: int
    figures: tuple[BenchTwinsFigure, ...]


def benchmark_twins(request: BenchTwinsRequest) -> BenchTwinsResult:
    """Ridge alone, and all ten. InputError for tables that cannot be read."""
    files = ["" if item is None else str(item) for item in (request.human, request.twin, request.construction)]
    figures = []
    size = (0, 0)
    for name, words in WHAT.items():
        done = subprocess.run(  # noqa: S603 (our own module, no shell)
            [sys.executable, "-m", "core.services.benchmarks.twins", name, *files], capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            kind = InputError if "InputError" in last else PolicyTwinError
            raise kind(f"The benchmark's process failed: {last}")
        values = json.loads(done.stdout)
        size = (values.pop("people"), values.pop("questions"))
        figures.append(BenchTwinsFigure(what=words, **values))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return BenchTwinsResult(machine=machine, people=size[0], questions=size[1], figures=tuple(figures))


def _worker(method: str, human: str, twin: str, construction: str) -> dict[str, float]:
    from core.services.runs.run import peak_memory_mb
    from core.services.surveys.answer_files import read_pair
    from core.survey.calibration.board import board, method_names
    from core.survey.calibration.problem import CalibrationProblem
    from core.survey.calibration.tables import paired
    from core.synthetic.twin_answers import generated_pair

    if human:
        tables = read_pair(human, twin, construction or None)
    else:
        people, twins, _ = generated_pair(count=PEOPLE, questions=QUESTIONS)
        tables = paired(people, twins)
    began, used = time.perf_counter(), time.process_time()
    board(CalibrationProblem(tables.twins, tables.people), method_names([method]))
    return {
        "people": len(tables.ids), "questions": len(tables.questions), "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time() - used, 2), "peak_memory_mb": round(peak_memory_mb(), 1),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(_worker(*sys.argv[1:5])))
