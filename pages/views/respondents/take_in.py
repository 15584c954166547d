"""Import: a file is shown redacted first, and stored only as it was shown."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.report.sentences.respondents import counted
from core.respondents.consent import KINDS, SCOPES, TIERS, Viewer
from core.services.people.importing import ImportReport, ImportRequest, import_people, preview_import
from core.services.people.reading import Bank
from pages.common.shell import Workspace, plain_text, try_to
from pages.views.respondents.bank import transcript

LAYOUTS = {
    "turns": "Turns in a table: person, speaker, text",
    "chat": "Chats, one to a line (JSONL)",
    "text": "Text with speaker marks, a file for each person",
    "nodes": "Memory nodes (nodes.json)",
    "answers": "Answers: a row for each person (answers_first, perhaps answers_again, items, people)",
}
REPORT = "respondents-report"


def import_view(workspace: Workspace, viewer: Viewer, bank: Bank) -> None:
    """Files, what is known of them, the preview, and the import."""
    report: ImportReport | None = st.session_state.get(REPORT)
    if report is not None:
        _codes(report)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        layout = st.selectbox("Layout", list(LAYOUTS), format_func=LAYOUTS.__getitem__, key="import-layout")
        files = st.file_uploader("Interviews or answers", accept_multiple_files=True, key="import-files")
        names = st.text_area(
            "Names to take out, one to a line", key="import-roster", height=110,
            help="Names of people, or EMPLOYER,name · SCHOOL,name · TOWN,name. They are not stored.",
        )  # fmt: skip
    with right:
        kind = st.selectbox("Who they are", KINDS, format_func=str.capitalize, key="import-kind")
        basis = st.text_input("Ground of the consent", key="import-basis", placeholder="signed form, version 2")
        scope = st.multiselect(
            "Agreed to", list(SCOPES), default=["aggregate"], key="import-scope", format_func=lambda name: name.replace("_", " "),
        )  # fmt: skip
        tier = st.selectbox("Seen alone from tier", TIERS, index=1, key="import-tier")
    if not files:
        st.caption("Nothing is stored before you have seen it without what says who somebody is.")
        return

    def request(path: Path, roster: Path | None) -> ImportRequest:
        return ImportRequest(path, layout, kind, basis, tuple(scope), tier, roster=roster)

    def shown() -> None:
        with _in_memory(files, names) as (path, roster):
            preview = preview_import(request(path, roster))
        _preview(preview)

    if not try_to(shown):
        return
    if st.button("Take them in as shown", type="primary", icon=":material/download:", key="import-go"):

        def store() -> None:
            with _in_memory(files, names) as (path, roster):
                st.session_state[REPORT] = import_people(workspace.store, request(path, roster), viewer)

        if try_to(store):
            st.rerun()


@contextmanager
def _in_memory(files: Sequence[Any], names: str) -> Iterator[tuple[Path, Path | None]]:
    """The uploaded files where they can be read and are gone afterwards: in memory where the system has such a place."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="policytwin-") as folder:
        place = Path(folder) / "files"
        place.mkdir()
        for file in files:
            (place / Path(file.name).name).write_bytes(file.getvalue())
        roster = None
        if names.strip():
            roster = Path(folder) / "names"
            roster.write_text(names, encoding="utf-8")
        yield (next(place.iterdir()) if len(files) == 1 else place), roster


def _preview(report: ImportReport) -> None:
    people = report.people
    st.markdown(f"**{len(people):,} people; taken out: {counted(report.redactions)}.** Nothing is stored yet.")
    table = pd.DataFrame(
        [(item.label, item.turns, item.words, item.answers, counted(item.redactions)) for item in people],
        columns=["Person", "Turns", "Words", "Answers", "Taken out"],
    )
    st.dataframe(table, hide_index=True, width="stretch", height=min(35 * (len(table) + 1) + 3, 250))
    for item in people[:3]:
        with st.expander(plain_text(item.label), expanded=item is people[0]):
            transcript([(turn.speaker, turn.text) for turn in item.shown])


def _codes(report: ImportReport) -> None:
    """The codes of those who were taken in, told once."""
    st.success(f"{len(report.people):,} people were taken in.", icon=":material/check_circle:")
    table = pd.DataFrame(
        [(item.label, item.subject, item.code) for item in report.people], columns=["Person", "Id", "Code"]
    )
    st.markdown(
        "Give each person their code, with which they see who used their words, and withdraw. It is told this once."
    )
    st.dataframe(table, hide_index=True, width="stretch")
    if st.button("I have the codes", key="import-codes-kept"):
        st.session_state.pop(REPORT)
        st.rerun()
