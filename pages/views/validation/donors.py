"""What a place would have been like without what happened to it alone: made of other places, beside the twin's own answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from core.datasets.tables import read_mobility
from core.errors import InputError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.report.document import Code, Details, Heading
from core.report.sentences.donors import donors_document, reproduce_donors
from core.services.evaluation.donors import (
    FEWEST_DAYS,
    FILE,
    WEEK,
    DonorsRequest,
    DonorsResult,
    kept_donors,
    metrics_of,
    read_donors,
    record_of,
)
from core.settings import observed_data
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.places import WEIGHING
from pages.common.address import pick, pick_day, type_number
from pages.common.job_panel import measure
from pages.common.render import render
from pages.common.shell import Workspace, plain_text

NEW = "new"


@dataclass(frozen=True)
class MobilityFile:
    """A file of places and days: its `content` where it was uploaded, else its `path`."""

    name: str
    key: str
    places: tuple[str, ...]
    metrics: tuple[str, ...]
    first: date
    last: date
    path: Path
    content: bytes | None = None

    @contextmanager
    def at_hand(self) -> Iterator[Path]:
        """Where it can be read."""
        if self.content is None:
            yield self.path
            return
        with TemporaryDirectory() as folder:
            place = Path(folder) / self.path.name
            place.write_bytes(self.content)
            yield place


def donors_view(workspace: Workspace) -> None:
    """A kept answer, or a new one: which place, from which day, of which donors."""
    st.markdown("## What would a place have been like without what happened to it alone?")
    st.caption(
        "A synthetic control: other places are weighted so that together they follow this one before a day; what they do after "
        "it stands for this place without its own policy. It needs no twin and no persona, and so checks a counterfactual."
    )
    kept = {
        run_id: workspace.store.run(run_id)
        for run_id in workspace.store.runs(kind=DonorsResult.kind, status="complete")["run_id"]
    }
    words = {NEW: "A new one"} | {
        name: "{place}, {metric}, after {day}".format(**run.record.parameters).replace("_", " ")
        for name, run in kept.items()
    }
    if kept and (chosen := pick(workspace.study, "donors", "Answer", list(words), words.__getitem__, NEW)) != NEW:
        _answer(read_donors(kept[chosen]))
        return
    file = _file()
    if file is not None:
        _new(workspace, file)


def _new(workspace: Workspace, file: MobilityFile) -> None:
    study = workspace.study
    usual = study.code if study.code in file.places else file.places[0]
    earliest = file.first + timedelta(days=FEWEST_DAYS + WEEK)
    if earliest >= file.last:
        raise InputError(
            f"has {(file.last - file.first).days + 1} days", where=file.name, allowed=f"{FEWEST_DAYS + WEEK} or more"
        )
    left, middle, right = st.columns(3)
    with left:
        place = pick(study, "donors-place", "Place", file.places, plain_text, str(usual))
        metric = pick(study, "donors-metric", "What is looked at", file.metrics, _readable, _usual_metric(file))
    with middle:
        day = pick_day(
            study,
            "donors-day",
            "Last day before it",
            min(max(study.train_end, earliest), file.last),
            earliest,
            file.last,
        )
        days = int(type_number(study, "donors-days", "Days after it", DonorsRequest.days, 1, 730, 1))
    with right:
        method = pick(
            study, "donors-method", "Donors are weighted by", WEIGHING, TWIN_METHODS.label, DonorsRequest.method
        )
    request = DonorsRequest(file.path, place, day, metric, days, method)
    store = workspace.store
    subject = record_of(request, file.key, file.name).inputs_hash()
    found = store.find_complete(subject)
    if found is not None:
        _answer(read_donors(found))
    else:

        def work(watch: ProgressReporter, _: Executor) -> DonorsResult:
            with file.at_hand() as path:
                asked = DonorsRequest(path, place, day, metric, days, method)
                return kept_donors(asked, store, watch=watch, name=file.name)

        measure(workspace, DonorsResult.kind, subject, work, takes="a few seconds", label="Make it of its donors")
    render((reproduce_donors(request, file.name).details("The same without a browser"),), "donors-again")


def _answer(result: DonorsResult) -> None:
    document = donors_document(result)
    render((Heading(document.title), *document.blocks), "donors-answer")
    lines = f"policytwin report {result.run_id} --to donors.html\npolicytwin rerun {result.run_id} --data DIR"
    render((Details("As a report, or again", (Code(lines, "bash"),)),), "donors-report")


def _file() -> MobilityFile | None:
    """The visitor's, else that of the folder of observations."""
    folder = observed_data()
    usual = None if folder is None or not (folder / FILE).is_file() else folder / FILE
    given = st.file_uploader(
        "Places and days", ["csv", "parquet"], key="donors-file",
        help="A row a place and day: place, date, then what was measured (any layout that can be read).",
    )  # fmt: skip
    if given is None:
        if usual is None:
            st.caption("Bring a file of several places, six or more, over the same days.")
            return None
        st.caption(f"Without a file: {usual.name} of the folder of observations.")
        return _described(str(usual), usual.stat().st_mtime_ns)
    return _uploaded(given.name, given.getvalue())


@st.cache_resource(show_spinner=False, max_entries=4)
def _described(path: str, changed: int) -> MobilityFile:
    return _looked_at(Path(path), Path(path).read_bytes())


@st.cache_resource(show_spinner=False, max_entries=4)
def _uploaded(name: str, content: bytes) -> MobilityFile:
    with TemporaryDirectory() as folder:
        place = Path(folder) / f"mobility{Path(name).suffix}"
        place.write_bytes(content)
        return _looked_at(place, content, name)


def _looked_at(path: Path, content: bytes, name: str = "") -> MobilityFile:
    frame = read_mobility(path, allow_gaps=True)
    days = frame["date"]
    return MobilityFile(
        name or path.name, sha256(content).hexdigest(), tuple(sorted(map(str, frame["place"].unique()))),
        tuple(metrics_of(frame)), days.min().date(), days.max().date(), path, content if name else None,
    )  # fmt: skip


def _usual_metric(file: MobilityFile) -> str:
    return DonorsRequest.metric if DonorsRequest.metric in file.metrics else file.metrics[0]


def _readable(name: str) -> str:
    return plain_text(name.replace("_", " "))
