"""The confounding audit: associations with known answers, and scripted models in whom more than the policy moves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from audit_models import Script, behaviour
from behaviour_cases import context, study
from llm_cases import engine, people, writer
from llm_servers import openai_server

from core.cli import main
from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.designs import DESIGNS, design_of
from core.cognition.llm.variants import audit_writer, variables_of
from core.errors import InputError
from core.report.figures.persona_audit import association_figure, range_figure
from core.report.renderers.terminal import terminal_text
from core.report.sentences.confounding import confounding_document, design_sentence, range_sentence
from core.services.audits.confounding import confounding_audit, confounding_cost
from core.services.audits.requests import ConfoundingRequest
from core.services.audits.results import ConfoundingResult, PersonaAuditResult
from core.services.library.archive import load_result
from core.services.runs.finished import newest_about
from core.services.studies.requests import ModelOptions
from core.store.database import Store
from core.study import load_study
from core.validity.confounding import association, range_effect

LEVELS = np.array([0.0, 25.0, 50.0, 75.0, 100.0])
#: A published audit does not change: other questions are a new version.
PUBLISHED = {True: "a7568fcd", False: "a7568fcd"}


def answers(seed: int, *, slope: float = 0.0, bend: float = 0.0, noise: float = 0.05, units: int = 15) -> np.ndarray:
    """Answers (units, levels) around each unit's own mean, with this slope over all levels and this inverted U."""
    generator = np.random.default_rng(seed)
    own = generator.normal(0.5, 0.2, (units, 1))
    curve = slope * (LEVELS / 100 - 0.5) + bend * (1 - ((LEVELS - 50) / 50) ** 2)
    return np.asarray(own + curve + noise * generator.standard_normal((units, 5)))


def test_a_slope_is_found_as_it_is() -> None:
    exact = association(answers(1, slope=0.3, noise=0.0), np.arange(1.0, 16.0), LEVELS)
    assert exact.slope.value == pytest.approx(0.3) and exact.correlation == pytest.approx(1.0) and exact.moves
    assert exact.slope.upper - exact.slope.lower < 1e-9 and exact.p < 0.01
    assert np.diff(exact.means) == pytest.approx(0.075)
    noisy = association(answers(2, slope=-0.3), np.ones(15), LEVELS)
    assert noisy.slope.lower < -0.3 < noisy.slope.upper < 0 and -1 < noisy.correlation < -0.8


def test_the_correlation_is_bland_and_altmans() -> None:
    values = answers(3, slope=0.1)
    centred = values - values.mean(axis=1, keepdims=True)
    at = np.tile(LEVELS - LEVELS.mean(), 15)
    assert association(values, np.ones(15), LEVELS).correlation == pytest.approx(np.corrcoef(centred.ravel(), at)[0, 1])


def test_an_inverted_u_has_no_slope_and_moves_all_the_same() -> None:
    found = association(answers(4, bend=0.15), np.ones(15), LEVELS)
    assert not found.slope.leaves_out(0.0) and found.p < 0.005 and found.moves
    assert found.means[2] > found.means[0] + 0.1 and found.means[2] > found.means[4] + 0.1


def test_what_does_not_move_is_seldom_said_to() -> None:
    alarms = 0
    for seed in range(30):
        weights = np.random.default_rng(seed).integers(1, 10, 15).astype(float)
        alarms += any(
            association(answers(7 * seed + item), weights, LEVELS, tests=4, seed=seed).moves for item in range(4)
        )
    assert alarms <= 5, "five in a hundred are expected"


def test_what_stays_the_same_does_not_move() -> None:
    still = association(np.tile(np.linspace(0.1, 0.9, 9)[:, None], (1, 5)), np.ones(9), LEVELS)
    assert not still.moves and still.p == 1.0 and np.isnan(still.correlation) and still.slope.value == 0.0
    nobody = association(np.full((3, 5), np.nan), np.ones(3), LEVELS)
    assert not nobody.moves and np.isnan(nobody.slope.value)
    one = association(answers(1, slope=0.3, units=1), np.ones(1), LEVELS)
    assert one.slope.value == pytest.approx(0.3, abs=0.1) and np.isnan(one.slope.lower)
    with pytest.raises(ValueError, match="levels"):
        association(np.zeros((3, 2)), np.ones(3), [50.0, 50.0])


def test_units_that_did_not_answer_do_not_count() -> None:
    values = answers(5, slope=0.2, noise=0.0)
    values[3, 1] = np.nan
    found = association(values, np.ones(15), LEVELS)
    assert found.slope.value == pytest.approx(0.2)


def test_a_range_effect_is_the_difference_at_the_same_level() -> None:
    generator = np.random.default_rng(1)
    narrow = generator.normal(0.5, 0.1, (12, 2))
    wide = narrow + np.array([-0.1, 0.05]) + 0.01 * generator.standard_normal((12, 2))
    wide[4] = np.nan
    found = range_effect(narrow, wide, np.arange(1.0, 13.0), [-1, 1])
    assert found.effect.value == pytest.approx(0.075, abs=0.005) and found.effect.leaves_out(0.0)
    assert found.effects[0].value == pytest.approx(-0.1, abs=0.01)
    assert found.wide - found.narrow == pytest.approx([item.value for item in found.effects])
    none = range_effect(narrow, narrow, np.ones(12), [-1, 1])
    assert none.effect.value == 0.0 and not none.effect.leaves_out(0.0)


# Questions


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("design", DESIGNS)
def test_the_audit_asks_for_everything_in_every_design(design: str, stated: bool) -> None:
    words = audit_writer(study(), epidemic_stated=stated)
    made = engine("openai", "http://127.0.0.1:9/v1")
    asking = replace(made, writer=words, design=design_of(design, "apart"))
    contexts = pd.DataFrame([context(epidemic=2), context({"C6": (2, 1), "C8": (4, None)}, epidemic=2)])
    asked = asking.questions(people(2), contexts)
    names = [item.id for item in variables_of()]
    for item in asked:
        prompt = item.question.prompt
        assert AnswerShape.of(item.question.schema).behaviours == tuple(names)
        assert ("Many new cases" in prompt) == stated and "restrictions on everyday life" in prompt.lower()
        assert "least one such visit" not in prompt and all(f'"{name}"' in prompt for name in names)
        assert item.question.prompt_version == ("mobility-2/audit" if stated else "mobility-2/audit-epidemic-unsaid")
    assert {"weather", "income", "cases", "prices", "daylight"} <= set(names)
    assert len({item.question.key(made.spec) for item in asked}) == len(asked)


def test_leaving_the_epidemic_out_leaves_all_else() -> None:
    row = context({"C1": (2, 1)}, epidemic=1, restricted_days=45)
    with_it, without = (audit_writer(study(), epidemic_stated=stated) for stated in (True, False))
    lines = with_it.condition(row).splitlines()
    assert [line for line in lines if "new cases" not in line] == without.condition(row).splitlines()
    assert with_it.condition(row) == writer().condition(row)


def test_the_published_audit_has_not_changed() -> None:
    assert {stated: audit_writer(study(), epidemic_stated=stated).files.hash[:8] for stated in PUBLISHED} == PUBLISHED


def test_a_version_without_an_audit_is_refused() -> None:
    with pytest.raises(InputError, match="mobility-2"):
        variables_of("mobility-0")


# Models


def audit_of(runs: tuple[Store, str], script: Script, **about: Any) -> ConfoundingResult:
    store, run_id = runs
    with openai_server(behaviour(script)) as url:
        asking = ModelOptions("openai", "scripted", base_url=str(url), seed=1)
        return confounding_audit(ConfoundingRequest(run_id, asking=asking, **{"personas": 6, **about}), store)


def moved(values: ConfoundingResult) -> set[tuple[str, str]]:
    return {(row.design, row.variable) for row in values.associations if row.moves}


@pytest.fixture(scope="module")
def weather(runs: tuple[Store, str]) -> ConfoundingResult:
    return audit_of(runs, Script(noise=0.03, confounded={"weather": 0.4}))


def test_weather_that_moves_with_the_policy_when_blinded_is_found(weather: ConfoundingResult) -> None:
    values = weather
    assert moved(values) == {("blinded", "weather")}
    for row in values.associations:
        if (row.design, row.variable) == ("blinded", "weather"):
            # All indicators are in force well before the index is full, where the model's own scale ends.
            assert 30 < row.slope.value < 50 and row.slope.lower > 0 and row.correlation > 0.7
            assert row.means[0] < row.means[-1]
    texts = [design_sentence(values, item) for item in values.verdicts if item.moved]
    assert len(texts) == 2 and all("weather" in text and "Shown one policy" in text for text in texts)
    whole = [item for item in values.ranges if item.behaviour is None]
    assert {item.moves for item in values.range_verdicts} == {False}
    assert whole and all("no effect beyond chance" in range_sentence(item) for item in whole)


def test_what_the_prompt_says_can_move_too(runs: tuple[Store, str]) -> None:
    values = audit_of(runs, Script(noise=0.02, confounded={"cases": 0.3}), designs=("blinded",))
    stated = next(item for item in values.verdicts if item.stated)
    said = design_sentence(values, stated)
    assert stated.fixed_moved == ("cases",) and "Even what the prompt itself says" in said
    rows = {row.stated: row.fixed for row in values.associations if row.variable == "cases"}
    assert rows == {True: True, False: False} and values.ranges == ()


def test_an_innocent_model_moves_nothing(runs: tuple[Store, str]) -> None:
    alarms = 0
    for seed in range(3):
        values = audit_of(
            runs, Script(noise=0.05, confounded={}, seed=seed), designs=("blinded", "levels"), stated_only=True
        )
        alarms += bool(moved(values)) or any(row.moves for row in values.ranges if row.behaviour is None)
    assert alarms <= 1
    still = audit_of(runs, Script(confounded={}))
    assert not moved(still) and not any(row.moves for row in still.ranges)
    assert "+0.00" not in terminal_text(confounding_document(still, load_study("meridia"))), (
        "a correlation of what never moves is unknown"
    )


def test_an_effect_of_the_range_is_found_with_its_size(runs: tuple[Store, str]) -> None:
    values = audit_of(runs, Script(noise=0.02, people=0.05, confounded={}, range=0.1), designs=("levels", "unblinded"))
    rows = {row.design: row for row in values.ranges if row.behaviour is None}
    assert set(rows) == {"levels", "unblinded"}
    for row in rows.values():
        assert row.moves and 5 < row.effect.value < 11
        assert row.narrow_range[0] > row.wide_range[0] and row.narrow_range[1] < row.wide_range[1]
        assert row.narrow_range[0] < row.level < row.narrow_range[1]
    each = {row.behaviour: row for row in values.ranges if row.design == "levels" and row.behaviour}
    assert each["residential"].effect.value > 0 > each["transit"].effect.value
    assert each["transit"].wide - each["transit"].narrow == pytest.approx(each["transit"].effect.value, abs=0.02)


def test_the_audit_is_kept_and_costs_what_it_said(runs: tuple[Store, str]) -> None:
    store, run_id = runs
    with openai_server(behaviour(Script(noise=0.02, seed=5))) as url:
        asking = ModelOptions("openai", "scripted", base_url=str(url), seed=3)
        request = ConfoundingRequest(run_id, levels=(0.0, 50.0, 100.0), personas=3, asking=asking)
        cost = confounding_cost(request, store)
        # Blinded and unblinded: 3 people × 3 levels; levels: 3; aggregate: 3 levels × 10; twice, and the ranges.
        assert cost.calls == 2 * (9 + 9 + 3 + 30) + 4 * 3 and not url.seen
        values = confounding_audit(request, store)
        assert len(url.seen) == cost.calls == values.spent.calls
        assert confounding_cost(request, store).calls == 0
        again = confounding_audit(request, store)
    assert again.associations == values.associations and again.ranges == values.ranges
    record = store.run(values.run_id).record
    assert record.kind == "persona_audit" and record.parameters["designs"] == list(DESIGNS)
    assert record.parameters["levels"] == [0.0, 50.0, 100.0] and record.parameters["of_run"] == run_id
    assert record.result_hash == store.run(again.run_id).record.result_hash
    assert newest_about(store, run_id, ConfoundingResult) == again == load_result(store, again.run_id)
    assert ConfoundingResult.from_dict(json.loads(json.dumps(again.as_dict(), allow_nan=False))) == again
    assert newest_about(store, run_id, PersonaAuditResult) is None, "of one kind of run, and another result"
    with pytest.raises(InputError, match="what"):
        PersonaAuditResult.from_dict(again.as_dict())


def test_what_cannot_be_audited_is_refused(runs: tuple[Store, str]) -> None:
    store, run_id = runs
    with pytest.raises(InputError, match="rules engine"):
        confounding_audit(ConfoundingRequest(run_id), store)
    asking = ModelOptions("openai", "scripted", base_url="http://127.0.0.1:9/v1")
    for about, wrong in (
        ({"designs": ("blind",)}, "blinded"),
        ({"designs": ()}, "no design"),
        ({"levels": (0, 100)}, "2 different"),
        ({"levels": (48, 50, 52)}, "close together|different levels"),
        ({"levels": (0, 50, 101)}, "101"),
        ({"personas": 1}, "2 and above"),
    ):
        with pytest.raises(InputError, match=wrong):
            confounding_audit(ConfoundingRequest(run_id, asking=asking, **about), store)  # type: ignore[arg-type]


def test_the_command_audits_and_estimates(meridia_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with openai_server(behaviour(Script(noise=0.02, confounded={"prices": 0.3}))) as url:
        command = [
            "audit", "meridia", "--engine", "openai", "--model", "m", "--base-url", str(url), "--personas", "3",
            "--designs", "blinded,levels", "--levels", "0,50,100", "--stated-only", "--db", str(meridia_store),
        ]  # fmt: skip
        assert main([*command, "--estimate", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["calls"] == 9 + 3 + 6 and not url.seen
        assert main([*command, "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed["what"] == "audit" and {row["stated"] for row in printed["associations"]} == {True}
        assert main(command) == 0
        said = capsys.readouterr().out
    assert "Prices of the month before" in said and "Shown all policies side by side" in said
    assert main(["audit", "meridia", "--db", str(meridia_store)]) == 2
    assert "rules engine" in capsys.readouterr().err


def test_figures_show_the_figures(weather: ConfoundingResult) -> None:
    values = weather
    figure = association_figure(values.associations, source="here")
    assert [trace.name for trace in figure.data] == [
        "Blinded", "Unblinded between prompts", "All levels in one prompt", "Aggregate",
    ]  # fmt: skip
    blinded = figure.data[0]
    rows = [row for row in values.associations if row.design == "blinded" and row.stated]
    assert list(blinded.x) == [row.slope.value for row in rows]
    assert [not str(item).endswith("open") for item in blinded.marker.symbol] == [row.moves for row in rows]
    assert blinded.error_x.array[0] == pytest.approx(rows[0].slope.upper - rows[0].slope.value)
    assert "New cases of the illness*" in figure.layout.yaxis.ticktext
    unsaid = association_figure(values.associations, stated=False)
    assert "left unsaid" in unsaid.layout.title.text
    ranges = range_figure(values.ranges, source="here")
    assert len(ranges.data) == 2 and len(ranges.data[0].x) == 6
    assert range_figure([], source="").data == ()
