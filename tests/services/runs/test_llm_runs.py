"""Whole runs of a language model against servers that speak the real interfaces: cost, record, contrasts, commands."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from llm_cases import model
from llm_run_cases import CANARY_CALLS, PEOPLE, STUDY, TRIALS, AskedRun, checked_answers, request, words
from llm_servers import (
    gemini_server,
    openai_server,
    prompt_of,
)

from core.calibration.twin import SLOPE_SHRINKAGE
from core.cli import main
from core.cognition.llm.budget import BudgetReached
from core.cognition.llm.canaries import CANARIES, REPEATS
from core.cognition.llm.memoising import NotAsked
from core.errors import InputError
from core.execution.progress import Progress, ProgressReporter
from core.report.documents import shown_text
from core.report.renderers.terminal import terminal_text
from core.report.sentences.calibration import found_parameters
from core.report.sentences.counterfactuals import sweep_document
from core.report.sentences.language import run_cost_text
from core.report.sentences.runs import reproduce_run, run_document
from core.report.sentences.store import show_text
from core.services.audits.groups import group_checks
from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.evaluation.ablations import run_ablations
from core.services.evaluation.sensitivity import run_sensitivity
from core.services.language.answer_cache import export_answers, import_answers
from core.services.language.engines import engine_of_run
from core.services.library.archive import export_run
from core.services.policies.what_ifs import what_if
from core.services.runs.costs import (
    cost_before,
    cost_of_contrast,
    failed_questions,
    persona_answers,
)
from core.services.runs.fits import request_of, unfinished_runs
from core.services.runs.fitted import fitted_twin
from core.services.runs.preparing import complete_run
from core.services.runs.reading import trials_of
from core.services.runs.run import ensure_run, run_study
from core.services.studies.inputs import open_study
from core.services.studies.requests import ASKED_PERSONAS, MOST_ASKED_PERSONAS, ModelOptions, RunRequest
from core.store.database import Store

pytestmark = pytest.mark.usefixtures("short_searches")

SERVERS = {"openai": openai_server, "gemini": gemini_server}


@pytest.mark.parametrize("engine", ["openai", "gemini"])
def test_a_whole_run_costs_what_was_estimated_and_the_same_again_costs_nothing(engine: str, store: Store) -> None:
    seen: list[Progress] = []
    with SERVERS[engine](model(engine)) as url:
        wanted = request(url, engine, people=3)
        before = cost_before(store, wanted)
        assert len(url.seen) == 0 and store.runs().empty, "an estimate asks and keeps nothing"
        first = run_study(wanted, store, ProgressReporter(seen.append))
        calls = len(url.seen)
        after = cost_before(store, wanted)
        second = run_study(wanted, store)
        assert len(url.seen) == calls, "the same question twice is one call"
    values = first.asking.as_dict()
    assert before.calls == calls == values["calls"] and before.canaries == values["canary_calls"] == CANARY_CALLS
    assert before.distinct == before.questions == values["distinct"] == values["answered"] == calls - CANARY_CALLS
    assert (after.calls, after.cached, after.complete) == (0, before.distinct, first.run_id)
    assert before.cost is None and "no price" in before.about_cost and before.tokens_in.low < before.tokens_in.high
    assert second.run_id != first.run_id and second.result_hash == first.result_hash
    assert second.asking.calls == 0 and second.asking.canaries is None
    assert values["tokens_in"] == 11 * calls and values["tokens_out"] == 7 * calls and values["failed"] == 0
    checked_answers(store, first.run_id)
    stages = list(dict.fromkeys(item.stage for item in seen))
    assert stages == ["ingest", "ask", "calibrate", "simulate", "validate", "store"]
    counts = [item.done for item in seen if item.stage == "ask"]
    assert counts == sorted(counts) and counts[-1] == calls
    assert any("calls a second" in item.text for item in seen if item.stage == "ask")
    assert json.loads(json.dumps(first.as_dict(), allow_nan=False)) == first.as_dict()


def test_the_record_says_how_the_model_was_asked(asked: AskedRun) -> None:
    record = asked.store.run(asked.run_id).record
    assert (record.engine, record.model_id, record.prompt_version) == ("openai", "local-test-001", "mobility-2")
    said = record.parameters["asking"]
    assert said["model"] == "test-model" and said["base_url"] == asked.url and said["design"] == "blinded"
    assert said["canaries"] == "canaries-2" and said["prompts_hash"]
    canaries = asked.summary.asking.as_dict()["canaries"]
    assert canaries["model_ids"] == ["local-test-001"] and canaries["compared_with"] is None
    assert {name: len(values) for name, values in canaries["answers"].items()} == dict.fromkeys(CANARIES, REPEATS)
    assert request_of(record).asking == ModelOptions("openai", "test-model", base_url=str(asked.url))
    assert complete_run(request_of(record), asked.store) == asked.run_id
    assert ensure_run(request(asked.url, concurrency=1, max_calls=5), asked.store) == asked.run_id


def test_a_run_leaves_out_what_would_need_new_answers_and_says_so(asked: AskedRun) -> None:
    values = asked.summary.as_dict()
    assert values["left_out"] == {"single_persona": "new_person", "identical_personas": "not_defined"}
    assert not set(values["left_out"]) & set(values["macro_rmse"]) and "uncalibrated" in values["macro_rmse"]
    assert "twin_announced_calendar" in values["macro_rmse"]
    document = run_document(asked.summary, STUDY)
    text = terminal_text(document)
    assert "Left out: the twin with one persona (another person would have to be asked everything anew)" in text
    assert f"{values['asking']['calls']:,} calls: {values['asking']['answered']:,} questions answered" in text
    assert text in show_text(asked.store.run(asked.run_id), shown_text(asked.store, asked.run_id))
    searched = {name for name in values["parameters"] if not name.startswith(SLOPE_SHRINKAGE)}
    assert searched == {"policy_effect_weight"}, "a model has no parameters to search"
    assert [item.name for item in found_parameters(asked.summary, STUDY)] == ["policy_effect_weight"]
    assert len(trials_of(asked.store, asked.run_id, STUDY.behaviour_ids)) == TRIALS


def test_what_one_persona_answered_can_be_read_with_reasons(asked: AskedRun) -> None:
    answers = persona_answers(asked.store, asked.run_id, 1)
    assert set(answers["reason"]) == {"I go where I must."} and set(answers["failure"]) == {""}
    assert answers["days"].sum() == asked.summary.days and len(answers) == asked.summary.contexts
    responses, _, _ = asked.store.read_responses(asked.run_id)
    own = answers[list(STUDY.behaviour_ids)].to_numpy()
    assert np.allclose(np.sort(own, axis=0), np.sort(responses[:, 1], axis=0), atol=1e-6)
    assert answers["context"].str.contains("cases of the illness").all()
    assert answers["context"].str.contains("Rules in force: none").any()
    with pytest.raises(InputError, match=r"no persona 9.*0 to 1"):
        persona_answers(asked.store, asked.run_id, 9)
    assert failed_questions(asked.store, asked.run_id) == ()


def test_a_cap_stops_a_run_cleanly_and_a_higher_one_takes_it_up(store: Store, asked: AskedRun) -> None:
    with openai_server(model("openai")) as url:
        whole = cost_before(store, request(url)).calls
        with pytest.raises(BudgetReached, match="cap of 30 calls"):
            run_study(request(url, max_calls=30), store)
        assert len(url.seen) == 30
        [row] = store.runs().to_dict("records")
        assert row["status"] == "interrupted" and "cap of 30 calls" in row["message"]
        assert cost_before(store, request(url)).calls == whole - 30
        [left] = unfinished_runs(store, open_study("meridia"))
        assert left.obstacle == "" and left.run_id == row["run_id"]
        with pytest.raises(BudgetReached):
            run_study(request(url, max_tokens=18 * 15), store)
        values = run_study(request(url), store).as_dict()
        assert len(url.seen) == whole, "nothing was asked twice"
    assert values["run_id"] == row["run_id"] and values["asking"]["of_run"]["calls"] == whole
    assert values["asking"]["of_run"]["answered"] == whole
    assert values["macro_rmse"] == asked.summary.macro_rmse, "as if it had never been stopped"


def test_a_cap_on_an_unknown_cost_is_refused_before_anything_is_asked(store: Store) -> None:
    with openai_server(model("openai")) as url:
        with pytest.raises(InputError, match=r"cap on the cost needs the price"):
            run_study(request(url, max_cost=1.0), store)
        assert not url.seen and store.runs().empty


def test_a_price_of_ones_own_gives_a_cost_before_and_after_and_a_cap(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "model,engine,input_per_million,output_per_million,currency,date,source\n"
        "test-model,*,1000,2000,USD,2026-01-01,made up\n"
    )
    monkeypatch.setenv("POLICYTWIN_PRICES", str(prices))
    with openai_server(model("openai")) as url:
        before = cost_before(store, request(url))
        assert before.cost is not None and before.currency == "USD"
        # What is in flight counts at its upper estimate, so that the cap holds whatever comes back.
        with pytest.raises(BudgetReached, match="cap of 2 USD"):
            run_study(request(url, max_cost=2.0), store)
        assert len(url.seen) < before.calls
        values = run_study(request(url), store).asking.as_dict()
    calls = values["calls"]
    assert values["cost"] == pytest.approx(calls * (11 * 1000 + 7 * 2000) / 1e6) and values["currency"] == "USD"
    assert f"Cost: {before.cost.low:,.2f} to {before.cost.high:,.2f} USD" in run_cost_text(before)


def test_a_contrast_asks_only_where_it_may_and_costs_what_was_estimated(asked: AskedRun) -> None:
    store, url, run_id = asked.store, asked.url, asked.run_id
    levels, before, runs = [0.0, 50.0, 100.0], len(url.seen), len(store.runs())
    cost = cost_of_contrast(store, run_id, levels=levels)
    assert cost.calls > 0 and cost.calls % PEOPLE == 0 and cost.canaries == 0
    with pytest.raises(NotAsked, match=rf"{cost.calls} questions have no answer yet.*--ask.*asks=True"):
        run_sweep(store, run_id, levels)
    with pytest.raises(BudgetReached):
        run_sweep(store, run_id, levels, asks=True, asking=replace(request(url).asking, max_calls=2))
    assert len(url.seen) == before + 2 and len(store.runs()) == runs, "nothing is kept of a sweep that was not made"
    result, sweep = run_sweep(store, run_id, levels, asks=True)
    assert result.asking is not None
    assert len(url.seen) == before + cost.calls and result.asking.calls == cost.calls - 2
    assert [item.level for item in result.levels] == levels and sweep.bounded
    assert f"{cost.calls - 2} calls" in terminal_text(sweep_document(result, STUDY))
    again, _ = run_sweep(store, run_id, levels)
    assert len(url.seen) == before + cost.calls and again.levels == result.levels
    assert cost_of_contrast(store, run_id, levels=levels).calls == 0


def test_scenarios_of_what_was_in_force_need_no_new_answers_and_others_do(asked: AskedRun) -> None:
    store, run_id = asked.store, asked.run_id
    timeline = open_study("meridia").timeline
    origin = store.run(run_id).record.train_end
    assert origin is not None
    same = timeline.renamed("As it was", parent_id=timeline.id)
    result, _ = run_compare(store, run_id, [same])
    assert np.allclose(list(result.scenarios[0].difference.values()), 0.0)
    held = what_if("strictest-week", timeline, origin)
    assert cost_of_contrast(store, run_id, scenarios=[held]).calls > 0
    with pytest.raises(NotAsked):
        run_compare(store, run_id, [held])
    result, _ = run_compare(store, run_id, [held], asks=True)
    assert result.asking is not None and result.asking.calls > 0 and result.asking.warnings == ()


def test_a_run_of_levels_asks_a_sweep_side_by_side(store: Store) -> None:
    with openai_server(model("openai")) as url:
        run_id = run_study(request(url, people=2, design="levels"), store).run_id
        calls = len(url.seen)
        fitted_twin(store, run_id)
        cost = cost_of_contrast(store, run_id, levels=[0, 50, 100])
        run_sweep(store, run_id, [0, 50, 100], asks=True)
        assert len(url.seen) == calls + cost.calls
        assert any(prompt_of(item.body).count("Rules in force") >= 2 for item in url.seen[calls:])
        run_sweep(store, run_id, [0, 50, 100])
        assert len(url.seen) == calls + cost.calls


def test_the_command_line_says_the_cost_and_refuses_to_ask_unasked(
    asked: AskedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = ["--db", str(tmp_path / "cli.duckdb")]
    before = len(asked.url.seen)
    assert main(words(asked.url, "--estimate", "--json", *db)) == 0
    estimate = json.loads(capsys.readouterr().out)
    sweep = ["sweep", *words(asked.url)[1:], *db, "--levels", "0,100"]
    assert main(sweep) == 2
    assert "there is no finished run" in capsys.readouterr().err and len(asked.url.seen) == before
    assert main(words(asked.url, *db)) == 0
    out, err = capsys.readouterr()
    assert len(asked.url.seen) == before + estimate["calls"]
    assert f"{estimate['calls']:,} calls" in err and "calls:" in out and "Forecaster" in out
    assert main(sweep) == 2
    assert "have no answer yet" in capsys.readouterr().err
    assert main([*sweep, "--estimate", "--json"]) == 0
    more = json.loads(capsys.readouterr().out)["calls"]
    assert main([*sweep, "--ask", "--max-calls", "1"]) == 2
    assert "cap of 1 calls" in capsys.readouterr().err
    assert main([*sweep, "--ask", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["asking"]["calls"] == more - 1
    assert main(sweep) == 0, "what costs no call is made without --ask"
    assert len(asked.url.seen) == before + estimate["calls"] + more


def test_the_lines_that_reproduce_a_run_do_so_from_its_answers(
    asked: AskedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    record = asked.store.run(asked.run_id).record
    found = reproduce_run(record, STUDY, None, "store.duckdb")
    assert "cache export" in found.note and "asking=ModelOptions('openai', model='test-model'" in found.python
    export_answers(asked.store, tmp_path / "answers.parquet")
    with Store(tmp_path / "reproduce.duckdb") as other:
        import_answers(other, tmp_path / "answers.parquet")
    before = len(asked.url.seen)
    assert main(shlex.split(found.command)[1:]) == 0
    assert json.loads(capsys.readouterr().out)["result_hash"] == asked.summary.result_hash
    exec(compile(found.python, "reproduce", "exec"), {})
    assert asked.summary.result_hash in capsys.readouterr().out
    assert len(asked.url.seen) == before
    made = replace(request(asked.url).asking, engine="replay", of="openai")
    with Store(tmp_path / "reproduce.duckdb") as other:
        replayed = run_study(replace(request(asked.url), engine="replay", asking=made), other)
        assert replayed.result_hash == asked.summary.result_hash
        with pytest.raises(InputError, match="replays answers, and asks nobody"):
            engine_of_run(other, replayed.run_id, asks=True)
        with pytest.raises(NotAsked, match="cache import"):
            run_study(replace(request(asked.url, people=3), engine="replay", asking=made), other)
        assert cost_before(other, replace(request(asked.url), engine="replay", asking=made)).calls == 0


def test_where_a_model_is_asked_few_personas_are_usual_and_many_are_refused(store: Store) -> None:
    asking = ModelOptions("openai", "m", base_url="http://127.0.0.1:9/v1")
    before = cost_before(store, RunRequest("meridia", asking=asking))
    assert before.personas == ASKED_PERSONAS and before.usual_personas == STUDY.personas
    assert f"the study's {STUDY.personas:,} would take about" in run_cost_text(before)
    assert before.calls <= 2000
    with pytest.raises(InputError, match=rf"501 personas.*1 to {MOST_ASKED_PERSONAS}"):
        RunRequest("meridia", personas=MOST_ASKED_PERSONAS + 1, asking=asking)
    with pytest.raises(InputError, match="no model is named"):
        RunRequest("meridia", engine="gemini")
    with pytest.raises(InputError, match="one engine"):
        RunRequest("meridia", engine="gemini", asking=asking)
    with pytest.raises(InputError, match=r"unknown engine 'gemeni'.*Nearest valid: gemini"):
        ModelOptions("gemeni", "m")
    with pytest.raises(InputError, match="to be replayed"):
        ModelOptions("openai", "m", of="gemini")
    with pytest.raises(InputError, match="asks no model"):
        cost_before(store, RunRequest("meridia"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--model", "m"], "--model with the engine rules"),
        (["--allow-failures"], "--allow-failures with the engine rules"),
        (["--estimate"], "--estimate with the engine rules"),
        (["--engine", "gemini"], "no model is named"),
        (["--engine", "gemini", "--model", "m"], "no key for Gemini"),
        (["--engine", "openai", "--model", "m", "--base-url", "http://u:p@h/v1"], "address"),
        (["--engine", "openai", "--model", "m", "--design", "blind"], "Nearest valid: blinded"),
    ],
)
def test_wrong_options_are_said_in_one_line(
    line: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "meridia", *line, "--db", str(tmp_path / "s.duckdb")]) == 2
    err = capsys.readouterr().err
    assert said in err and len([text for text in err.splitlines() if text.startswith("policytwin:")]) == 1


def test_what_needs_the_rules_engine_says_so(asked: AskedRun) -> None:
    before = len(asked.url.seen)
    with pytest.raises(InputError, match="reads texts and no traits"):
        run_sensitivity(asked.store, asked.run_id)
    with pytest.raises(InputError, match=r"a run of the engine rules; for a language model `policytwin persona-audit`"):
        group_checks(asked.store, asked.run_id)
    with pytest.raises(InputError, match="asked everything anew"):
        run_ablations(asked.store, asked.run_id)
    with pytest.raises(InputError, match="was asked with model test-model"):
        fitted_twin(asked.store, asked.run_id, asking=ModelOptions("openai", "other", base_url=str(asked.url)))
    assert len(asked.url.seen) == before


def test_a_run_can_be_exported_with_what_it_asked(asked: AskedRun, tmp_path: Path) -> None:
    names = {path.name for path in export_run(asked.store, asked.run_id, tmp_path)}
    assert {"asking.json", "record.json", "trials.journal", "scores.csv"} <= names
    assert json.loads((tmp_path / "asking.json").read_text()) == asked.summary.asking.as_dict()
