"""Read what a persona answered: text, answers by situation with reasons, and the exchange word for word."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.cognition.llm.memoising import MemoisingEngine, model_engine
from core.cognition.llm.prompts import PROMPTS
from core.errors import InputError
from core.people.personas import Population
from core.report.figures.simulate import person_figure
from core.report.sentences.sources import record_source
from core.services.language.descriptions import about_engine, is_rules
from core.services.language.engines import engine_of_run
from core.services.populations.synthesis import load_population
from core.services.runs.answers import (
    Exchange,
    Situations,
    about_situation,
    asks_personas,
    check_situations,
    exchanges_of,
    person_answers,
    situations_of,
    together_of,
    told,
    with_reasons,
)
from core.store.runs import StoredRun
from core.study import Study
from pages.common.address import from_address, into_address, key_of, pick
from pages.common.charts import chart, download
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, engine_note, plain_text

#: A prompt and an answer are shown this long at most; the store has them whole.
LONGEST = 20_000


def read_view(workspace: Workspace) -> dict[str, Any]:
    """One persona of the run shown; returns which."""
    run, study = workspace.run, workspace.study
    if run is None:
        st.info("Nothing has been simulated yet. Run an engine first.", icon=":material/flag:")
        return {}
    population = _population(workspace.store.name, str(run.record.population_id), workspace)
    situations = _situations(workspace.store.name, run.run_id, workspace)
    st.markdown("##### What did each person answer, and why?")
    engine_note(run)
    engine = _engine_to_read(workspace, run)
    if engine is not None and not asks_personas(engine):
        st.info(
            "Nobody in particular was asked in this run (design “Aggregate”): the answers below stand for everybody.",
            icon=":material/groups:",
        )
    persona = _persona(study, population)
    row = population.personas[population.personas["persona_id"] == persona].iloc[0]
    with st.container(border=True):
        st.text(str(row["text"]))
        st.caption(
            f"Persona {persona}, stands for {int(row['weight']):,} {workspace.study.counted}. "
            "Traits are assumptions; the whole person is "
            "on the Population page."
        )
    answers = person_answers(workspace.store, run, situations, persona, study)
    exchanges: list[Exchange] = []
    if engine is not None:
        exchanges = _exchanges(workspace.store.name, run.run_id, persona, workspace, engine, population, situations)
        answers = with_reasons(answers, exchanges)
    context = _situation(study, situations)
    _answers_there(workspace, run, answers, exchanges, situations, persona, context)
    _table(study, run, answers, persona)
    return {"persona": persona}


def _engine_to_read(workspace: Workspace, run: StoredRun) -> MemoisingEngine | None:
    """What reasons are found with; None for the rules engine, and where the prompts are other ones by now."""
    if is_rules(run.record):
        return None
    try:
        return _engine(workspace.store.name, run.run_id, workspace)
    except InputError as wrong:
        st.warning(
            plain_text(f"The numbers below are those of the run; its reasons and texts cannot be shown: {wrong}"),
            icon=":material/history:",
        )
        return None


def _persona(study: Study, population: Population) -> int:
    last = population.size - 1

    def parse(text: str) -> int:
        if not 0 <= int(text) <= last:
            raise ValueError(text)
        return int(text)

    key = from_address(study, "persona", 0, parse, keep=True)
    st.session_state[key] = min(max(int(st.session_state[key]), 0), last)
    value = int(st.number_input(f"Persona (0 to {last:,})", min_value=0, max_value=last, step=1, key=key, width=220))
    into_address("persona", str(value), "0", keep_for=study)
    return value


def _situation(study: Study, situations: Situations) -> int:
    """The situation chosen, by its first day: that means the same in every run of the study."""
    days = {f"{row['first']:%Y-%m-%d}": int(row["context_id"]) for row in situations.table.to_dict("records")}
    strictest = situations.table.sort_values("stringency", ascending=False).iloc[0]
    chosen = pick(
        study, "situation", "Situation", list(days), lambda day: situations.label(days[day]),
        f"{strictest['first']:%Y-%m-%d}", keep=True,
        help="Days that are alike in policy, kind of day, what else people live with and time under restrictions are one "
        "situation, and are "
        "asked about once. The strictest is shown first.",
    )  # fmt: skip
    return days[chosen]


def _answers_there(
    workspace: Workspace,
    run: StoredRun,
    answers: pd.DataFrame,
    exchanges: list[Exchange],
    situations: Situations,
    persona: int,
    context: int,
) -> None:
    study = workspace.study
    rows, about = about_situation(answers, exchanges, context, study)
    left, right = st.columns([3, 2])
    with left:
        source = f"{record_source(study, run.record, run.run_id)} Answers before calibration."
        figure = person_figure(
            rows,
            person=f"Persona {persona}",
            situation=situations.label(context),
            source=source,
            fictional=study.fictional,
        )
        data = rows.assign(samples=[", ".join(f"{value:g}" for value in given) for given in rows["samples"]])
        chart(
            figure, data, f"persona-{persona}-{run.run_id}", "read-person",
            f"What persona {persona} would do in the situation chosen, beside everybody's mean",
        )  # fmt: skip
    with right:
        if is_rules(run.record):
            st.markdown("**Why?**")
            st.write(
                "The rules engine gives no reasons: its numbers follow from the person's attributes and traits by the "
                "coefficients that the study names. It is not a language model."
            )
        else:
            _reasons(about)
    words = told(study, situations, context, str(about_engine(run.record).get("prompts", PROMPTS)))
    if words:
        title = "What a person is told of this situation" if about else "The situation in words"
        with st.expander(title, icon=":material/gavel:"):
            st.text(words)
    if about:
        _word_for_word(about)


def _reasons(about: list[Exchange]) -> None:
    st.markdown("**Why?**")
    if not about:
        st.caption("No question about this situation is in the cache of answers.")
    for item in about:
        if item.reason is not None:
            if len(about) > 1:
                st.caption(f"Sample {item.sample + 1}")
            st.text(f"“{item.reason}”")
        elif item.status is None:
            st.caption(f"Sample {item.sample + 1}: its answer is not in this store.")
        else:
            st.caption(f"Sample {item.sample + 1} has no valid answer:")
            st.text(item.failure or "no reason is recorded")
    several = sorted({len(item.contexts) for item in about})
    if several and several[-1] > 1:
        st.caption("One prompt asked about several situations, so that a reason may speak of more than this one.")


def _word_for_word(about: list[Exchange]) -> None:
    """The exchange as it was sent and received, as plain text: what a model wrote is data, and is never rendered."""
    with st.expander("Prompt and answer, word for word", icon=":material/receipt_long:"):
        for item in about:
            when = "" if item.asked_at is None else f", asked on {item.asked_at:%-d %B %Y at %H:%M} UTC"
            model = "" if item.model_id is None else f", answered by {item.model_id}"
            st.caption(plain_text(f"Sample {item.sample + 1}{when}{model}"))
            for title, text in (("System prompt", item.system), ("Prompt", item.prompt), ("Answer", item.raw)):
                st.markdown(f"**{title}**")
                if text is None:
                    st.caption("None is kept.")
                    continue
                st.text(text[:LONGEST])
                if len(text) > LONGEST:
                    st.caption(f"{len(text) - LONGEST:,} more characters are in the store.")


def _table(study: Study, run: StoredRun, answers: pd.DataFrame, persona: int) -> None:
    st.markdown("###### All situations")
    labels = {item.id: item.label for item in study.behaviours}
    shown = answers[["kind", "first", "last", "days", "stringency", *labels]].copy()
    for name in labels:
        shown[name] = 100.0 * shown[name]
    shown["kind"] = shown["kind"].str.capitalize()
    if "reason" in answers:
        shown["reason"] = answers["reason"]
    key = f"read-table-{run.run_id}-{persona}"

    def choose() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            st.session_state[key_of(study, "situation")] = f"{answers.iloc[rows[0]]['first']:%Y-%m-%d}"

    st.dataframe(
        shown,
        key=key,
        on_select=choose,
        selection_mode="single-row",
        hide_index=True,
        height=330,
        alt="Answers of the persona by situation. Choose a row to read it above.",
        column_config={
            "kind": st.column_config.TextColumn(f"Kind of {study.step}", pinned=True),
            "first": st.column_config.DateColumn(f"First {study.step}", format="D MMM YYYY"),
            "last": st.column_config.DateColumn(f"Last {study.step}", format="D MMM YYYY"),
            "days": st.column_config.NumberColumn(f"{str(study.step).capitalize()}s", format="%d"),
            "stringency": st.column_config.NumberColumn(study.index_word.capitalize(), format="%.0f", help="0 to 100"),
            **{name: st.column_config.NumberColumn(plain_text(text), format="%.0f%%") for name, text in labels.items()},
            "reason": st.column_config.TextColumn("Reason", width="large"),
        },
    )
    st.caption(
        f"Choose a row to read it above. Percent: the chance that {study.step}; of what takes part of a day, the share of it."
    )
    download(answers, f"answers-{run.run_id}-persona-{persona}", "read-data", index=False)


@st.cache_resource(show_spinner="Loading the people…", max_entries=4)
def _population(store_name: str, population_id: str, _workspace: Workspace) -> Population:
    return load_population(_workspace.store, population_id)


@remembered(show_spinner="Laying out the days…", max_entries=16)
def _situations(store_name: str, run_id: str, _workspace: Workspace) -> Situations:
    run = _workspace.store.run(run_id)
    found = situations_of(run, _workspace.inputs)
    check_situations(_workspace.store, run, found)
    return found


@remembered(show_spinner=False, max_entries=8)
def _engine(store_name: str, run_id: str, _workspace: Workspace) -> MemoisingEngine:
    return model_engine(engine_of_run(_workspace.store, run_id, inputs=_workspace.inputs))


@remembered(show_spinner=False, max_entries=32)
def _exchanges(
    store_name: str,
    run_id: str,
    persona: int,
    _workspace: Workspace,
    _engine: MemoisingEngine,
    _population: Population,
    _situations: Situations,
) -> list[Exchange]:
    together = together_of(_engine, _workspace.inputs, _workspace.store.run(run_id).record)
    return exchanges_of(_workspace.store, _engine, _population.personas, persona, _situations, together)
