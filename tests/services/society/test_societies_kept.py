"""A society is kept world by world: found again, taken up where a killed process left it, made again, and compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cli import main
from core.errors import InputError
from core.report.documents import document_of
from core.report.renderers.terminal import terminal_text
from core.services.library.archive import load_result
from core.services.library.reruns import rerun
from core.services.society.reading import frames_of, kept_societies, world_again
from core.services.society.requests import CompareRequest, SocietyRequest
from core.services.society.results import SocietyResult
from core.services.society.run import compare_arms, run_society
from core.store.database import Store

SMALL = SocietyRequest("meridia_town", arms=("unread",), seeds=2, households=60, days=3)
WORDS = ["meridia_town", "--arms", "unread", "--seeds", "2", "--households", "60", "--days", "3", "--workers", "1"]
KILLED = """
import os, signal, sys
from core.execution.progress import ProgressReporter
from core.services.society.requests import SocietyRequest
from core.services.society.run import run_society
from core.store.database import Store

def report(item):
    if item.stage == "simulate" and item.done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

with Store(sys.argv[1]) as store:
    run_society(SocietyRequest("meridia_town", ("unread",), 2, 60, 3), store, watch=ProgressReporter(report))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("society") / "s.duckdb") as kept:
        yield kept


@pytest.fixture(scope="module")
def result(store: Store) -> SocietyResult:
    return run_society(SMALL, store)


def test_a_run_holds_its_arms_their_worlds_and_contrasts(store: Store, result: SocietyResult) -> None:
    assert [arm.id for arm in result.arms] == ["base", "unread"] and result.seeds == (1, 2)
    assert store.run(result.run_id).record.engine == "society-rules"
    frames = frames_of(store, result.run_id)
    assert len(frames.worlds) == 4 and len(frames.days) == 4 * 3 * 12
    assert set(frames.groups["group"]) == {"income_quartile", "district"}
    assert frames.steps.groupby(["arm", "seed"]).size().eq(72).all()
    sales = frames.of(frames.days, "unread").groupby("seed")["sales_cents"].sum() / 3
    base = frames.of(frames.days, "base").groupby("seed")["sales_cents"].sum() / 3
    assert result.of("unread", "sales").mean == pytest.approx((sales - base).mean())
    assert load_result(store, result.run_id) == result and kept_societies(store) == [result]


def test_the_same_run_is_found_and_not_made_twice(store: Store, result: SocietyResult) -> None:
    assert run_society(SMALL, store) == result
    again = run_society(SMALL, store, again=True)
    assert again.run_id != result.run_id and again.result_hash == result.result_hash


def test_a_killed_run_goes_on_with_the_worlds_that_are_left(tmp_path: Path, result: SocietyResult) -> None:
    path = tmp_path / "k.duckdb"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, timeout=120)
    assert ended.returncode == -9, ended.stderr
    with Store(path) as store:
        (cut_off,) = store.runs()["run_id"]
        before = store.read("society_worlds", unfinished=True)
        assert len(before) == 3 and store.run(cut_off).status == "interrupted"
        found = run_society(SMALL, store)
        after = store.read("society_worlds")
    assert found.run_id == cut_off and found.result_hash == result.result_hash
    merged = before.merge(after, on=["arm", "seed", "seconds"])
    assert len(merged) == 3 and len(after) == 4, "what was finished was not done again"


def test_a_run_is_made_again_from_the_store_alone(store: Store, result: SocietyResult) -> None:
    found = rerun(store, result.run_id)
    assert found.same and not found.changes


def test_a_world_comes_back_with_its_detail(store: Store, result: SocietyResult) -> None:
    world = world_again(store, result.run_id, "unread", 2)
    assert world.state_hash == result.arm("unread").state_hashes[2] and world.replay.shape == (72, 60, 3)
    with pytest.raises(InputError, match=r"unknown arm 'unred'.*unread"):
        world_again(store, result.run_id, "unred")


def test_another_arm_can_be_what_the_others_are_held_against(store: Store, result: SocietyResult) -> None:
    other = compare_arms(CompareRequest(SMALL, "unread"), store)
    assert other.result_hash == result.result_hash and other.against == "unread"
    assert other.of("base", "visits").mean == pytest.approx(-result.of("unread", "visits").mean)


def test_the_report_says_what_changes_and_that_nobody_was_asked(store: Store, result: SocietyResult) -> None:
    text = terminal_text(document_of(store, result.run_id))
    assert "Nobody reads posts" in text and "no language model" in text and "nothing of a real place" in text


def test_the_commands_print_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = ["--db", str(tmp_path / "c.duckdb"), "--json"]
    assert main(["society", "run", *WORDS, *kept]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["seeds"] == [1, 2] and {item["arm"] for item in run["contrasts"]} == {"unread"}
    assert main(["society", "compare", *WORDS, "--against", "unread", *kept]) == 0
    assert json.loads(capsys.readouterr().out)["against"] == "unread"
    assert main(["society", "run", "meridia_town", "--arms", "unred", *kept]) == 2
    assert "unread" in capsys.readouterr().err
    assert main(["society", "run", "meridia_town", "--days", "3", *kept]) == 2
    assert "the arm voucher changes nothing before day 8" in capsys.readouterr().err
