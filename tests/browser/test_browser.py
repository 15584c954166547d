"""The analyst's path in a real Chromium against the real server: open, population, policy, fit, sweep, compare."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from any_model import any_model
from browser_scripts import SETTLED, TILE_OF, TOO_WIDE, wait_for_server
from llm_servers import openai_server
from own_panel import own_panel
from small_runs import TEST_END, TRAIN_END
from survey_cases import asked_about_worry

from core.services.surveys.correct import CorrectionRequest, correct
from core.store.database import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path (on Debian: apt-get install chromium)"),
]
ROOT = Path(__file__).resolve().parents[2]
HOME = re.compile("^What would people in Meridia")
PATIENCE = 60_000  # milliseconds: a shared machine with two cores may be slow
#: Pages that no other test here opens by a link as they are.
PAGES = ("Population", "Simulate", "Calibration", "Counterfactuals", "Respondents", "Library", "Data", "Reference")
#: What axe may find: the contrast of what Streamlit draws as switched off is less.
GRAVE = frozenset({"critical", "serious"})
#: The shortest split, as a link has it.
DAYS = f"train-end={TRAIN_END}&test-end={TEST_END}"
#: Looks like a key, and must be on no page.
KEY = "sk-" + "hush" * 8


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Whatever is expected of a page may take as long as a page may: the usual five seconds are too few under load."""
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=None)


@pytest.fixture(scope="module")
def address(short_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard as `policytwin` serves it, on a copy of the session's store."""
    folder = tmp_path_factory.mktemp("browser")
    store = folder / "policytwin.duckdb"
    shutil.copy(short_run, store)
    with Store(store) as opened:
        asked, people = asked_about_worry(opened)
        (folder / "people.csv").write_text(people)
        correct(CorrectionRequest(asked, folder / "people.csv"), opened)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POLICYTWIN_")}
    environment |= {"OPENAI_API_KEY": KEY, "POLICYTWIN_STUDIES": str(folder / "studies")}
    log = (folder / "server.log").open("w")
    command = [sys.executable, "-m", "core.cli", "--no-browser", "--port", str(port), "--db", str(store)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_server(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        ended = server.wait(timeout=20)
        log.close()
    assert ended == 0, "TERM ends the command"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "and Streamlit with it"
    text = (folder / "server.log").read_text()
    assert "Traceback" not in text, text[-3000:]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    """Who comes back for each test: the scripts of the dashboard are there already, and nothing else is."""
    return browser.new_context()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    context.clear_cookies()
    opened = context.new_page()
    opened.set_viewport_size({"width": 1280, "height": 900})
    asked = asked_hosts(opened)
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()
    assert asked <= {"127.0.0.1"}, "nothing is loaded from anywhere else"


def asked_hosts(page: Page) -> set[str]:
    """The hosts that the page asks for anything; it grows as the page goes on. What is in the page itself has none."""
    hosts: set[str] = set()

    def note(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about"):
            hosts.add(parts.hostname or url)

    page.on("request", lambda request: note(request.url))
    page.on("websocket", lambda socket: note(socket.url))
    return hosts


def settled(page: Page) -> None:
    """Wait until the page has stopped running, and hold it to having no error."""
    page.wait_for_function(SETTLED)
    # A click is on its way to the server for a moment, in which nothing runs yet.
    page.wait_for_timeout(250)
    page.wait_for_function(SETTLED)
    assert page.get_by_test_id("stException").count() == 0, page.get_by_test_id("stException").first.inner_text()


def go(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
    settled(page)


def test_the_analysts_path(address: str, page: Page) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name=HOME)).to_be_visible()
    settled(page)
    body = page.get_by_test_id("stMain")
    expect(body).to_contain_text("80% effect interval")

    go(page, "Population")
    page.get_by_test_id("stMain").get_by_text("100", exact=True).first.click()
    settled(page)
    expect(body).to_contain_text("42,000")  # 4,200,000 inhabitants over 100 personas
    page.get_by_role("tab", name="People").click()
    settled(page)
    expect(body).to_contain_text("Apply to this person")

    go(page, "Policy timeline")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    page.get_by_role("button", name="Apply to the draft").click()
    settled(page)
    expect(body).not_to_contain_text("Nothing is changed yet")
    page.get_by_label("Name of the scenario").fill("Schools shut <b>all year</b>")
    page.get_by_label("Name of the scenario").press("Enter")
    settled(page)
    page.get_by_role("button", name="Save scenario").click()
    settled(page)
    expect(body).to_contain_text("Schools shut <b>all year</b>")

    go(page, "Calibration")
    page.get_by_text("Fit the twin", exact=True).first.click()
    trials = page.get_by_label("Number of trials", exact=True)
    trials.fill("2")
    trials.press("Enter")
    settled(page)
    before = re.search(r"run=(run-[^&]+)", page.url)[1]  # type: ignore[index]
    page.get_by_role("button", name=re.compile("^Fit")).click()
    page.wait_for_function("run => !location.search.includes(run)", arg=before)
    settled(page)
    expect(body).to_contain_text("The twin misses by")

    go(page, "Counterfactuals")
    expect(body).to_contain_text("How sure")
    expect(body).to_contain_text("Each stricter level")
    expect(body).to_contain_text("it is not a causal effect")
    levels = page.get_by_label("Stringency levels, 0 to 100", exact=True)
    levels.fill("0, 101")
    levels.press("Enter")
    settled(page)
    expect(body).to_contain_text("0 to 100")
    levels.fill("10, 90")
    levels.press("Enter")
    settled(page)
    expect(body).to_contain_text("Keep this sweep")
    page.get_by_text("Compare policies", exact=True).click()
    settled(page)
    expect(body).to_contain_text("points")


def accessible(page: Page, *, but: frozenset[str] = GRAVE) -> None:
    """Hold a page to having nothing that axe calls as bad as `but`, and to fitting a narrow screen; its width stays.

    Excepted is the contrast of the link to this page, which Streamlit draws as switched off."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    assert "Page not found" not in page.content()
    here = f"<p>{page.get_by_role('heading', level=1).inner_text()}</p>"
    found = {}
    for item in axe.Axe().run(page).response["violations"]:
        elements = [node["html"][:300] for node in item["nodes"] if node["html"] != here]
        if elements and item["impact"] in but:
            found[item["id"]] = (item["impact"], elements)
    assert not found, found
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": 390, "height": 844})
    settled(page)
    assert page.evaluate(TOO_WIDE) <= 0, "nothing is cut off on a narrow screen"
    page.set_viewport_size(size)


def test_a_question_and_its_answer_fit_one_screen(address: str, page: Page) -> None:
    """Home at 1280 × 800 without scrolling: question, picture, effects, people, trust; then another question and a person."""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{address}/?study=meridia")
    settled(page)
    for text in ("schools and workplaces had opened", "80% effect interval", "Compared with what was done", "Who is moved",
                 "How far to trust this", "the truth is known"):  # fmt: skip
        expect(page.get_by_text(re.compile(text)).first).to_be_in_viewport()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    accessible(page)
    page.get_by_text("the strictest week had gone on?").click()
    settled(page)
    assert "ask=strictest-week" in page.url
    page.get_by_role("button", name="Meet one").click()
    expect(page.get_by_test_id("stPopoverBody")).to_contain_text("on an average day")
    page.keyboard.press("Escape")
    with page.expect_download() as report:
        page.get_by_role("button", name="Report").click()
    text = report.value.path().read_text(encoding="utf-8")
    assert "if the strictest week had gone on?" in text and "policytwin compare meridia" in text


@pytest.mark.parametrize("name", PAGES)
def test_a_first_visit_by_deep_link_works_and_is_accessible(address: str, page: Page, name: str) -> None:
    """In a session of its own, without cookies: the page is drawn, from this machine alone (see `page`), on a narrow screen
    too."""
    page.goto(f"{address}/{name}?study=meridia")
    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
    settled(page)
    accessible(page)


def test_a_society_is_replayed_by_keys_and_a_household_looked_into(address: str, page: Page) -> None:
    """The shipped run at a first visit: two arms on one clock, moved by keys and a click, and nothing that axe finds grave."""
    page.goto(f"{address}/Society_lab?study=meridia&view=replay")
    expect(page.get_by_role("heading", name="Society lab", exact=True, level=1)).to_be_visible()
    maps = page.locator("canvas[role=img]")
    expect(maps).to_have_count(2)
    settled(page)
    maps.first.press("ArrowRight")
    for one in (0, 1):
        expect(maps.nth(one)).to_have_attribute("aria-label", re.compile("Day 1, Mon 13:00: [0-9]+ of 200 out"))
    maps.first.click(position={"x": 60, "y": 60})
    expect(page.get_by_test_id("stMain")).to_contain_text(re.compile("Household [0-9]+ on 4 March, 13:00"))
    settled(page)
    accessible(page)


@pytest.mark.parametrize("link", ["Survey_twins?", "Simulate?section=ask"])
def test_results_of_survey_twins_are_accessible(address: str, page: Page, link: str) -> None:
    """The generated example with what was measured, and a question with its correction: axe finds nothing worse than minor."""
    page.goto(f"{address}/{link}&study=meridia")
    name = link.partition("?")[0].replace("_", " ")
    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
    expect(page.get_by_test_id("stMain")).to_contain_text("What people would answer")
    settled(page)
    accessible(page, but=GRAVE | {"moderate"})


def tables_are_not_downloaded_as_they_are(page: Page) -> None:
    """Streamlit's own download of a table would write text that starts a formula; ours is beside the figures."""
    table = page.locator('[data-testid="stDataFrame"]').first
    table.scroll_into_view_if_needed()
    table.hover()
    toolbar = page.get_by_test_id("stElementToolbar")
    expect(toolbar.locator('button[aria-label^="Search"]').first).to_be_visible()  # its other buttons are there
    raw = toolbar.locator('button[aria-label*="download" i]')
    expect(raw.first).to_be_attached()
    for place in range(raw.count()):
        expect(raw.nth(place)).not_to_be_visible()


def test_where_the_twin_helps_is_seen_at_once_and_looked_into(address: str, page: Page) -> None:
    """Validation by a cold deep link: the answer is on the first screen, and no script fails on the way through its parts."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(f"{address}/Validation?study=meridia&country=NZL&horizon=90+days")
    settled(page)
    body = page.get_by_test_id("stMain")
    answer = page.get_by_text(re.compile(r"^Over \d+ countries, "))
    expect(answer).to_be_in_viewport()
    expect(page.get_by_role("strong").filter(has_text=re.compile("^Policy hardly moved$"))).to_be_in_viewport()
    expect(body).to_contain_text("Backtest ")
    expect(body).to_contain_text("New Zealand")
    accessible(page)
    for part, words in (
        ("This study", "Every forecaster on the days from"),
        ("Intervals", "An interval that promises 80%"),
        ("Ablations", "What is each part of the twin worth?"),
        ("Known worlds", "where the truth is known?"),
        ("Groups", "is everybody served alike?"),
        ("Residuals", "What the forecast missed"),
        ("Countries", "Where does the twin help?"),
    ):
        page.get_by_test_id("stButtonGroup").get_by_text(part, exact=True).first.click()
        expect(body).to_contain_text(words)
        settled(page)
        assert page.get_by_test_id("stAlertContentError").count() == 0
        if part == "This study":
            tables_are_not_downloaded_as_they_are(page)
    assert "country=NZL" in page.url and "horizon=90" in page.url, "a link shows the same screen"
    place = page.evaluate(TILE_OF, "Brazil")
    page.mouse.click(*place)
    expect(body).to_contain_text("Brazil: over its")
    assert "country=BRA" in page.url
    # What the page asks for and does not get (Streamlit's probes of deep links) is no error.
    assert not [text for text in wrong if "Failed to load resource" not in text], wrong


def test_a_model_is_asked_and_its_answer_read(address: str, page: Page) -> None:
    """A model from a link, its server chosen: see the cost, run, read an answer with its reason, and set engines side by side."""
    with openai_server(any_model(reason="I keep to <b>my own</b> street.")) as url:
        page.goto(f"{address}/Simulate?study=meridia&sim-asked=2&sim-trials=1&engine=openai&openai-model=m-1&{DAYS}")
        settled(page)
        body = page.get_by_test_id("stMain")
        page.get_by_role("combobox", name=re.compile("Server")).click()
        page.get_by_role("option", name="Another address").click()
        settled(page)
        page.get_by_label("Server address", exact=True).fill(str(url))
        page.get_by_label("Server address", exact=True).press("Enter")
        settled(page)
        expect(body).to_contain_text("2 personas in")
        expect(body).to_contain_text("has no price")
        assert not url.seen, "the cost is said before anything is asked"
        page.get_by_role("button", name=re.compile(r"^Run with \d+ calls")).click()
        expect(body).to_contain_text("Done in")
        settled(page)
        expect(body).to_contain_text("Canaries, a few fixed questions")
        assert url.seen and KEY in url.seen[0].headers["authorization"] and KEY not in page.content()
        link = page.url
        page.get_by_test_id("stButtonGroup").get_by_text("Read answers", exact=True).click()
        expect(body).to_contain_text("I keep to <b>my own</b> street.")
        settled(page)
        page.get_by_text("Prompt and answer, word for word").click()
        expect(body).to_contain_text("BEGIN PERSONA")
        page.get_by_test_id("stButtonGroup").get_by_text("Compare engines", exact=True).click()
        expect(body).to_contain_text("Rules (not a language model)")
        settled(page)
        expect(page.locator(".js-plotly-plot")).to_have_count(3)
        go(page, "Counterfactuals")
        expect(body).to_contain_text("has asked its language model about the policies that were in force")
        before = len(url.seen)
        page.get_by_role("button", name="Ask the model").click()
        expect(page.get_by_role("button", name="Keep this sweep")).to_be_visible()
        assert len(url.seen) > before
    page.goto(link)
    settled(page)
    expect(page.get_by_label("Server address", exact=True)).to_have_value(str(url))
    assert "engine=openai" in link and "openai-model=m-1" in link and KEY not in link


def test_a_study_that_is_not_there_is_said_in_one_line(address: str, page: Page) -> None:
    page.goto(f"{address}/?study=<script>alert(1)</script>&run=nothing")
    expect(page.get_by_role("heading", name=HOME)).to_be_visible()
    settled(page)
    expect(page.get_by_test_id("stMain")).to_contain_text("is not available here")
    assert "<script>alert" not in page.content()


def test_two_tables_of_ones_own_become_a_study_that_can_be_fitted(address: str, page: Page, tmp_path: Path) -> None:
    own_panel(tmp_path, places=2)
    page.goto(f"{address}/Data?study=meridia&from=Tables+of+mine")
    files = page.locator("input[type=file]")
    files.nth(1).set_input_files(tmp_path / "policy.csv")
    expect(page.get_by_text("policy.csv")).to_be_visible()
    files.nth(0).set_input_files(tmp_path / "mobility.csv")
    page.get_by_role("button", name="Add this study").click()
    page.get_by_role("link", name="Open it on Home and fit it").click()
    expect(page.get_by_role("button", name="Fit the twin")).to_be_visible()


def test_a_bar_of_the_policy_is_moved_by_keys(address: str, page: Page) -> None:
    page.goto(f"{address}/Policy_timeline?study=meridia&days=holdout")
    expect(page.get_by_role("heading", name="Policy timeline", exact=True, level=1)).to_be_visible()
    settled(page)
    accessible(page)
    page.get_by_role("tab", name="Bars").click()
    page.locator(".bar").nth(1).focus()
    page.keyboard.press("Alt+ArrowLeft")
    expect(page.get_by_text("Done:")).to_be_visible()
    expect(page.get_by_text("A draft, which only you see")).to_be_visible()
