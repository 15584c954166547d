"""The Population page, driven as an analyst does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from page_cases import wait_for_jobs
from streamlit.testing.v1 import AppTest

from core.people.personas import Population
from core.report.sentences.populations import CALIBRATION_KEPT
from core.services.counterfactuals.population_effects import effect_of
from core.services.populations.drafts import PopulationDraft, build_population
from core.services.populations.synthesis import make_population, saved_populations
from core.services.runs.fitted import fitted_twin, latest_run
from core.store.database import Store
from core.study import load_study

ROOT = Path(__file__).resolve().parents[2]
TABS = ("Who they are", "Tables", "People", "Effect on the forecast", "Keep", "Sources and assumptions")
#: The personas of the run in the store.
OF_RUN = "200"


def visit(**query: str) -> AppTest:
    """A first visit by link."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    page.switch_page("pages/1_Population.py")
    for name, value in {"study": "meridia", "personas": OF_RUN, **query}.items():
        page.query_params[name] = value
    return plain(page.run())


def plain(page: AppTest) -> AppTest:
    """The page, which never shows a traceback."""
    assert not page.exception, page.exception[0].message
    return page


def captions(page: AppTest) -> str:
    return "\n".join(item.value for item in page.caption)


def texts(page: AppTest) -> str:
    return "\n".join(item.value for item in page.text)


def draft(page: AppTest) -> PopulationDraft:
    found: PopulationDraft = page.session_state["population-draft-meridia"]
    return found


def person_form(page: AppTest, person: int) -> str:
    """The stem of the keys of the form of a person."""
    return f"edit-{draft(page).key}-{person}"


@pytest.mark.parametrize("tab", TABS)
def test_every_part_opens_by_link(meridia_store: Path, tab: str) -> None:
    page = visit(view=tab)
    assert page.title[0].value == "Population"
    assert any("invented" in item.value for item in page.markdown)
    assert [item.value for item in page.metric][:3] == ["200", "4,200,000", "21,000"]
    assert "The largest error is at " in captions(page)
    assert "was made with these people" in captions(page)
    figures = {"Who they are": 2, "Tables": 1, "People": 2}.get(tab, 0)
    assert len(page.get("plotly_chart")) == figures
    assert len(page.get("download_button")) >= figures
    assert not page.error


def test_number_and_seed_make_another_population(meridia_store: Path) -> None:
    page = visit()
    plain(page.number_input(key="personas-choice").set_value(37).run())
    assert page.metric[0].value == "37" and page.query_params["personas"] == "37"
    assert any("37 personas" in item.value for item in page.success)
    assert "was made with other people" in captions(page)
    worst = page.metric[3].value
    plain(page.number_input(key="seed-choice").set_value(5).run())
    assert page.query_params["seed"] == "5"
    expected = make_population(load_study("meridia"), 37, 5)
    assert page.metric[3].value == f"{expected.largest_error:.2f}" != worst
    plain(page.button(key="undo").click().run())
    assert page.metric[3].value == worst and page.query_params["seed"] == "0"


def test_a_table_is_shown_with_its_use_source_and_quality(meridia_store: Path) -> None:
    spec = make_population(load_study("meridia"), 200).spec
    page = visit(view="Tables")
    for marginal in spec.marginals:
        plain(page.selectbox(key="table").select(marginal.name).run())
        assert page.query_params["table"] == marginal.name
        assert marginal.source in texts(page)
        assert ("fitted" if marginal.use == "fit" else "seed only") in texts(page)
    page = visit(view="Tables", table=spec.marginals[-1].name)
    assert page.selectbox(key="table").value == spec.marginals[-1].name


def test_an_edited_person_changes_text_and_forecast_and_can_be_taken_back(meridia_store: Path) -> None:
    page = visit(view="People", person="11")
    before = texts(page)
    assert CALIBRATION_KEPT not in captions(page)
    page.select_slider(key=f"{person_form(page, 11)}-sociability").set_value("very high")
    button = next(item for item in page.button if item.label == "Apply to this person")
    plain(button.click().run())
    assert draft(page).people[0].changes == (("sociability", 0.9),)
    assert texts(page) != before and "Person 11: Need for company" in texts(page)
    assert CALIBRATION_KEPT in captions(page)
    assert len(page.get("plotly_chart")) == 3
    said = captions(page)
    assert "points" in said or "no change" in said
    back = next(item for item in page.button if item.label == "Back to the unedited person")
    plain(back.click().run())
    assert not draft(page).is_edited and texts(page) == before
    plain(page.button(key="undo").click().run())
    assert draft(page).is_edited


def test_a_person_who_cannot_be_is_refused_in_one_line(meridia_store: Path) -> None:
    people = make_population(load_study("meridia"), 200).personas
    adult = int(np.flatnonzero(people["age_group"] == "35-49")[0])
    page = visit(view="People", person=str(adult))
    page.selectbox(key=f"{person_form(page, adult)}-occupation").select("Child")
    plain(next(item for item in page.button if item.label == "Apply to this person").click().run())
    assert len(page.error) == 1 and "\n" not in page.error[0].value and f"persona {adult}" in page.error[0].value
    assert not draft(page).is_edited
    plain(page.run())
    assert not page.error, "said once"


def test_the_search_is_kept_and_an_empty_one_says_what_to_do(meridia_store: Path) -> None:
    page = visit(view="People")
    plain(page.text_input(key="people-words").set_value("no such words anywhere").run())
    assert any("Nobody is like that" in item.value for item in page.info)
    plain(page.text_input(key="people-words").set_value("").run())
    plain(page.multiselect(key="people-filter-meridia").set_value(["Sex: Female"]).run())
    women = int((make_population(load_study("meridia"), 200).personas["sex"] == "female").sum())
    assert f"{women} of 200 personas found" in captions(page)
    assert set(page.dataframe[0].value["Sex"]) == {"Female"}


def test_a_population_is_kept_under_a_name_and_opens_by_link(meridia_store: Path) -> None:
    page = visit(view="Keep", personas="25")
    plain(next(item for item in page.button if item.label == "Keep").click().run())
    assert len(page.error) == 1 and "1 to 80" in page.error[0].value
    page.text_input(key="keep-name").set_value("Twenty-five *stars*")
    plain(next(item for item in page.button if item.label == "Keep").click().run())
    assert any("is kept" in item.value for item in page.success)
    identifier = page.query_params["population"]
    with Store(meridia_store) as store:
        kept = saved_populations(store, load_study("meridia")).set_index("population_id")
    assert kept.loc[identifier, "label"] == "Twenty-five *stars*"
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    other.switch_page("pages/1_Population.py")
    other.query_params["study"], other.query_params["population"] = "meridia", identifier
    plain(other.run())
    assert other.metric[0].value == "25" and draft(other).source == identifier


@pytest.mark.parametrize(
    "query",
    [{"population": "pop-nothing"}, {"personas": "many", "seed": "-1"}, {"table": "x", "view": "x", "person": "x"}],
)
def test_a_link_with_nonsense_shows_the_page(meridia_store: Path, query: dict[str, str]) -> None:
    page = visit(**query)
    assert page.metric[1].value == "4,200,000"
    assert ("population" in query) == bool(page.error)


def test_edits_survive_a_visit_to_another_page(meridia_store: Path) -> None:
    page = visit(view="People", person="11")
    page.select_slider(key=f"{person_form(page, 11)}-sociability").set_value("very high")
    plain(next(item for item in page.button if item.label == "Apply to this person").click().run())
    wanted = draft(page)
    page.switch_page("pages/2_Policy_timeline.py").run()
    plain(page.switch_page("pages/1_Population.py").run())
    assert draft(page) == wanted and wanted.is_edited


def test_without_a_run_the_page_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "empty.duckdb"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    for tab in TABS:
        page = visit(view=tab)
        assert "No run was made yet" in captions(page)
    page = visit(view="Effect on the forecast")
    assert any("Fit the twin first" in item.value for item in page.info)
    assert "Fit the twin on the Calibration page" in captions(visit(view="People"))


def test_a_large_population_is_drawn_beside_the_page(meridia_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.views.population.draft.DRAWN_AT_ONCE", 20)
    monkeypatch.setattr("pages.views.population.draft.FORECAST_AT_ONCE", 20)
    page = visit(personas="31", seed="77")
    assert any("31 people take a while" in item.value for item in page.info)
    wait_for_jobs()
    plain(page.run())
    assert page.metric[0].value == "31"
    page.query_params["view"] = "Effect on the forecast"
    plain(page.run())
    wait_for_jobs()
    plain(page.run())
    assert CALIBRATION_KEPT in captions(page) and len(page.get("plotly_chart")) == 1


def test_the_lines_shown_are_true(meridia_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = visit(view="People", person="11")
    page.select_slider(key=f"{person_form(page, 11)}-sociability").set_value("very high")
    plain(next(item for item in page.button if item.label == "Apply to this person").click().run())
    code = [item.value for item in page.code]
    study, wanted = load_study("meridia"), draft(page)
    with Store(meridia_store) as store:
        run = latest_run(store, "meridia")
        assert run is not None
        population = build_population(store, study, wanted)
        before = build_population(store, study, wanted.unedited)
        effect = effect_of(fitted_twin(store, run.run_id), before, population)
    monkeypatch.chdir(tmp_path)
    made, found = ({}, {})  # type: dict[str, object], dict[str, object]
    for lines, names in zip(code, (made, found), strict=True):
        exec(lines, names)
    people = made["result"]
    assert isinstance(people, Population) and people.content_hash == population.content_hash
    assert found["result"] == effect
