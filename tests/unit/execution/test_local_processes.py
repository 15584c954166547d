"""Worker processes of this machine: how they start, give way, are replaced, and end with whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from core.errors import Cancelled
from core.execution.executor import CLOSED, WorkerLost
from core.execution.local import LocalProcesses

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0


@pytest.fixture
def executor() -> Iterator[LocalProcesses]:
    with LocalProcesses(2, niceness=10) as executor:
        yield executor


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something that other processes bring about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process is over, be it waited for or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # it ended between the two looks
        return True


def test_a_worker_killed_while_nothing_runs_goes_unnoticed(executor: LocalProcesses) -> None:
    pid = executor.submit(os.getpid).result()
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid))
    time.sleep(0.2)  # the pool notices in a thread of its own
    assert executor.submit(sum, [1, 2]).result() == 3


def test_a_killed_worker_takes_along_what_was_at_work_and_nothing_later(executor: LocalProcesses) -> None:
    pid = executor.submit(os.getpid).result()
    slow = [executor.submit(time.sleep, 30) for _ in range(4)]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerLost, match="killed"):
        slow[0].result()
    again = executor.submit(sum, [1, 2])
    with pytest.raises(WorkerLost):
        slow[1].result()
    assert again.result() == 3, "the later to notice does not take the new workers away"


def test_workers_give_way_to_others(executor: LocalProcesses) -> None:
    assert executor.submit(os.nice, 0).result() == os.nice(0) + 10


def test_a_worker_starts_fast_once_there_was_one(executor: LocalProcesses) -> None:
    pid = executor.submit(os.getpid).result()
    busy = [executor.submit(time.sleep, 1.0) for _ in range(2)]
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    for task in busy:
        with pytest.raises(WorkerLost):
            task.result()
    assert executor.submit(_imported, "core.validity.known_worlds").result(), "it is forked from who has imported it"
    assert time.monotonic() - began < 2.0, "far from the seconds that the imports take"


def _imported(module: str) -> bool:
    return module in sys.modules


def test_workers_do_not_run_the_script_that_started_them(
    executor: LocalProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit makes the page of the latest visitor the main module, file and all."""
    page, ran = tmp_path / "page.py", tmp_path / "ran"
    page.write_text(f"open({str(ran)!r}, 'w').close()\n")
    main = ModuleType("__main__")
    main.__file__ = str(page)
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert executor.submit(sum, [1, 2]).result() == 3
    assert not ran.exists() and vars(main) == vars(main) | {"__spec__": None}, "and the main module is left as it was"


def test_closing_ends_the_work_and_the_workers_for_good(tmp_path: Path) -> None:
    executor = LocalProcesses(2)
    pids = {executor.submit(os.getpid).result()}
    value = list(range(1000))
    with executor.share(value):
        waiting = [executor.submit(time.sleep, 30) for _ in range(8)]
        assert executor.submit(sum, value).wait(0.0) is False
        executor.close()
    for task in waiting:
        with pytest.raises(Cancelled, match=CLOSED):
            task.result()
    with pytest.raises(Cancelled):
        executor.submit(os.getpid)
    until(lambda: all(gone(pid) for pid in pids))
    assert not Path(executor._folder).exists(), "nothing shared is left behind"


#: Not guarded, as many scripts of users are not: workers do not run it.
SCRIPT = """
    import os, time
    from core.execution.local import LocalProcesses

    executor = LocalProcesses(2)
    with executor.share(value := list(range(100))):
        both = [executor.submit(time.sleep, 0.3) for _ in range(2)]
        assert [task.result() for task in both] == [None, None]
        assert executor.submit(sum, value).result() == 4950
        work = [executor.submit(time.sleep, 600) for _ in range(20)]
        print(executor._folder, *executor._pool._processes, flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_whoever_is_killed(how: int) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        folder, *pids = parent.stdout.readline().split()
        workers = [int(pid) for pid in pids]
        assert len(workers) == 2 and not any(gone(pid) for pid in workers) and Path(folder).exists()
    finally:
        parent.send_signal(how)
        parent.wait()
        parent.stdout.close()  # type: ignore[union-attr]
    until(lambda: all(gone(pid) for pid in workers), 20)
    until(lambda: not Path(folder).exists(), 20)


def test_an_interrupt_of_the_terminal_ends_the_command_and_says_nothing_of_workers() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()[1:]]
    os.killpg(parent.pid, signal.SIGINT)
    _, errors = parent.communicate(timeout=PATIENCE)
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt"), errors
    until(lambda: all(gone(pid) for pid in workers), 20)
