"""Long work beside the page: its life, how it is stopped, and what happens when a process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_runs import SHORT

from core.errors import InputError
from core.execution.executor import CLOSED, IN_THIS_PROCESS, Executor, WorkerLost
from core.execution.local import LocalProcesses
from core.execution.progress import ProgressReporter
from core.services.dashboard import jobs as jobs_module
from core.services.dashboard.jobs import (
    CUT_OFF,
    DONE,
    FAILED,
    NOT_BEGUN,
    REMEMBERED,
    RUNNING,
    STOPPED,
    WAITING,
    Job,
    JobManager,
    OtherJobRuns,
)
from core.services.runs.fits import request_of
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory() as store:
        yield store


@pytest.fixture
def jobs(processes: Executor, store: Store) -> Iterator[JobManager]:
    manager = JobManager(processes, store)
    yield manager
    for job in manager.active():
        job.stop()
    until(lambda: not manager.active())


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something that other threads or processes bring about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def ended(job: Job) -> Job:
    until(lambda: not job.active)
    return job


def test_a_job_runs_reports_and_is_done(jobs: JobManager) -> None:
    go_on = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> int:
        watch.report("calibrate", 3, 8, "trials")
        assert go_on.wait(PATIENCE)
        return executor.submit(os.getpid).result()

    job = jobs.start("run", "meridia", work)
    until(lambda: job.progress)
    assert (job.status, job.active, job.ended) == (RUNNING, True, None)
    assert job.progress is not None and (job.progress.stage, job.progress.done, job.progress.total) == (
        "calibrate",
        3,
        8,
    )
    assert jobs.active() == [job]
    go_on.set()
    assert ended(job).status == DONE
    assert job.result != os.getpid(), "the sums are done in another process"
    assert job.message == "" and jobs.active() == []
    taken = job.seconds
    time.sleep(0.02)
    assert job.seconds == taken, "the clock stands still when the job has ended"


def test_stop_is_a_stop_and_not_a_failure(jobs: JobManager) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        while True:
            watch.report("calibrate", 1, 2, "trials")
            time.sleep(0.005)

    job = jobs.start("run", "meridia", work)
    until(lambda: job.progress)
    assert not job.stopping
    job.stop()
    assert ended(job).status == STOPPED
    assert "kept" in job.message and job.result is None
    assert not job.stopping, "what has stopped is not stopping any more"


def test_between_stop_and_the_end_of_the_step_the_job_says_so(jobs: JobManager) -> None:
    step = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> None:
        assert step.wait(PATIENCE)
        watch.check()

    job = jobs.start("run", "meridia", work)
    job.stop()
    assert job.stopping and job.active
    step.set()
    assert ended(job).status == STOPPED


def test_the_same_work_is_not_started_twice(jobs: JobManager) -> None:
    go_on = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> None:
        assert go_on.wait(PATIENCE)

    first = jobs.start("run", "meridia", work)
    assert jobs.start("run", "meridia", work) is first
    other, kind = jobs.start("run", "uae", work), jobs.start("sweep", "meridia", work)
    assert len({first.id, other.id, kind.id}) == 3
    assert jobs.latest("run", "meridia") is first
    go_on.set()
    ended(first)
    second = jobs.start("run", "meridia", work)
    assert second is not first and jobs.latest("run", "meridia") is second
    assert jobs.latest("run", "nowhere") is None
    for job in (other, kind, second):
        assert ended(job).status == DONE


def test_finished_jobs_are_forgotten_in_the_end(jobs: JobManager) -> None:
    for _ in range(REMEMBERED + 5):
        ended(jobs.start("run", "meridia", lambda watch, executor: None))
    first = ended(jobs.start("sweep", "meridia", lambda watch, executor: None))
    assert jobs.latest("sweep", "meridia") is first
    assert len(jobs.all()) <= REMEMBERED + 1


def test_a_users_mistake_is_one_clear_line(jobs: JobManager) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        raise InputError("0 trials", where="run", allowed="1 to 5000", nearest="1")

    job = ended(jobs.start("run", "meridia", work))
    assert (job.status, job.message) == (FAILED, "run: 0 trials. Allowed: 1 to 5000. Nearest valid: 1.")


def test_a_mistake_found_by_a_worker_arrives_whole(jobs: JobManager) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        executor.submit(_refuse).result()

    job = ended(jobs.start("run", "meridia", work))
    assert (job.status, job.message) == (FAILED, "worker: bad. Allowed: good.")


def _refuse() -> None:
    raise InputError("bad", where="worker", allowed="good")


def test_a_defect_is_one_line_on_the_page_and_a_traceback_in_the_log(
    jobs: JobManager, capfd: pytest.CaptureFixture[str]
) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        raise ZeroDivisionError("first line\nsecond line")

    job = ended(jobs.start("run", "meridia", work))
    assert job.status == FAILED
    assert job.message == "Something went wrong inside PolicyTwin (ZeroDivisionError: first line second line)."
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("wrong", [SystemExit(3), KeyboardInterrupt()])
def test_even_an_exit_inside_the_work_ends_the_job(
    jobs: JobManager, wrong: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        raise wrong

    job = ended(jobs.start("run", "meridia", work))
    assert job.status == FAILED and type(wrong).__name__ in job.message
    capfd.readouterr()


def test_a_worker_killed_at_work_fails_the_job_and_the_next_one_works(jobs: JobManager) -> None:
    def work(watch: ProgressReporter, executor: Executor) -> None:
        pid = executor.submit(os.getpid).result()
        waiting = [executor.submit(time.sleep, 30) for _ in range(4)]
        os.kill(pid, signal.SIGKILL)
        for future in waiting:
            future.result()

    job = ended(jobs.start("run", "meridia", work))
    assert (job.status, job.message) == (FAILED, str(WorkerLost()))
    again = ended(jobs.start("run", "meridia", lambda watch, executor: executor.submit(sum, [1, 2]).result()))
    assert (again.status, again.result) == (DONE, 3)


def test_closing_the_workers_stops_jobs_for_good(store: Store) -> None:
    executor = LocalProcesses(2)
    jobs = JobManager(executor, store)
    begun = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> None:
        task = executor.submit(time.sleep, 30)
        begun.set()
        task.result()

    job = jobs.start("run", "meridia", work)
    assert begun.wait(PATIENCE)
    executor.close()
    assert (ended(job).status, job.message) == (STOPPED, CLOSED)
    assert ended(jobs.start("run", "meridia", work)).status == STOPPED, "closed workers start no more"


def test_a_stopped_fit_resumes_to_the_same_result(jobs: JobManager) -> None:
    request = RunRequest("meridia", personas=40, trials=48, **SHORT)
    with Store.memory() as store:
        whole = run_study(request, store).result_hash
    with Store.memory() as store:
        job = jobs.start("run", "meridia", lambda watch, executor: run_study(request, store, watch, executor).run_id)
        until(lambda: job.progress is not None and job.progress.stage == "calibrate" and job.progress.done >= 8)
        job.stop()
        assert ended(job).status == STOPPED
        stopped = store.runs(kind="run").iloc[0]
        kept = store.read("trials", unfinished=True, run_id=stopped["run_id"])
        assert stopped["status"] == "cancelled" and 8 <= len(kept) < 48
        again = request_of(store.run(str(stopped["run_id"])).record)
        job = jobs.start("run", "meridia", lambda watch, executor: run_study(again, store, watch, executor).run_id)
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


def test_another_request_on_the_same_subject_is_refused_with_whose_work_is_going_on(jobs: JobManager) -> None:
    go = threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> str:
        go.wait(PATIENCE)
        return "done"

    first = jobs.start("run", "meridia", work, what="rules, 40 personas", key="a", by="one")
    assert jobs.start("run", "meridia", work, key="a", by="two") is first, "the same work is watched by both"
    for by, said in (("two", "Another visitor started"), ("one", "You started")):
        with pytest.raises(OtherJobRuns, match=said) as caught:
            jobs.start("run", "meridia", work, key="b", by=by)
        assert "rules, 40 personas" in str(caught.value) and f"{first.began_at:%H:%M} UTC" in str(caught.value)
        assert caught.value.job is first
    other = jobs.start("run", "uae", work, key="b", by="two")
    go.set()
    assert ended(first).status == ended(other).status == DONE
    assert ended(jobs.start("run", "meridia", work, key="b", by="two")).status == DONE


def test_jobs_wait_for_their_turn_and_say_their_place(processes: Executor, store: Store) -> None:
    jobs, go = JobManager(processes, store, most=1), threading.Event()
    order: list[str] = []

    def work(name: str) -> Callable[[ProgressReporter, Executor], None]:
        def one(watch: ProgressReporter, executor: Executor) -> None:
            order.append(name)
            assert go.wait(PATIENCE)

        return one

    first, second, third, fourth = (jobs.start("run", name, work(name), what=name) for name in "abcd")
    until(lambda: order == ["a"])
    assert [job.place for job in (first, second, third, fourth)] == [0, 1, 2, 3]
    assert [job.status for job in (first, second)] == [RUNNING, WAITING] and jobs.start("run", "b", work("b")) is second
    third.stop()
    assert (third.status, third.message, third.place, fourth.place) == (STOPPED, NOT_BEGUN, 0, 2)
    assert states(store) == {"a": RUNNING, "b": WAITING, "c": STOPPED, "d": WAITING}
    go.set()
    assert ended(second).status == ended(fourth).status == ended(first).status == DONE
    assert order == ["a", "b", "d"] and second.place == 0
    assert states(store) == {"a": DONE, "b": DONE, "c": STOPPED, "d": DONE}


def states(store: Store) -> dict[str, str]:
    rows = store.read("jobs")
    return dict(zip(rows["title"], rows["state"], strict=True))


def test_what_became_of_a_job_is_in_the_store(jobs: JobManager, store: Store) -> None:
    def run(watch: ProgressReporter, executor: Executor) -> str:
        watch.report("calibrate", 3, 8, "trials")
        return "run-1"

    def refuse(watch: ProgressReporter, executor: Executor) -> None:
        raise InputError("0 trials")

    ended(jobs.start("run", "meridia", run, what="rules"))
    ended(jobs.start("sweep", "meridia", lambda watch, executor: ({"run_id": "sweep-1"}, None), what="sweep"))
    ended(jobs.start("ask", "meridia", refuse, what="ask"))
    rows = store.read("jobs").set_index("title")
    assert rows.loc["rules", ["kind", "subject", "state", "result_run_id"]].tolist() == [
        "run",
        "meridia",
        DONE,
        "run-1",
    ]
    assert rows.loc["rules", "progress"] == {"stage": "calibrate", "done": 3, "total": 8, "text": "trials"}
    assert rows.loc["sweep", "result_run_id"] == "sweep-1"
    assert rows.loc["ask", ["state", "message"]].tolist() == [FAILED, "0 trials."]
    assert (rows["created_at"] <= rows["started_at"]).all() and (rows["started_at"] <= rows["ended_at"]).all()


def test_after_a_restart_jobs_that_were_cut_off_are_told_of_once(tmp_path: Path) -> None:
    """A server that is killed at work leaves its jobs as they were."""
    path = tmp_path / "store.duckdb"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER.format(path=str(path))], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None and server.stdout.readline() == "at work\n"
    server.kill()
    server.wait()
    server.stdout.close()
    with Store(path) as store:
        jobs = JobManager(IN_THIS_PROCESS, store)
        run, waiting = jobs.latest("run", "meridia"), jobs.latest("sweep", "meridia")
        assert run is not None and waiting is not None
        for job in (run, waiting):
            assert (job.status, job.message, job.cut_off, job.active) == (STOPPED, CUT_OFF, True, False)
        assert run.what == "rules, 40 personas" and jobs.active() == []
        assert states(store) == {"rules, 40 personas": STOPPED, "": STOPPED}
        again = jobs.start("run", "meridia", lambda watch, executor: "run-2")
        assert jobs.latest("run", "meridia") is again, "who starts it again is not held up"
        assert JobManager(IN_THIS_PROCESS, store).latest("sweep", "meridia") is None
        ended(again)


SERVER = """
import threading, time
from core.execution import IN_THIS_PROCESS
from core.services.dashboard.jobs import JobManager
from core.store.database import Store

def work(watch, executor):
    both.wait()
    print("at work", flush=True)
    time.sleep(600)

both = threading.Event()
jobs = JobManager(IN_THIS_PROCESS, Store({path!r}), most=1)
jobs.start("run", "meridia", work, what="rules, 40 personas")
jobs.start("sweep", "meridia", work)
both.set()
time.sleep(600)
"""


def test_progress_is_kept_now_and_then_and_not_at_every_step(
    jobs: JobManager, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def work(watch: ProgressReporter, executor: Executor) -> None:
        for step in range(30):
            watch.report("calibrate", step, 30, "trials")
            kept = store.read("jobs", kind="run")["progress"].iloc[0]
            seen.append(-1.0 if kept is None else kept["done"])

    ended(jobs.start("run", "meridia", work))
    assert set(seen) == {-1.0}, "half a minute of steps a second would be as many writings"
    monkeypatch.setattr(jobs_module, "PROGRESS_EVERY", 0.0)
    seen.clear()
    ended(jobs.start("run", "uae", work))
    assert store.read("jobs", subject="uae")["progress"].iloc[0]["done"] == 29
