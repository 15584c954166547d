"""Answers to keep: one file with the question, the answer and how it is made again, from the command line and from pages."""

from __future__ import annotations

import re
import tomllib
from html import unescape
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from core.cli import main
from core.errors import InputError
from core.policy.scenario import scenario_of
from core.report.document import Details, Document, Figure, Paragraph
from core.report.files import write_document
from core.report.renderers.html import html_text
from core.report.what_if import Basis, compared_document, swept_document
from core.services.counterfactuals.questions import questions_of
from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.runs.fitted import fitted_twin
from core.services.studies.inputs import open_study
from core.settings import browser_program
from core.store.database import Store


def test_an_answer_is_written_with_all_that_makes_it_again(
    short_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(short_store) as store:
        run_id = str(store.runs(kind="run")["run_id"].iloc[0])
        inputs = open_study("meridia")
        asked = questions_of(store, inputs.study, inputs.timeline, store.run(run_id).record.train_end)  # type: ignore[arg-type]
    words = ["report", run_id, "--db", str(short_store), "--to", str(tmp_path / "answer.html"), "--question"]
    assert main([*words, "no-measures", "--behaviour", "transit"]) == 0
    text = (tmp_path / "answer.html").read_text(encoding="utf-8")
    shown = unescape(text)
    for said in (
        "What would people do in Meridia (fictional) if all measures had ended?",
        "Transit stations would have been", "80% effect interval", "The dotted line marks the end of training",
        "the truth is known", "Who is moved", "the best simple forecast", "80% intervals cover", "● the code ran",
        "policytwin compare meridia", f"Run {run_id}", "nothing in this file is loaded from elsewhere",
    ):  # fmt: skip
        assert said in shown, said
    assert text.count("<script>/**\n* plotly.js v") == 1, "drawn from the file itself, whose library is in it once"
    written = re.search(r'<pre class="toml"><code>(.*?)</code></pre>', text, re.DOTALL)
    assert written is not None
    again = scenario_of(tomllib.loads(unescape(written[1])), inputs.timeline, where="the report")
    meant = next(item for item in asked if item.id == "no-measures").timeline()
    assert again.levels().equals(meant.levels()), "the scenario file in the report is the policy that was asked about"
    assert main([*words, "no-measure"]) == 2 and "Nearest valid: no-measures" in capsys.readouterr().err


def document() -> Document:
    figure = Figure("f", lambda: go.Figure(go.Bar(x=[1], y=[2])), "A bar.", pd.DataFrame({"x": [1]}))
    return Document("What if?", (Paragraph("Much.", "answer"), figure, Details("Folded", (Paragraph("inside"),))))


@pytest.mark.skipif(browser_program() is None, reason="no Chromium on the path")
def test_the_same_is_printed_as_pdf(tmp_path: Path) -> None:
    path = write_document(document(), tmp_path / "answer.pdf")
    assert path.read_bytes().startswith(b"%PDF-") and path.stat().st_size > 8_000
    write_document(document(), path)  # its own report may be replaced


def test_without_a_browser_the_way_on_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"none is on the path.*ending in \.html"):
        write_document(document(), tmp_path / "answer.pdf")
    with pytest.raises(InputError, match=r"kind of report.*\.html, \.pdf"):
        write_document(document(), tmp_path / "answer.docx")
    assert not list(tmp_path.iterdir())


def test_comparisons_and_sweeps_are_kept_with_their_figures_and_lines(short_store: Path) -> None:
    with Store(short_store) as store:
        run = store.run(str(store.runs(kind="run")["run_id"].iloc[0]))
        inputs = open_study("meridia")
        twin = fitted_twin(store, run.run_id, inputs=inputs)
        assert run.record.train_end is not None
        asked = questions_of(store, inputs.study, inputs.timeline, run.record.train_end)
        policies = [
            next(item for item in asked if item.id == name).timeline() for name in ("no-measures", "strictest-week")
        ]
        compared, found = run_compare(store, run.run_id, policies[:1], reference=policies[1], twin=twin)
        swept, sweep = run_sweep(store, run.run_id, [0, 100], twin=twin)
    given = Basis(inputs, run, twin)
    text = unescape(
        html_text(compared_document(given, compared, found, policies[:1], "transit", reference=policies[1]))
    )
    for said in (
        "Transit stations over time",
        "How sure",
        "--reference reference-",
        "--scenario no-measures",
        "○ the mechanism",
    ):
        assert said in text, said
    assert text.count('<pre class="toml">') == 2, "the scenario and what it is held against"
    text = unescape(html_text(swept_document(given, swept, sweep.dates)))
    assert (
        "What would people do in Meridia" in text
        and "policytwin sweep meridia" in text
        and "Each stricter level" in text
    )
