"""A society in which a language model decides is run, estimated, gone on with and replayed from what was answered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from llm_servers import Behaviour, always, openai_answer, openai_server

from core.cognition.llm.budget import BudgetReached
from core.errors import InputError
from core.services.society.requests import SocietyRequest
from core.services.society.run import cost_of_run, run_society
from core.services.studies.requests import ModelOptions
from core.society.asked import NoDecision
from core.store.database import Store

ANSWER: Behaviour = always(openai_answer(json.dumps({"home": 30, "first": 40, "second": 20, "other": 10})))


def request(url: str, **how: object) -> SocietyRequest:
    asking = ModelOptions(engine="openai", model="m", base_url=url, **how)  # type: ignore[arg-type]
    return SocietyRequest("pizza", ("campaign",), 1, 20, 1, "openai", asking)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")


def test_a_run_is_estimated_capped_gone_on_with_and_replayed(tmp_path: Path) -> None:
    with openai_server(ANSWER) as url, Store(tmp_path / "a.duckdb") as store:
        cost = cost_of_run(request(url), store)
        assert 0 < cost.questions < cost.decisions and not url.seen
        with pytest.raises(BudgetReached):
            run_society(request(url, max_calls=5), store)
        result = run_society(request(url), store)
        asked = len(url.seen)
        # The cap ends after calls in flight; whatever was answered before it is not asked again.
        assert asked == len({json.dumps(seen.body["messages"]) for seen in url.seen})
        assert result.engine == "openai: m" and result.arm("base").means["visits"] > 0
        assert run_society(request(url), store).run_id == result.run_id and len(url.seen) == asked
        with Store(tmp_path / "b.duckdb") as scratch, pytest.raises(NoDecision, match="not in the cache"):
            replayed = replace(
                request(url), engine="replay", asking=ModelOptions(engine="replay", of="gemini", model="m")
            )
            run_society(replayed, scratch)
        again = replace(
            request(url), engine="replay", asking=ModelOptions(engine="replay", of="openai", model="m", base_url=url)
        )
        assert run_society(again, store).result_hash == result.result_hash and len(url.seen) == asked


def test_rules_ask_nothing_and_are_another_run(tmp_path: Path) -> None:
    with openai_server(ANSWER) as url, Store(tmp_path / "a.duckdb") as store:
        with pytest.raises(InputError, match="the rules ask nothing"):
            cost_of_run(replace(request(url), engine="rules", asking=None), store)
        rules = run_society(replace(request(url), engine="rules", asking=None), store)
        assert rules.engine == "society-rules" and run_society(request(url), store).run_id != rules.run_id
