"""What every page shares: the frame, the sidebar, the study and the run that are being looked at.

A page calls `open_page` first and gets a Workspace. Study, run and a page's main choices live in the URL, so that a link
shows the same screen to somebody else.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import streamlit as st

from core.cognition.registry import engine_label
from core.counterfactual.fitted import FittedTwin
from core.errors import PolicyTwinError
from core.execution.executor import Executor
from core.services.dashboard.jobs import JobManager, background_executor
from core.services.language.descriptions import caution_of_run
from core.services.runs.fitted import fitted_twin, latest_study
from core.services.studies.inputs import StudyInputs, StudyListing, inputs_digest, list_studies, open_study
from core.settings import observed_data, read_only, shipped_data, store_path
from core.store.database import Store
from core.store.labels import Label, read_labels
from core.store.runs import StoredRun
from core.study import Study
from core.study.definition import AT
from pages.common.door import guard_door
from pages.common.job_lines import job_lines
from pages.common.looks import DARK_LOOKS, LOOKS
from pages.common.results_cache import CONTENT, remembered
from pages.common.text import bold as bold
from pages.common.text import plain_text as plain_text
from pages.common.tour import tour

DATA = "pages/9_Data.py"
#: Title, script and the one line that says what a page is for; the order of the sidebar.
PAGES: tuple[tuple[str, str, str], ...] = (
    ("Home", "app.py", "What would people do if…"),
    ("Population", "pages/1_Population.py", "Who the synthetic people are"),
    ("Policy timeline", "pages/2_Policy_timeline.py", "What was in force, and what could have been"),
    ("Simulate", "pages/3_Simulate.py", "Choose who answers, see what it costs, run it, and read the answers"),
    ("Calibration", "pages/4_Calibration.py", "Fit the twin and test it on what it has not seen"),
    ("Counterfactuals", "pages/5_Counterfactuals.py", "Other policies: held, compared, sought for a goal, or to come"),
    ("Validation", "pages/6_Validation.py", "Where the twin helps, and where a simple forecast does"),
    ("Survey twins", "pages/7_Survey_twins.py", "People's answers to some questions correct what twins say to another"),
    ("Respondents", "pages/11_Respondents.py", "People who were asked: what they agreed to and said, and who used it"),
    ("Society lab", "pages/12_Society_lab.py", "A small society: households, places and what they say to one another"),
    (
        "Library",
        "pages/8_Library.py",
        "What is kept of this study: find it, name it, open it, take it along, delete it",
    ),
    ("Data", DATA, "Make a study of another place, or of tables of your own"),
    ("Reference", "pages/10_Reference.py", "What this study rests on, and what the words mean"),
)
#: Pages of a dashboard that is for reading only: what asks and shows, and keeps nothing.
READ_ONLY_PAGES = ("Home", "Counterfactuals", "Validation", "Reference")
#: Pages that are about no study.
OWN_WORLD = ("Society lab", "Respondents")
STUDY, RUN, VISITOR = "study", "run", "visitor"
#: A picture of our own: for an icon by name the browser would ask a font server elsewhere.
ICON = "pictures/icon.svg"


#: Pixels: the longest name of a page fits, and the picture beside it has room.
SIDEBAR_WIDTH = 230
FICTIONAL = "fictional"


@dataclass(frozen=True)
class Workspace:
    """What a page works on: the store, the jobs, the study with its data, and the run shown (None before the first)."""

    store: Store
    jobs: JobManager
    inputs: StudyInputs
    run: StoredRun | None

    @property
    def study(self) -> Study:
        return self.inputs.study

    def twin(self) -> FittedTwin:
        """The calibrated twin of the run shown; only where there is a run."""
        assert self.run is not None
        return _twin(str(store_path()), self.run.run_id, self.study.id)


@st.cache_resource(show_spinner=False)
def open_store(path: str) -> Store:
    return Store(Path(path))


@st.cache_resource(show_spinner=False)
def _workers() -> Executor:
    return background_executor()


@st.cache_resource(show_spinner=False)
def _jobs_of(path: str) -> JobManager:
    store = open_store(path)
    jobs = JobManager(_workers(), store)
    if read_only():
        # What an earlier server left unfinished is noted first.
        store.refuse_writes()
    return jobs


def job_manager() -> JobManager:
    """The jobs of this server on its store."""
    return _jobs_of(str(store_path()))


def study_inputs(study_id: str, folder: str | None) -> StudyInputs:
    """The study as its files are now: one that was edited since is read again."""
    st.session_state[CONTENT] = inputs_digest(study_id, folder)
    return _study_inputs(study_id, folder)


@remembered(show_spinner="Reading the study…", max_entries=8)
def _study_inputs(study_id: str, folder: str | None) -> StudyInputs:
    return open_study(study_id, folder)


@remembered(show_spinner="Rebuilding the calibrated twin…", max_entries=8)
def _twin(store: str, run_id: str, study_id: str) -> FittedTwin:
    folder = observed_data()
    return fitted_twin(
        open_store(store), run_id, inputs=study_inputs(study_id, None if folder is None else str(folder))
    )


@contextmanager
def plain_errors() -> Iterator[None]:
    """Show a mistake as one clear line on the page, and stop there; nothing is lost or stored."""
    try:
        yield
    except PolicyTwinError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        st.stop()


def try_to(action: Callable[[], None]) -> bool:
    """Do something that may be refused; say why in one line where it is. Returns whether it was done."""
    try:
        action()
    except PolicyTwinError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        return False
    return True


def open_page(title: str, heading: str = "") -> Workspace:
    """Draw the frame of a page and return what it works on. Must be the first Streamlit call of the page. A `heading` stands
    instead of title and purpose; `{place}` in it is the study's."""
    st.set_page_config(
        page_title=f"{title} · PolicyTwin",
        page_icon=str(shipped_data() / ICON),
        layout="wide",
        initial_sidebar_state=SIDEBAR_WIDTH,
    )
    st.html(LOOKS + DARK_LOOKS * (st.context.theme.type == "dark"))
    guard_door()
    with plain_errors():
        store = open_store(str(store_path()))
        listed = _offered()
        study_id = _chosen_study(store, listed)
        folder = observed_data()
        inputs = study_inputs(study_id, None if folder is None else str(folder))
        done = store.runs(kind="run", study_id=study_id, status="complete")
        run = _chosen_run(store, done)
        jobs = job_manager()
    if not offers(title):
        st.title(title)
        st.info("This dashboard is for reading only, without this page.", icon=":material/visibility:")
        link("Home")
        st.stop()
    _sidebar(title, listed, inputs, run, _run_names(done, read_labels(store)), jobs)
    _head(title, heading, inputs.study)
    return Workspace(store, jobs, inputs, run)


def _head(title: str, heading: str, study: Study) -> None:
    """The title, and that a place is invented where it is."""
    invented = study.fictional and FICTIONAL not in study.place.lower()
    place = f"{study.place} ({FICTIONAL})" if invented else study.place
    if heading:
        st.title(plain_text(heading.format(place=place)))
        return
    st.title(title)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(next(text for name, _, text in PAGES if name == title), width="content")
        if study.fictional and title not in OWN_WORLD:
            st.badge(f"{study.place}: invented, with all its data", icon=":material/theater_comedy:", color="orange")


def offers(page: str) -> bool:
    """Whether the dashboard has this page: one that is for reading only has a few."""
    return not read_only() or page in READ_ONLY_PAGES


def visitor() -> str:
    """What tells this session from others; a reloaded page is a new one."""
    return str(st.session_state.setdefault(VISITOR, secrets.token_hex(4)))


def choose_run(run_id: str) -> None:
    """Look at this run from now on (also in the URL)."""
    st.session_state[RUN] = run_id
    st.query_params[RUN] = run_id


def forget_run() -> None:
    """Look at the newest run from now on."""
    st.session_state.pop(RUN, None)
    st.query_params.pop(RUN, None)


def engine_note(run: StoredRun, *, caution: bool = True) -> None:
    """Say which engine made the figures, on how many people and which days, and what may be claimed of them; every page
    that shows results of a run calls it. Where it is folded away, the `caution` is said elsewhere."""
    record = run.record
    st.caption(
        f"Engine: {engine_label(record.engine)}, {record.personas:,} personas, trained to {_day(record.train_end)}, tested "
        f"to {_day(record.test_end)}. What may be claimed: {record.rung}. Run {run.run_id}."
    )
    if caution:
        engine_caution(run)


def engine_caution(run: StoredRun) -> None:
    """Warn of a model whose answers are no evidence, as small ones' are not."""
    caution = caution_of_run(run.record)
    if caution is not None:
        st.warning(f"The model has {caution}", icon=":material/science:")


def need_run(workspace: Workspace) -> StoredRun:
    """The run to show; where there is none yet, say what to do about it and stop."""
    if workspace.run is None:
        st.info(
            "This study has not been run yet. Fit the twin on the Calibration page first; it takes under a minute.",
            icon=":material/play_circle:",
        )
        link("Calibration", "Go to Calibration")
        st.stop()
    return workspace.run


def link(page: str, label: str | None = None, icon: str = ":material/arrow_forward:", help: str | None = None) -> None:
    """A link to another page that keeps the study and the run; none where there is no such page."""
    if not offers(page):
        return
    script = next(item for name, item, _ in PAGES if name == page)
    st.page_link(script, label=label or page, icon=icon, help=help, query_params=link_parameters())


def link_parameters() -> dict[str, str]:
    """The study and the run, for links."""
    kept = {STUDY: st.session_state.get(STUDY), RUN: st.session_state.get(RUN)}
    return {name: str(value) for name, value in kept.items() if value}


def _chosen_study(store: Store, offered: Mapping[str, StudyListing]) -> str:
    """The study of the address, of this session, or of the newest run."""
    ids = [name for item in offered.values() if item.ready for name in _names(item)]
    last = latest_study(store)
    usual = last if last in ids else ids[0]
    asked = st.query_params.get(STUDY) or st.session_state.get(STUDY) or usual
    if asked not in ids:
        st.warning(f"The study “{plain_text(str(asked))}” is not available here; showing {usual}.")
        asked = usual
    if st.session_state.get(STUDY) != asked:
        st.session_state[STUDY] = asked
    st.query_params[STUDY] = asked
    return str(asked)


def _offered() -> dict[str, StudyListing]:
    return {item.id: item for item in list_studies()}


def _names(item: StudyListing) -> list[str]:
    """The study, and each place of its panel as a study of its own."""
    return [item.id, *(f"{item.id}{AT}{place}" for place in item.places)]


def _run_names(done: pd.DataFrame, labels: Mapping[str, Label]) -> dict[str, str]:
    """What each finished run of the study is called: its name, else its id where it is the only one, else when it was made and of
    how many people."""
    only = len(done) == 1
    return {
        str(key): labels.get(str(key), Label()).name
        or (str(key) if only else f"{made:%-d %b %Y, %H:%M}, {record['personas']:,} personas")
        for key, made, record in zip(done["run_id"], done["created_at"], done["record"], strict=True)
    }


def _chosen_run(store: Store, done: pd.DataFrame) -> StoredRun | None:
    ids = [str(item) for item in done["run_id"]]
    asked = st.query_params.get(RUN) or st.session_state.get(RUN)
    if asked not in ids:
        if asked and st.query_params.get(RUN):
            st.warning(f"The run “{plain_text(str(asked))}” is not in this store; showing the latest.")
        asked = ids[0] if ids else None
    if asked is None:
        forget_run()
        return None
    choose_run(asked)
    return store.run(asked)


def _sidebar(
    title: str,
    listed: Mapping[str, StudyListing],
    inputs: StudyInputs,
    run: StoredRun | None,
    names: Mapping[str, str],
    jobs: JobManager,
) -> None:
    with st.sidebar:
        st.markdown("### PolicyTwin")
        tour(title)
        ready = [name for name, item in listed.items() if item.ready]
        places = [listed[name].place for name in ready]
        st.selectbox(
            "Study",
            ready,
            index=ready.index(inputs.study.folder),
            format_func=lambda name: (
                listed[name].place if places.count(listed[name].place) == 1 else listed[name].title
            ),
            key="study-choice",
            on_change=_switch_study,
        )
        if places_of := listed[inputs.study.folder].places:
            st.selectbox(
                "Place",
                places_of,
                index=places_of.index(inputs.study.sources["mobility"].place),
                key="place-choice",
                on_change=_switch_place,
            )
        for name, script, _ in PAGES:
            if offers(name):
                st.page_link(script, label=name, query_params=link_parameters())
        if read_only():
            st.badge("For reading only", icon=":material/visibility:", color="gray")
        st.divider()
        if run is None:
            st.caption("No run yet")
        else:
            if len(names) > 1:
                st.session_state["run-choice"] = run.run_id
                st.selectbox(
                    "Run",
                    list(names),
                    format_func=names.__getitem__,
                    key="run-choice",
                    on_change=_switch_run,
                    help=run.run_id,
                )
            else:
                st.caption(f"Run shown: {plain_text(names[run.run_id])}")
            st.caption(f"Engine: {engine_label(run.record.engine)}")
            st.caption(f"Trained to {_day(run.record.train_end)}, tested to {_day(run.record.test_end)}")
        job_lines(jobs)
        missing = [item for item in listed.values() if not item.ready]
        for item in missing:
            with st.expander(f"Not available: {item.place}"):
                st.caption(item.missing)


def _day(day: date | None) -> str:
    return "an unknown day" if day is None else f"{day:%-d %B %Y}"


def _switch_run() -> None:
    choose_run(st.session_state["run-choice"])


def _switch_study() -> None:
    _switch_to(st.session_state["study-choice"])


def _switch_place() -> None:
    _switch_to(f"{st.session_state[STUDY].split(AT)[0]}{AT}{st.session_state['place-choice']}")


def _switch_to(study: str) -> None:
    st.session_state[STUDY] = study
    st.query_params[STUDY] = study
    forget_run()
