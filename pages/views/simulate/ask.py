"""Put a survey question to the personas: what it costs first, then the answers with their spread, by subgroup."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from core.cognition.registry import ENGINES, model_engines, replays
from core.errors import InputError, PolicyTwinError
from core.execution.progress import ProgressReporter
from core.report.sentences.surveys import about_blocks, everyone_blocks, group_blocks
from core.services.dashboard.jobs import DONE
from core.services.language.descriptions import ENGINE_CHOICES, READ_CHOICES
from core.services.language.server_check import require_server
from core.services.populations.synthesis import kept_spec, saved_populations
from core.services.studies.requests import PERCENTS, ModelOptions
from core.services.surveys.ask import (
    ask_people,
    asked_answers,
    by_subgroup,
    cost_of_asking,
    kept_questions,
    survey_result,
)
from core.services.surveys.bank import question_bank
from core.services.surveys.preparing import MOST_SURVEYED, SURVEYED
from core.services.surveys.results import AnswersBy, AskingCost, SurveyResult, subgroup_names
from core.study import Study
from core.survey.mapping import BEHAVIOUR, TRAIT, AnswerMapping
from core.survey.questions import MOST_CHOICES, SurveyQuestion
from pages.common.address import into_address, key_of, pick, type_number
from pages.common.charts import download
from pages.common.job_panel import ANSWERS_KEPT, measure
from pages.common.model_choices import may_be_asked, model_choice, recorded_choice
from pages.common.render import render
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, plain_text
from pages.views.simulate.correct import correct_view
from pages.views.simulate.run import kept_answers, plan_view
from pages.views.simulate.try_local import try_view

KIND = "ask"
SCALE, ONE, SEVERAL = "scale", "one", "several"
FORMS = {SCALE: "A scale", ONE: "One of several answers", SEVERAL: "Any of several answers"}
MODEL = "model"
SOURCES = {
    MODEL: "A language model",
    TRAIT: "A trait that stands for the answer",
    BEHAVIOUR: "A behaviour that stands for the answer",
}
LISTED = 8


def ask_view(workspace: Workspace) -> dict[str, Any]:
    """The question, its cost, and the answers; returns which question is shown."""
    study = workspace.study
    st.markdown("## What would these people say?")
    st.caption(
        "A question of a survey, put to every persona. A language model plays the personas; nobody is asked. How far that is "
        "from people's answers is not known: hold it against a real survey where there is one."
    )
    try_view(workspace)
    populations = saved_populations(workspace.store, study).set_index("population_id")
    if populations.empty:
        st.info(
            "There are no people in this store yet. Run an engine first, or keep a population.", icon=":material/flag:"
        )
        return {}
    job = workspace.jobs.latest(KIND, study.id)
    if job is not None and job.status == DONE and st.session_state.get("asked-seen") != job.id:
        st.session_state["asked-seen"] = job.id
        st.session_state[key_of(study, "asked")] = job.result.run_id
        into_address("asked", job.result.run_id, "")
    with st.container(border=True):
        _from_bank(workspace)
        _compose(workspace, populations)
    return _answers(workspace)


def _compose(workspace: Workspace, populations: pd.DataFrame) -> None:
    """The question and whom it is put to, with the cost and the button."""
    study = workspace.study
    try:
        question = _question(study)
    except InputError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        return
    if question is None:
        st.info("Write a question to be asked.", icon=":material/edit:")
        return
    left, right = st.columns([2, 1])
    with left:
        kept: dict[Any, Any] = populations.to_dict("index")
        usual = str(workspace.run.record.population_id if workspace.run is not None else None)
        people = pick(
            study, "asked-people", "Of whom", list(kept),
            lambda name: f"{kept[name]['label']} · {kept[name]['personas']:,} people",
            usual if usual in kept else next(iter(kept)), keep=True,
        )  # fmt: skip
    size = int(kept[people]["personas"])
    with right:
        most = int(
            type_number(
                study, "asked-personas", "At most this many personas", SURVEYED, 1, MOST_SURVEYED, 10,
                help="They are spread evenly over the population, and keep standing for everybody.",
            )
        )  # fmt: skip
    source = pick(
        study, "answered-by", "Who answers", list(SOURCES), SOURCES.__getitem__, MODEL, keep=True, buttons=True
    )
    if source == MODEL:
        asking = _asking(workspace)
        if asking is None:
            return
        _by_model(workspace, question, people, min(most, size), asking)
    else:
        _by_mapping(workspace, question, people, source)


def _from_bank(workspace: Workspace) -> None:
    """Take up a question that is ready, or was asked before; it can then be changed."""
    study = workspace.study
    bank = question_bank(workspace.store, study.id)
    key = f"survey-{study.id}-bank"

    def take() -> None:
        question = bank.get(str(st.session_state[key]))
        st.session_state[key] = None
        if question is None:
            return
        values = {"text": question.text, "situation": question.situation, "with-day": question.as_of is not None}
        if question.as_of is not None:
            values["day"] = question.as_of
        if question.kind == SCALE:
            form = SCALE
            values |= {name: getattr(question, name) for name in ("low", "high")}
            values |= {f"{name}-label": getattr(question, f"{name}_label") for name in ("low", "high")}
        else:
            form = SEVERAL if question.several else ONE
            values |= {"choices": "\n".join(question.choices), "rotate": question.rotate}
        for name, value in values.items():
            st.session_state[f"survey-{study.id}-{name}"] = value
        st.session_state[key_of(study, "answers")] = form

    st.selectbox(
        "Ready questions, and those asked before", list(bank), index=None, format_func=lambda name: bank[name].text, key=key,
        on_change=take, placeholder="Choose one, or write your own",
    )  # fmt: skip


def _question(study: Study) -> SurveyQuestion | None:
    """The question as it is typed, None while there is none. InputError for one that cannot be asked."""
    prefix = f"survey-{study.id}"
    text = st.text_area("Question", key=f"{prefix}-text", max_chars=1000, height=80, persist_state="session",
                        placeholder="for example: Should shops be open on the weekly day of rest?")  # fmt: skip
    form = pick(study, "answers", "Answers", list(FORMS), FORMS.__getitem__, SCALE, keep=True, buttons=True)
    situation = st.text_input(
        "Situation, in words (may be empty)", key=f"{prefix}-situation", max_chars=2000, persist_state="session",
        help="What holds when the question is asked, such as what has just begun or ended.",
    )  # fmt: skip
    with_day = st.toggle(
        "The policy of a day holds", key=f"{prefix}-with-day", persist_state="session",
        help="Everybody is told the rules in force, what else holds and the season of that day, and no date.",
    )  # fmt: skip
    day: date | None = None
    if with_day:
        chosen = st.date_input(
            "Day", value=study.train_end, min_value=study.start, max_value=study.end, key=f"{prefix}-day",
            persist_state="session", width=220,
        )  # fmt: skip
        day = chosen if isinstance(chosen, date) else None
    if form == SCALE:
        columns = st.columns(4)
        low = int(columns[0].number_input("From", -100, 100, 1, key=f"{prefix}-low", persist_state="session"))
        low_label = columns[1].text_input("means", "fully against", key=f"{prefix}-low-label", persist_state="session")
        high = int(columns[2].number_input("To", -100, 100, 5, key=f"{prefix}-high", persist_state="session"))
        high_label = columns[3].text_input(
            "means ", "fully in favour", key=f"{prefix}-high-label", persist_state="session"
        )
        if not text.strip():
            return None
        return SurveyQuestion.of_scale(text, low, high, low_label, high_label, situation=situation, as_of=day)
    given = st.text_area(
        f"Answers, one in a line (2 to {MOST_CHOICES})", "Yes\nNo", key=f"{prefix}-choices", height=110,
        persist_state="session",
    )  # fmt: skip
    rotate = st.toggle(
        "Begin with another answer for each persona", key=f"{prefix}-rotate", persist_state="session",
        help="So that none gains from standing first. Not for answers with an order of their own.",
    )  # fmt: skip
    if not text.strip():
        return None
    choices = [line.strip() for line in given.splitlines() if line.strip()]
    return SurveyQuestion.of_choices(
        text, choices, several=form == SEVERAL, rotate=rotate, situation=situation, as_of=day
    )


def _asking(workspace: Workspace) -> ModelOptions | None:
    """Which model answers, how often and how freely."""
    study = workspace.study
    names = list(model_engines())
    engine = pick(
        study,
        "survey-engine",
        "Engine",
        names,
        lambda name: ENGINE_CHOICES[name].title,
        names[0],
        keep=True,
        buttons=True,
    )
    found = recorded_choice(workspace, survey=True) if replays(engine) else model_choice(study, engine)
    if found is None:
        return None
    left, middle, right = st.columns(3)
    with left:
        samples = int(
            type_number(
                study, "survey-samples", "Samples of each persona", 1, 1, 100, 1,
                help="With two or more, what differs between samples of one persona is told from what differs between them.",
            )
        )  # fmt: skip
    temperature = found.temperature
    if not replays(engine):
        with middle:
            temperature = float(
                type_number(study, "survey-temperature", "Temperature", 1.0, 0.0, 2.0, 0.1, format="%.1f")
            )
    with right:
        calls = int(
            type_number(
                study, "survey-calls", "At most this many calls", 0, 0, 1_000_000, 100,
                help="0: no cap. What was answered until a cap is reached is kept.",
            )
        )  # fmt: skip
    read = found.read
    if not replays(engine) and ENGINES[engine].reads_letters and samples == 1:
        read = pick(
            study, "survey-read", "How the answer is read", list(READ_CHOICES), lambda name: READ_CHOICES[name].title,
            PERCENTS, keep=True, buttons=True,
            help="Log-probabilities need a server that gives them; they are the model's own distribution in one token.",
        )  # fmt: skip
    return replace(found, samples=samples, temperature=temperature, max_calls=calls or None, read=read)


def _by_model(workspace: Workspace, question: SurveyQuestion, people: str, most: int, asking: ModelOptions) -> None:
    store = workspace.store
    try:
        found = _planned(
            store.name, repr((question, people, most, asking)), kept_answers(workspace), workspace, question, people,
            most, asking,
        )  # fmt: skip
    except PolicyTwinError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        return
    plan_view(found)
    with st.expander("The prompt, as the first persona gets it", icon=":material/receipt_long:"):
        st.text(found.prompt)

    if not may_be_asked(asking):
        st.caption("The model cannot be asked from here yet: see above. The cost is known without it.")
        return

    def put(watch: ProgressReporter) -> SurveyResult:
        require_server(asking)
        return ask_people(store, people, question, asking=asking, personas=most, watch=watch)

    measure(
        workspace, KIND, workspace.study.id, lambda watch, _: put(watch),
        takes="as long as the model needs for these calls", label="Ask", keeps=ANSWERS_KEPT,
    )  # fmt: skip


def _by_mapping(workspace: Workspace, question: SurveyQuestion, people: str, source: str) -> None:
    study, store = workspace.study, workspace.store
    if source == TRAIT:
        spec = kept_spec(store, people)
        labels = {item.name: item.label for item in spec.traits}
    else:
        labels = {item.id: item.label for item in study.behaviours}
    name = pick(
        study, f"mapped-{source}", SOURCES[source], list(labels), labels.__getitem__, next(iter(labels)), keep=True
    )
    reverse = st.toggle("High values mean the low end, or the second answer", key=f"reverse-{study.id}")
    mapping = AnswerMapping(source, name, reverse)
    st.info(plain_text(mapping.assumption), icon=":material/assistant_direction:")
    st.caption("No calls and no cost: everybody's answer follows from what is kept of them.")
    measure(
        workspace, KIND, study.id, lambda watch, _: ask_people(store, people, question, mapping=mapping, watch=watch),
        takes="a moment", label="Show these answers",
    )  # fmt: skip


@remembered(show_spinner="Counting questions and cost…", max_entries=16)
def _planned(
    store_name: str,
    key: str,
    answers: str,
    _workspace: Workspace,
    _question: SurveyQuestion,
    _people: str,
    _most: int,
    _asking: ModelOptions,
) -> AskingCost:
    return cost_of_asking(_workspace.store, _people, _question, asking=_asking, personas=_most)


def _answers(workspace: Workspace) -> dict[str, Any]:
    """The answers to a question that was asked."""
    study, store = workspace.study, workspace.store
    kept = {run.run_id: run for run in kept_questions(store, study.id)}
    if not kept:
        st.caption("No question has been put to the people of this study yet.")
        return {}
    results = {name: survey_result(run) for name, run in kept.items()}
    words = {
        name: f"{item.question.text[:90]} · {str(kept[name].created_at)[:16]} · {item.model or 'mapped'}"
        for name, item in results.items()
    }
    run_id = pick(study, "asked", "Question that was asked", list(words), words.__getitem__, next(iter(words)))
    result = results[run_id]
    st.markdown(f"## {plain_text(result.question.text)}")
    render((*about_blocks(result), *everyone_blocks(result)), "asked")
    correct_view(workspace, kept[run_id], result)
    spec = kept_spec(store, result.population_id)
    labels = {item.name: item.label for item in spec.attributes} | {item.name: item.label for item in spec.traits}
    names = subgroup_names(spec)
    attribute = pick(study, "asked-by", "By", names, lambda name: labels.get(name, name), names[0], keep=True)
    split = replace(result, by={**result.by, **_by(store.name, run_id, attribute, workspace)})
    render(group_blocks(split, attribute), "asked-by")
    _persons(workspace, run_id)
    return {"asked": kept[run_id], "by": attribute}


def _persons(workspace: Workspace, run_id: str) -> None:
    with st.expander("What each persona answered, and why", icon=":material/person:"):
        rows = _each(workspace.store.name, run_id, workspace)
        st.dataframe(rows, hide_index=True, height=330, width="stretch", key=f"asked-rows-{run_id}",
                     alt="Answers of each persona and sample with the reason given")  # fmt: skip
        download(rows, f"personas-{run_id}", "asked-rows-data", index=False)


@st.cache_resource(show_spinner=False, max_entries=32)
def _by(store_name: str, run_id: str, attribute: str, _workspace: Workspace) -> dict[str, AnswersBy]:
    return by_subgroup(_workspace.store, run_id, [attribute])


@st.cache_resource(show_spinner=False, max_entries=8)
def _each(store_name: str, run_id: str, _workspace: Workspace) -> pd.DataFrame:
    return asked_answers(_workspace.store, run_id)
