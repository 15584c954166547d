"""What a study rests on, in one place: assumptions, numbers with their sources, data and licences, and limits."""

from __future__ import annotations

import pandas as pd

from core.cognition.coefficients import EVERY, load_coefficients
from core.people.marginals import sources_frame
from core.people.population_file import PopulationSpec
from core.records import RUNGS
from core.report.document import Block, Details, Heading, Items, Paragraph, Table
from core.report.sentences.backtests import LIMITS
from core.report.sentences.domain import has_epidemic
from core.report.sentences.sources import source_line
from core.study import Study

ASSUMED = "assumption"
TERMS = {
    "base": "an ordinary period, nobody special",
    "persona": "for people who are",
    "trait": "from the least to the most of",
    "day": "in a period that is",
    "policy": "under the measure in full",
    "epidemic": "at the epidemic level",
    "context": "while",
    "remainder": "what time away leaves",
    "hours": "hours it takes",
}
#: What is known of every source of the code itself.
LICENCE = (
    "PolicyTwin is under the MIT licence. What it ships (study files, tables of people with their sources, invented places, "
    "tables learned from other places' past) was written or measured by the project; observations of real places are no part of "
    "it."
)


def assumption_blocks(study: Study) -> tuple[Block, ...]:
    """What is taken for granted, in the order of the work."""
    around = [item.name.lower() for item in study.context]
    stand_for = f"{study.inhabitants:,} {study.counted}"
    knows = ", ".join(["how long restrictions have lasted"] * study.fatigue + around) or "nothing else"
    epidemic = ("The epidemic stays at its last level after the origin.",) * has_epidemic(study)
    return (
        Paragraph("Taken for granted, in order:"),
        Items(
            (
                f"People: {study.personas:,} synthetic ones stand for {stand_for}; traits have no source.",
                f"Contexts: a person knows the policy, the kind of {study.step}, and {knows}.",
                "Engine: a stricter measure never moves a behaviour against its direction (Coefficients).",
                "Calibration: one line per behaviour holds before and after the end of training.",
                "Forecast: the gap between model and world at the end of training stays, and fades as elsewhere.",
                "Knowledge: policy path and announced calendar are told, nothing else after the origin.",
                *epidemic,
                "Other policies: the same people and lines answer them.",
            )
        ),
        Details(
            "How far a result may be believed",
            (
                Paragraph(
                    f"Every result stands on one of four rungs: {' → '.join(RUNGS)}. Agents count as coherent where each further "
                    "measure moves every behaviour in its expected direction or not at all; a pattern counts as reproduced where "
                    "the twin also missed by less than every baseline on the hold-out."
                ),
            ),
        ),
    )


def coefficient_blocks(study: Study) -> tuple[Block, ...]:
    """The engine's numbers with unit, source and reasoning."""
    rows = load_coefficients(study.coefficients_file).rows
    labels = {item.id: item.label for item in study.behaviours} | {EVERY: "All that people leave home for"}
    names = {item.code: item.name for item in study.indicators} | {item.code: item.name for item in study.context}
    sourced = int((rows["source"].str.lower() != ASSUMED).sum())
    said = (
        f"{sourced} of the {len(rows)} numbers have a published source; the others are assumptions."
        if sourced
        else f"None of the {len(rows)} numbers has a published source: all are assumptions, with the reasoning beside them."
    )
    table = pd.DataFrame(
        {
            "Behaviour": [labels.get(name, readable(name)) for name in rows["behaviour"]],
            "What it says": [
                " ".join(filter(None, (TERMS.get(term, term), named(key, names))))
                for term, key in zip(rows["term"], rows["key"], strict=True)
            ],
            "Only for": [readable(text) for text in rows["modifier"]],
            "Value": rows["value"],
            "Unit": rows["unit"],
            "Source": rows["source"],
            "Reasoning": rows["reasoning"],
        }
    )
    return (
        Paragraph(
            f"The rules engine's numbers for {study.place}. {said} Calibration changes none but those it searches."
        ),
        Table.of(
            table, "Log-odds add to the scale on which a chance is measured; 0.7 doubles the odds, −0.7 halves them."
        ),
    )


def data_blocks(study: Study, people: PopulationSpec) -> tuple[Block, ...]:
    """Where the study's data are from, and under which terms."""
    files = pd.DataFrame(
        [(readable(kind), item.file, item.place) for kind, item in study.sources.items()],
        columns=["What", "File", "Place"],
    )
    tables = sources_frame(people)[["label", "used_as", "source", "quality", "year"]]
    tables.columns = pd.Index(["Table of people", "Used as", "Source", "Quality", "Year"])
    return (
        Paragraph(f"{source_line(study).rstrip('.')}. {study.citation if study.fictional else ''}".strip()),
        Table.of(files, "Observations, as the study's file names them."),
        Heading("Tables of people"),
        Table.of(tables, "What each table is used for, and where it is from. “assumption”: no source."),
        Heading("Licences"),
        Paragraph(LICENCE),
        Paragraph(
            "Observed data are their providers': whoever publishes them cites the provider as above and keeps to its terms."
            if not study.fictional
            else "These data are invented, and free like the code."
        ),
    )


def limit_blocks(study: Study) -> tuple[Block, ...]:
    """What no page shows."""
    illness = ("The illness is not simulated: its level is frozen at the origin.",) * has_epidemic(study)
    invented = (f"{study.place} is invented: nothing here is evidence about a real place.",) * study.fictional
    return (
        Items(
            (
                *invented,
                "An effect is what the engine's assumptions and the calibration imply. It is not a causal effect.",
                "Outside the policies seen in training an answer rests on the assumptions alone: read it as direction, not size.",
                "One split is one test; another can turn the order of forecasts round.",
                "Effect intervals hold calibration, sampling of people and how far such effects were off elsewhere; not single "
                f"{study.step}s.",
                "Who responds how, by group, was not observed: it is what the engine assumes about people.",
                "Traits of people have no source, and moving them is a question about the model.",
                *illness,
            )
        ),
        Heading("What a backtest does not show"),
        Paragraph(LIMITS.split(" The months are")[0]),
    )


def named(key: str, names: dict[str, str]) -> str:
    """A key of the table in words: attribute=category, an indicator's code, a class of a context variable, a kind of day."""
    if key in names:
        return names[key]
    name, equals, value = key.partition("=")
    return f"{names.get(name, readable(name))}: {readable(value)}" if equals else readable(key)


def readable(text: str) -> str:
    """An id without its underscores."""
    return text.replace("=", ": ").replace("_", " ")
