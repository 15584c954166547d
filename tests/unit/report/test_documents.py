"""Documents: said once, and the same on a terminal, in a file and on a page; nothing in them is obeyed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from core.cli import main
from core.errors import InputError
from core.options import command_words, option, python_text
from core.report.document import Code, Details, Document, Figure, Heading, Items, Paragraph, Table
from core.report.renderers.html import html_text
from core.report.renderers.terminal import terminal_text
from core.result import RESULTS, Result
from core.services.counterfactuals.requests import SweepRequest
from core.services.counterfactuals.run import sweep
from core.services.studies.requests import ModelOptions, RunRequest
from core.store.database import Store

HOSTILE = "</script><script>alert(1)</script> <b>bold</b> [red]x[/red] \x1b[31m"


def drawn() -> go.Figure:
    return go.Figure(go.Scatter(x=[0, 1], y=[1, 2], name=HOSTILE), layout={"title": {"text": "Two points"}})


def document(text: str = HOSTILE) -> Document:
    return Document(
        f"What of {text}?",
        (
            Paragraph(text, "caution"),
            Items((text, "second")),
            Table(("Name", "Value"), ((text, 1.25), ("none", None))),
            Figure("points", drawn, "Two points.", pd.DataFrame({"x": [0, 1]})),
            Heading("How sure"),
            Details("More", (Code("policytwin run", "bash"), Paragraph("folded"))),
        ),
        fictional=True,
        source="a source",
        run_id="run-1",
    )


class Tags(HTMLParser):
    """Every tag and address of a page, and what stands in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "action")]


def test_a_report_is_one_file_that_obeys_nothing_in_it() -> None:
    text = html_text(document())
    found = Tags(text)
    assert found.addresses == [], "nothing is loaded"
    assert "b" not in found.tags and "alert(1)</script>" not in text.replace("\\u003c", "<").split("plotly.js")[0]
    assert "&lt;script&gt;alert(1)" in text and "Fictional" in text and "run-1" in text and "folded" in text
    assert len(text) > 3_000_000 > len(html_text(replace(document(), blocks=()))), "the library only where it draws"
    assert html_text(document()) == text


def test_a_terminal_shows_words_and_not_their_marks() -> None:
    text = terminal_text(document())
    assert "[red]x[/red]" in text and "folded" not in text and "(fictional)" in text
    assert "folded" in terminal_text(document(), details=True)
    assert re.search(r"none\s*$", text, re.MULTILINE) and "1.25" in text
    assert max(map(len, terminal_text(document("word " * 60), width=60).splitlines())) < 320


def test_a_part_is_what_stands_under_its_heading() -> None:
    assert isinstance(document().part("How sure")[0], Details)
    with pytest.raises(KeyError):
        document().part("nothing")


@dataclass(frozen=True, kw_only=True)
class Inner:
    day: date
    values: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outer(Result):
    inner: Inner
    known: float | None = None


def test_a_result_survives_json_and_says_what_is_none_of_it() -> None:
    result = Outer(inner=Inner(day=date(2030, 1, 2), values=(1.5, 2.0)))
    raw = result.as_dict()
    assert raw == {"inner": {"day": "2030-01-02", "values": [1.5, 2.0]}, "known": None}
    assert Outer.from_dict({**raw, "older": "prose"}) == result
    with pytest.raises(InputError, match=r"is no Outer as this version knows it \(inner"):
        Outer.from_dict({"known": 1.0})
    assert {"sweep", "compare"} <= set(RESULTS)


@dataclass(frozen=True)
class Request:
    run: RunRequest
    days: tuple[date, ...] = option("days", ())
    files: tuple[Path, ...] = option("files", (), repeat=True)


def test_a_request_is_said_as_a_command_and_as_python() -> None:
    run = RunRequest("meridia", personas=20, asking=ModelOptions("openai", "a model", seed=3))
    request = Request(run, (date(2030, 1, 2),), (Path("a b.toml"), Path("c.toml")))
    assert command_words(request) == [
        "meridia", "--engine", "openai", "--personas", "20", "--model", "a model", "--model-seed", "3",
        "--days", "2030-01-02", "--files", "a b.toml", "--files", "c.toml",
    ]  # fmt: skip
    space = {"date": date, "Request": Request, "RunRequest": RunRequest, "ModelOptions": ModelOptions}
    again = eval(python_text(request), space)
    assert again.run == run and again.days == request.days and again.files == ("a b.toml", "c.toml")


def test_the_report_of_a_sweep_has_all_that_its_reader_needs(short_store: Path, tmp_path: Path) -> None:
    with Store(short_store) as store:
        record = store.run(str(store.runs(kind="run")["run_id"].iloc[0])).record
        request = RunRequest("meridia", personas=60, trials=2, train_end=record.train_end, test_end=record.test_end)
        result = sweep(SweepRequest(request, (0.0, 100.0)), store)
    words = ["report", result.run_id, "--db", str(short_store), "--to"]
    assert main([*words, str(tmp_path / "sweep.html")]) == 0
    text = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert "What would people do in" in text and "Fictional" in text and result.run_id in text
    for said in (
        "80% intervals cover",
        "not a causal effect",
        "How sure",
        "epidemic level",
        "falls by",
        "Nobody was asked",
    ):
        assert said in text, said
    assert Tags(text).addresses == []
    (tmp_path / "own.html").write_text("mine")
    assert main([*words, str(tmp_path / "own.html")]) == 2
    assert (tmp_path / "own.html").read_text() == "mine", "what somebody else wrote stays"
