"""A study of two tables of the visitor's, or of one that has both: their columns, what is wrong in them, and what they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import streamlit as st

from core.report.sentences.own_studies import tables_blocks
from core.services.studies.tables import (
    PreparedStudy,
    TablesRequest,
    guessed,
    open_table,
    prepare_tables,
    study_of_tables,
)
from pages.common.render import render
from pages.common.shell import Workspace, plain_text
from pages.views.data.adding import add_button, is_taken, naming

T = TypeVar("T")
KINDS = ["csv", "xlsx", "xls", "parquet"]
#: Megabytes of a file.
LARGEST = 50
#: Bytes of a file's name that are kept of it; its end says what kind it is.
LONGEST_FILE = 120
#: What the numbers of behaviours are; None: as they look.
MEASURED = {
    None: "As they look",
    "change": "Changes in percent against a baseline",
    "share": "Percent of people",
    "level": "Amounts",
}
NO_COLUMN = "(no column)"
EXAMPLE = "place,date,visits,closing\nNorth,2020-01,100,0\nNorth,2020-02,80,1\n"


def tables_view(workspace: Workspace) -> None:
    """Two files, their columns, then what is wrong or what comes of them."""
    st.caption(
        f"A row a period and place, a header in the first row, days as 2021-06-30, months as 2021-06 or years. CSV, Excel (first "
        f"sheet) or Parquet, up to {LARGEST} MB each. Nothing is kept until you add the study."
    )
    left, right = st.columns(2)
    did = left.file_uploader("What people did", KINDS, key="behaviour-file", max_upload_size=LARGEST)
    held = right.file_uploader("Policies (if not in the same table)", KINDS, key="policy-file", max_upload_size=LARGEST)
    if did is None:
        st.code(EXAMPLE, language=None)
        return
    with TemporaryDirectory() as folder:
        paths = {
            kind: _saved(file, kind, Path(folder)) for kind, file in (("behaviour", did), ("policy", held)) if file
        }
        given = TablesRequest(paths["behaviour"], paths.get("policy"))
        files = f"{did.file_id}-{held.file_id if held else ''}"
        usual = replace(_once("guess", files, lambda: guessed(given)), file=given.file, policy=given.policy)
        with st.expander("Columns", expanded=True, icon=":material/table_chart:"):
            asked = _columns(usual, files)
        stem = _name_of(did.name)
        name, title = naming(stem.lower(), did.name.rsplit(".", 1)[0][:100], did.file_id)
        request = replace(asked, id=name, title=title)
        if not (request.date and request.behaviours and request.levers):
            st.info("Say which columns are dates, behaviours and policies.", icon=":material/checklist:")
            return
        tried = replace(request, id="my-study") if is_taken(name) else request
        unplaced = replace(tried, file=Path(did.name), policy=None)
        found = _once("prepared", (files, unplaced), lambda: prepare_tables(tried, Path(folder) / "study"))
        if found.problems:
            _problems(found)
            return
        add = None if found.check is None or not found.check.places else lambda: study_of_tables(request)
        if add is not None:
            add_button(name, add, did.file_id)
        render(tables_blocks(found), f"tables-{did.file_id}")
        st.download_button(
            "Study file", found.text, f"{name}.toml", "text/plain", key="study-file", on_click="ignore", type="tertiary",
            icon=":material/download:", help="What the study says, to edit by hand and take in with policytwin study add.",
        )  # fmt: skip


def _once(slot: str, key: object, make: Callable[[], T]) -> T:
    """What was made of these files and choices last, else made now: large tables take seconds."""
    kept = st.session_state.get(f"data-{slot}")
    if kept is None or kept[0] != key:
        with st.spinner("Reading the tables…"):
            kept = (key, make())
        st.session_state[f"data-{slot}"] = kept
    return cast(T, kept[1])


def _saved(file: Any, kind: str, folder: Path) -> Path:
    """The upload in a folder of its own, under its name as far as that is no path."""
    called = "".join(mark if mark.isprintable() and mark not in "/\\:" else "_" for mark in file.name)
    path = folder / kind / called.encode()[-LONGEST_FILE:].decode(errors="ignore")
    path.parent.mkdir()
    path.write_bytes(file.getvalue())
    return path


def _name_of(file: str) -> str:
    letters = "".join(mark if mark.isascii() and mark.isalnum() else "-" for mark in file.rsplit(".", 1)[0])
    return "-".join(part for part in letters.split("-") if part)[:30] or "my-study"


def _columns(usual: TablesRequest, key: str) -> TablesRequest:
    """Which column is what: guesses that can be changed."""
    did = list(open_table(usual.file).columns)
    held = did if usual.policy is None else list(open_table(usual.policy).columns)
    columns = st.columns(2, gap="large")
    with columns[0]:
        date = _one("Dates", did, usual.date, f"date-{key}")
        place = _one("Places", did, usual.place, f"place-{key}")
        place_name = (
            None if place else st.text_input("The place", key=f"place-name-{key}", max_chars=80).strip() or None
        )
        behaviours = st.multiselect(
            "Behaviours: numbers of what people did", did, usual.behaviours, plain_text, key=f"behaviours-{key}"
        )
        kind = st.selectbox(
            "What these numbers are", list(MEASURED), format_func=MEASURED.__getitem__, key=f"kind-{key}"
        )
        rising = st.multiselect(
            "Of these, which rise when policy is stricter?", behaviours, format_func=plain_text, key=f"rising-{key}",
            help="The others are expected to fall. It marks effects of an unexpected sign; the fit does not force them.",
        )  # fmt: skip
    with columns[1]:
        if usual.policy is None:
            policy_date, policy_place = date, place
        else:
            policy_date = _one("Dates of the policies", held, usual.policy_date, f"policy-date-{key}")
            policy_place = _one("Places of the policies", held, usual.policy_place, f"policy-place-{key}")
        levers = st.multiselect(
            "Policies: levels or amounts of each measure", held, usual.levers, plain_text, key=f"levers-{key}"
        )
    return replace(
        usual, date=date, place=place, place_name=place_name, behaviours=tuple(behaviours), rising=tuple(rising),
        policy_date=policy_date, policy_place=policy_place, levers=tuple(levers),
        kind=kind,
    )  # fmt: skip


def _one(label: str, columns: list[str], usual: str | None, key: str) -> str | None:
    options = [None, *columns]
    return st.selectbox(
        label, options, options.index(usual), lambda name: NO_COLUMN if name is None else name, key=key
    )  # fmt: skip


def _problems(found: PreparedStudy) -> None:
    """Faults by row and column; nothing is kept."""
    many = f"{found.problem_count:,} fault{'s' * (found.problem_count != 1)}"
    st.error(f"The tables have {many}. Nothing was kept; mend the file and upload it again.", icon=":material/error:")
    st.markdown("\n".join(f"- {plain_text(line)}" for line in found.problems))
