"""A society is kept world by world: found again, taken up where a killed process left it, made again, and compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.cli import main
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS
from core.execution.progress import ProgressReporter
from core.records import RUNGS
from core.report.documents import document_of
from core.report.renderers.terminal import terminal_text
from core.report.sentences.society import society_reproduction
from core.report.sentences.society_record import claims
from core.services.library.archive import export_run, load_result
from core.services.library.reruns import rerun
from core.services.society.attention import AttentionRequest
from core.services.society.facts import FactsRequest
from core.services.society.governance import governance_record
from core.services.society.kept import kept_measurement
from core.services.society.reading import frames_of, kept_societies, world_again
from core.services.society.requests import AblateRequest, CompareRequest, SocietyRequest
from core.services.society.results import SIGNS, SocietyResult
from core.services.society.run import ablate_society, compare_arms, planned, run_plan, run_society
from core.services.society.scenarios import check_scenario
from core.society.ablations import signed
from core.society.shipped import find_scenario
from core.store.database import Store

ALONE: dict[str, Any] = {"watch": ProgressReporter(), "executor": IN_THIS_PROCESS}
#: A town in coarse steps that begins at once, so that a world takes a moment.
TOWN = {
    "format": "policytwin.society/1", "extends": "meridia_town", "title": "A small town", "warm_up_days": 0, "step_hours": 4,
    "arms": [{"id": "unread", "title": "Nobody reads posts", "edit": [{"set": "network.feed.read", "value": False}]}],
}  # fmt: skip
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
    run_society(SocietyRequest(sys.argv[2], ("unread",), 2, 60, 3), store, watch=ProgressReporter(report))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("society") / "s.duckdb") as kept:
        yield kept


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("town") / "town.json"
    file.write_text(json.dumps(TOWN))
    return str(file)


@pytest.fixture(scope="module")
def small(town: str) -> SocietyRequest:
    return SocietyRequest(town, ("unread",), seeds=2, households=60, days=3)


@pytest.fixture(scope="module")
def result(store: Store, small: SocietyRequest) -> SocietyResult:
    return run_society(small, store)


def test_a_run_holds_its_arms_their_worlds_and_contrasts(store: Store, result: SocietyResult) -> None:
    assert [arm.id for arm in result.arms] == ["base", "unread"] and result.seeds == (1, 2)
    assert store.run(result.run_id).record.engine == "society-rules"
    frames = frames_of(store, result.run_id)
    assert len(frames.worlds) == 4 and len(frames.days) == 4 * 3 * 12
    assert set(frames.groups["group"]) == {"income_quartile", "district"}
    assert frames.steps.groupby(["arm", "seed"]).size().eq(18).all()
    sales = frames.of(frames.days, "unread").groupby("seed")["sales_cents"].sum() / 3
    base = frames.of(frames.days, "base").groupby("seed")["sales_cents"].sum() / 3
    assert result.of("unread", "sales").mean == pytest.approx((sales - base).mean())
    assert load_result(store, result.run_id) == result and kept_societies(store) == [result]


def test_the_same_run_is_found_and_not_made_twice(store: Store, result: SocietyResult, small: SocietyRequest) -> None:
    assert run_society(small, store) == result
    again = run_society(small, store, again=True)
    assert again.run_id != result.run_id and again.result_hash == result.result_hash


def test_a_killed_run_goes_on_with_the_worlds_that_are_left(
    tmp_path: Path, result: SocietyResult, small: SocietyRequest
) -> None:
    path = tmp_path / "k.duckdb"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), small.scenario], capture_output=True, timeout=120)
    assert ended.returncode == -9, ended.stderr
    with Store(path) as store:
        (cut_off,) = store.runs()["run_id"]
        before = store.read("society_worlds", unfinished=True)
        assert len(before) == 3 and store.run(cut_off).status == "interrupted"
        found = run_society(small, store)
        after = store.read("society_worlds")
    assert found.run_id == cut_off and found.result_hash == result.result_hash
    merged = before.merge(after, on=["arm", "seed", "seconds"])
    assert len(merged) == 3 and len(after) == 4, "what was finished was not done again"


def test_a_run_is_made_again_from_the_store_alone(store: Store, result: SocietyResult) -> None:
    found = rerun(store, result.run_id)
    assert found.same and not found.changes


def test_a_world_comes_back_with_its_detail(store: Store, result: SocietyResult) -> None:
    world = world_again(store, result.run_id, "unread", 2)
    assert world.state_hash == result.arm("unread").state_hashes[2] and world.replay.shape == (18, 60, 3)
    with pytest.raises(InputError, match=r"unknown arm 'unred'.*unread"):
        world_again(store, result.run_id, "unred")


def test_another_arm_can_be_what_the_others_are_held_against(
    store: Store, result: SocietyResult, small: SocietyRequest
) -> None:
    other = compare_arms(CompareRequest(small, "unread"), store)
    assert other.result_hash == result.result_hash and other.against == "unread"
    assert other.of("base", "visits").mean == pytest.approx(-result.of("unread", "visits").mean)


def test_the_report_says_what_changes_and_that_nobody_was_asked(store: Store, result: SocietyResult) -> None:
    text = terminal_text(document_of(store, result.run_id))
    assert "Nobody reads posts" in text and "no language model" in text and "nothing of a real place" in text


def test_the_record_says_what_was_tested_and_claims_no_more(
    store: Store, result: SocietyResult, town: str, tmp_path: Path
) -> None:
    before = governance_record(store, result.run_id)
    assert before.rung == RUNGS[0] and {line.verdict for line in (*before.signs, *before.ablations)} == {"not run"}
    assert "coherence is not claimed" in claims_of(store, result.run_id)
    asked = AblateRequest(town, seeds=1, households=60, days=1)
    ablations = ablate_society(asked, store)
    assert ablations.what == "ablations" and {arm.id for arm in ablations.arms} >= {"base", "memory_off", "unread"}
    levers = signed(find_scenario(town))[0]
    signs = run_plan(planned(levers, ["base", *(arm.id for arm in levers.arms)], 2, 20, 1, SIGNS), store)
    assert {test.seeds for test in signs.tests} == {0, 2}, "where nobody goes out, no trip has a length"
    assert not any(test.seeds == 0 and test.verdict != "not shown" for test in signs.tests)
    assert not signs.coherent, "twenty people of a day show nothing"
    after = governance_record(store, result.run_id)
    assert {line.run_id for line in after.ablations} == {ablations.run_id}
    assert {line.run_id for line in after.signs} == {signs.run_id} and after.rung == RUNGS[0]
    assert [line.verdict for line in after.signs] == [test.verdict for test in signs.tests]
    said = claims_of(store, result.run_id)
    assert "coherence is not claimed" in said and "the model is coherent" not in said and "labour market" in said
    written = {path.name: path for path in export_run(store, result.run_id, tmp_path / "out")}
    assert json.loads(written["governance.json"].read_text()) == after.as_dict()
    assert {"society_days.csv", "society_worlds.csv", "record.json"} <= set(written)
    assert len(pd.read_csv(written["society_contrasts.csv"])) == len(result.contrasts)
    assert check_scenario(str(written["scenario.json"])).scenario_hash == result.scenario_hash


def test_a_coherent_model_claims_that_and_nothing_above(store: Store, result: SocietyResult) -> None:
    record = governance_record(store, result.run_id)
    held = replace(record, rung=RUNGS[1], signs=tuple(replace(line, verdict="held") for line in record.signs))
    said = claims(held)
    assert "every direction that was registered beforehand held" in said[1]
    assert "not claimed" in said[2] and "never claimed" in said[3]


def test_the_lines_that_make_it_again_ask_for_the_same(store: Store, result: SocietyResult) -> None:
    lines = society_reproduction(result)
    assert lines.command.startswith("policytwin society run scenario.json --arms unread --seeds 2") and lines.note
    other = society_reproduction(replace(result, against="unread"))
    assert "policytwin society compare" in other.command and "--against unread" in other.command
    signs = society_reproduction(replace(result, what=SIGNS, seeds=tuple(range(10))))
    assert signs.command.startswith("policytwin society ablate scenario.json --signs --seeds 10")
    compile(lines.python, "lines", "exec")


def test_measurements_are_kept_found_made_again_and_named_in_the_record(
    store: Store, result: SocietyResult, town: str, tmp_path: Path
) -> None:
    asked = FactsRequest(town, seeds=1, households=60)
    facts, run_id = kept_measurement("facts", asked, store, **ALONE)
    assert kept_measurement("facts", asked, store, **ALONE) == (facts, run_id)
    doses = AttentionRequest(town, place="pizzeria", doses=(0, 2, 8, 32), seeds=2, days=2, households=60)
    attention, tested = kept_measurement("attention", doses, store, **ALONE)
    assert load_result(store, run_id) == facts and load_result(store, tested) == attention
    assert "facts lie inside" in claims_of(store, run_id) and "verdict" in claims_of(store, tested)
    found = rerun(store, tested)
    assert found.same and not found.changes
    record = governance_record(store, result.run_id)
    assert {line.run_id for line in record.facts} == {run_id} and {line.used for line in record.facts} >= {"held out"}
    assert {line.run_id for line in record.attention} == {tested} and record.attention[2].verdict == "as registered"
    assert record.rung == RUNGS[0], "coherence comes first"
    whole = replace(record, rung=RUNGS[2], signs=tuple(replace(line, verdict="held") for line in record.signs))
    assert "a target pattern was reproduced: posts sell" in claims(whole)[2].lower()
    names = {path.name for path in export_run(store, run_id, tmp_path / "out")}
    assert "scenario.json" in names and "governance.json" not in names


def claims_of(store: Store, run_id: str) -> str:
    return terminal_text(document_of(store, run_id)).lower()


def test_too_few_worlds_judge_no_signs() -> None:
    with pytest.raises(InputError, match=r"9 seeds.*10 or more"):
        AblateRequest("meridia_town", signs=True, seeds=9)


def test_scenarios_are_listed_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["society", "list", "--json"]) == 0
    listed = {item["id"]: item for item in json.loads(capsys.readouterr().out)["scenarios"]}
    assert listed["meridia_town"]["arms"]["unread"] == "Nobody reads posts"
    file = tmp_path / "own.json"
    file.write_text(
        json.dumps({"format": "policytwin.society/1", "extends": "meridia_town", "title": "Own", "dayz": 3})
    )
    assert main(["society", "check", str(file)]) == 2
    assert "days" in capsys.readouterr().err
    assert main(["society", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$defs"]["Voucher"]["properties"]["kind"]["const"] == "voucher"


def test_the_commands_print_one_object(town: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = ["--db", str(tmp_path / "c.duckdb"), "--json"]
    words = [town, "--arms", "unread", "--seeds", "2", "--households", "60", "--days", "3", "--workers", "1"]
    assert main(["society", "run", *words, *kept]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["seeds"] == [1, 2] and {item["arm"] for item in run["contrasts"]} == {"unread"}
    assert main(["society", "compare", *words, "--against", "unread", *kept]) == 0
    assert json.loads(capsys.readouterr().out)["against"] == "unread"
    assert main(["society", "run", "meridia_town", "--arms", "unred", *kept]) == 2
    assert "unread" in capsys.readouterr().err
    assert main(["society", "run", "meridia_town", "--days", "3", *kept]) == 2
    assert "the arm voucher changes nothing before day 8" in capsys.readouterr().err
