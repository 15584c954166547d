"""`policytwin society attention` and `policytwin society bench`: what they print, and what they refuse."""

from __future__ import annotations

import json

from core.cli import main

SMALL = ["--doses", "0,2,8,32", "--seeds", "2", "--days", "1", "--households", "60", "--workers", "1"]


def test_attention_prints_doses_arms_verdict_and_echo(capsys) -> None:
    assert main(["society", "attention", "pizza", *SMALL, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [set(row) for row in found["dose"]] == [{"posts_per_hour", "relative_sales", "low", "high"}] * 4
    assert set(found["arms"]) == {"full", "stress_off", "unread"}
    unread = found["arms"]["unread"]
    assert (unread["a"], unread["b"], unread["constant"]) == (0.0, 0.0, True)
    assert found["verdict"] in ("saturating", "inverted U", "not shown")
    assert {fit["arm"] for fit in found["echo"]["fits"]} == set(found["arms"])


def test_attention_refuses_a_place_that_is_none(capsys) -> None:
    assert main(["society", "attention", "pizza", "--place", "pizza_plaice", *SMALL]) == 2
    assert "Nearest valid: pizza_place" in capsys.readouterr().err


def test_the_bench_prints_speed_memory_and_set_up(capsys) -> None:
    assert main(["society", "bench", "--households", "100", "--days", "2", "--json"]) == 0
    (figure,) = json.loads(capsys.readouterr().out)["figures"]
    assert (figure["households"], figure["steps"]) == (100, 48)
    assert figure["person_days_per_cpu_second"] * 24 > 0.99 * figure["agent_steps_per_cpu_second"] > 1000
    assert figure["seconds"] > 0 < figure["setup_seconds"] and 50 < figure["peak_memory_mb"] < 2000
    assert main(["society", "bench", "--households", "0"]) == 2
    assert "Nearest valid: 1" in capsys.readouterr().err
