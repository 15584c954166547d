"""How long pages take in a real browser: on a store of its own with many runs, from a process of its own, as a user sees it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np

from core.errors import InputError, PolicyTwinError
from core.execution.progress import ProgressReporter
from core.options import option
from core.result import Result
from core.services.benchmarks.engine import machine
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.settings import DATA_VARIABLE, browser_program, observed_data
from core.store.database import Store

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Views by the address that opens them.
VIEWS = {
    "Home": "", "Population": "Population", "Policy timeline": "Policy_timeline", "Simulate": "Simulate",
    "Calibration": "Calibration", "Sweep": "Counterfactuals?view=sweep", "Compare": "Counterfactuals?view=compare",
    "Seek a goal": "Counterfactuals?view=goal", "Look ahead": "Counterfactuals?view=ahead", "Validation": "Validation",
    "Library": "Library", "Data": "Data", "Reference": "Reference", "Society lab": "Society_lab", "Respondents": "Respondents",
}  # fmt: skip
PATIENCE = 120_000
#: People and trials of the runs that only fill the store.
SMALL_PERSONAS, SMALL_TRIALS = 40, 1
#: Seconds that were promised: warm reruns at the median and the 95th percentile, a cold link, a first start, a new what-if.
WARM, WARM_95, COLD, WHAT_IF, SWEEP = 0.3, 1.0, 3.0, 2.0, 2.0
_SETTLED = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('[data-testid="stMain"] h1')
        && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stMain"] [data-stale="true"]');
}"""
#: Notes the moment at which the script that runs next has ended.
_WATCH = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    let ran = false;
    window.benchBegan = performance.now();
    window.benchEnded = null;
    const seen = new MutationObserver(() => {
        if (app.dataset.testScriptState !== 'notRunning') { ran = true; }
        else if (ran) { window.benchEnded = performance.now(); seen.disconnect(); }
    });
    seen.observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
}"""


@dataclass(frozen=True)
class BenchPagesRequest:
    """Every view of a study in Chromium, on a store with so many `runs`; each is run again `repeat` times."""

    study: str = option("a study (default: meridia)", "meridia", positional=True)
    data: Path | None = option("folder of observations", None, word="DIR")
    runs: int = option("finished runs in the store (default 50)", 50)
    repeat: int = option("warm reruns of each view (default 5)", 5)

    def __post_init__(self) -> None:
        for name in ("runs", "repeat"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"{name} {getattr(self, name)}", where="bench-pages", allowed="1 and above", nearest="1"
                )


@dataclass(frozen=True, kw_only=True)
class ViewTime:
    """Seconds of a view: by a link in a new session, and of reruns at the median and the slowest."""

    view: str
    cold: float
    warm: float
    slowest: float


@dataclass(frozen=True, kw_only=True)
class PagesResult(Result):
    """Seconds: from starting the program to its first page, of each view, over all reruns at the median and the 95th
    percentile, and of what an analyst does (`actions`)."""

    study: str
    machine: str
    runs: int
    start: float
    views: tuple[ViewTime, ...]
    warm: float
    warm_95: float
    actions: dict[str, float]


def benchmark_pages(request: BenchPagesRequest, watch: ProgressReporter | None = None) -> PagesResult:
    """Measure. InputError where there is no browser, and where what drives it is not installed."""
    watch = watch or ProgressReporter()
    program = browser_program()
    if program is None:
        raise InputError(
            "no Chromium is on the path", where="bench-pages", allowed="chromium or google-chrome installed"
        )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise InputError(
            "playwright is not installed", where="bench-pages", allowed="pip install -e '.[test]'"
        ) from None
    with tempfile.TemporaryDirectory(prefix="policytwin-bench-") as folder:
        store = Path(folder) / "bench.duckdb"
        _fill(store, request, watch)
        began = time.perf_counter()
        with _served(store, request.data) as address, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.goto(f"{address}/?study={request.study}")
            page.wait_for_selector('[data-testid="stMain"] h1', timeout=PATIENCE)
            start = time.perf_counter() - began
            page.wait_for_function(_SETTLED, timeout=PATIENCE)
            views, reruns = [], []
            for number, (name, path) in enumerate(VIEWS.items()):
                watch.report("bench-pages", number, len(VIEWS), "views")
                page.context.close()
                page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
                cold = _opened(page, f"{address}/{path}{'&' if '?' in path else '?'}study={request.study}")
                warm = [_rerun(page) for _ in range(request.repeat)]
                reruns += warm
                views.append(ViewTime(view=name, cold=cold, warm=round(median(warm), 3), slowest=round(max(warm), 3)))
            actions = _actions(page, address, request.study)
            browser.close()
    return PagesResult(
        study=request.study, machine=machine(), runs=request.runs, start=round(start, 2), views=tuple(views),
        warm=round(median(reruns), 3), warm_95=round(float(np.quantile(reruns, 0.95)), 3), actions=actions,
    )  # fmt: skip


def _fill(store: Path, request: BenchPagesRequest, watch: ProgressReporter) -> None:
    """Small runs, and a whole one last, which is the one that pages show."""
    with Store(store) as opened:
        for number in range(request.runs - 1):
            watch.report("bench-pages", number, request.runs, "runs in the store")
            run_study(
                RunRequest(request.study, request.data, personas=SMALL_PERSONAS, trials=SMALL_TRIALS, seed=number + 1),
                opened,
            )
        run_study(RunRequest(request.study, request.data), opened)


@contextmanager
def _served(store: Path, data: Path | None) -> Iterator[str]:
    """The dashboard on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = observed_data(data)
    environment = {**os.environ, **({} if folder is None else {DATA_VARIABLE: str(folder)})}
    command = [sys.executable, "-m", "core.cli", "--no-browser", "--port", str(port), "--db", str(store)]
    server = subprocess.Popen(  # noqa: S603 (our own module, no shell)
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            if server.poll() is not None:
                raise PolicyTwinError("the dashboard did not start")
            try:
                with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                    break
            except (URLError, OSError):
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _opened(page: Page, address: str) -> float:
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_function(_SETTLED, timeout=PATIENCE)
    return round(time.perf_counter() - began, 3)


def _rerun(page: Page) -> float:
    """A whole script run, by Streamlit's own key."""
    page.evaluate("document.activeElement && document.activeElement.blur()")
    page.evaluate(_WATCH)
    page.keyboard.press("r")
    return _ended(page)


def _ended(page: Page) -> float:
    page.wait_for_function("window.benchEnded !== null", timeout=PATIENCE)
    page.wait_for_function(_SETTLED, timeout=PATIENCE)
    return round(float(page.evaluate("(window.benchEnded - window.benchBegan) / 1000")), 3)


def _actions(page: Page, address: str, study: str) -> dict[str, float]:
    """New questions on Home, and a sweep of levels that were not asked for yet."""
    found: dict[str, Any] = {}
    _opened(page, f"{address}/?study={study}")
    pills = page.locator('[data-testid="stMain"] [data-testid="stButtonGroup"]').first.get_by_role("radio")
    times = []
    for place in range(1, min(pills.count(), 4)):
        page.evaluate(_WATCH)
        pills.nth(place).click()
        times.append(_ended(page))
    if times:
        found["a new what-if on Home"] = round(median(times), 3)
    found["a sweep of new levels, by link"] = _opened(
        page, f"{address}/Counterfactuals?study={study}&view=sweep&levels=5,35,65,95"
    )
    return found
