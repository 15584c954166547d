"""Runs in a store: whole or none, resumed, deleted, killed while they are written."""

from __future__ import annotations

import dataclasses
import math
import re
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from store_cases import expect, record, scores

from core.errors import InputError, StoreError
from core.records import RUNGS, new_run_id
from core.store import COMPLETE, RUNNING, Store, responses_array, responses_table
from core.store.schema import RUN_TABLES


def test_a_run_from_begin_to_finish(store: Store) -> None:
    one = record(parameters={"levels": (1, 2)})
    store.begin_run(one)
    begun = store.run(one.run_id)
    assert (begun.status, begun.record, begun.complete, begun.finished_at) == (RUNNING, one, False, None)
    assert begun.inputs_hash == one.inputs_hash()
    with pytest.raises(InputError, match="exists already"):
        store.begin_run(one)
    with pytest.raises(InputError, match="is running, not complete"):
        store.read_result("scores", one.run_id)

    finished = dataclasses.replace(one, rung=RUNGS[1], result_hash="abc")
    contexts = [{"context_id": 0, "days": 3, "attributes": {"day": "working", "levels": {"C1": 2}}}]
    store.append("contexts", contexts, constants={"run_id": one.run_id})
    summary = {"macro": {"rmse": 12.5, "skill": math.nan}}
    store.finish_run(one.run_id, {"scores": scores(), "contexts": contexts}, summary, seconds=1.5, record=finished)
    done = store.run(one.run_id)
    assert (done.status, done.record, done.seconds, done.message) == (COMPLETE, finished, 1.5, None)
    assert done.summary["macro"]["rmse"] == 12.5
    assert math.isnan(done.summary["macro"]["skill"])
    assert done.created_at == one.created_at
    assert done.finished_at is not None
    assert abs((datetime.now(UTC) - done.finished_at).total_seconds()) < 60
    assert store.read_result("contexts", one.run_id)["attributes"].tolist() == [contexts[0]["attributes"]]
    got = store.read_result("scores", one.run_id, behaviour="macro")
    assert len(got) == 1
    assert math.isnan(got["value"].iloc[0])
    for again in (
        lambda: store.finish_run(one.run_id, {}, {}),
        lambda: store.save_chunk(one.run_id, 0, np.zeros(1), personas=1),
        lambda: store.fail_run(one.run_id, "failed", "late"),
        lambda: store.resume_run(one.run_id),
    ):
        with pytest.raises(InputError, match="is complete"):
            again()
    assert store.run(one.run_id).status == COMPLETE


@pytest.mark.parametrize(
    "tables",
    [
        {"scores": scores(), "forecasts": pd.DataFrame({"nonsense": [1]})},
        {"scores": scores(), "contexts": [{"context_id": 0, "days": 1, "attributes": {}}] * 2},
        {"scores": scores(), "runs": [{"run_id": "x"}]},
        {"scores": scores(), "studies": []},
        {"scores": scores(), "sweeps": scores().assign(run_id="another")},
    ],
)
def test_finishing_stores_everything_or_nothing(store: Store, tables: dict[str, Any]) -> None:
    one = record()
    store.begin_run(one)
    store.save_chunk(one.run_id, 0, np.ones(3), personas=2, responses=responses_table(np.ones((1, 2, 2))))
    with pytest.raises(InputError):
        store.finish_run(one.run_id, tables, {"a": 1})
    for table in RUN_TABLES:
        kept = {"response_chunks": 1, "responses": 2}.get(table, 0)
        assert len(store.read(table, unfinished=True, run_id=one.run_id)) == kept
    assert store.run(one.run_id).status == RUNNING
    assert store.run(one.run_id).summary is None
    with pytest.raises(InputError, match="other inputs"):
        store.finish_run(one.run_id, {"scores": scores()}, {}, record=dataclasses.replace(one, seed=8))
    assert store.read("scores", unfinished=True).empty
    store.finish_run(one.run_id, {"scores": scores()}, {"a": 1})
    assert len(store.read_result("scores", one.run_id)) == 2
    assert [item.chunk for item in store.chunks(one.run_id)] == []
    assert store.read_responses(one.run_id)[0].shape == (1, 2, 2)


def test_readers_see_complete_runs_only(store: Store) -> None:
    done, going, dead = record(), record(), record()
    for one in (done, going, dead):
        store.begin_run(one)
        store.append("scores", scores(), constants={"run_id": one.run_id})
    store.fail_run(dead.run_id, "failed", "the engine said no")
    assert store.read("scores").empty
    store.finish_run(done.run_id, {}, None)
    assert store.read("scores")["run_id"].unique().tolist() == [done.run_id]
    assert len(store.read("scores", unfinished=True)) == 6
    assert store.read("scores", run_id=going.run_id).empty
    with pytest.raises(InputError, match=r"is failed, not complete \(the engine said no\)"):
        store.read_result("scores", dead.run_id)
    with pytest.raises(InputError, match="unknown result table 'runs'"):
        store.read_result("runs", done.run_id)


def test_an_unknown_run_names_the_nearest(store: Store) -> None:
    one = record()
    store.begin_run(one)
    wrong = one.run_id[:-1] + "_"
    for use in (
        store.run,
        store.chunks,
        store.chunks,
        store.delete_run,
        store.resume_run,
        lambda name: store.read_result("scores", name),
        lambda name: store.read_responses(name, unfinished=True),
        lambda name: store.finish_run(name, {}, {}),
        lambda name: store.fail_run(name, "failed", ""),
        lambda name: store.save_chunk(name, 0, np.zeros(1), personas=1),
    ):
        with pytest.raises(InputError, match=f"unknown run '{wrong}'. Nearest valid: {one.run_id}"):
            use(wrong)


def test_chunks_come_back_in_their_shape(store: Store) -> None:
    one = record()
    store.begin_run(one)
    sums = np.random.default_rng(0).normal(size=(3, 4, 2))
    sums[0, 0, 0] = np.nan
    axes = {"groups": [["all", "all"], ["sex", "male"]], "behaviours": ["parks", "transit"]}
    store.save_chunk(one.run_id, 5, sums, personas=10, axes=axes)
    store.save_chunk(one.run_id, 2, np.float64(1.5), personas=11)
    store.save_chunk(one.run_id, 2, np.asfortranarray(sums), personas=12)
    assert [item.chunk for item in store.chunks(one.run_id)] == [2, 5]
    for chunk, personas in zip(store.chunks(one.run_id), (12, 10), strict=True):
        np.testing.assert_array_equal(chunk.sums, sums)
        assert chunk.personas == personas
    assert store.chunks(one.run_id)[1].axes == axes
    assert store.chunks(one.run_id)[0].axes is None


def test_a_chunk_saved_again_replaces_its_responses(store: Store) -> None:
    one = record()
    store.begin_run(one)
    for value in (0.25, 0.75):
        for chunk in (0, 1):
            rows = responses_table(np.full((3, 2, 6), value), persona_ids=[2 * chunk, 2 * chunk + 1])
            store.save_chunk(one.run_id, chunk, np.zeros(1), personas=2, responses=rows)
    probabilities, contexts, personas = store.read_responses(one.run_id, unfinished=True)
    assert probabilities.shape == (3, 4, 6)
    assert probabilities.dtype == np.float32
    assert (probabilities == 0.75).all()
    assert contexts.tolist() == [0, 1, 2]
    assert personas.tolist() == [0, 1, 2, 3]
    assert store.read_responses(one.run_id, unfinished=True, persona_id=[1, 3])[0].shape == (3, 2, 6)
    with pytest.raises(InputError, match="not complete"):
        store.read_responses(one.run_id)


def test_responses_keep_their_places() -> None:
    values = np.random.default_rng(1).random((4, 3, 2)).astype(np.float32)
    rows = responses_table(values.transpose(0, 1, 2)[:, :, ::-1], context_ids=[3, 5, 7, 9], persona_ids=[1, 4, 6])
    assert rows.num_rows == 12
    probabilities, contexts, personas = responses_array(rows)
    np.testing.assert_array_equal(probabilities, values[:, :, ::-1])
    assert contexts.tolist() == [3, 5, 7, 9]
    assert personas.tolist() == [1, 4, 6]
    with pytest.raises(StoreError, match="not one for each"):
        responses_array(rows.slice(0, 11))
    with pytest.raises(ValueError, match="contexts × personas × behaviours"):
        responses_table(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="persona_ids has the shape"):
        responses_table(np.zeros((2, 2, 1)), persona_ids=[1])
    assert responses_array(rows.slice(0, 0))[0].size == 0


def test_runs_are_listed_newest_first(store: Store) -> None:
    made = []
    for number, kind in enumerate(["run", "sweep", "run", "compare"]):
        one = record(kind=kind, study_id=f"s{number % 2}", created_at=datetime(2020, 1, 1 + number, tzinfo=UTC))
        store.begin_run(one)
        made.append(one.run_id)
    store.finish_run(made[0], {}, {"x": 1})
    assert store.runs()["run_id"].tolist() == made[::-1]
    assert store.runs(limit=2)["run_id"].tolist() == [made[3], made[2]]
    assert store.runs(kind="run")["run_id"].tolist() == [made[2], made[0]]
    assert store.runs(study_id="s1")["run_id"].tolist() == [made[3], made[1]]
    assert store.runs(status=COMPLETE)["summary"].tolist() == [{"x": 1}]
    assert "owner" not in store.runs().columns


def test_deleting_a_run_leaves_nothing_of_it_and_all_of_the_others(store: Store) -> None:
    one, other = record(), record()
    place = {"country": "ARE", "origin": "2020-06-30", "horizon": 30}
    frames: dict[str, Any] = {
        "contexts": [{"context_id": 0, "days": 1, "attributes": {}}],
        "responses": responses_table(np.zeros((1, 2, 6))),
        "aggregates": [{"attribute": "all", "level": "all", "context_id": 0, "behaviour": "parks", "mean": 0.5}],
        "calibrations": [{"calibrator": "affine", "behaviour": "parks", "a": 1.0, "parameters": {"k": 1}}],
        "trials": [{"calibrator": "affine", "number": 0, "state": "complete", "objectives": [1.0, 2.0]}],
        "forecasts": [{"forecaster": "twin", "behaviour": "parks", "date": "2020-01-01", "phase": "test"}],
        "intervals": [{"behaviour": "parks", "date": "2020-01-01", "level": 80, "lower": -1.0, "upper": 1.0}],
        "scores": scores(),
        "sweeps": [{"level": 25.0, "attribute": "all", "attribute_level": "all", "behaviour": "parks"}],
        "backtest_rows": [{**place, "categories": 6}],
        "backtest_scores": [{**place, "forecaster": "twin", "macro_rmse": 1.0}],
        "backtest_intervals": [{**place, "forecaster": "twin", "level": 80, "coverage": 0.8}],
        "survey_answers": [{"persona_id": 0, "sample": 0, "weight": 1.5, "answer": [0.25, 0.75], "reason": "So."}],
    }
    world = {"arm": "base", "seed": 1}
    places = ("sales_cents", "units", "served", "turned_away", "wait", "price_cents", "posts", "adverts", "reposts")
    people = ("households", "out", "home", "other", "trips", "km", "posted", "slept", "minutes", "cash")
    stress = ("hunger", "fatigue", "crowd", "money", "sleep", "social")
    frames |= {
        "society_worlds": [world | {"state_hash": "0", "cascades": {}, "seconds": 0.1}],
        "society_days": [world | {"day": 0, "place": "inn"} | dict.fromkeys(places, 1)],
        "society_groups": [
            world
            | {"day": 0, "grouped_by": "district", "level": "hill"}
            | dict.fromkeys(people, 1)
            | {f"stress_{name}": 0.5 for name in stress}
        ],
        "society_steps": [world | {"step": 0, "awake": 1, "away": 0, "posts": 0} | dict.fromkeys(stress, 0.5)],
        "society_ledger": [world | {"day": 0, "purpose": "wages", "cents": 1}],
    }
    assert set(frames) == set(RUN_TABLES) - {"response_chunks"}
    for each in (one, other):
        store.begin_run(each)
        store.finish_run(each.run_id, frames, {})
    store.delete_run(one.run_id)
    for table in (*frames, "runs"):
        assert set(store.read(table, unfinished=True)["run_id"]) == {other.run_id}
    running = record()
    store.begin_run(running)
    with pytest.raises(InputError, match="is running: cancel it first"):
        store.delete_run(running.run_id)


def test_the_latest_unfinished_run_with_the_same_inputs_is_resumed(store: Store) -> None:
    same = [record(created_at=datetime(2020, 1, day, tzinfo=UTC)) for day in (3, 1, 2)]
    inputs = same[0].inputs_hash()
    assert store.find_resumable(inputs) is None
    for one in (*same, record(seed=8, created_at=datetime(2020, 1, 9, tzinfo=UTC))):
        store.begin_run(one)
    assert store.find_resumable(inputs) is None
    for one, status in zip(same, ("failed", "cancelled", "interrupted"), strict=True):
        store.fail_run(one.run_id, status, "why")
    found = store.find_resumable(inputs)
    assert found is not None
    assert found.run_id == same[0].run_id
    with pytest.raises(InputError, match="is failed and takes no results"):
        store.save_chunk(found.run_id, 0, np.zeros(1), personas=1)
    resumed = store.resume_run(found.run_id)
    assert (resumed.status, resumed.message, resumed.finished_at) == (RUNNING, None, None)
    with pytest.raises(InputError, match="is running"):
        store.resume_run(found.run_id)
    store.finish_run(found.run_id, {}, {})
    following = store.find_resumable(inputs)
    assert following is not None
    assert following.run_id == same[2].run_id


def test_reopening_interrupts_only_what_nobody_works_on(path: Path) -> None:
    left, ended = record(), record()
    with Store(path) as opened:
        opened.begin_run(left)
        opened.begin_run(ended)
        opened.finish_run(ended.run_id, {}, {})
        with Store(path) as second:
            assert second.run(left.run_id).status == RUNNING
            assert second.mark_interrupted() == 0
    with Store(path) as opened:
        assert opened.run(left.run_id).status == "interrupted"
        assert opened.run(left.run_id).message == "the process that worked on it ended"
        assert opened.run(ended.run_id).status == COMPLETE


WRITER = """
import time, numpy as np
from core.records import RunRecord
from core.store import Store, responses_table
store = Store({path!r})
record = RunRecord(kind="run", study_id="meridia", study_hash="aa", engine="rules", engine_version="1", seed=7,
                   personas=4, run_id={run_id!r}, code_version={code_version!r})
store.begin_run(record)
print("begun")
def save(chunk):
    rows = responses_table(np.full((20, 50, 6), chunk / 100), persona_ids=np.arange(50) + 50 * chunk)
    store.save_chunk(record.run_id, chunk, np.full((5, 20), float(chunk)), personas=50, responses=rows)
{body}
"""


def check_killed(path: Path, run_id: str, at_least: int) -> list[int]:
    with Store(path) as opened:
        run = opened.run(run_id)
        assert run.status == "interrupted"
        done = [item.chunk for item in opened.chunks(run_id)]
        assert done == list(range(len(done)))
        assert len(done) >= at_least
        rows = opened.read("responses", columns=["chunk"], unfinished=True)
        assert rows["chunk"].value_counts().to_dict() == dict.fromkeys(done, 1000)
        for chunk in opened.chunks(run_id):
            np.testing.assert_array_equal(chunk.sums, np.full((5, 20), float(chunk.chunk)))
        found = opened.find_resumable(record().inputs_hash())
        assert found is not None
        assert found.run_id == run_id
        opened.resume_run(run_id)
        extra = len(done)
        rest = responses_table(np.full((20, 50, 6), 0.5), persona_ids=np.arange(50) + 50 * extra)
        opened.save_chunk(run_id, extra, np.zeros((5, 20)), personas=50, responses=rest)
        opened.finish_run(run_id, {"scores": scores()}, {"chunks": extra + 1})
        assert opened.read_responses(run_id)[0].shape == (20, 50 * (extra + 1), 6)
    return done


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where a process can be killed outright")
@pytest.mark.parametrize("delay", [0.0, 0.004, 0.011])
def test_a_run_killed_while_it_writes_keeps_whole_chunks_and_resumes(path: Path, child: Any, delay: float) -> None:
    run_id = new_run_id("run")
    body = "for chunk in range(10_000):\n    save(chunk)\n    print(chunk)"
    process = child(WRITER.format(path=str(path), run_id=run_id, body=body, code_version=record().code_version))
    for line in ("begun", "0", "1", "2"):
        expect(process, line)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    check_killed(path, run_id, at_least=3)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where a process can be killed outright")
def test_a_run_killed_inside_a_transaction_keeps_nothing_of_it(path: Path, child: Any) -> None:
    run_id = new_run_id("run")
    body = """
save(0)
save(1)
with store.transaction():
    save(2)
    print("inside", len(store.read("responses", unfinished=True)))
    time.sleep(600)
"""
    process = child(WRITER.format(path=str(path), run_id=run_id, body=body, code_version=record().code_version))
    expect(process, "begun")
    expect(process, "inside 3000")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert check_killed(path, run_id, at_least=2) == [0, 1]


def test_the_answers_of_a_thousand_personas_go_in_fast(path: Path) -> None:
    values = np.random.default_rng(0).random((250, 1000, 6), dtype=np.float32)
    with Store(path) as opened:
        one = record()
        opened.begin_run(one)
        seconds = []
        for chunk in range(3):
            start = time.perf_counter()
            opened.save_chunk(one.run_id, chunk, np.zeros(1), personas=1000, responses=responses_table(values))
            seconds.append(time.perf_counter() - start)
        # Row-by-row or long-format inserts take seconds to minutes; the bound leaves room for a busy machine.
        assert min(seconds) < 1.0
        back, _, _ = opened.read_responses(one.run_id, unfinished=True, chunk=1)
        np.testing.assert_array_equal(back, values)


def test_errors_fit_on_one_line(store: Store) -> None:
    with pytest.raises(InputError) as caught:
        store.append("observations", [{"content_hash": "s", "date": "x\ny", "variable": "b"}])
    assert not re.search(r"\n", str(caught.value))


def test_lists_of_runs_follow_every_write_and_no_list_is_shared(store: Store) -> None:
    assert store.runs().empty
    first = record()
    with store.transaction():
        store.begin_run(first)
        assert list(store.runs()["run_id"]) == [first.run_id], "a transaction sees its own writes"
    assert list(store.runs(status="running")["run_id"]) == [first.run_id]
    mine = store.runs()
    mine["status"] = "lost"
    assert list(store.runs()["status"]) == ["running"]
    with pytest.raises(RuntimeError), store.transaction():
        store.begin_run(record())
        assert len(store.runs()) == 2
        raise RuntimeError
    assert len(store.runs()) == 1, "what was rolled back is in no list"
    store.fail_run(first.run_id, "cancelled", "stopped")
    assert store.runs(status="running").empty and len(store.runs(status="cancelled")) == 1
