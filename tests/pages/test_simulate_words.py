"""The words of the Simulate page."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from core.cognition.llm.budget import Range
from core.report.figures.style import styled, without_source, without_title
from core.report.sentences.simulate import asked_words, time_words, why_it_ended
from core.services.runs.costs import CostBefore
from core.services.studies.requests import ModelOptions
from pages.common.shell import plain_text


def test_a_source_beneath_a_figure_is_whole_and_plain_text() -> None:
    source = "Somebody's <table> & more, " * 30
    figure = styled(go.Figure(), title="t", source=escape(source.strip(), quote=False))
    height = figure.layout.height
    shown, text = without_source(figure)
    assert text == f"Source: {source.strip()}" and not shown.layout.annotations
    assert shown.layout.height < height and without_source(go.Figure())[1] == ""
    untitled, title = without_title(shown)
    assert title == "t" and not untitled.layout.title.text and untitled.layout.height < height
    assert without_source(untitled)[1] == text and without_title(untitled)[1] == "t", "drawn again, it says the same"
    assert untitled.layout.height == without_title(without_source(untitled)[0])[0].layout.height


def test_names_and_reasons_are_no_formatting() -> None:
    for text in (
        "**a** <b>b</b> [c](d) $e$",
        "see https://example.com or www.example.com",
        ":smile: :material/bolt: 12:30:45",
    ):
        plain = plain_text(text)
        assert plain.replace("\\", "").replace("\u2060", "") == text
        assert "://" not in plain and "www." not in plain and ":smile:" not in plain and ":material" not in plain[1:]


def test_a_run_says_before_how_long_it_may_take_and_after_why_it_ended() -> None:
    asking = ModelOptions("openai", "m", samples=2, design="levels", requests_per_minute=15)
    assert "50 seconds to 4 minutes" in time_words(800, asking) and "53 minutes at least" in time_words(800, asking)
    none = Range(0, 0, 0)
    cost = CostBefore(
        1, 1, 0, 1, 3, none, none, None, None, "unknown", engine="openai", model="m", personas=10, contexts=285
    )
    words = asked_words(cost, asking)
    assert "asked 2 times" in words and "only in rules and kind of day share a question" in words
    message = (
        "3 of 234 questions have no valid answer; what was answered is kept. persona 2, contexts 0, 1, sample 0: no reply. "
        "The same command asks those alone again (3 of 234); with --allow-failures the run goes on without them"
    )
    said = why_it_ended(message)
    assert said.startswith("3 of 234 questions have no valid answer, such as one with no reply. ") and "--" not in said
    assert why_it_ended("the provider refuses the key") == "The provider refuses the key."
