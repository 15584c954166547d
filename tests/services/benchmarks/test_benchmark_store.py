"""The measurement of what a store takes, small: no kill doubles or loses anything, no damage is called anything else."""

from __future__ import annotations

import json

import pytest

from core.cli import main


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


def test_what_the_time_did_not_allow_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench-store", "--kills", "3", "--flips", "4", "--personas", "10", "--trials", "1", "--minutes", "0.002"]
    assert main(words) == 0
    assert "Ended early, see --minutes: 0 of 3 kills, 0 of 4 bytes." in capsys.readouterr().out


def test_numbers_that_cannot_be_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--kills", "-1"], ["--minutes", "0"], ["--personas", "0"], ["--trials", "0"]):
        assert main(["bench-store", *words]) == 2
        assert capsys.readouterr().err.count("\n") == 1
