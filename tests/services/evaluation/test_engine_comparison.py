"""Engines side by side, answers laid out by day, recordings, and the words and figures about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from any_model import any_model
from llm_servers import openai_server
from small_runs import SHORT, TEST_END

from core.cognition.llm.budget import Plan, Range
from core.errors import InputError
from core.policy.calendar import DAY_WORDS
from core.report.figures.simulate import RULES_SYMBOL, by_kind_figure, engine_errors_figure, person_figure
from core.report.sentences.language import cost_before_text
from core.report.sentences.simulate import plan_figures, took_figures, usage_of_run
from core.services.evaluation.engine_comparison import beside, best_baseline, compare_engines, spread_between
from core.services.language.engines import engine_of_run
from core.services.language.recordings import recordings
from core.services.populations.synthesis import load_population
from core.services.runs.answers import (
    about_situation,
    check_situations,
    exchanges_of,
    person_answers,
    situations_of,
    together_of,
    with_reasons,
)
from core.services.runs.costs import persona_answers
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study
from core.services.studies.requests import ModelOptions, RunRequest
from core.store.database import Store
from core.study import load_study


def test_the_spread_between_people_knows_its_answer() -> None:
    answers = np.array([[[0.2, 0.5], [0.6, 0.5], [np.nan, 0.5]], [[0.1, np.nan], [np.nan, np.nan], [np.nan, 0.3]]])
    found = spread_between(answers, np.array([1.0, 3.0, 5.0]))
    # Mean 0.5 of weights 1 and 3: variance (0.09 + 3 · 0.01) / 4.
    assert found[0, 0] == pytest.approx(np.sqrt(0.12 / 4)) and found[0, 1] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(found[1]).all(), "one person has no spread"


def test_the_best_baseline_is_no_ablation_of_the_twin() -> None:
    assert best_baseline({"twin": 1.0, "uncalibrated": 0.5, "last_value": 3.0, "linear": 2.0, "ets": None}) == "linear"
    assert best_baseline({"twin": 1.0}) is None


def test_runs_worth_setting_beside_one_another() -> None:
    def row(
        run_id: str, engine: str, model: str, design: str = "", people: str = "a", train: int = 1
    ) -> dict[str, object]:
        return {"run_id": run_id, "engine": engine, "model": model, "design": design, "population_id": people,
                "train_end": train, "test_end": 2}  # fmt: skip

    runs = pd.DataFrame(
        [
            row("r5", "openai", "m", "levels"),
            row("r4", "rules", "", people="b"),
            row("r3", "rules", ""),
            row("r2", "gemini", "g", "blinded", train=0),
            row("r1", "openai", "m", "blinded"),
        ]
    )
    assert beside(runs, "r1") == ["r1", "r5", "r3"], "other splits are left out, and the same people come first"
    assert beside(runs, "r9") == []


def test_answers_laid_out_by_day_are_those_that_were_given() -> None:
    inputs, study = open_study("meridia"), load_study("meridia")
    with Store.memory() as store, openai_server(any_model()) as url:
        for design in ("blinded", "levels"):
            asking = ModelOptions("openai", "m", str(url), design=design, samples=2)
            run_id = run_study(RunRequest("meridia", personas=2, trials=1, asking=asking, **SHORT), store).run_id
            run = store.run(run_id)
            situations = situations_of(run, inputs)
            check_situations(store, run, situations)
            table = situations.table
            assert table["days"].sum() == (TEST_END - study.start).days + 1
            assert table["first"].is_monotonic_increasing and set(table["kind"]) <= set(DAY_WORDS.values())
            engine = engine_of_run(store, run_id, inputs=inputs)
            people = load_population(store, str(run.record.population_id)).personas
            together = together_of(engine, inputs, run.record)  # type: ignore[arg-type]
            assert (together is None) == (design == "blinded")
            exchanges = exchanges_of(store, engine, people, 1, situations, together)  # type: ignore[arg-type]
            answers = with_reasons(person_answers(store, run, situations, 1, study), exchanges)
            assert answers["reason"].str.len().min() > 0 and {item.sample for item in exchanges} == {0, 1}
            theirs = persona_answers(store, run_id, 1)
            used = (
                theirs[theirs["days"] > 0]
                .groupby(["context", "day_type"], sort=False)[list(study.behaviour_ids)]
                .mean()
            )
            own = np.sort(answers[list(study.behaviour_ids)].to_numpy(), axis=0)
            assert own == pytest.approx(np.sort(used.to_numpy(), axis=0), abs=1e-6), "as the service gives them"
            context = int(table["context_id"].iloc[5])
            rows, asked = about_situation(answers, exchanges, context, study)
            assert [len(given) for given in rows["samples"]] == [2] * 6 and len(asked) == 2
            means = [float(np.mean(given)) for given in rows["samples"]]
            assert rows["person"].to_numpy() == pytest.approx(means, abs=1e-4)
            with pytest.raises(InputError, match="no persona 9"):
                exchanges_of(store, engine, people, 9, situations, together)  # type: ignore[arg-type]
        labels = [item.design for item in recordings(store)]
        assert sorted(labels) == ["blinded", "levels"] and len({item.key for item in recordings(store)}) == 2
        assert {item.samples for item in recordings(store)} == {2} and recordings(store, survey=True) == ()
        ids = list(store.runs(kind="run")["run_id"])
        found = compare_engines(store, ids, study)
        assert len(set(found.labels.values())) == 2 and not found.notes
        spread = found.activity.set_index(["run_id", "kind", "behaviour"])["spread"]
        assert ((spread >= 0) & (spread <= 0.5)).all()
        took = {tile.label: tile.value for tile in took_figures(usage_of_run(store.run(ids[0])))}
        assert took["Failed"] == "0" and took["Cost"] == "none"


def test_a_run_of_other_data_cannot_be_laid_out(meridia_store: object) -> None:
    inputs = open_study("meridia")
    with Store(str(meridia_store)) as store:
        run = store.run(str(store.runs(kind="run")["run_id"].iloc[0]))
        situations = situations_of(run, inputs)
        check_situations(store, run, situations)
        moved = situations.table.assign(days=np.roll(situations.table["days"].to_numpy(), 1))
        with pytest.raises(InputError, match="have changed since"):
            check_situations(store, run, type(situations)(situations.contexts, moved))
        with pytest.raises(InputError, match="no answers of persona 99999"):
            person_answers(store, run, situations, 99999, inputs.study)


def test_what_asking_will_take_is_said_before() -> None:
    values = Plan(
        20, 18, 3, 15, 45, Range(900.0, 1000.0, 1200.0), Range(90.0, 100.0, 120.0), Range(0.0123, 0.02, 1.5), "USD",
        "price of 2026-05-27: a list",
    )  # fmt: skip
    assert Plan.from_dict(values.as_dict()) == values
    tiles = {tile.label: tile.value for tile in plan_figures(values)}
    assert tiles == {"Questions": "18", "Answered already": "3", "Calls": "15", "Cost": "0.0123 – 1.50 USD"}
    assert "price of 2026-05-27: a list." in cost_before_text(values)
    unknown = replace(values, cost=None, currency=None, about_cost="cost unknown: no price of x is known")
    assert plan_figures(unknown)[-1].value == "unknown" and "cost unknown" in cost_before_text(unknown)
    local = replace(unknown, about_cost="a server on this machine or network has no price")
    assert plan_figures(local)[-1].value == "none"


def test_figures_label_the_offline_engine_and_read_no_text_as_markup() -> None:
    names = ("<i>model</i>", "Rules (not a language model)")
    errors = pd.DataFrame(
        [
            {"run_id": f"r{place}", "engine": name, "rules": bool(place), "behaviour": behaviour, "value": 5.0 + place,
             "best": 4.0, "best_name": "the last value"}
            for place, name in enumerate(names)
            for behaviour in ("macro", "retail")
        ]
    )  # fmt: skip
    figure = engine_errors_figure(errors, {"macro": "Average", "retail": "Shops"}, names, "somewhere", True)
    assert [trace.name for trace in figure.data] == ["Best baseline", "&lt;i&gt;model&lt;/i&gt;", names[1]]
    assert figure.data[2].marker.symbol == RULES_SYMBOL and figure.data[1].marker.symbol != RULES_SYMBOL
    assert "fictional" in figure.layout.annotations[0].text and "points of the metric" in figure.layout.xaxis.title.text
    activity = errors[errors["behaviour"] == "retail"].assign(kind="working day", mean=[0.2, 0.6], spread=[0.1, np.nan])
    figure = by_kind_figure(activity, "mean", {"retail": "Shops"}, names, title="t", x="x", source="s", fictional=False)
    assert [list(trace.x) for trace in figure.data] == [[20.0], [60.0]]
    rows = pd.DataFrame([{"behaviour": "Shops", "person": 30.0, "everybody": 50.0, "samples": [20.0, 40.0]}])
    figure = person_figure(rows, person="Persona <b>3</b>", situation="a day", source="s", fictional=False)
    assert "Each time asked" in [trace.name for trace in figure.data] and "<b>" not in figure.layout.title.text
