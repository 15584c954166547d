"""Speed and memory of the society on this machine, each figure in a fresh process of its own; nothing is asserted.

A world of `meridia_town` is built and run without a warm-up, everything recorded as in a run's first world, so that the steps
that are counted are the steps that are timed. Memory is the process's most, Python and its libraries among it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from core.errors import InputError, PolicyTwinError
from core.options import option
from core.result import Result

SCENARIO = "meridia_town"
Made = TypeVar("Made")
#: Person-days a CPU-second of Covasim 3.1.9 with 100,000 people, measured where this was developed: the anchor.
COVASIM_PERSON_DAYS = 5_100_000


@dataclass(frozen=True)
class SocietyBenchRequest:
    """Worlds of so many households and days, each measured `repeat` times; the median is shown."""

    households: tuple[int, ...] = option(
        "sizes to measure (default 100,1000,10000,100000)", (100, 1000, 10_000, 100_000)
    )
    days: int = option("days of hourly steps (default 28)", 28)
    repeat: int = option("times each figure is taken (default 1; the median is shown)", 1)

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise InputError(f"repeat {self.repeat}", where="society bench", allowed="1 and above", nearest="1")
        if not self.households:
            raise InputError("no size is given", where="--households", allowed="100,1000")


@dataclass(frozen=True, kw_only=True)
class SocietyBenchFigure:
    """One size. `seconds` is the wall time of all steps, `cpu_seconds` the processor's, and likewise of setting up."""

    households: int
    steps: int
    agent_steps_per_cpu_second: float
    person_days_per_cpu_second: float
    microseconds_per_agent_step: float
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    setup_seconds: float
    setup_cpu_seconds: float


@dataclass(frozen=True, kw_only=True)
class SocietyBenchResult(Result):
    machine: str
    scenario: str
    days: int
    repeat: int
    figures: tuple[SocietyBenchFigure, ...]
    covasim_person_days_per_cpu_second: float


def benchmark_society(request: SocietyBenchRequest) -> SocietyBenchResult:
    """Every size in order. InputError for sizes and days that no world can have."""
    from core.services.benchmarks.engine import machine
    from core.society.run import check_size

    for households in request.households:
        check_size(households, request.days, 1)
    return SocietyBenchResult(
        machine=machine(),
        scenario=SCENARIO,
        days=request.days,
        repeat=request.repeat,
        figures=tuple(_figure(households, request) for households in request.households),
        covasim_person_days_per_cpu_second=COVASIM_PERSON_DAYS,
    )


def _figure(households: int, request: SocietyBenchRequest) -> SocietyBenchFigure:
    taken = [_once(households, request.days) for _ in range(request.repeat)]
    found = {name: median(item[name] for item in taken) for name in taken[0]}
    speed = households * found["steps"] / found["cpu_seconds"]
    return SocietyBenchFigure(
        households=households,
        steps=int(found["steps"]),
        agent_steps_per_cpu_second=round(speed),
        person_days_per_cpu_second=round(households * request.days / found["cpu_seconds"]),
        microseconds_per_agent_step=round(1e6 / speed, 4),
        seconds=round(found["seconds"], 3),
        cpu_seconds=round(found["cpu_seconds"], 3),
        peak_memory_mb=round(found["peak_memory_mb"], 1),
        setup_seconds=round(found["setup_seconds"], 3),
        setup_cpu_seconds=round(found["setup_cpu_seconds"], 3),
    )


def _once(households: int, days: int) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 (our own module, no shell)
        [sys.executable, "-m", "core.services.benchmarks.society", str(households), str(days)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise PolicyTwinError(f"The benchmark's process failed: {last}")
    values: dict[str, float] = json.loads(done.stdout)
    return values


def _worker(households: int, days: int) -> dict[str, float]:
    from core.execution.threads import limit_threads
    from core.society import load
    from core.society.run import recorded
    from core.society.scenario import Set, edited
    from core.society.world import build

    limit_threads()
    scenario = edited(load(SCENARIO), [Set(set="warm_up_days", value=0)])
    world, *set_up = _timed(lambda: build(scenario, scenario.seed, households))
    run, *spent = _timed(lambda: recorded(world, days))
    return {
        "steps": len(run.steps),
        "seconds": spent[0],
        "cpu_seconds": spent[1],
        "setup_seconds": set_up[0],
        "setup_cpu_seconds": set_up[1],
        "peak_memory_mb": _peak_memory_mb(),
    }


def _peak_memory_mb() -> float:
    """The most this process held. Where the system keeps it, of the program itself: `getrusage` begins with its parent's."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024.0 * 1024.0) if sys.platform == "darwin" else peak / 1024.0
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024.0


def _timed(work: Callable[[], Made]) -> tuple[Made, float, float]:
    """What the work made, and its seconds on the wall and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    print(json.dumps(_worker(int(sys.argv[1]), int(sys.argv[2]))))
