"""The measurement of what a store takes, small: no kill doubles or loses anything, no damage is called anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli import main
from core.execution.progress import ProgressReporter
from core.report.renderers.terminal import terminal_text
from core.report.sentences.benchmarks import bench_store_document
from core.services.benchmarks.store import BenchStoreResult, _Bench, _flipped, _killed
from core.store.database import Store


def test_kills_and_damage_end_as_they_should(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench-store", "--kills", "1", "--flips", "6", "--personas", "10", "--trials", "2", "--minutes", "20"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    kills, flips = found["kills"], found["flips"]
    assert kills["kills"] == 1 and kills["resumed"] + kills["complete"] == 1
    assert not kills["begun_anew"], "a kill comes while a run writes, not while Python starts"
    assert not [
        kills[name] for name in ("doubled", "other_result", "rows_lost", "refused", "tracebacks") if kills[name]
    ]
    assert flips["flips"] == 6 and flips["said_damaged"] + flips["harmless"] == 6 and flips["said_damaged"] > 0
    assert not flips["wrongly_said"] and not flips["tracebacks"]
    assert flips["restored_whole"] + flips["restored_in_part"] > 0


def test_what_the_time_did_not_allow_is_said(short_store: Path, tmp_path: Path) -> None:
    with Store(short_store) as store:
        run_id = str(store.runs(kind="run")["run_id"].iloc[0])
    over = _Bench(tmp_path, 10, 1, until=0.0, watch=ProgressReporter())
    kills, flips = _killed(over, 3, (1.0, 5), {}, {}), _flipped(over, 4, short_store, run_id)
    result = BenchStoreResult(personas=10, trials=1, kills=kills, flips=flips, seconds=0.1)
    said = terminal_text(bench_store_document(result))
    assert "Ended early, see --minutes: 0 of 3 kills, 0 of 4 bytes." in said


def test_numbers_that_cannot_be_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--kills", "-1"], ["--minutes", "0"], ["--personas", "0"], ["--trials", "0"]):
        assert main(["bench-store", *words]) == 2
        assert capsys.readouterr().err.count("\n") == 1
