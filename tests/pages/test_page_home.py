"""The first screen, and how the dashboard is opened."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path
from urllib.request import urlopen

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import InputError
from core.report.sentences.overview import overview
from core.services.counterfactuals.run import run_sweep
from core.services.dashboard.opening import check_free, prepare_embedded
from core.services.policies.timelines import delete_scenario, save_scenario
from core.services.runs.fitted import latest_run
from core.services.runs.run import run_study
from core.services.studies.inputs import list_studies, open_study
from core.services.studies.requests import RunRequest
from core.store.database import Store

ROOT = Path(__file__).resolve().parents[2]


def opened(**parameters: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in parameters.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def text(app: AppTest) -> str:
    return " ".join(str(item.value) for kind in (app.markdown, app.caption, app.info, app.warning) for item in kind)


def test_a_question_is_answered_on_the_first_screen(meridia_store: Path) -> None:
    app = opened()
    assert app.title[0].value == "What would people in Meridia (fictional) do if…"
    questions = app.pills[0]
    assert questions.options[0] == "schools and workplaces had opened in May?" and questions.value == "own-1"
    said = text(app)
    assert "points higher" in said and "80% effect interval" in said  # the effect, and how sure
    assert "it missed by" in said and "best simple forecast" in said  # how far to trust it
    assert "the truth is known: it lies inside" in said  # what Meridia is for
    assert "rules engine" in said
    assert len(app.get("plotly_chart")) == 3
    assert "Report" in [item.proto.label for item in app.get("download_button")]
    with Store(meridia_store) as store:
        run = latest_run(store, "meridia")
        assert run is not None and run.run_id in app.query_params["run"]
        assert f"({run.summary['macro_rmse']['twin']:.1f} against" in said


def test_another_question_and_behaviour_are_in_the_address(meridia_store: Path) -> None:
    app = opened(ask="no-measures", show="workplaces")
    assert app.pills[0].value == "no-measures" and app.selectbox(key="choice-meridia-show").value == "workplaces"
    assert "Workplaces" in text(app)
    before = text(app)
    app.pills[0].set_value("strictest-week").run()
    assert not app.exception and app.query_params["ask"] == "strictest-week" and text(app) != before


def test_two_policies_of_one_name_move_their_own_people(meridia_store: Path) -> None:
    """A scenario that was deleted and made anew under its name is another policy."""
    inputs = open_study("meridia")
    said = []
    for level in (0, 3):
        timeline = inputs.timeline.with_constant({"C2": level}, date(2031, 4, 1))
        with Store(meridia_store) as store:
            kept = save_scenario(store, inputs.study, timeline, inputs.timeline, "Offices")
        app = opened(ask=kept, show="workplaces")
        markers = [json.loads(item.proto.spec)["data"][0]["marker"] for item in app.get("plotly_chart")]
        said.append(next(item["color"] for item in markers if "colorscale" in item))
        with Store(meridia_store) as store:
            delete_scenario(store, inputs.study, kept)
    assert said[0] != said[1]


def test_before_the_first_run_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "empty.duckdb"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    app = opened()
    assert "No twin has been fitted" in text(app) and not app.pills
    assert len(app.get("plotly_chart")) == 1 and any(item.label == "Fit the twin" for item in app.button)


def test_what_is_not_there_is_said_and_the_page_goes_on(meridia_store: Path) -> None:
    app = opened(study="meridian", run="run-nothing", ask="nothing")
    assert "is not available here" in text(app) and "is not in this store" in text(app)
    assert "The link's choice for “ask” is not possible here" in text(app)
    assert app.pills[0].value == "own-1"


def test_the_study_of_the_newest_run_is_opened(meridia_store: Path) -> None:
    with Store(meridia_store) as store:
        run_study(RunRequest("orlo", place="Dale", personas=20, trials=1), store)
    app = opened()
    assert "Dale (fictional)" in app.title[0].value and app.pills[0].options[0] == "no second cut had been ordered?"


def test_the_steps_follow_what_was_done(meridia_store: Path) -> None:
    inputs = open_study("meridia")
    with Store(meridia_store) as store:
        run = latest_run(store, "meridia")
        assert run is not None
        before = overview(store, inputs, run)
        run_sweep(store, run.run_id, [0, 100])
        after = overview(store, inputs, run)
    assert [step.done for step in before.steps] == [True, True, True, True, False]
    assert [step.done for step in after.steps] == [True] * 5 and "1 sweep" in after.steps[-1].text


def test_studies_without_observations_say_what_they_need(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    listed = {item.id: item for item in list_studies()}
    assert listed["meridia"].ready and not listed["uae"].ready and "policytwin data fetch" in listed["uae"].missing


def test_the_embedded_study_is_prepared_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.duckdb"
    assert prepare_embedded(path) is True
    assert prepare_embedded(path) is False
    with Store(path) as store:
        assert len(store.runs(study_id="meridia", status="complete")) == 1


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(InputError, match=rf"cannot listen on 127.0.0.1:{port}.*--port {port + 1}"):
            check_free("127.0.0.1", port)
        command = [sys.executable, "-m", "core.cli", "--port", str(port), "--no-browser"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ), check=False)
        assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    check_free("127.0.0.1", port)


def test_the_first_start_of_all_asks_for_nothing(meridia_store: Path, tmp_path: Path) -> None:
    """`policytwin` as README has it, by somebody whose home is empty: the page is there without a key being pressed."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "BROWSER": "true"}
    command = [sys.executable, "-m", "core.cli", "--port", str(port)]
    started = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip
    try:
        for _ in range(240):
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
                if answer.read() == b"ok":
                    break
            time.sleep(0.25)
        else:
            pytest.fail("no page after a minute")
    finally:
        started.terminate()
        said, _ = started.communicate(timeout=60)
    assert "Email" not in said
