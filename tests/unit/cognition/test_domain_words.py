"""Language models are asked in the domain's own words: no illness where there is none, amounts and periods as the study says."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from core.cognition.llm.designs import DESIGNS, design_of, ladder
from core.cognition.llm.domain_words import words_of
from core.cognition.llm.prompts import PERSONA, PromptWriter, load_prompts
from core.cognition.llm.variants import audit_writer, variables_of, variants_of
from core.services.studies.inputs import open_study
from core.simulation.contexts import situations, unique_contexts
from core.study import load_study

INPUTS = open_study("orlo@Dale")
WRITER = PromptWriter(INPUTS.study, load_prompts())
OF_AN_ILLNESS = {"illness", "cases", "epidemic", "ramadan", "pandemic"}
MONTHS = pd.date_range("2034-03-01", "2036-12-01", freq="MS")


def words_in(text: str) -> set[str]:
    return set(re.findall("[a-z]+", text.lower()))


def context(month: str) -> dict[str, object]:
    row = situations(INPUTS.timeline, pd.DatetimeIndex([month]), INPUTS.study, None).iloc[0]
    return {str(name): value for name, value in row.items()}


def test_a_study_of_the_tracker_is_asked_in_the_words_of_the_version() -> None:
    files = load_prompts()
    assert words_of(load_study("meridia"), files.words) is files.words


def test_measures_drought_and_time_are_said_and_no_illness() -> None:
    said = WRITER.condition(context("2035-01-01"))
    assert "Mandated cut: 32 %." in said and "Watering days: 2 days a week." in said
    assert "A severe drought is declared." in said and "A cut has been announced." in said
    assert "restrictions" not in said, "how long restrictions have lasted is what tires people of a pandemic"
    before = WRITER.condition(context("2031-06-01"))
    assert before.startswith("Rules in force: none.") and "Watering days: 7 days a week." in before
    for text in (said, before, WRITER.system(PERSONA)):
        assert not OF_AN_ILLNESS & words_in(text)
    plain = replace(INPUTS.study, context=())
    assert "- Everything else is as usual." in PromptWriter(plain, load_prompts()).condition(context("2035-01-01"))


def test_kinds_of_month_and_numbers_have_the_study_s_words() -> None:
    assert WRITER.kinds == ("winter", "spring", "summer", "autumn")
    assert '- "summer": a summer month: hot and dry' in WRITER.days(WRITER.kinds, together=True)
    assert "your home waters or washes something outdoors" in WRITER.behaviours(PERSONA)


@pytest.mark.parametrize("name", DESIGNS)
def test_each_design_asks_about_every_context_once(name: str) -> None:
    days = situations(INPUTS.timeline, MONTHS, INPUTS.study, None)
    table = unique_contexts(days, MONTHS)
    design = design_of(name)
    plans = design.plans(table.contexts, WRITER)
    asked = {row for plan in plans for _, _, row in plan.answer_slots}
    assert asked == set(range(len(table.contexts)))
    said = [design.prompt(plan, "", WRITER) for plan in plans]
    assert not any("$" in text or OF_AN_ILLNESS & words_in(text) for text in said)
    told = " ".join(PromptWriter(load_study("meridia"), load_prompts()).files.texts.values())
    assert "illness" in words_in(told), "the version does speak of one"


def test_paraphrases_and_audits_know_of_no_illness_either() -> None:
    for files in (item.files for item in variants_of()):
        writer = PromptWriter(INPUTS.study, files)
        holes = dict.fromkeys(
            ("days", "behaviours", "form", "condition", "persona", "arms", "common", "conditions"), ""
        )
        for name in ("levels", "unblinded"):
            text = writer.prompt(name, **holes)
            assert not OF_AN_ILLNESS & words_in(text) and ", ," not in text and "  " not in text
    asked = audit_writer(INPUTS.study)
    assert [item.id for item in variables_of(study=INPUTS.study)] == list(asked.study.behaviour_ids)
    assert not OF_AN_ILLNESS & words_in(asked.behaviours(PERSONA)) and "weather" in asked.study.behaviour_ids
    assert {"danger", "cases"} <= {item.id for item in variables_of(study=load_study("meridia"))}


def test_a_letter_stands_for_a_share_where_the_version_knows_no_such_unit() -> None:
    writer = PromptWriter(INPUTS.study, load_prompts(letters=("blinded",)))
    options, values = writer.letter_options(0)
    assert len(options) == len(values) == 5 and values[0] < values[-1]
    said = writer.letter_question(0, "summer", range(5), PERSONA)["question"]
    assert "What is the probability in percent that your home waters" in said and "It is a summer month" in said


def test_the_ladder_of_amounts_goes_from_none_to_full() -> None:
    rungs = ladder(INPUTS.study)
    assert [row["W"] for row in rungs] == [7.0, 3.0, 0.0] and [row["S"] for row in rungs][::2] == [0.0, 36.0]
