"""`bench-pages`: what it says and what it refuses; measuring itself takes minutes and is done by the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.report.renderers.terminal import terminal_text
from core.report.sentences.benchmarks import bench_pages_document
from core.services.benchmarks.pages import VIEWS, BenchPagesRequest, PagesResult, ViewTime, benchmark_pages

ROOT = Path(__file__).resolve().parents[2]


def test_it_measures_every_page_that_there_is() -> None:
    pages = {path.stem.split("_", 1)[1] for path in (ROOT / "pages").glob("[0-9]*_*.py")}
    measured = {path.partition("?")[0] for path in VIEWS.values()} - {""}
    assert pages - measured <= {"Survey_twins", "Reference"}, "a new page is measured too"
    assert measured <= pages


def test_its_figures_are_read_beside_what_was_promised() -> None:
    result = PagesResult(
        study="uae", machine="here", runs=50, start=2.0, warm=0.25, warm_95=0.9, actions={"a new what-if on Home": 1.0},
        views=(ViewTime(view="Home", cold=2.5, warm=0.2, slowest=0.3),),
    )  # fmt: skip
    text = terminal_text(bench_pages_document(result))
    assert "0.25 s at the median (0.3 promised)" in text and "a new what-if on Home" in text
    assert PagesResult.from_dict(result.as_dict()) == result


def test_what_it_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="runs 0"):
        BenchPagesRequest(runs=0)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="no Chromium"):
        benchmark_pages(BenchPagesRequest(runs=1))
