"""The Policy timeline page, driven as an analyst would on a store with one run of Meridia."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from page_cases import end_jobs
from streamlit.testing.v1 import AppTest

from core.policy.scenario import load_scenario, scenario_text
from core.policy.timeline import PolicyTimeline
from core.services.policies.drafts import edit_draft, start_draft
from core.services.policies.timelines import keep_draft, load_draft, load_timeline, save_scenario, saved_scenarios
from core.services.studies.inputs import open_study
from core.store.database import Store

ROOT = Path(__file__).resolve().parents[2]
PAGE = "pages/2_Policy_timeline.py"


@pytest.fixture
def page(meridia_store: Path) -> Iterator[AppTest]:
    """The page, not yet run; the store's connection is given back at the end."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page(PAGE)
    app.query_params["study"] = "meridia"
    yield app
    from pages.common.shell import open_store

    open_store(str(meridia_store)).close()
    end_jobs()


def shown(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def button(app: AppTest, label: str, number: int = 0) -> object:
    return [item for item in app.button if item.label == label][number]


def widget(items: object, label: str, number: int = 0) -> object:
    return [item for item in items if item.label == label][number]


def parameter(app: AppTest, name: str) -> str:
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]


def errors(app: AppTest) -> list[str]:
    return [item.value for item in app.error]


def texts(app: AppTest) -> str:
    return "\n".join(item.value for item in app.text)


def apply(app: AppTest, number: int = 0) -> AppTest:
    return shown(button(app, "Apply to the draft", number).click().run())


def draft_of_store(path: Path) -> object:
    """The one draft that is kept, whoever's it is."""
    inputs = open_study("meridia")
    with Store(path) as store:
        found = store.read("drafts")
        assert len(found) <= 1
        return None if found.empty else PolicyTimeline.from_dict(found.iloc[0]["content"], inputs.study)


def test_the_observed_policy_is_drawn_with_its_split_source_and_no_draft(page: AppTest) -> None:
    app = shown(page.run())
    assert len(app.get("plotly_chart")) == 1
    spec = app.get("plotly_chart")[0].proto.spec
    assert "School closing" in spec and "training to 31 Mar 2031" in spec
    assert any(item.value.startswith("**Meridia (fictional): policy") for item in app.markdown), "a title as text"
    captions = " ".join(item.value for item in app.caption)
    assert "never refits the calibration" in captions and "fictional: Meridia" in captions
    assert [item.value for item in app.metric][1] == "–"
    assert "scenario" not in app.query_params and parameter(app, "days") == "all"
    assert "Schools and universities run as usual" in texts(app)


def test_an_edit_shows_its_effect_beside_it(page: AppTest) -> None:
    app = shown(page.run())
    said = " ".join(item.value for item in app.markdown)
    assert "What it would change" in said and "80% effect interval" not in said
    app = apply(app)
    said = " ".join(item.value for item in app.markdown)
    assert "points lower** (80% effect interval" in said or "points higher** (80% effect interval" in said
    assert "the truth is known" in " ".join(item.value for item in app.caption)
    assert len(app.get("plotly_chart")) == 2, "the timeline and the effects"


def test_one_measure_is_moved_in_time(page: AppTest, meridia_store: Path) -> None:
    app = shown(page.run())
    widget(app.selectbox, "What to change").set_value("shift")
    app = shown(app.run())
    widget(app.multiselect, "Measures to move (none chosen: all)").set_value(["C1"])
    widget(app.number_input, "Days later (earlier: below 0)").set_value(-14)
    app = apply(shown(app.run()))
    assert not errors(app) and "School closing: changes from 2031-04-01 on come 14 days earlier" in texts(app)
    observed = open_study("meridia").timeline
    changed = draft_of_store(meridia_store).changes(observed)
    assert changed and all(line.startswith("C1 ") for line in changed)


def test_a_new_working_week_starts_from_the_one_in_force(page: AppTest) -> None:
    app = shown(page.run())
    assert widget(app.multiselect, "Weekly day of rest").value == ["sunday"]
    widget(app.multiselect, "Weekly day of rest").set_value(["friday"])
    app = shown(app.run())
    assert "Friday day of rest, Saturday weekend; instead of Sunday day of rest, Saturday weekend" in texts(app)


def test_holding_a_measure_makes_a_draft_that_is_drawn_said_and_kept(page: AppTest, meridia_store: Path) -> None:
    app = shown(page.run())
    widget(app.selectbox, "Measure").set_value("C5")
    app = shown(app.run())
    assert "2 · Public transport is closed, or most people may not use it" in widget(app.selectbox, "Level").options
    app = apply(app)
    assert not errors(app)
    assert len(app.get("plotly_chart")) == 2
    assert "C5 Close public transport, 2031-04-01" in texts(app)
    assert any("draft" in item.value for item in app.info)
    assert draft_of_store(meridia_store) is not None
    mean = widget(app.metric, "Mean stringency index, hold-out")
    assert "against its parent" in mean.delta and mean.delta.startswith("+")
    undone = shown(button(app, "Undo").click().run())
    assert len(undone.get("plotly_chart")) == 1 and draft_of_store(meridia_store) is None


def test_a_wrong_edit_is_refused_in_one_line_and_the_draft_stays(page: AppTest, meridia_store: Path) -> None:
    app = apply(shown(page.run()))
    before = draft_of_store(meridia_store)
    widget(app.date_input, "To").set_value(date(2031, 3, 1))
    app = apply(app)
    assert len(errors(app)) == 1 and "before start" in errors(app)[0] and "\n" not in errors(app)[0]
    assert draft_of_store(meridia_store) == before


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("remove", "no measure"),
        ("tighten", "instead of"),
        ("shift", "instead of"),
        ("stringency", "instead of"),
    ],
)
def test_each_quick_edit_does_what_it_says(page: AppTest, meridia_store: Path, kind: str, said: str) -> None:
    app = shown(page.run())
    app = shown(widget(app.selectbox, "What to change").set_value(kind).run())
    if kind == "remove":
        app = shown(widget(app.selectbox, "Measure").set_value("H6").run())
    app = apply(app)
    assert not errors(app) and said in texts(app)
    draft, observed = draft_of_store(meridia_store), open_study("meridia").timeline
    window = observed.dates[observed.dates > "2031-03-31"]
    stringency = draft.stringency(window)
    if kind == "remove":
        assert (draft.levels(window)["H6"] == 0).all()
    elif kind == "tighten":
        assert (stringency >= observed.stringency(window)).all()
    elif kind == "shift":
        assert (
            stringency.iloc[0] == observed.stringency(window[:1]).iloc[0] or stringency.iloc[20] != stringency.iloc[0]
        )
    else:
        assert stringency.nunique() == 1 and abs(stringency.iloc[0] - 50) < 5
    earlier = observed.dates[observed.dates <= "2031-03-31"]
    assert (draft.levels(earlier).fillna(-1) == observed.levels(earlier).fillna(-1)).all(axis=None)


def test_the_working_week_and_holidays_can_be_edited(page: AppTest, meridia_store: Path) -> None:
    app = shown(page.run())
    app = shown(widget(app.multiselect, "Half days").set_value(["friday"]).run())
    app = apply(app, 1)
    assert not errors(app) and "Friday" in texts(app)
    app = shown(widget(app.selectbox, "What to change", 1).set_value("add").run())
    widget(app.text_input, "Name of the holiday").set_value("Rain **day**")
    app = apply(shown(app.run()), 1)
    assert not errors(app)
    app = shown(widget(app.selectbox, "What to change", 1).set_value("strike").run())
    widget(app.selectbox, "Holiday").set_value(date(2031, 8, 14))
    app = apply(shown(app.run()), 1)
    draft = draft_of_store(meridia_store)
    assert draft.calendar.working_weeks[-1].half_days == (4,)
    days = {item.day: item.name for item in draft.calendar.holidays}
    assert days[date(2031, 4, 1)] == "Rain **day**" and date(2031, 8, 14) not in days


def test_the_table_edits_the_draft_and_refuses_by_row(page: AppTest, meridia_store: Path) -> None:
    app = shown(page.run())
    key = f"rows-1-{open_study('meridia').timeline.id}"
    app.session_state[key] = {"edited_rows": {0: {"Level": 4}}, "added_rows": [], "deleted_rows": []}
    app = shown(app.run())
    assert len(errors(app)) == 1 and "Row 1 (School closing)" in errors(app)[0] and "1 to 3" in errors(app)[0]
    assert draft_of_store(meridia_store) is None
    app.session_state[key] = {"edited_rows": {0: {"Level": 3}}, "added_rows": [], "deleted_rows": []}
    app = shown(app.run())
    first = open_study("meridia").timeline.interventions[0]
    assert not errors(app) and f"C1 School closing, {first.start} to {first.end}: level 3" in texts(app)
    added = {"Measure": "Close public transport", "Level": 1}
    app.session_state[key] = {"edited_rows": {0: {"Level": 3}}, "added_rows": [added], "deleted_rows": []}
    app = shown(app.run())
    assert "New row 1 (Close public transport): no scope is chosen" in errors(app)[0].replace("\\", "")
    draft = draft_of_store(meridia_store)
    assert draft.interventions[0].level == 3
    app.session_state[key] = {"edited_rows": {0: {"Level": 3}}, "added_rows": [], "deleted_rows": [1, 2]}
    app = shown(app.run())
    assert len(draft_of_store(meridia_store).interventions) == len(draft.interventions) - 2


def test_saving_needs_a_name_and_puts_the_scenario_in_the_url(page: AppTest, meridia_store: Path) -> None:
    app = apply(shown(page.run()))
    app = shown(button(app, "Save scenario").click().run())
    assert "no name" in errors(app)[0] and draft_of_store(meridia_store) is not None
    widget(app.text_input, "Name of the scenario").set_value("<b>Schools</b> *closed*")
    app = shown(button(shown(app.run()), "Save scenario").click().run())
    assert not errors(app)
    inputs = open_study("meridia")
    with Store(meridia_store) as store:
        kept = saved_scenarios(store, inputs.study)
        saved = load_timeline(store, inputs.study, kept["timeline_id"].iloc[0])
    assert saved.name == "<b>Schools</b> *closed*" and saved.parent_id == inputs.timeline.id
    assert parameter(app, "scenario") == saved.id
    assert widget(app.selectbox, "Timeline to look at and to edit").value == saved.id
    assert draft_of_store(meridia_store) is None
    link = next(
        item for item in app.get("page_link") if "Counterfactuals" in item.proto.label and "change" in item.proto.label
    )
    assert f"scenario={saved.id}" in link.proto.query_string
    spec = app.get("plotly_chart")[0].proto.spec
    assert "<b>Schools</b>" not in spec and "&lt;b&gt;Schools" in spec
    table = next(item.value for item in app.dataframe if "name" in item.value)
    assert list(table["name"]) == [saved.name] and list(table["parent"]) == ["Observed"]


def seeded(path: Path) -> str:
    """A saved scenario in the store, and its id."""
    inputs = open_study("meridia")
    edit = {"set": "C1", "level": 0, "start": date(2031, 6, 1), "end": date(2031, 8, 31)}
    with Store(path) as store:
        draft = edit_draft(start_draft(inputs.timeline), [edit], "x")
        return save_scenario(store, inputs.study, draft, inputs.timeline, "Open summer")


def test_a_link_shows_the_scenario_and_the_days_it_names(page: AppTest, meridia_store: Path) -> None:
    identifier = seeded(meridia_store)
    page.query_params["scenario"] = identifier
    page.query_params["days"] = "2031-05-01..2031-09-30"
    app = shown(page.run())
    assert widget(app.selectbox, "Timeline to look at and to edit").value == identifier
    assert any("policy 1 May 2031 to 30 Sep 2031" in item.value for item in app.markdown)
    assert parameter(app, "scenario") == identifier and parameter(app, "days") == "2031-05-01..2031-09-30"
    observed = open_study("meridia").timeline.levels()["C1"]
    closed = int((observed["2031-06-01":"2031-08-31"] > 0).sum())
    assert 0 < closed <= 92 and f"{closed} of 275" in [item.value for item in app.metric]


@pytest.mark.parametrize("wrong", ["nonsense", "'; DROP TABLE timelines; --", "<script>"])
def test_an_unknown_scenario_or_period_in_the_link_is_said_and_the_observed_shown(page: AppTest, wrong: str) -> None:
    page.query_params["scenario"] = wrong
    page.query_params["days"] = wrong
    app = shown(page.run())
    assert any("not in this store" in item.value for item in app.warning)
    assert widget(app.selectbox, "Timeline to look at and to edit").value == "observed"
    assert "scenario" not in app.query_params and parameter(app, "days") == "all"


def test_a_scenario_that_cannot_be_read_is_said_and_can_be_deleted(page: AppTest, meridia_store: Path) -> None:
    identifier = seeded(meridia_store)
    with Store(meridia_store) as store:
        store.delete("interventions", timeline_id=identifier)
    page.query_params["scenario"] = identifier
    app = shown(page.run())
    assert len(errors(app)) == 1 and not app.get("plotly_chart")
    app = shown(button(app, "Delete this scenario").click().run())
    assert not errors(app) and len(app.get("plotly_chart")) == 1
    with Store(meridia_store) as store:
        assert saved_scenarios(store, open_study("meridia").study).empty


def test_a_scenario_can_be_edited_further_downloaded_and_deleted(
    page: AppTest, meridia_store: Path, tmp_path: Path
) -> None:
    identifier = seeded(meridia_store)
    page.query_params["scenario"] = identifier
    app = apply(shown(page.run()))
    inputs = open_study("meridia")
    with Store(meridia_store) as store:
        saved = load_timeline(store, inputs.study, identifier)
        assert load_draft(store, inputs.study, saved, parameter(app, "draft")).parent_id == identifier
    # What "Reproduce this" says has to be true: the Python of the page runs on the file it offers.
    code = next(item.value for item in app.code if "load_scenario" in item.value)
    path = tmp_path / f"{identifier}.toml"
    path.write_text(scenario_text(saved, inputs.timeline), encoding="utf-8")
    assert load_scenario(path, inputs.timeline).level_changes(saved) == []
    exec(compile(code.replace(repr(path.name), repr(str(path))), "page", "exec"), {})
    app = shown(button(app, "Yes, delete it").click().run())
    assert "scenario" not in app.query_params and not errors(app)
    with Store(meridia_store) as store:
        assert saved_scenarios(store, inputs.study).empty and store.read("drafts").empty


def test_a_draft_of_an_earlier_visit_is_there_again(page: AppTest, meridia_store: Path) -> None:
    inputs = open_study("meridia")
    with Store(meridia_store) as store:
        draft = edit_draft(start_draft(inputs.timeline), [{"tighten": 1}], "x")
        keep_draft(store, inputs.study, inputs.timeline, draft.renamed("Kept", parent_id=inputs.timeline.id))
    app = shown(page.run())
    assert len(app.get("plotly_chart")) == 2
    assert widget(app.text_input, "Name of the scenario").value == "Kept"
    app = shown(button(app, "Yes, drop the draft").click().run())
    assert len(app.get("plotly_chart")) == 1 and draft_of_store(meridia_store) is None
    assert draft_of_store(meridia_store) is None
    app = shown(button(app, "Undo").click().run())
    assert draft_of_store(meridia_store) is not None


def test_a_draft_is_its_session_s_own_and_survives_a_reload(page: AppTest, meridia_store: Path) -> None:
    app = apply(shown(page.run()))
    token = parameter(app, "draft")

    def visit(**parameters: str) -> AppTest:
        other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        other.switch_page(PAGE)
        for name, value in {"study": "meridia", **parameters}.items():
            other.query_params[name] = value
        return shown(other.run())

    stranger = visit()
    assert len(stranger.get("plotly_chart")) == 1 and parameter(stranger, "draft") != token
    assert len(visit(draft=token).get("plotly_chart")) == 2, "the same address after a reload"
    assert len(visit(draft="<b>" + token).get("plotly_chart")) == 1


def test_leaving_what_training_saw_is_a_warning_with_the_days_counted(page: AppTest) -> None:
    app = shown(page.run())
    app = shown(widget(app.selectbox, "What to change").set_value("stringency").run())
    app = shown(app.slider[0].set_value(100).run())
    app = apply(app)
    warning = next(item.value for item in app.warning if "unlike anything" in item.value)
    assert "On 275 of 275 days of the hold-out the draft" in warning
    assert "275 of 275" in [item.value for item in app.metric]
