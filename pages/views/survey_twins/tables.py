"""Which pair of tables is looked at: the generated example, or files of the visitor's; or a result that was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import streamlit as st

from core.report.document import Table
from core.report.sentences.left_out import left_out_items
from core.services.surveys.answer_files import CONSTRUCTION, read_pair, read_retest, read_traits
from core.services.surveys.calibrate import People
from core.services.surveys.example import EXAMPLE, example_pair
from core.survey.calibration.tables import AnswerTables
from pages.common.render import render

GENERATED, OWN, KEPT = "Generated example", "Two tables of mine", "Kept results"
SOURCES = (GENERATED, OWN, KEPT)
#: What is read of each file that may be brought; the first two must be.
FILES = {
    "human": "People's answers", "twin": "Their twins' answers", "demographics": "Demographics (may be left out)",
    "retest": "People's own retest (may be left out)",
}  # fmt: skip
HELP = {
    "demographics": "A row a person: the id, then a column for each attribute. Shows who is predicted well.",
    "retest": "A row a question: its name, then the share of people who gave the same answer again.",
}


@dataclass(frozen=True)
class Pair:
    """Tables with the `names` of their files and the `hashes` of these by what they are, and what is known of the people;
    `generated` where nobody was asked."""

    tables: AnswerTables
    people: People
    names: Mapping[str, str]
    hashes: Mapping[str, str]
    construction: str | None = None
    generated: bool = False

    @property
    def source(self) -> str:
        """The line beneath figures."""
        generated = " (generated: nobody was asked)" if self.generated else ""
        return f"{' and '.join(dict.fromkeys((self.names['human'], self.names['twin'])))}{generated}"


def example() -> Pair:
    """The generated pair, said to be one."""
    tables, people = example_pair()
    st.info(
        "People and twins of this example are generated: nobody was asked, and no model either. Its truth is known, so that it "
        "shows what calibrating can mend.",
        icon=":material/theater_comedy:",
    )
    both = {"human": EXAMPLE, "twin": EXAMPLE}
    return _shown(Pair(tables, people, both, both, generated=True))


def own() -> Pair | None:
    """The visitor's files; None until there are two."""
    st.caption("A row a person, the id in the first column, then a column a question; empty where not answered.")
    columns = st.columns(2)
    files: dict[str, Any] = {
        name: columns[place % 2].file_uploader(label, ["csv", "parquet"], key=f"{name}-file", help=HELP.get(name))
        for place, (name, label) in enumerate(FILES.items())
    }
    construction = st.text_input(
        "Which twins",
        key=CONSTRUCTION,
        help="Only for a file whose column 'construction' names several kinds of twins.",
    ).strip()
    given = {name: file for name, file in files.items() if file is not None}
    if not {"human", "twin"} <= given.keys():
        return None
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}{Path(file.name).suffix}" for name, file in given.items()}
        for name, file in given.items():
            paths[name].write_bytes(file.getvalue())
        tables = read_pair(paths["human"], paths["twin"], construction or None)
        people = People(
            read_traits(paths["demographics"]) if "demographics" in paths else None,
            read_retest(paths["retest"]) if "retest" in paths else None,
        )
    hashes = {name: sha256(file.getvalue()).hexdigest() for name, file in given.items()}
    return _shown(Pair(tables, people, {name: file.name for name, file in given.items()}, hashes, construction or None))


def _shown(pair: Pair) -> Pair:
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
    return pair
