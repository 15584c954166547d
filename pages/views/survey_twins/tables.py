"""Which pair of tables is looked at: the generated example, or two files of the visitor's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import streamlit as st

from core.report.document import Table
from core.report.sentences.left_out import left_out_items
from core.services.surveys.answer_files import CONSTRUCTION, read_pair
from core.services.surveys.example import example_pair
from core.survey.calibration.tables import AnswerTables
from pages.common.render import render

EXAMPLE, OWN = "Generated example", "Two tables of mine"


@dataclass(frozen=True)
class Pair:
    """Tables with a name and a key that is theirs alone; `groups` (people,) where known; `generated` where nobody was asked."""

    tables: AnswerTables
    name: str
    key: str
    groups: np.ndarray | None = None
    generated: bool = False


def chosen_pair() -> Pair | None:
    """The pair that was chosen, with what is in it; None until there are two files."""
    source = st.segmented_control(
        "Answers", (EXAMPLE, OWN), default=EXAMPLE, required=True, key="source", bind="query-params"
    )
    pair = _own() if source == OWN else _example()
    if pair is not None:
        _contents(pair)
    return pair


def _example() -> Pair:
    tables, groups = example_pair()
    st.info(
        "People and twins of this example are generated: nobody was asked, and no model either. Its truth is known, so that it "
        "shows what calibrating can mend.",
        icon=":material/theater_comedy:",
    )
    return Pair(tables, "generated example", "example", groups, generated=True)


def _own() -> Pair | None:
    st.caption("A row a person, the id in the first column, then a column a question; empty where not answered.")
    left, right = st.columns(2)
    people = left.file_uploader("People's answers", ["csv", "parquet"], key="people-file")
    twins = right.file_uploader("Their twins' answers", ["csv", "parquet"], key="twins-file")
    construction = st.text_input(
        "Which twins",
        key=CONSTRUCTION,
        help="Only for a file whose column 'construction' names several kinds of twins.",
    )
    if people is None or twins is None:
        return None
    digest = hashlib.sha256(people.getvalue() + twins.getvalue() + construction.encode()).hexdigest()
    with TemporaryDirectory() as folder:
        paths = []
        for side, file in (("people", people), ("twins", twins)):
            path = Path(folder) / f"{side}{Path(file.name).suffix}"
            path.write_bytes(file.getvalue())
            paths.append(path)
        tables = read_pair(paths[0], paths[1], construction.strip() or None)
    return Pair(tables, f"{people.name} and {twins.name}", digest)


def _contents(pair: Pair) -> None:
    tables = pair.tables
    people, twins = (pd.DataFrame(table, columns=list(tables.questions)) for table in (tables.people, tables.twins))
    with st.expander(
        f"{len(tables.ids):,} people, {len(tables.questions)} questions, {100 * tables.missing:.0f}% of the people's cells empty"
    ):
        frame = pd.DataFrame(
            {
                "Question": tables.questions,
                "Empty, %": 100 * people.isna().mean().to_numpy(),
                "People from": people.min().to_numpy(), "to": people.max().to_numpy(), "mean": people.mean().to_numpy(),
                "Twins from": twins.min().to_numpy(), "to ": twins.max().to_numpy(), "mean ": twins.mean().to_numpy(),
                "Twins' spread": twins.std(ddof=0).to_numpy(),
            }
        )  # fmt: skip
        render((Table.of(frame, "A spread of 0: all twins say the same, and follow nobody."),), "contents")
        render(left_out_items(tables.left_out), "left-out")
