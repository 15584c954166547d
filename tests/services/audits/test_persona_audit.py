"""Scripted models whose flaws the persona audit finds, with their sizes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_models import Script, behaviour
from llm_servers import Step, openai_answer, openai_server
from small_runs import SHORT

from core.cli import main
from core.cognition.llm.designs import design_of
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.variants import LEADING
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.report.figures.persona_audit import memory_figure, spread_figure, wording_figure
from core.report.renderers.terminal import terminal_text
from core.report.sentences.persona_audit import (
    collapse_sentence,
    cutoff_sentence,
    memory_sentence,
    opposed_sentence,
    persona_audit_document,
    spread_sentence,
    wording_sentence,
)
from core.services.audits.persona_audit import audit_personas, persona_audit_cost
from core.services.audits.preparing import subject_of
from core.services.audits.requests import PersonaAuditRequest
from core.services.audits.results import OF_CHECKS, OF_RUN, PersonaAuditResult
from core.services.language.answer_cache import export_answers, import_answers
from core.services.library.archive import load_result
from core.services.runs.finished import newest_about
from core.services.runs.run import run_study
from core.services.studies.requests import ModelOptions, RunRequest
from core.services.studies.stored_inputs import stored_observations
from core.store.database import Store
from core.study import load_study

# Models


def checks_of(runs: tuple[Store, str], script: Script, **more: Any) -> PersonaAuditResult:
    store, run_id = runs
    with openai_server(behaviour(script)) as url:
        asking = ModelOptions("openai", "scripted", base_url=str(url), seed=1, **more)
        return audit_personas(PersonaAuditRequest(run_id, 10, 1, asking=asking), store)


def said(values: PersonaAuditResult) -> str:
    return terminal_text(persona_audit_document(values, load_study(values.study)))


def kinds_found(values: PersonaAuditResult) -> set[str]:
    # How diverse the scripted people are is not what a flaw is about.
    return {item.check for item in values.found} - {"spread"}


def test_an_innocent_model_has_no_flaw(runs: tuple[Store, str]) -> None:
    alarms = [kinds_found(checks_of(runs, Script(noise=0.05, seed=seed))) for seed in range(2)]
    assert alarms == [set(), set()]


def test_a_collapsed_model_is_found(runs: tuple[Store, str]) -> None:
    still = checks_of(runs, Script(people=0.0))
    assert kinds_found(still) == {"collapse"} and still.collapse.distinct == 1.0
    assert "all answer alike" in collapse_sentence(still.collapse)
    assert still.spread.ratio.value == 0.0 and "more alike" in spread_sentence(still.spread, itself=False)
    noisy = checks_of(runs, Script(people=0.0, noise=0.05))
    assert noisy.collapse.collapsed and noisy.collapse.distinct > 5, "noise does not make a crowd"
    assert noisy.spread.ratio.value < 0.25


def test_a_noisy_model_is_found_with_its_share(runs: tuple[Store, str]) -> None:
    found = checks_of(runs, Script(people=0.05, noise=0.1)).samples_agree
    assert found.mostly_sampling and not found.identical
    assert found.due_to_sampling == pytest.approx(0.8, abs=0.1)
    assert np.mean(list(found.noise.values())) == pytest.approx(10.0, abs=0.7)
    quiet = checks_of(runs, Script(people=0.05)).samples_agree
    assert quiet.identical and quiet.due_to_sampling == pytest.approx(0.0, abs=1e-6)


@pytest.fixture(scope="module")
def sycophant(runs: tuple[Store, str]) -> PersonaAuditResult:
    return checks_of(runs, Script(noise=0.03, people=0.08, follows=0.08))


def test_a_sycophantic_model_is_found_with_its_size(runs: tuple[Store, str], sycophant: PersonaAuditResult) -> None:
    values = sycophant
    assert kinds_found(values) == {"sycophancy", "leading"}
    assert values.opposed.shift.value == pytest.approx(8.0, abs=0.5)
    for row in values.cues:
        if row.kind == LEADING:
            assert row.followed.value == pytest.approx(8.0, abs=0.8)
            assert row.followed.lower < row.followed.value < row.followed.upper
            assert "follows the asker" in wording_sentence(row)
    contrary = checks_of(runs, Script(noise=0.03, people=0.08, follows=-0.05))
    assert "goes against the asker" in opposed_sentence(contrary.opposed)


def test_a_model_that_hangs_on_words_is_found_with_its_size(runs: tuple[Store, str]) -> None:
    values = checks_of(runs, Script(noise=0.03, people=0.08, paraphrase=0.06))
    assert kinds_found(values) == {"wording"}
    for row in values.wording:
        assert row.shift.value == pytest.approx(6.0, abs=0.8) and row.moves
        assert row.shifts["residential"].value > 0 > row.shifts["transit"].value
    printed = checks_of(runs, Script(noise=0.03, people=0.08, printed=-0.06))
    assert kinds_found(printed) == {"irrelevant"}
    assert [row.id for row in printed.cues if row.moves] == ["printed-on"]


def test_a_model_that_remembers_is_found(runs: tuple[Store, str]) -> None:
    store, run_id = runs
    seen = stored_observations(store, store.run(run_id).record)
    means = seen.groupby(seen.index.strftime("%B %Y")).mean().stack()
    values = checks_of(runs, Script(remembers=lambda month, name: float(means[month, name]) + 2.0))
    found = values.memory
    assert found.remembered and found.all.error == pytest.approx(2.0, abs=0.3) and found.all.p < 0.01
    assert found.all.naive > 4 and "invented" in memory_sentence(found, values.fictional) and found.all.months == 12
    assert any(row.after_training for row in found.rows) and "memory" in kinds_found(values)
    assert not checks_of(runs, Script()).memory.remembered
    assert "not known" in cutoff_sentence(values.cutoff, values.fictional) and values.cutoff.relation == "unknown"
    assert newest_about(store, run_id, PersonaAuditResult) is not None


def test_what_was_answered_is_not_asked_again(runs: tuple[Store, str]) -> None:
    store, run_id = runs
    with openai_server(behaviour(Script(noise=0.02))) as url:
        asking = ModelOptions("openai", "scripted", base_url=str(url), seed=1, max_calls=200)
        request = PersonaAuditRequest(run_id, 5, 1, 2, asking)
        before = persona_audit_cost(request, store)
        assert before is not None and before.calls == before.distinct == 5 * (2 + 6) + 12
        first = audit_personas(request, store)
        assert len(url.seen) == before.calls == first.spent.calls
        assert persona_audit_cost(request, store).calls == 0  # type: ignore[union-attr]
        again = audit_personas(request, store)
        assert len(url.seen) == before.calls and again.spent.cached == before.calls
    assert again.content() == first.content()
    records = [store.run(item.run_id).record for item in (first, again)]
    assert records[0].result_hash == records[1].result_hash and records[0].inputs_hash() == records[1].inputs_hash()
    assert records[0].kind == "persona_audit" and records[0].parameters["of_run"] == run_id
    assert records[0].parameters["asking"]["design"] == "blinded" and records[0].model_id == "scripted-001"
    assert newest_about(store, run_id, PersonaAuditResult) == again == load_result(store, again.run_id)
    assert PersonaAuditResult.from_dict(json.loads(json.dumps(again.as_dict(), allow_nan=False))) == again
    assert not re.search("verdict|cannot be told", json.dumps(again.as_dict())), "no prose is stored"


def test_answers_to_the_checks_are_replayed_elsewhere(runs: tuple[Store, str], tmp_path: Path) -> None:
    store, run_id = runs
    first = checks_of(runs, Script(noise=0.02, seed=77))
    export_answers(store, tmp_path / "answers.parquet")
    with Store.memory() as other:
        assert import_answers(other, tmp_path / "answers.parquet").new > 0
    asking = ModelOptions("replay", "scripted", base_url=_url_of(store, first), seed=1, of="openai")
    again = audit_personas(PersonaAuditRequest(run_id, 10, 1, asking=asking), store)
    assert again.samples_agree == first.samples_agree and again.wording == first.wording


def _url_of(store: Store, values: PersonaAuditResult) -> str:
    return str(store.run(values.run_id).record.parameters["asking"]["base_url"])


def test_the_rules_engine_is_checked_as_far_as_it_goes(runs: tuple[Store, str]) -> None:
    store, run_id = runs
    assert persona_audit_cost(PersonaAuditRequest(run_id), store) is None
    values = audit_personas(PersonaAuditRequest("meridia"), store)
    assert (
        values.of_run == run_id
        and values.found == ()
        and set(values.not_checked) == {"wording", "cues", "cutoff", "memory"}
    )
    assert values.samples_agree.identical and values.collapse.distinct > 100
    assert values.spread.own == pytest.approx(values.spread.rules, abs=0.02)
    text = said(values)
    assert "not a language model" in text and "needs a language model" in text and "was not observed" in text


def test_nobody_in_particular_is_no_crowd(runs: tuple[Store, str]) -> None:
    values = checks_of(runs, Script(), design="aggregate")
    assert {"spread", "collapse", "samples", "wording", "cues"} == set(values.not_checked)
    assert values.memory is not None and values.cutoff is not None and values.spread is None
    assert "no person answers" in said(values)


def test_a_broken_model_is_named_or_left_out(runs: tuple[Store, str]) -> None:
    store, run_id = runs
    with openai_server(lambda request, number: Step(200, {}, openai_answer("no idea"))) as url:
        asking = ModelOptions("openai", "scripted", base_url=str(url))
        request = PersonaAuditRequest(run_id, 2, 1, 2, asking)
        with pytest.raises(AnswersMissing, match="no valid answer"):
            audit_personas(request, store)
        values = audit_personas(replace(request, asking=replace(asking, allow_failures=True)), store)
    assert values.failed > 0 and values.memory.all.error is None
    json.dumps(values.as_dict(), allow_nan=False)
    assert "Spread, collapse: fewer than two people answered everything." in said(values)


@pytest.mark.parametrize("about", [{"personas": 1}, {"situations": 0}, {"repeats": 1}])
def test_too_little_is_refused(about: dict[str, int]) -> None:
    with pytest.raises(InputError, match="and above"):
        PersonaAuditRequest("meridia", **about)


def test_only_a_complete_run_is_checked(runs: tuple[Store, str]) -> None:
    store, _ = runs
    crowd_id = str(store.runs(kind="persona_audit")["run_id"].iloc[0])
    with pytest.raises(InputError, match="is a persona_audit"):
        audit_personas(PersonaAuditRequest(crowd_id), store)


def test_situations_go_from_mild_to_strict(runs: tuple[Store, str]) -> None:
    from core.services.audits.preparing import some_situations

    subject = subject_of(*runs, None, ProgressReporter())
    rows = subject.contexts.iloc[some_situations(subject, 3)]
    names = [name for name in rows.columns if name != "day_type"]
    assert len(rows[names].fillna(-1).drop_duplicates()) == 3 and len(rows) >= 6
    strict = sum(rows[item.code] / item.maximum for item in subject.study.indicators)
    every = sum(subject.contexts[item.code] / item.maximum for item in subject.study.indicators)
    assert strict.min() < every.median() < strict.max()
    assert len(some_situations(subject, 10_000)) == len(subject.contexts)


def test_a_run_of_a_model_is_checked_with_its_own_answers() -> None:
    with openai_server(behaviour(Script(people=0.08, paraphrase=0.06))) as url, Store.memory() as store:
        asking = ModelOptions("openai", "scripted", base_url=str(url), seed=1)
        run = run_study(RunRequest("meridia", personas=3, trials=1, asking=asking, **SHORT), store)
        asked = len(url.seen)
        request = PersonaAuditRequest(run.run_id, situations=2)
        cost = persona_audit_cost(request, store)
        values = audit_personas(request, store)
        # The first of three samples of each question was asked in the run.
        assert cost is not None and cost.cached == 3 * 2 and len(url.seen) - asked == cost.calls
        assert values.spread.source == OF_RUN and values.model == "scripted"
        assert [row.moves for row in values.wording] == [True, True]
        other = audit_personas(
            PersonaAuditRequest(run.run_id, situations=1, asking=replace(asking, temperature=0.5)), store
        )
        assert other.spread.source == OF_CHECKS


def test_the_command_checks_and_estimates(
    meridia_store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where = ["--db", str(meridia_store), "--json"]
    assert main(["persona-audit", "meridia", *where]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (
        printed["what"] == "checks" and printed["engine"] == "rules" and printed["run_id"].startswith("persona_audit-")
    )
    with openai_server(behaviour(Script(noise=0.02))) as url:
        asked = [
            "persona-audit", printed["of_run"], "--engine", "openai", "--model", "m", "--base-url", str(url), "--personas", "4",
            "--situations", "1", "--repeats", "2",
        ]  # fmt: skip
        assert main([*asked, *where, "--estimate"]) == 0
        assert json.loads(capsys.readouterr().out)["calls"] == 4 * 8 + 12 and not url.seen
        assert main([*asked, "--db", str(meridia_store)]) == 0
        text = capsys.readouterr().out
        assert "In other words" in text and "has no price" in text and len(url.seen) == 44
        assert main(["show", re.findall(r"persona_audit-\S+\w", text)[-1], "--db", str(meridia_store)]) == 0
        assert "In other words" in capsys.readouterr().out
    assert main(["persona-audit", "uae", *where]) == 2
    assert "no finished run" in capsys.readouterr().err
    assert main(["persona-audit", "meridia", *where, "--model", "m"]) == 2
    assert "another model" in capsys.readouterr().err


def test_figures_show_the_figures(sycophant: PersonaAuditResult) -> None:
    values = sycophant
    figure = wording_figure((*values.wording, *values.cues), ["what it does"] * 6, source="a <b>")
    shown = {float(x) for trace in figure.data for x in trace.x}
    assert shown == {row.shift.value for row in (*values.wording, *values.cues)}
    leading = next(trace for trace in figure.data if trace.name == "Leading sentence")
    assert leading.marker.symbol == ("circle", "circle") and "&lt;b&gt;" in figure.to_json()
    spread = spread_figure(values.spread, values.behaviours)
    assert len(spread.data[0].x) == 6 and "1: as much" in spread.layout.xaxis.title.text
    recalled = memory_figure(values.memory.rows, behaviour="parks", label="Parks", unit="%")
    assert [trace.name for trace in recalled.data] == ["Observed", "Recalled by the model"]
    assert len(recalled.data[0].x) == 12
    assert design_of("blinded").name == "blinded"
