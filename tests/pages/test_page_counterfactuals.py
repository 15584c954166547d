"""The Counterfactuals page: sweep and compare, links, mistakes, what is kept."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from page_cases import wait_for_jobs
from small_runs import TRAIN_END
from streamlit.testing.v1 import AppTest

from core.people.personas import edit_persona
from core.report.figures.contrasts import contrast_figure, group_figure, paths_figure
from core.report.figures.sweeps import level_heatmap, readable, sweep_figure, sweep_group_figure
from core.services.counterfactuals.claims import claims_of
from core.services.counterfactuals.run import kept_counterfactuals
from core.services.policies.timelines import save_timeline
from core.services.populations.synthesis import load_population, save_population
from core.services.runs.fitted import latest_run
from core.services.studies.inputs import open_study
from core.store.database import Store
from core.study import load_study

ROOT = Path(__file__).resolve().parents[2]


def opened(**query: str) -> AppTest:
    """The page as a first visit by this link."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    page.switch_page("pages/5_Counterfactuals.py")
    for name, value in {"study": "meridia", **query}.items():
        page.query_params[name] = value
    return page.run()


def fine(page: AppTest) -> AppTest:
    assert not page.exception, [item.value for item in page.exception]
    assert not page.error, [item.value for item in page.error]
    assert not page.warning, [item.value for item in page.warning]
    return page


def charts(page: AppTest) -> list[dict[str, Any]]:
    return [json.loads(item.proto.spec) for item in page.get("plotly_chart")]


def box(page: AppTest, label: str) -> Any:
    return next(item for item in [*page.selectbox, *page.multiselect] if item.label == label)


def shown(page: AppTest) -> str:
    parts = [*page.markdown, *page.caption, *page.text, *page.info, *page.success]
    return "\n".join(str(item.value) for item in parts)


def runs_of(store: Path, kind: str) -> pd.DataFrame:
    with Store(store) as opened_store:
        return kept_counterfactuals(opened_store, "meridia", kind)


def test_a_first_visit_shows_a_sweep_with_its_checks_and_claims(short_store: Path) -> None:
    page = fine(opened())
    text = shown(page)
    assert "fictional" in text and "invented" in text
    study = load_study("meridia")
    claims = claims_of(study, "rules", TRAIN_END)
    assert claims.headline in text.replace("\\", "") and claims.details in text.replace("\\", "")
    for said in (
        "Every value is one",
        "Each stricter level",
        "outside what training saw",
        "Engine: rules engine",
        "under restrictions",
    ):
        assert said in text
    assert len(charts(page)) == 9
    assert any(item.value.startswith("**Difference from the policy in force") for item in page.markdown), (
        "a title as text"
    )
    sources = [item.value for item in page.caption if item.value.startswith("Source: ")]
    assert len(sources) == 4 and all("fictional" in item and "not a causal effect" in item for item in sources)
    assert any("policytwin sweep meridia" in item.value for item in page.code)
    assert len(runs_of(short_store, "sweep")) == 0


def test_outside_levels_are_hollow_and_the_observed_mean_is_there(short_store: Path) -> None:
    differences = charts(fine(opened(levels="0,75")))[0]
    assert {"80% interval", "Level outside what training saw"} <= {trace.get("name") for trace in differences["data"]}
    assert any(shape.get("line", {}).get("dash") == "dash" for shape in differences["layout"]["shapes"]), (
        "today's policy"
    )
    figure = charts(fine(opened(levels="0,75", curve="level")))[0]
    names = [trace.get("name") for trace in figure["data"]]
    assert {"80% interval", "Level seen in training", "Level outside what training saw"} <= set(names)
    assert "Observed, policy that was in force" in names and "Twin, policy that was in force" in names
    hollow = next(trace for trace in figure["data"] if trace.get("name") == "Level outside what training saw")
    assert hollow["marker"]["color"] == "#ffffff"


def test_a_link_reproduces_the_sweep(short_store: Path) -> None:
    attribute = "sex"
    page = fine(opened(levels="10,90", start="2030-08-20", end="2030-09-10", by=attribute, behaviour="parks"))
    assert page.text_input[0].value == "10, 90"
    assert [item.value for item in page.date_input] == [date(2030, 8, 20), date(2030, 9, 10)]
    assert "22 days, 2030-08-20 to 2030-09-10" in shown(page)
    assert box(page, "By").value == attribute and box(page, "Behaviour").value == "parks"
    page.text_input[0].set_value("0 40; 80").run()
    assert page.query_params["levels"] in ("0,40,80", ["0,40,80"])
    page.text_input[0].set_value("0, 25, 50, 75, 100").run()
    assert "levels" not in page.query_params


@pytest.mark.parametrize(
    ("text", "said"), [("120", "0 to 100"), ("", "no level"), ("ten", "not a number"), ("-1", "0")]
)
def test_a_wrong_level_is_one_line_and_keeps_nothing(short_store: Path, text: str, said: str) -> None:
    page = opened()
    page.text_input[0].set_value(text).run()
    assert not page.exception
    assert len(page.error) == 1 and said in page.error[0].value and "\n" not in page.error[0].value
    assert len(runs_of(short_store, "sweep")) == 0
    page.text_input[0].set_value("0, 100").run()
    fine(page)


def test_days_in_the_wrong_order_are_one_line(short_store: Path) -> None:
    page = opened(start="2030-09-10", end="2030-08-20")
    assert len(page.error) == 1 and "before start" in page.error[0].value and not page.exception


def test_a_link_with_impossible_choices_says_so_and_goes_on(short_store: Path) -> None:
    page = opened(start="2020-01-01", end="soon", by="shoe_size", view="upside-down")
    assert not page.exception and not page.error
    assert len(page.warning) == 4
    assert len(charts(page)) == 9


def test_a_sweep_is_kept_listed_and_opened_again(short_store: Path) -> None:
    page = opened(levels="0,60", start="2030-08-20", end="2030-09-10")
    page.button(key="keep-sweep").click().run()
    fine(page)
    kept = runs_of(short_store, "sweep")
    assert len(kept) == 1
    run_id = kept["run_id"].iloc[0]
    assert f"Kept as {run_id}" in shown(page)
    assert kept["summary"].iloc[0]["levels"][1]["level"] == 60
    other = fine(opened())
    assert other.text_input[0].value == "0, 25, 50, 75, 100"
    other.button(key=f"open-{run_id}").click().run()
    fine(other)
    assert other.text_input[0].value == "0, 60"
    assert other.date_input[0].value == date(2030, 8, 20)
    assert other.query_params["end"] in ("2030-09-10", ["2030-09-10"])


def test_compare_says_what_a_policy_changes(short_store: Path) -> None:
    page = fine(opened(view="compare"))
    text = shown(page)
    assert "Under “No measures from 2030-08-14” instead of the policy that was in force" in text
    assert "80% interval" in text and "unlike anything in training" in text
    assert "Workplaces, visits:" in text and "points more" in text
    assert len(charts(page)) == 4
    assert any("policytwin compare meridia" in item.value for item in page.code)


def test_several_what_ifs_and_their_days_are_in_the_link(short_store: Path) -> None:
    page = fine(opened(what="strictest-week,lifted-later", shift="45"))
    assert page.segmented_control[0].value == "compare"
    text = shown(page)
    assert "Measures lifted 45 days later" in text and "held from 2030-08-14" in text
    assert page.number_input[0].value == 45
    box(page, "Draw").set_value("difference").run()
    fine(page)
    assert page.query_params["draw"] in ("difference", ["difference"])
    box(page, "Step").set_value("day").run()
    assert any(item.value.startswith("**") and "by day" in item.value for item in fine(page).markdown)


def test_a_scenario_from_the_policy_page_is_compared_as_it_is_named(short_store: Path) -> None:
    inputs = open_study("meridia")
    name = "<b>Schools</b> *open* [x](y)"
    with Store(short_store) as store:
        scenario = inputs.timeline.with_constant({"C1": 3}, date(2030, 8, 14), name=name)
        other = inputs.timeline.tightened(1, start=date(2030, 8, 14), name="Tighter")
        for item in (scenario, other):
            save_timeline(store, inputs.study, item)
    page = fine(opened(scenario=scenario.id))
    assert page.segmented_control[0].value == "compare"
    assert box(page, "Saved scenarios").value == [scenario.id]
    assert any(name in str(item.value) for item in page.text)
    assert not any(name in str(item.value) for item in [*page.markdown, *page.caption])
    legend = [trace.get("name") for trace in charts(page)[0]["data"]]
    assert legend == ["&lt;b&gt;Schools&lt;/b&gt; *open* [x](y)"]
    box(page, "Compared with").set_value(other.id).run()
    fine(page)
    assert "instead of “Tighter”" in shown(page)
    assert any("policytwin compare" in item.value and "--reference" in item.value for item in page.code)
    assert any("CompareRequest(" in item.value and "reference=" in item.value for item in page.code)


def test_coming_back_by_a_link_shows_what_the_link_says(short_store: Path) -> None:
    inputs = open_study("meridia")
    with Store(short_store) as store:
        scenario = inputs.timeline.tightened(1, start=date(2030, 8, 14), name="Tighter")
        save_timeline(store, inputs.study, scenario)
    page = fine(opened(levels="5,95"))
    assert page.segmented_control[0].value == "sweep"
    for _ in range(2):
        page.switch_page("app.py").run()
        page.switch_page("pages/5_Counterfactuals.py")
        for name in list(page.query_params):
            del page.query_params[name]
        page.query_params["study"] = "meridia"
        page.query_params["scenario"] = scenario.id
        fine(page.run())
        assert page.segmented_control[0].value == "compare"
        assert box(page, "Saved scenarios").value == [scenario.id]
        assert box(page, "What-ifs made on the spot").value == []


def test_nothing_chosen_says_what_to_do(short_store: Path) -> None:
    page = opened(view="compare")
    box(page, "What-ifs made on the spot").set_value([]).run()
    fine(page)
    assert "Choose at least one" in shown(page) and not charts(page)


def test_a_comparison_is_kept_with_its_policies_and_opened_again(short_store: Path) -> None:
    page = opened(view="compare", what="lifted-earlier")
    page.button(key="keep-compare").click().run()
    fine(page)
    kept = runs_of(short_store, "compare")
    assert len(kept) == 1
    other = opened(view="compare")
    other.button(key=f"open-{kept['run_id'].iloc[0]}").click().run()
    fine(other)
    assert box(other, "What-ifs made on the spot").value == []
    assert box(other, "Saved scenarios").value == kept["parameters"].iloc[0]["scenarios"]
    assert "Measures lifted 30 days earlier" in shown(other)


def test_edited_people_keep_the_calibration(short_store: Path) -> None:
    with Store(short_store) as store:
        run = latest_run(store, "meridia")
        assert run is not None and run.record.population_id is not None
        people = load_population(store, run.record.population_id)
        other = "male" if people.personas["sex"].iloc[0] == "female" else "female"
        edited = edit_persona(people, 0, {"sex": other})
        identifier = save_population(
            store, load_study("meridia"), edited, "One person changed", run.record.population_id
        )
    page = fine(opened(people=identifier))
    assert box(page, "People").value == identifier
    assert "nothing is refitted" in str(box(page, "People").help)
    page.button(key="keep-sweep").click().run()
    fine(page)
    assert runs_of(short_store, "sweep")["population_id"].iloc[0] == identifier


@pytest.mark.parametrize("view", ["sweep", "compare"])
def test_many_personas_are_worked_on_beside_the_page(
    short_store: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    module = __import__(f"pages.views.counterfactuals.{view}", fromlist=["AT_ONCE_UP_TO"])
    monkeypatch.setattr(module, "AT_ONCE_UP_TO", 0)
    page = fine(opened(view=view, start="2030-09-01"))
    assert not charts(page) and "beside the page" in shown(page)
    page.button(key=f"{view}-start").click().run()
    wait_for_jobs()
    fine(page.run())
    assert len(charts(page)) >= 3
    kept = runs_of(short_store, view)
    assert len(kept) == 1 and f"Kept as {kept['run_id'].iloc[0]}" in shown(page)


def test_without_a_run_the_page_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "empty.duckdb"))
    page = fine(opened())
    assert "has not been run yet" in shown(page) and not charts(page)


# ---- figures from plain tables


def _sweep_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "level": [0.0, 100.0] * 2,
            "realised": [0.0, 100.0] * 2,
            "behaviour": ["a", "a", "b", "b"],
            "label": ["A", "A", "B", "B"],
            "mean": [1.0, -5.0, 2.0, 3.0],
            "lower": [0.5, -6.0, 1.0, 2.0],
            "upper": [1.5, -4.0, 3.0, 4.0],
            "outside": [False, True] * 2,
            "similar": [9, 0] * 2,
        }
    )


def test_figures_carry_units_dates_and_sources() -> None:
    reference = pd.DataFrame(
        {
            "behaviour": ["a", "b"],
            "label": ["A", "B"],
            "stringency": 40.0,
            "forecast": [0.0, 2.5],
            "observed": [1.0, None],
        }
    )
    rows = _sweep_rows()
    figure = sweep_figure(rows, reference, source="here")
    assert "Stringency realised" in str(figure.layout.xaxis.title.text)
    assert "% change from baseline" in str(figure.layout.yaxis.title.text)
    heat = level_heatmap(rows, source="here")
    assert heat.data[0].z.tolist() == [[1.0, -5.0], [2.0, 3.0]]
    groups = pd.DataFrame({"category": ["x_y", "z"], "realised": [0.0, 0.0], "mean": [1.0, None]})
    assert [trace.name for trace in sweep_group_figure(groups, "A", "kind", source="here").data] == ["X y"]
    changes = pd.DataFrame(
        {
            "category": ["<i>x</i>", "z", "none"],
            "difference": [1.0, -2.0, None],
            "lower": [0.5, -3.0, None],
            "upper": [1.5, -1.0, None],
            "people": [5000, 10, 7],
        }
    )
    dots = group_figure(changes, -0.5, title="Who", source="here")
    assert list(dots.data[0].y) == ["&lt;i&gt;x&lt;/i&gt;", "Z"]
    contrast = rows.assign(scenario="S", difference=rows["mean"], outside_days=0, days=3).drop_duplicates("label")
    assert contrast_figure(contrast, reference="the rest", source="here").data[0].name == "S"
    path = pd.DataFrame(
        {
            "name": ["In force", "S", "Observed data"],
            "date": pd.to_datetime(["2030-08-14"] * 3),
            "value": [1.0, 2.0, 3.0],
            "lower": [0.5, 1.5, None],
            "upper": [1.5, 2.5, None],
            "stringency": [10.0, 20.0, None],
            "outside": [False, True, False],
        }
    )
    over_time = paths_figure(path, reference="In force", label="A", difference=False, weekly=False, source="here")
    assert "Stringency" in str(over_time.layout.yaxis2.title.text)
    for item in (figure, heat, dots, over_time):
        assert any("Source: here" in str(note.text) for note in item.layout.annotations)
    assert readable("born_here") == "Born here"


def test_a_goal_is_sought_and_taken_as_a_scenario(short_store: Path) -> None:
    page = fine(opened(view="goal", goal="transit", side="most", bound="-56", moved="C6,C7"))
    said = " ".join(item.value for item in page.markdown).replace("\\", "")
    assert "Keep transit stations at or below −56" in said
    assert "policy in force comes to" in said
    if "No combination" in said:
        page.number_input[0].set_value(-30.0)
        page = fine(page.run())
    page.button(key="goal-save").click()
    page = fine(page.run())
    assert any("Saved" in item.value for item in page.success)
