"""Long work beside the page: its life, how it is stopped, and what happens when a process is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import SHORT

from core.errors import InputError
from core.execution.executor import CLOSED, Executor, WorkerLost
from core.execution.local import LocalProcesses
from core.execution.progress import ProgressReporter
from core.services.dashboard.jobs import (
    DONE,
    FAILED,
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
def board(processes: Executor) -> JobBoard:
    return JobBoard(processes)


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something that other threads or processes bring about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def ended(job: Job) -> Job:
    until(lambda: not job.active)
    return job


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
    assert (job.status, job.message) == (FAILED, str(WorkerLost()))
    again = ended(board.start("run", "meridia", lambda watch, executor: executor.submit(sum, [1, 2]).result()))
    assert (again.status, again.result) == (DONE, 3)


def test_closing_stops_jobs_for_good() -> None:
    board = JobBoard(LocalProcesses(2))
    begun = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> None:
        task = executor.submit(time.sleep, 30)
        begun.set()
        task.result()

    job = board.start("run", "meridia", work)
    assert begun.wait(PATIENCE)
    board.close()
    assert (ended(job).status, job.message) == (STOPPED, CLOSED)
    assert ended(board.start("run", "meridia", work)).status == STOPPED, "a closed board starts no workers"


def test_a_stopped_fit_resumes_to_the_same_result(board: JobBoard) -> None:
    request = RunRequest("meridia", personas=40, trials=48, **SHORT)
    with Store.memory() as store:
        whole = run_study(request, store).result_hash
    with Store.memory() as store:
        job = board.start("run", "meridia", lambda watch, executor: run_study(request, store, watch, executor).run_id)
        until(lambda: job.progress is not None and job.progress.stage == "calibrate" and job.progress.done >= 8)
        job.stop()
        assert ended(job).status == STOPPED
        stopped = store.runs(kind="run").iloc[0]
        kept = store.read("trials", unfinished=True, run_id=stopped["run_id"])
        assert stopped["status"] == "cancelled" and 8 <= len(kept) < 48
        again = request_of(store.run(str(stopped["run_id"])).record)
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
