"""What to simulate: who answers, which people are asked, in which way, and on which days the twin is tested."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from core.cognition.llm.designs import DESIGNS
from core.cognition.llm.engine import MOST_SAMPLES, OUTPUT_TOKENS
from core.cognition.llm.memoising import JOINT
from core.cognition.registry import DEFAULT_ENGINE, ENGINES, asks_model, replays
from core.errors import InputError
from core.services.language.descriptions import DAYS_CHOICES, DESIGN_CHOICES, ENGINE_CHOICES, READ_CHOICES, said
from core.services.populations.synthesis import saved_populations
from core.services.runs.fits import checked_split, split_limits
from core.services.studies.requests import (
    ASKED_PERSONAS,
    DEFAULT_TRIALS,
    MOST_ASKED_PERSONAS,
    MOST_TRIALS,
    PERCENTS,
    ModelOptions,
    RunRequest,
)
from core.study import Study
from pages.common.address import pick, pick_day, type_number
from pages.common.fit_panel import population_label
from pages.common.model_choices import model_choice, recorded_choice
from pages.common.shell import Workspace, plain_text

NEW_PEOPLE = "new"
MOST_PERSONAS = 100_000
STOP, GO_ON = "stop", "go-on"
FAILURES = {
    STOP: "Stop, and say which questions have none",
    GO_ON: "Go on without them, and record how many are missing",
}


@dataclass(frozen=True)
class People:
    """Kept people by their id, or new ones of this number."""

    population_id: str | None
    personas: int


def chosen_request(workspace: Workspace) -> RunRequest | None:
    """Draw the choices; the request that they make, or None where something is missing (which is said where it is)."""
    study = workspace.study
    st.markdown("##### Who answers?")
    engine = pick(
        study, "engine", "Engine", list(ENGINE_CHOICES), lambda name: ENGINE_CHOICES[name].title, DEFAULT_ENGINE,
        keep=True, buttons=True, label_visibility="collapsed",
    )  # fmt: skip
    st.caption(ENGINE_CHOICES[engine].text)
    asking = None
    if asks_model(engine):
        found = recorded_choice(workspace) if replays(engine) else model_choice(study, engine)
        if found is None:
            return None
        asking = _design(study, found)
    people = _people(workspace, engine)
    if asking is not None:
        asking = _limits(study, asking)
    return _days(workspace, people, asking)


def _design(study: Study, asking: ModelOptions) -> ModelOptions:
    """How it is asked. A recording has its own design, temperature and seed."""
    st.markdown("##### How is it asked?")
    replayed = asking.replays
    design = asking.design
    if not replayed:
        design = pick(
            study, "design", "Design", list(DESIGNS), lambda name: DESIGN_CHOICES[name].title, DESIGNS[0],
            keep=True, buttons=True,
            help="After Gui and Toubia (2023): how a question is put decides what the model takes to differ along with it.",
        )  # fmt: skip
    st.caption(said(DESIGN_CHOICES[design]))
    with st.expander("All designs, and what each guards against", icon=":material/help:"):
        for item in DESIGN_CHOICES.values():
            st.markdown(f"**{item.title}.** {said(item)}")
    columns = st.columns([2, 1, 1])
    with columns[0]:
        days = pick(
            study, "days", "Kinds of day", list(DAYS_CHOICES), lambda name: DAYS_CHOICES[name].title, "together",
            keep=True, buttons=True,
        )  # fmt: skip
        st.caption(said(DAYS_CHOICES[days]))
    with columns[1]:
        samples = int(
            type_number(
                study, "replayed-samples" if replayed else "samples", "Samples", asking.samples, 1,
                asking.samples if replayed else MOST_SAMPLES, 1,
                help="How often each question is asked. The mean counts; the spread between samples shows how sure the model "
                "is. The cost grows with it.",
            )
        )  # fmt: skip
    temperature = asking.temperature
    with columns[2]:
        if replayed:
            st.caption(f"Temperature {temperature:g}, as it was asked.")
        else:
            temperature = type_number(
                study, "temperature", "Temperature", 1.0, 0.0, 2.0, 0.1, format="%.1f",
                help="How freely the model draws its words. At 0 equal questions get nearly equal answers, so more samples "
                "show nothing.",
            )  # fmt: skip
    asked = replace(asking, design=design, days=days, samples=samples, temperature=float(temperature))
    if not replayed and ENGINES[asking.engine].reads_letters and samples == 1 and design != JOINT:
        read = pick(
            study, "read", "How the answer is read", list(READ_CHOICES), lambda name: READ_CHOICES[name].title, PERCENTS,
            keep=True, buttons=True,
        )  # fmt: skip
        if read != PERCENTS:
            st.caption(said(READ_CHOICES[read]))
            asked = replace(asked, read=read)
    return asked


def _people(workspace: Workspace, engine: str) -> People:
    study = workspace.study
    st.markdown("##### Who is asked?" if asks_model(engine) else "##### Whose answers?")
    kept = saved_populations(workspace.store, study)
    asks = asks_model(engine)
    if asks:
        kept = kept[kept["personas"] <= MOST_ASKED_PERSONAS]
    people_kept: dict[str, Any] = {str(row["population_id"]): row for row in kept.to_dict("records")}
    left, right = st.columns([2, 1])
    with left:
        people = pick(
            study, "sim-people", "Population", [NEW_PEOPLE, *people_kept],
            lambda name: (
                "New people, drawn from the study's tables" if name == NEW_PEOPLE else population_label(people_kept[name])
            ),
            NEW_PEOPLE, keep=True,
            help="Kept ones come from earlier runs and the Population page. To set engines side by side, ask the same people.",
        )  # fmt: skip
    with right:
        if people != NEW_PEOPLE:
            size = int(people_kept[people]["personas"])
            st.metric("Personas", f"{size:,}")
            return People(people, size)
        name, usual, most = (
            ("asked", ASKED_PERSONAS, MOST_ASKED_PERSONAS) if asks else ("personas", study.personas, MOST_PERSONAS)
        )
        size = int(
            type_number(
                study, f"sim-{name}", "Personas", usual, 1, most, 1 if asks else 100,
                help="Each persona costs as many calls as there are situations." if asks
                else "More personas follow the population's make-up more closely and take longer.",
            )
        )  # fmt: skip
    return People(None, size)


def _limits(study: Study, asking: ModelOptions) -> ModelOptions:
    """Caps and what to do about questions without an answer; 0 stands for no cap."""
    if asking.replays:
        with st.expander("Questions without a kept answer", icon=":material/rule:"):
            return replace(asking, allow_failures=_failures(study))
    columns = (
        (
            ("max-calls", "At most this many calls", 0, 0, 10_000_000, 100,
             "0: no cap. A run that reaches a cap stops; what was answered is kept, and the run can be resumed."),
            ("max-cost", "At most this cost", 0.0, 0.0, 1_000_000.0, 1.0,
             "0: no cap. In the price's currency; only for a model whose price is known."),
        ),
        (
            ("per-minute", "At most this many calls a minute", 0, 0, 1_000_000, 10,
             "0: as many as the provider takes. Your plan with the provider says how many that are."),
            ("at-once", "Calls at a time", asking.concurrency, 1, 256, 1, "For a model on this machine a few are best."),
        ),
        (
            ("answer-tokens", "Tokens for an answer", OUTPUT_TOKENS, 64, 100_000, 256,
             "The most that the model may write, thinking included."),
            ("model-seed", "Seed of the model", -1, -1, 2**31 - 1, 1,
             "−1: none. Many servers draw alike with the same seed; Gemini's older interface has none."),
        ),
    )  # fmt: skip
    given: dict[str, float] = {}
    with st.expander("Limits, and what happens when something fails", icon=":material/rule:"):
        for column, inputs in zip(st.columns(len(columns)), columns, strict=True):
            with column:
                for name, label, usual, low, high, step, text in inputs:
                    form = {"format": "%.2f"} if isinstance(usual, float) else {}
                    given[name] = type_number(study, name, label, usual, low, high, step, help=text, **form)
        failures = _failures(study)
    return replace(
        asking,
        max_calls=int(given["max-calls"]) or None,
        max_cost=float(given["max-cost"]) or None,
        requests_per_minute=float(given["per-minute"]) or None,
        concurrency=int(given["at-once"]),
        max_output_tokens=int(given["answer-tokens"]),
        seed=None if given["model-seed"] < 0 else int(given["model-seed"]),
        allow_failures=failures,
    )


def _failures(study: Study) -> bool:
    chosen = pick(
        study,
        "failures",
        "Where a question has no valid answer",
        list(FAILURES),
        lambda name: FAILURES[name],
        STOP,
        keep=True,
    )
    return chosen == GO_ON


def _days(workspace: Workspace, people: People, asking: ModelOptions | None) -> RunRequest | None:
    """Which days are for training and which for the test, and how long the search is."""
    study, limits = workspace.study, split_limits(workspace.study)
    with st.expander("Training, test and the search", icon=":material/event:"):
        columns = st.columns(4)
        with columns[0]:
            train_end = pick_day(
                study, "train-end", "Training ends", study.train_end, limits.earliest, limits.latest, keep=True
            )
        with columns[1]:
            test_end = pick_day(
                study, "test-end", "Test ends", limits.last, limits.test_end(limits.earliest), limits.last, keep=True
            )
        with columns[2]:
            trials = int(
                type_number(
                    study, "sim-trials", "Trials", DEFAULT_TRIALS, 1, MOST_TRIALS, 8,
                    help="How many sets of parameters are tried. With a language model only what lies outside of it is searched.",
                )
            )  # fmt: skip
        with columns[3]:
            seed = int(type_number(study, "sim-seed", "Seed", 0, 0, 2**31 - 1, 1, help="Of people and search."))
        st.caption("Engines can be set side by side where they were tested on the same days.")
        try:
            checked_split(study, train_end, test_end)
        except InputError as wrong:
            st.error(plain_text(str(wrong)), icon=":material/error:")
            return None
    return RunRequest(
        study=study.id,
        personas=None if people.population_id else people.personas,
        population_id=people.population_id,
        train_end=train_end,
        test_end=test_end,
        trials=trials,
        seed=seed,
        asking=asking,
    )
