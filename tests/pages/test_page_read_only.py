"""`--read-only`: a stakeholder asks and sees, and nothing in the store changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_cases import opened_page
from streamlit.testing.v1 import AppTest

from core.cli import main
from core.errors import PolicyTwinError, StoreError
from core.execution.executor import IN_THIS_PROCESS
from core.services.dashboard.jobs import JobManager
from core.settings import READ_ONLY_VARIABLE
from core.store.database import Store
from pages.common.shell import PAGES, READ_ONLY_PAGES


@pytest.fixture
def stakeholder(short_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(READ_ONLY_VARIABLE, "1")
    return short_store


def opened(script: str, **query: str) -> AppTest:
    page = opened_page(script, query)
    assert not page.exception and not page.error, [*page.exception, *page.error]
    return page


@pytest.mark.parametrize(("title", "script"), [(title, script) for title, script, _ in PAGES])
def test_pages_that_show_open_and_the_others_say_why_not(stakeholder: Path, title: str, script: str) -> None:
    page = opened(script)
    refused = any("for reading only, without this page" in item.value for item in page.info)
    assert refused == (title not in READ_ONLY_PAGES)


@pytest.mark.parametrize("view", ["sweep", "compare", "goal", "ahead"])
def test_what_if_is_answered_and_offers_nothing_to_keep(stakeholder: Path, view: str) -> None:
    page = opened("pages/5_Counterfactuals.py", view=view, moved="C6", until="2032-01-20")
    assert page.get("plotly_chart")
    assert not [item.label for item in page.button if item.label.startswith(("Keep", "Save"))]


def test_nothing_can_be_written_or_started(stakeholder: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "s.duckdb") as store:
        jobs = JobManager(IN_THIS_PROCESS, store)
        with pytest.raises(PolicyTwinError, match="for reading only"):
            jobs.start("run", "meridia", lambda watch, executor: None)
        store.refuse_writes()
        with pytest.raises(StoreError, match="for reading only"):
            store.delete("labels", object_id="x")
        assert store.runs().empty


def test_a_store_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--read-only", "--no-browser", "--port", "8799", "--db", str(tmp_path / "none.duckdb")]) == 2
    assert "no store to read" in capsys.readouterr().err and not (tmp_path / "none.duckdb").exists()
