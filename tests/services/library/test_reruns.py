"""A run of any kind is made again from the store alone, or what has changed is said."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from any_model import any_model
from llm_cases import model
from llm_servers import openai_server
from own_study import own_study
from small_runs import SHORT

from core.calibration.calibrators.paper import PaperCalibrator
from core.cli import main
from core.errors import InputError
from core.report.renderers.terminal import terminal_text
from core.report.reproduction import rerun_lines
from core.report.sentences.store import rerun_document, show_text
from core.services.audits.confounding import confounding_audit
from core.services.audits.groups import group_checks
from core.services.audits.persona_audit import audit_personas
from core.services.audits.requests import ConfoundingRequest, PersonaAuditRequest
from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.evaluation.ablations import run_ablations
from core.services.evaluation.backtests import backtest
from core.services.evaluation.known_worlds import known_worlds
from core.services.evaluation.requests import BacktestRequest, WorldsRequest
from core.services.evaluation.sensitivity import run_sensitivity
from core.services.library.reruns import rerun
from core.services.policies.timelines import delete_scenario
from core.services.populations.synthesis import make_population
from core.services.runs import forecasters
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study
from core.services.studies.requests import ModelOptions, RunRequest
from core.services.surveys.ask import ask_people
from core.store import Store
from core.store.respondents import RespondentTables
from core.survey.mapping import BEHAVIOUR, TRAIT, AnswerMapping
from core.survey.questions import SurveyQuestion

TRUST = SurveyQuestion.of_scale("How much do you trust the government?", 1, 3, "Not at all", "Completely")


@pytest.fixture(scope="module", autouse=True)
def short_searches() -> Iterator[None]:
    """The published calibration's search is most of a small run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forecasters, "PaperCalibrator", lambda trials, **rest: PaperCalibrator(trials=3, **rest))
        yield


@dataclass
class Kept:
    """A store with a run of every kind, whose study and data are gone; `runs` by kind."""

    path: Path
    runs: dict[str, str]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("reruns")
    own = own_study(folder)
    path = folder / "kept.duckdb"
    runs: dict[str, str] = {}
    with Store(path) as store:
        runs["run"] = one = run_study(own.request(), store).run_id
        inputs = open_study(own.study, own.data)
        study, observed = inputs.study, inputs.timeline
        twin = fitted_twin(store, one, inputs=inputs)
        dates = horizon_dates(twin)
        window = {"start": dates[0].date(), "end": dates[20].date(), "twin": twin}
        runs["sweep"] = run_sweep(store, one, [0, 60], **window)[0].run_id
        edited = make_population(study, 30, seed=9)
        runs["sweep of other people"] = run_sweep(store, one, [40], population=edited, **window)[0].run_id
        first = dates[0].date()
        milder, stricter = (
            observed.relaxed(1, start=first, name="milder"),
            observed.tightened(1, start=first, name="more"),
        )
        result, _ = run_compare(store, one, [milder], reference=stricter, **window)
        runs["compare"] = result.run_id
        for scenario in (milder, stricter):
            delete_scenario(store, study, scenario.id)
        runs["sensitivity"] = run_sensitivity(store, one, inputs=inputs).run_id
        runs["ablations"] = run_ablations(store, one, only=["without_policy"], inputs=inputs).run_id
        runs["groups"] = group_checks(store, one, inputs=inputs).run_id
        runs["crowd"] = audit_personas(PersonaAuditRequest(one), store, study=study).run_id
        people = str(store.run(one).record.population_id)
        trait = AnswerMapping(TRAIT, next(iter(edited.spec.trait_names)))
        runs["ask"] = ask_people(store, people, TRUST, mapping=trait, study=own.study).run_id
        on_a_day = replace(TRUST, as_of=date(2030, 3, 1))
        going = AnswerMapping(BEHAVIOUR, study.behaviour_ids[0])
        runs["ask on a day"] = ask_people(
            store, people, on_a_day, mapping=going, personas=20, study=own.study, data=own.data
        ).run_id
        runs["worlds"] = known_worlds(WorldsRequest(("plain",), 1, 20, 0), store).run_id
        own.shift(3.0)
        runs["run on other data"] = run_study(own.request(), store).run_id
    own.lose()
    return Kept(path, runs)


KINDS = (
    "run", "run on other data", "sweep", "sweep of other people", "compare", "sensitivity", "ablations", "groups",
    "crowd", "ask", "ask on a day", "worlds",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_is_made_again_from_the_store_alone(kept: Kept, kind: str) -> None:
    with Store(kept.path) as store:
        before = rows_by_table(store)
        found = rerun(store, kept.runs[kind])
        assert found.same and found.again == store.run(kept.runs[kind]).record.result_hash, found.changes
        assert found.changes == ()
        assert rows_by_table(store) == before, "nothing is written"


def rows_by_table(store: Store) -> dict[str, int]:
    everything = RespondentTables(store)
    return {name: len(everything.read_arrow(name, unfinished=True)) for name in store.tables}


def test_the_runs_on_two_data_differ(kept: Kept) -> None:
    with Store(kept.path) as store:
        one, other = (store.run(kept.runs[name]).record for name in ("run", "run on other data"))
        assert one.result_hash != other.result_hash


def test_the_command_says_that_it_is_the_same(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["rerun", kept.runs["sweep"], "--db", str(kept.path), "--workers", "1"]
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["same"] and printed["rerun_hash"] == printed["result_hash"] and printed["changes"] == []
    assert main(["show", kept.runs["sweep"], "--db", str(kept.path)]) == 0
    assert f"policytwin rerun {kept.runs['sweep']}" in capsys.readouterr().out


def test_what_has_changed_is_said(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("core.services.studies.changes.code_version", lambda: "0.0+other")
    monkeypatch.setattr(
        "core.services.studies.changes.package_versions",
        lambda names: {name: "0.1" for name in names if name != "scipy"},
    )
    monkeypatch.setattr("core.services.library.rerun_kinds.MAKERS", {}, raising=True)
    monkeypatch.setitem(
        __import__("core.services.library.reruns", fromlist=["MAKERS"]).MAKERS, "run", lambda again: "f" * 64
    )
    assert main(["rerun", kept.runs["run"], "--db", str(kept.path), "--workers", "1"]) == 1
    said = capsys.readouterr().out
    assert "not the same result" in said and "ffffffff" in said
    assert (
        "0.0+other now" in said and "numpy" in said and "0.1 now" in said and "scipy" in said and "absent now" in said
    )


def test_a_run_of_an_earlier_version_says_which_of_its_files_are_others_or_gone(tmp_path: Path) -> None:
    own = own_study(tmp_path)
    with Store(tmp_path / "old.duckdb") as store:
        run_id = run_study(own.request(), store).run_id
        record = store.run(run_id).record
        text = own.study.read_text(encoding="utf-8")
        own.study.write_text(f"{text}latitude = 10\n", encoding="utf-8")
        edited = rerun(store, run_id)
        assert edited.same and edited.changes == () and "file says something else by now" in edited.notes[0]
        own.study.write_text(text, encoding="utf-8")
        store.delete("input_texts", content_hash=[record.study_hash, *record.input_hashes.values()])
        store.delete("observations", content_hash=list(record.input_hashes.values()))
        again = rerun(store, run_id, data=own.data)
        assert again.same and "does not hold" in again.notes[0] and again.changes == ()
        own.shift(1.0)
        other = rerun(store, run_id, data=own.data)
        assert (
            not other.same
            and other.again is not None
            and other.changes == ("the observations: other content than then",)
        )
        assert "the observations: other content" in terminal_text(rerun_document(other))
        own.lose()
        gone = rerun(store, run_id, data=own.data)
        assert gone.again is None and "no such file" in gone.changes[0]
        assert "could not be made again" in terminal_text(rerun_document(gone))


def test_what_cannot_be_made_again_says_why_in_one_line(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(kept.path) as store:
        stored = store.run(kept.runs["sweep"])
        orphan = replace(stored.record, run_id="sweep-20200101-aaaaaaaaaa", parameters={"of_run": "run-gone"})
        hashless = replace(stored.record, run_id="sweep-20200101-bbbbbbbbbb", result_hash=None)
        unfinished = replace(stored.record, run_id="sweep-20200101-cccccccccc")
        for record in (orphan, hashless, unfinished):
            store.begin_run(record)
        for record in (orphan, hashless):
            store.finish_run(record.run_id, {})
        for record, said in ((orphan, "was deleted"), (hashless, "without a hash"), (unfinished, "is running")):
            with pytest.raises(InputError, match=said):
                rerun(store, record.run_id)
    assert main(["rerun", "run-unknown", "--db", str(kept.path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_language_models_run_is_replayed_and_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with Store(tmp_path / "asked.duckdb") as store:
        with openai_server(model("openai")) as url:
            asking = ModelOptions("openai", "test-model", base_url=str(url))
            one = run_study(RunRequest("meridia", personas=2, trials=1, asking=asking, **SHORT), store).run_id
            people = str(store.run(one).record.population_id)
            swept = run_sweep(store, one, [50.0], asks=True, asking=asking)[0].run_id
        assert people
        for run_id in (one, swept):
            found = rerun(store, run_id)
            assert found.same, found.changes
        store.delete("llm_calls", model="test-model")
        lost = rerun(store, one)
        assert not lost.same and lost.again is None and len(lost.changes) == 1


@dataclass
class Asked:
    """A store with a run, checks and an audit of its crowd, and questions, all asked of one model that is gone; `runs` by what
    they are. `calls` is how often the model was asked."""

    path: Path
    runs: dict[str, str]
    calls: int


#: Of what is asked of a language model beside runs and sweeps: its answers alone decide the result.
QUESTIONS = ("checks", "audit", "ask", "ask on a day", "survey of some")


@pytest.fixture(scope="module")
def asked(meridia_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    path = Path(shutil.copy(meridia_run, tmp_path_factory.mktemp("asked") / "asked.duckdb"))
    runs: dict[str, str] = {}
    with Store(path) as store, openai_server(any_model()) as url:
        asking = ModelOptions("openai", "test-model", base_url=str(url), seed=3)
        of_rules = str(store.runs(kind="run")["run_id"].iloc[0])
        checks = PersonaAuditRequest(of_rules, personas=3, situations=2, repeats=2, asking=asking)
        runs["checks"] = audit_personas(checks, store).run_id
        audit = ConfoundingRequest(of_rules, levels=(0, 50, 100), personas=3, asking=asking)
        runs["audit"] = confounding_audit(audit, store).run_id
        people = str(store.run(of_rules).record.population_id)
        runs["ask"] = ask_people(store, people, TRUST, asking=replace(asking, samples=2), personas=4).run_id
        on_a_day = replace(TRUST, as_of=date(2031, 3, 1))
        runs["ask on a day"] = ask_people(store, people, on_a_day, asking=asking, personas=4).run_id
        habit = SurveyQuestion.of_choices("How do you get to work?", ["By car", "By bus", "On foot"])
        some = {"age_group": ["25-34", "15-24"]}
        runs["survey of some"] = ask_people(store, people, habit, asking=asking, personas=4, among=some).run_id
        return Asked(path, runs, len(url.seen))


@pytest.mark.parametrize("what", QUESTIONS)
def test_what_a_language_model_was_asked_is_made_again_from_its_kept_answers(asked: Asked, what: str) -> None:
    with Store(asked.path) as store:
        assert len(store.read("llm_calls")) == asked.calls, "each call is kept, none is doubled"
        found = rerun(store, asked.runs[what])
        assert found.same and found.changes == (), found.changes
        assert len(store.read("llm_calls")) == asked.calls


@pytest.mark.parametrize("what", QUESTIONS)
def test_an_answer_that_is_another_or_lacks_makes_another_result_or_none(
    asked: Asked, what: str, tmp_path: Path
) -> None:
    with Store(Path(shutil.copy(asked.path, tmp_path / "other.duckdb"))) as store:
        calls = store.read("llm_calls")
        other = calls.assign(raw=[_moved(text) for text in calls["raw"]])
        store.delete("llm_calls", model="test-model")
        store.append("llm_calls", other)
        found = rerun(store, asked.runs[what])
        assert not found.same and found.again is not None
        store.delete("llm_calls", model="test-model")
        lost = rerun(store, asked.runs[what])
        assert not lost.same and lost.again is None and len(lost.changes) == 1


def _moved(text: str) -> str:
    """An answer in the same form with other numbers: its neighbour's share where they are shares, else half of each."""

    def moved(item: Any) -> Any:
        if not isinstance(item, dict):
            return round(item / 2) if isinstance(item, int) else item
        values = list(item.values())
        if all(isinstance(value, int) for value in values) and sum(values) == 100:
            return dict(zip(item, [*values[1:], values[0]], strict=True))
        return {name: moved(value) for name, value in item.items()}

    return json.dumps(moved(json.loads(text)))


def test_a_backtest_is_made_again_where_its_files_are(real_data: Path, tmp_path: Path) -> None:
    whole = BacktestRequest.of_folder(real_data)
    assert whole is not None
    request = replace(whole, origins=(date(2020, 9, 30),), horizons=(30,), countries=("NZL",))
    with Store(tmp_path / "kept.duckdb") as store:
        run_id = backtest(request, store).run_id
        assert rerun(store, run_id, data=real_data).same
        with pytest.raises(InputError, match=r"not found by their content.*--data"):
            rerun(store, run_id, data=tmp_path)


def test_a_shown_run_says_how_it_is_made_again(kept: Kept) -> None:
    with Store(kept.path) as store:
        values = store.run(kept.runs["groups"])
    assert f"policytwin rerun {values.run_id}" in show_text(values)
    lines = rerun_lines(values.run_id, str(kept.path))
    assert main([*shlex.split(lines.command)[1:], "--workers", "1"]) == 0
    space: dict[str, Any] = {}
    exec(lines.python, space)
    assert space["result"].same
