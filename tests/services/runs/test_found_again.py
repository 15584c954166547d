"""The same command twice finds what is there, with the same JSON; --again makes it anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_runs import TEST_END, TRAIN_END

from core.cli import main
from core.store import Store

Command = Callable[..., tuple[dict[str, Any], str]]
SMALL = ["meridia", "--personas", "20", "--trials", "1", "--train-end", str(TRAIN_END), "--test-end", str(TEST_END)]
SCENARIO = """
name = "Everything open in August"
[[edits]]
remove = "all"
start = 2030-08-20
end = 2030-08-31
"""


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*words: str) -> tuple[dict[str, Any], str]:
        assert main([*words, "--db", str(tmp_path / "s.duckdb"), "--json"]) == 0
        said = capsys.readouterr()
        return json.loads(said.out), said.err

    return run


def counts(path: Path) -> dict[str, int]:
    with Store(path) as store:
        return {name: len(store.read(name, unfinished=True)) for name in ("runs", "forecasts", "sweeps", "scores")}


def test_every_kind_of_result_is_stored_once(command: Command, tmp_path: Path) -> None:
    (tmp_path / "open.toml").write_text(SCENARIO)
    commands = (
        ("run", *SMALL),
        ("sweep", *SMALL, "--levels", "0,100"),
        ("compare", *SMALL, "--scenario", str(tmp_path / "open.toml")),
        ("sensitivity", *SMALL),
        ("ablate", *SMALL, "--only", "uncalibrated,paper", "--workers", "1"),
        ("worlds", "--kinds", "plain", "--seeds", "1", "--personas", "20", "--trials", "0", "--workers", "1"),
    )
    for words in commands:
        first, quiet = command(*words)
        before = counts(tmp_path / "s.duckdb")
        second, said = command(*words)
        assert second == first and quiet == "", words
        assert said == f"This result is there already: {first['run_id']}. With --again it is made anew.\n", said
        assert counts(tmp_path / "s.duckdb") == before, words
    first, _ = command("run", *SMALL)
    again, said = command("run", *SMALL, "--again")
    assert said == "" and again["run_id"] != first["run_id"] and again["result_hash"] == first["result_hash"]
    other, said = command("run", *SMALL, "--seed", "1")
    assert said == "" and other["run_id"] not in (first["run_id"], again["run_id"]), "other inputs are another run"
