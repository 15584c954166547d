"""Long work beside the page: its life, how it is stopped, and what happens when a process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, wait
from pathlib import Path
from types import ModuleType

import pytest
from small_runs import SHORT

from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.services.dashboard.jobs import (
    CLOSED,
    DONE,
    FAILED,
    KILLED,
    REMEMBERED,
    RUNNING,
    STOPPED,
    Job,
    JobBoard,
    OtherJobRuns,
)
from core.services.runs.fits import request_of
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0


@pytest.fixture
def board() -> Iterator[JobBoard]:
    board = JobBoard(workers=2)
    yield board
    board.close()


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something that other threads or processes bring about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def ended(job: Job) -> Job:
    until(lambda: not job.active)
    return job


def gone(pid: int) -> bool:
    """Whether a process is over, be it waited for or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_job_runs_reports_and_is_done(board: JobBoard) -> None:
    go_on = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> int:
        watch.report("calibrate", 3, 8, "trials")
        assert go_on.wait(PATIENCE)
        return executor.submit(os.getpid).result()

    job = board.start("run", "meridia", work)
    until(lambda: job.progress)
    assert (job.status, job.active, job.ended) == (RUNNING, True, None)
    assert job.progress is not None and (job.progress.stage, job.progress.done, job.progress.total) == (
        "calibrate",
        3,
        8,
    )
    assert board.active() == [job]
    go_on.set()
    assert ended(job).status == DONE
    assert job.result != os.getpid(), "the sums are done in another process"
    assert job.message == "" and board.active() == []
    taken = job.seconds
    time.sleep(0.02)
    assert job.seconds == taken, "the clock stands still when the job has ended"


def test_stop_is_a_stop_and_not_a_failure(board: JobBoard) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        while True:
            watch.report("calibrate", 1, 2, "trials")
            time.sleep(0.005)

    job = board.start("run", "meridia", work)
    until(lambda: job.progress)
    assert not job.stopping
    job.stop()
    assert ended(job).status == STOPPED
    assert "kept" in job.message and job.result is None
    assert not job.stopping, "what has stopped is not stopping any more"


def test_between_stop_and_the_end_of_the_step_the_job_says_so(board: JobBoard) -> None:
    step = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> None:
        assert step.wait(PATIENCE)
        watch.check()

    job = board.start("run", "meridia", work)
    job.stop()
    assert job.stopping and job.active
    step.set()
    assert ended(job).status == STOPPED


def test_the_same_work_is_not_started_twice(board: JobBoard) -> None:
    go_on = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> None:
        assert go_on.wait(PATIENCE)

    first = board.start("run", "meridia", work)
    assert board.start("run", "meridia", work) is first
    other, kind = board.start("run", "uae", work), board.start("sweep", "meridia", work)
    assert len({first.id, other.id, kind.id}) == 3
    assert board.latest("run", "meridia") is first
    go_on.set()
    ended(first)
    second = board.start("run", "meridia", work)
    assert second is not first and board.latest("run", "meridia") is second
    assert board.latest("run", "nowhere") is None
    for job in (other, kind, second):
        assert ended(job).status == DONE


def test_finished_jobs_are_forgotten_in_the_end(board: JobBoard) -> None:
    for _ in range(REMEMBERED + 5):
        ended(board.start("run", "meridia", lambda watch, executor: None))
    first = ended(board.start("sweep", "meridia", lambda watch, executor: None))
    assert board.latest("sweep", "meridia") is first
    assert len(board._jobs) <= REMEMBERED + 1


def test_a_users_mistake_is_one_clear_line(board: JobBoard) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        raise InputError("0 trials", where="run", allowed="1 to 5000", nearest="1")

    job = ended(board.start("run", "meridia", work))
    assert (job.status, job.message) == (FAILED, "run: 0 trials. Allowed: 1 to 5000. Nearest valid: 1.")


def test_a_mistake_found_by_a_worker_arrives_whole(board: JobBoard) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        executor.submit(_refuse).result()

    job = ended(board.start("run", "meridia", work))
    assert (job.status, job.message) == (FAILED, "worker: bad. Allowed: good.")


def _refuse() -> None:
    raise InputError("bad", where="worker", allowed="good")


def test_a_defect_is_one_line_on_the_page_and_a_traceback_in_the_log(
    board: JobBoard, capfd: pytest.CaptureFixture[str]
) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        raise ZeroDivisionError("first line\nsecond line")

    job = ended(board.start("run", "meridia", work))
    assert job.status == FAILED
    assert job.message == "Something went wrong inside PolicyTwin (ZeroDivisionError: first line second line)."
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("wrong", [SystemExit(3), KeyboardInterrupt()])
def test_even_an_exit_inside_the_work_ends_the_job(
    board: JobBoard, wrong: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        raise wrong

    job = ended(board.start("run", "meridia", work))
    assert job.status == FAILED and type(wrong).__name__ in job.message
    capfd.readouterr()


def test_a_worker_killed_at_work_fails_the_job_and_the_next_one_works(board: JobBoard) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        pid = executor.submit(os.getpid).result()
        waiting = [executor.submit(time.sleep, 30) for _ in range(4)]
        os.kill(pid, signal.SIGKILL)
        for future in waiting:
            future.result()

    job = ended(board.start("run", "meridia", work))
    assert (job.status, job.message) == (FAILED, KILLED)
    again = ended(board.start("run", "meridia", lambda watch, executor: executor.submit(sum, [1, 2]).result()))
    assert (again.status, again.result) == (DONE, 3)


def test_a_worker_killed_while_nothing_runs_goes_unnoticed(board: JobBoard) -> None:
    board.warm()
    pool = board._pool
    assert pool is not None
    until(lambda: len(pool._processes) == board.workers)
    for pid in list(pool._processes):
        os.kill(pid, signal.SIGKILL)
    until(lambda: pool._broken)
    job = ended(board.start("run", "meridia", lambda watch, executor: executor.submit(sum, [1, 2]).result()))
    assert (job.status, job.result) == (DONE, 3)


def test_a_broken_pool_takes_only_its_own_jobs_along(board: JobBoard) -> None:
    """Of two jobs on a pool that breaks, the later to notice must not take the pool that a third job has got since."""
    third_has_begun, second_has_ended = threading.Event(), threading.Event()

    def slow(watch: ProgressReporter, executor: Executor) -> None:
        future = executor.submit(time.sleep, 30)
        assert third_has_begun.wait(PATIENCE)
        future.result()

    def killer(watch: ProgressReporter, executor: Executor) -> None:
        os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
        wait([executor.submit(time.sleep, 30)])
        executor.submit(os.getpid)

    def third(watch: ProgressReporter, executor: Executor) -> int:
        future = executor.submit(sum, [1, 2])
        third_has_begun.set()
        assert second_has_ended.wait(PATIENCE)
        return future.result() + executor.submit(sum, [3]).result()

    second = board.start("run", "slow", slow)
    until(lambda: board._pool is not None and board._pool._processes)
    first = ended(board.start("run", "killer", killer))
    assert first.message == KILLED
    last = board.start("run", "third", third)
    assert ended(second).message == KILLED
    second_has_ended.set()
    assert (ended(last).status, last.result) == (DONE, 6)


def test_warm_starts_every_worker_and_they_give_way_to_the_page(board: JobBoard) -> None:
    board.warm()
    pool = board._pool
    assert pool is not None
    until(lambda: len(pool._processes) == 2)
    assert pool.submit(os.nice, 0).result() == os.nice(0) + 10


def test_workers_do_not_run_the_script_that_started_them(
    board: JobBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit makes the page of the latest visitor the main module, file and all."""
    page, ran = tmp_path / "page.py", tmp_path / "ran"
    page.write_text(f"open({str(ran)!r}, 'w').close()\n")
    main = ModuleType("__main__")
    main.__file__ = str(page)
    monkeypatch.setitem(sys.modules, "__main__", main)
    job = ended(board.start("run", "meridia", lambda watch, executor: executor.submit(sum, [1, 2]).result()))
    assert (job.status, job.result) == (DONE, 3)
    assert not ran.exists() and main.__spec__ is None, "and the main module is left as it was"


def test_closing_stops_jobs_and_workers_for_good() -> None:
    board = JobBoard(workers=2)
    begun = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> None:
        begun.set()
        for future in [executor.submit(time.sleep, 0.2) for _ in range(50)]:
            future.result()

    board.warm()
    pool = board._pool
    assert pool is not None
    job = board.start("run", "meridia", work)
    assert begun.wait(PATIENCE)
    processes = list((pool._processes or {}).values())
    board.close()
    assert (ended(job).status, job.message) == (STOPPED, CLOSED)
    until(lambda: all(not process.is_alive() for process in processes))
    late = ended(board.start("run", "meridia", work))
    assert late.status == STOPPED, "a closed board starts no workers"


SERVER = """
    import os, time
    from core.services.dashboard.jobs import JobBoard

    if __name__ == "__main__":
        board = JobBoard(workers=2)
        board.warm()
        while len(board._pool._processes) < 2:
            time.sleep(0.01)
        board._pool.submit(os.getpid).result()
        print(*board._pool._processes, flush=True)
        time.sleep(600)
"""
COMMAND = """
    import os, time
    from core.services.runs.run import worker_pool

    if __name__ == "__main__":
        with worker_pool(2) as pool:
            work = [pool.submit(time.sleep, 600) for _ in range(20)]
            while len(pool._processes) < 2 or not all(item.running() for item in work[:2]):
                time.sleep(0.01)
            print(*pool._processes, flush=True)
            time.sleep(600)
"""


@pytest.mark.parametrize(
    ("script", "how"), [(SERVER, signal.SIGKILL), (COMMAND, signal.SIGKILL), (COMMAND, signal.SIGTERM)]
)
def test_workers_end_with_a_server_or_a_command_that_is_killed(script: str, how: int) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2 and not any(gone(pid) for pid in workers)
    finally:
        parent.send_signal(how)
        parent.wait()
        parent.stdout.close()  # type: ignore[union-attr]
    until(lambda: all(gone(pid) for pid in workers), 20)


def test_a_stopped_fit_resumes_to_the_same_result(board: JobBoard) -> None:
    request = RunRequest("meridia", personas=40, trials=48, workers=2, **SHORT)
    with Store.memory() as store:
        whole = run_study(request, store).values["result_hash"]
    with Store.memory() as store:
        job = board.start("run", "meridia", lambda watch, executor: run_study(request, store, watch, executor).run_id)
        until(lambda: job.progress is not None and job.progress.stage == "calibrate" and job.progress.done >= 8)
        job.stop()
        assert ended(job).status == STOPPED
        stopped = store.runs(kind="run").iloc[0]
        kept = store.read("trials", unfinished=True, run_id=stopped["run_id"])
        assert stopped["status"] == "cancelled" and 8 <= len(kept) < 48
        again = request_of(store.run(str(stopped["run_id"])).record, workers=2)
        job = board.start("run", "meridia", lambda watch, executor: run_study(again, store, watch, executor).run_id)
        assert ended(job).status == DONE and job.result == stopped["run_id"]
        assert store.run(str(job.result)).summary["result_hash"] == whole


def test_a_stop_that_comes_too_late_leaves_the_run_complete() -> None:
    with Store.memory() as store:

        def too_late() -> bool:
            return len(store.runs(status="complete")) > 0

        summary = run_study(
            RunRequest("meridia", personas=10, trials=1, **SHORT), store, ProgressReporter(should_stop=too_late)
        )
        assert store.run(summary.run_id).complete


def test_another_request_on_the_same_subject_is_refused_with_whose_work_is_going_on(board: JobBoard) -> None:
    go = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> str:
        go.wait(PATIENCE)
        return "done"

    first = board.start("run", "meridia", work, what="rules, 40 personas", key="a", by="one")
    assert board.start("run", "meridia", work, key="a", by="two") is first, "the same work is watched by both"
    for by, said in (("two", "Another visitor started"), ("one", "You started")):
        with pytest.raises(OtherJobRuns, match=said) as caught:
            board.start("run", "meridia", work, key="b", by=by)
        assert "rules, 40 personas" in str(caught.value) and f"{first.began_at:%H:%M} UTC" in str(caught.value)
        assert caught.value.job is first
    other = board.start("run", "uae", work, key="b", by="two")
    go.set()
    assert ended(first).status == ended(other).status == DONE
    assert ended(board.start("run", "meridia", work, key="b", by="two")).status == DONE
