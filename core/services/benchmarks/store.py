"""What a store takes: processes killed at many points of a run, and one byte damaged in each of its blocks.

Runs are processes of their own, on files in a folder of their own; what is counted is what a user would see.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import InputError, PolicyTwinError
from core.execution.progress import ProgressReporter
from core.options import option
from core.result import Result
from core.services.library.archive import export_run
from core.store.blocks import BLOCK_BYTES, FIRST_BLOCK
from core.store.database import Store
from core.store.schema import RUN_TABLES
from core.store.upkeep import check_store, restore_store

#: Where in a block the byte is: past its checksum, in what most blocks hold something.
INTO_BLOCK = 5_000
LONGEST_COMMAND = 600.0
#: Seconds between looks at a store that a run writes to.
LOOK = 0.002


@dataclass
class _Bench:
    folder: Path
    personas: int
    trials: int
    until: float
    watch: ProgressReporter
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def over(self) -> bool:
        return time.monotonic() > self.until

    def command(self, *words: str, db: Path) -> list[str]:
        return [sys.executable, "-m", "core.cli", *words, "--db", str(db)]

    def run_words(self) -> tuple[str, ...]:
        return ("run", "meridia", "--personas", str(self.personas), "--trials", str(self.trials), "--json")

    def begun(self, *words: str, db: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 (our own module, no shell)
            self.command(*words, db=db), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder
        )

    def done(self, *words: str, db: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 (our own module, no shell)
            self.command(*words, db=db), capture_output=True, text=True, check=False, timeout=LONGEST_COMMAND,
            cwd=self.folder,
        )  # fmt: skip


@dataclass(frozen=True)
class BenchStoreRequest:
    """What is done to a store: `kills` spread over a run, and `flips` damaged bytes at most (None: one in each block), for about
    `minutes`. Raises InputError for less than makes sense."""

    kills: int = option("kills, spread over a run (default 40)", 40)
    flips: int | None = option("damaged bytes at most (default: one in each block of 262,144 bytes)", None)
    personas: int = option("people of the runs (default 300)", 300)
    trials: int = option("Optuna trials of the runs (default 8)", 8)
    minutes: float = option("stop after this long, with what there is (default 30)", 30.0, word="M")

    def __post_init__(self) -> None:
        for name, least in (("kills", 0), ("flips", 0), ("personas", 1), ("trials", 1), ("minutes", 0.001)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise InputError(
                    f"--{name} {value}", allowed=f"{least} and above", nearest=str(least)
                )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Kills:
    """How runs ended that were killed and given again."""

    asked: int
    kills: int = 0
    resumed: int = 0
    complete: int = 0
    begun_anew: int = 0
    refused: int = 0
    doubled: int = 0
    other_result: int = 0
    rows_lost: int = 0
    tracebacks: int = 0


@dataclass(frozen=True, kw_only=True)
class Flips:
    """What was said of a store with a damaged byte, and how much of it could be restored."""

    asked: int
    block_bytes: int = BLOCK_BYTES
    flips: int = 0
    said_damaged: int = 0
    harmless: int = 0
    wrongly_said: int = 0
    tracebacks: int = 0
    restored_whole: int = 0
    restored_in_part: int = 0
    not_restored: int = 0


@dataclass(frozen=True, kw_only=True)
class BenchStoreResult(Result):
    personas: int
    trials: int
    kills: Kills
    flips: Flips
    seconds: float


def benchmark_store(request: BenchStoreRequest, watch: ProgressReporter | None = None) -> BenchStoreResult:
    """Counts of how kills and damage ended. Ends after about the minutes asked for with what was tried until then."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        until = time.monotonic() + 60 * request.minutes
        bench = _Bench(Path(name), request.personas, request.trials, until, watch or ProgressReporter())
        whole = bench.folder / "whole.duckdb"
        first = bench.begun(*bench.run_words(), db=whole)
        lasted = _followed(first, whole, lambda seconds, changes: False)
        said, wrong = first.communicate()
        if first.returncode:
            raise PolicyTwinError(f"The run to measure failed: {' '.join(wrong.split())[-300:]}")
        result = json.loads(said)
        killed = _killed(bench, request.kills, lasted, result, _rows(whole, str(result["run_id"])))
        flipped = _flipped(bench, request.flips, whole, str(result["run_id"]))
        bench.watch.finish("store", "done")
    return BenchStoreResult(
        personas=request.personas,
        trials=request.trials,
        kills=killed,
        flips=flipped,
        seconds=round(time.perf_counter() - began, 1),
    )


def _rows(path: Path, run_id: str) -> dict[str, int]:
    with Store(path) as store:
        return {name: len(store.read(name, unfinished=True, run_id=run_id)) for name in RUN_TABLES}


def _moment(seconds: float) -> Callable[[float, int], bool]:
    return lambda now, changes: now >= seconds


def _change(number: int) -> Callable[[float, int], bool]:
    return lambda now, changes: changes >= number


def _followed(process: subprocess.Popen[str], path: Path, enough: Callable[[float, int], bool]) -> tuple[float, int]:
    """Waits until a process ends, or kills it (KILL, which nobody can answer) where `enough(seconds, changes)`.

    Both are counted from when the store at `path` is there: before that nothing can be lost. `changes` are those of its file
    and its log as they are seen from outside.
    """
    began, changes, seen = 0.0, 0, _traces(path)
    while process.poll() is None:
        now = _traces(path)
        if now != seen:
            began, changes, seen = began or time.monotonic(), changes + 1, now
        if began and enough(time.monotonic() - began, changes):
            process.kill()
        time.sleep(LOOK)
    return (time.monotonic() - began if began else 0.0), changes


def _traces(path: Path) -> list[tuple[int, int]]:
    """Size and time of a store's file and of its log; (0, 0) where one is not there."""
    found = []
    for file in (path, path.with_name(f"{path.name}.wal")):
        try:
            about = file.stat()
            found.append((about.st_size, about.st_mtime_ns))
        except FileNotFoundError:
            found.append((0, 0))
    return found


def _killed(
    bench: _Bench, kills: int, lasted: tuple[float, int], result: dict[str, Any], rows: dict[str, int]
) -> Kills:
    """Kill a run at many points, and give the same command again.

    Every other point is a time, the rest are changes of the file: most of a run's time passes without any, and how long it
    takes depends on what else the machine does. `lasted` is how long a whole run took and how many changes it made.
    """
    counts: Counter[str] = Counter()
    for number in range(kills):
        if bench.over:
            break
        path = bench.folder / f"killed-{number}.duckdb"
        share = (number + 0.5) / kills
        bench.watch.report("kills", number, kills, "runs killed and given again")
        moment, change = lasted[0] * share, math.ceil(lasted[1] * share)
        process = bench.begun(*bench.run_words(), db=path)
        enough = _change(change) if number % 2 else _moment(moment)
        _followed(process, path, enough)
        process.communicate()
        counts["kills"] += 1
        before = _statuses(path)
        again = bench.done(*bench.run_words(), db=path)
        if again.returncode or "Traceback" in again.stderr:
            counts["tracebacks" if "Traceback" in again.stderr else "refused"] += 1
            continue
        values = json.loads(again.stdout)
        after = _statuses(path)
        counts["complete" if "complete" in before.values() else "resumed" if before else "begun_anew"] += 1
        counts["doubled"] += len(after) > 1
        counts["other_result"] += values["result_hash"] != result["result_hash"]
        counts["rows_lost"] += _rows(path, str(values["run_id"])) != rows
        for left in (path, path.with_name(f"{path.name}.wal")):
            left.unlink(missing_ok=True)
    return Kills(asked=kills, **counts)


def _statuses(path: Path) -> dict[str, str]:
    """The status of each run of a store; none where there is no store yet."""
    if not path.exists():
        return {}
    with Store(path) as store:
        found = store.runs()
    return dict(zip(found["run_id"], found["status"], strict=True))


def _flipped(bench: _Bench, flips: int | None, whole: Path, run_id: str) -> Flips:
    """Turn all bits of one byte in each block, one at a time, and export the run, which reads most of what it has."""
    right = _exported(bench, whole, run_id, "right")
    if isinstance(right, str):
        raise PolicyTwinError(f"The export to compare with failed: {right}")
    size = whole.stat().st_size
    places = [0, 4096 + 100, 2 * 4096 + 100, *range(FIRST_BLOCK, size, BLOCK_BYTES)]
    if flips is not None and flips < len(places):
        places = [places[number * len(places) // flips] for number in range(flips)]
    counts: Counter[str] = Counter()
    for number, place in enumerate(places):
        if bench.over:
            break
        bench.watch.report("flips", number, len(places), "bytes damaged")
        path = bench.folder / "flipped.duckdb"
        shutil.copyfile(whole, path)
        with path.open("r+b") as file:
            file.seek(place + (INTO_BLOCK if place >= FIRST_BLOCK else 20))
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 0xFF]))
        counts["flips"] += 1
        found = _exported(bench, path, run_id, f"flipped-{number}")
        if found == right:
            counts["harmless"] += 1
        elif isinstance(found, str) and "Traceback" in found:
            counts["tracebacks"] += 1
        elif isinstance(found, str) and "is damaged" in found and found.count("\n") == 1:
            counts["said_damaged"] += 1
            counts[_restored(path, bench.folder / f"restored-{number}.duckdb")] += 1
        else:
            counts["wrongly_said"] += 1
    return Flips(asked=len(places), **counts)


def _exported(bench: _Bench, path: Path, run_id: str, name: str) -> dict[str, bytes] | str:
    """The files of an export, or what the command would say where it fails."""
    folder = bench.folder / name
    try:
        with Store(path) as store:
            export_run(store, run_id, folder)
    except PolicyTwinError as wrong:
        return f"{wrong}\n"
    except Exception as wrong:
        return f"Traceback: {type(wrong).__name__}: {wrong}"
    # A journal of trials says when it was written.
    files = {item.name: item.read_bytes() for item in sorted(folder.glob("*.csv"))}
    shutil.rmtree(folder)
    return files


def _restored(path: Path, to: Path) -> str:
    """How much of a damaged store can be restored."""
    try:
        done = restore_store(path, to)
    except (PolicyTwinError, InputError):
        return "not_restored"
    whole = all(table.whole for table in done.tables) and check_store(to).sound and not done.log_lost
    to.unlink(missing_ok=True)
    return "restored_whole" if whole else "restored_in_part"
