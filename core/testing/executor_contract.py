"""What every Executor keeps to. A subclass gives the fixture `executor`, and says what its workers can lose."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from core.errors import Cancelled, InputError
from core.execution.executor import Executor, WorkerLost
from core.execution.threads import one_thread

#: Seconds that no test may wait for something to happen.
PATIENCE = 60.0


class ExecutorContract:
    """Tests that each implementation of `Executor` passes; `executor` may be shared by all of them."""

    #: Whether work is done in other processes, which can be killed at it.
    elsewhere = True

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        raise NotImplementedError("a subclass gives this fixture")

    def test_it_says_how_many_work(self, executor: Executor) -> None:
        assert executor.workers >= 1

    def test_work_is_done_elsewhere_or_here(self, executor: Executor) -> None:
        assert (executor.submit(os.getpid).result() != os.getpid()) == self.elsewhere

    def test_answers_come_in_the_order_asked(self, executor: Executor) -> None:
        naps = [0.2, 0.0, 0.1, 0.0]
        assert list(executor.map(_after, [(nap, place) for place, nap in enumerate(naps)])) == [0, 1, 2, 3]
        assert list(executor.map(_after, [])) == []

    def test_an_answer_does_not_wait_for_those_after_it(self, executor: Executor) -> None:
        began = time.monotonic()
        answers = executor.map(_after, [(0.0, "first"), (1.5, "second")])
        assert next(answers) == "first" and time.monotonic() - began < 1.4
        assert list(answers) == ["second"]

    def test_a_result_can_be_asked_for_again(self, executor: Executor) -> None:
        task = executor.submit(_after, 0.0, "same")
        assert task.result() == task.result() == "same"
        assert task.wait(0.0)

    def test_a_mistake_found_at_work_arrives_whole(self, executor: Executor) -> None:
        with pytest.raises(InputError) as caught:
            executor.submit(_refuse).result()
        assert (caught.value.where, caught.value.allowed, caught.value.nearest) == ("work", "good", "better")

    def test_a_defect_keeps_its_type_and_message(self, executor: Executor) -> None:
        with pytest.raises(ZeroDivisionError, match="by zero"):
            executor.submit(_divide, 1, 0).result()

    def test_after_a_mistake_the_rest_is_given_up(self, executor: Executor, tmp_path: Path) -> None:
        log = str(tmp_path / "done")
        work = [(log, place, place == 0) for place in range(40)]
        with pytest.raises(ZeroDivisionError):
            list(executor.map(_note, work))
        executor.submit(_after, 0.0, None).result()
        assert len(_noted(log)) < 40

    def test_who_waits_can_stop(self, executor: Executor, tmp_path: Path) -> None:
        log, calls = str(tmp_path / "done"), Counter[str]()

        def check() -> None:
            calls["check"] += 1
            if calls["check"] > 2:
                raise Cancelled("enough")

        with pytest.raises(Cancelled, match="enough"):
            list(executor.map(_note, [(log, place, False, 0.05) for place in range(40)], check=check))
        executor.submit(_after, 0.0, None).result()
        assert len(_noted(log)) < 40

    def test_what_was_cancelled_says_so(self, executor: Executor) -> None:
        busy = [executor.submit(_after, 0.3, place) for place in range(executor.workers)]
        waiting = [executor.submit(_after, 0.0, None) for _ in range(4 * executor.workers + 4)]
        waiting[-1].cancel()
        with pytest.raises(Cancelled):
            waiting[-1].result()
        assert [task.result() for task in busy] == list(range(len(busy)))
        assert waiting[0].result() is None

    def test_no_more_is_handed_in_than_may_be_in_flight(self, executor: Executor) -> None:
        handed = []

        def items() -> Iterator[tuple[float, int]]:
            for place in range(12):
                handed.append(place)
                yield 0.0, place

        for done, found in enumerate(executor.map(_after, items(), in_flight=3)):
            assert found == done and len(handed) <= done + 4

    def test_a_shared_value_travels_once(self, executor: Executor) -> None:
        value = _Counted()
        with executor.share(value):
            # By itself, and inside something else.
            found = list(executor.map(_of_counted, [(value,), ({"held": [value]},)] * 4))
        assert value.pickled <= 1
        assert all(made <= 1 for _, made in found), "a worker makes it of its bytes once"
        assert list(executor.map(_of_counted, [(value,)] * 3)) and value.pickled <= 4

    def test_a_shared_value_inside_a_shared_value(self, executor: Executor) -> None:
        inner = np.arange(1000.0)
        outer = {"inner": inner}
        with executor.share(inner, outer), executor.share(inner):
            assert list(executor.map(_inner_sum, [(outer, inner)] * 3)) == [2 * inner.sum()] * 3
        with executor.share(inner):
            assert executor.submit(_inner_sum, outer, inner).result() == 2 * inner.sum()

    def test_two_threads_may_share_the_same(self, executor: Executor) -> None:
        value, found = np.arange(5000.0), []

        def use() -> None:
            for _ in range(5):
                with executor.share(value):
                    found.append(executor.submit(np.sum, value).result())

        threads = [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert found == [value.sum()] * 15

    def test_files_that_arguments_name_are_there(self, executor: Executor, tmp_path: Path) -> None:
        folder = tmp_path / "tables"
        (folder / "deep").mkdir(parents=True)
        (folder / "one.csv").write_text("1")
        (folder / "deep" / "two.csv").write_text("2")
        assert executor.submit(_read, folder / "one.csv").result() == {"one.csv": "1"}
        assert executor.submit(_read, folder).result() == {"deep/two.csv": "2", "one.csv": "1"}
        (folder / "one.csv").write_text("changed")
        shared = {"file": folder / "one.csv"}
        with executor.share(shared):
            assert executor.submit(_read_held, shared).result() == {"one.csv": "changed"}
        assert executor.submit(_is_there, tmp_path / "nothing").result() is False

    def test_one_thread_of_linear_algebra(self, executor: Executor) -> None:
        assert set(executor.submit(_threads).result()) <= {1}

    def test_the_same_bits_as_here(self, executor: Executor) -> None:
        random = np.random.default_rng(3)
        a, b = random.normal(size=(400, 300)), random.normal(size=(300, 200))
        assert np.array_equal(executor.submit(_algebra, a, b).result(), one_thread(_algebra)(a, b))

    def test_work_that_kills_its_worker_is_one_clear_error_and_the_next_is_done(self, executor: Executor) -> None:
        if not self.elsewhere:
            pytest.skip("nobody else works here")
        with pytest.raises(WorkerLost):
            executor.submit(os._exit, 9).result()
        assert executor.submit(_after, 0.0, "again").result() == "again"

    def test_closed_means_closed(self, executor: Executor) -> None:
        """The last test of its executor."""
        if not self.elsewhere:
            pytest.skip("nothing to close")
        task = executor.submit(time.sleep, PATIENCE)
        executor.close()
        with pytest.raises(Cancelled):
            task.result()
        with pytest.raises(Cancelled):
            executor.submit(_after, 0.0, None)


def _after(seconds: float, answer: Any) -> Any:
    time.sleep(seconds)
    return answer


def _refuse() -> None:
    raise InputError("bad", where="work", allowed="good", nearest="better")


def _divide(a: int, b: int) -> float:
    return a / b


def _note(log: str, place: int, fails: bool, seconds: float = 0.0) -> int:
    time.sleep(seconds)
    if fails:
        raise ZeroDivisionError(place)
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{place}\n")
    return place


def _noted(log: str) -> list[str]:
    return Path(log).read_text(encoding="utf-8").split() if Path(log).exists() else []


class _Counted:
    """Knows how often it was pickled here, and made of bytes in this process."""

    made = 0

    def __init__(self) -> None:
        self.pickled = 0

    def __reduce__(self) -> tuple[object, ...]:
        self.pickled += 1
        return (_made_counted, ())


def _made_counted() -> _Counted:
    _Counted.made += 1
    return _Counted()


def _of_counted(holder: Any) -> tuple[int, int]:
    value = holder["held"][0] if isinstance(holder, dict) else holder
    assert isinstance(value, _Counted)
    return os.getpid(), _Counted.made


def _inner_sum(outer: dict[str, np.ndarray], inner: np.ndarray) -> float:
    return float(outer["inner"].sum() + inner.sum())


def _read(path: Path) -> dict[str, str]:
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    return {item.relative_to(path).as_posix() if path.is_dir() else item.name: item.read_text() for item in files}


def _read_held(holder: dict[str, Path]) -> dict[str, str]:
    return _read(holder["file"])


def _is_there(path: Path) -> bool:
    return path.exists()


def _threads() -> list[int]:
    return [int(item["num_threads"]) for item in threadpool_info()]


def _algebra(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a @ b)
