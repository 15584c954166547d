"""What a study of the user's own would be, before it is kept."""

from __future__ import annotations

from datetime import date

import pandas as pd

from core.report.document import Block, Figure, Items, Paragraph
from core.report.figures.studies import MOST_LINES, observed_figure
from core.report.sentences.domain import has_epidemic, periods
from core.report.sentences.left_out import left_out_items
from core.report.sentences.skeletons import STAND_IN
from core.services.studies.countries import CountryStudy
from core.services.studies.tables import PreparedStudy
from core.study import Step, Study

#: Words of a list that is not spelled out to its end.
LISTED = 8


def country_blocks(made: CountryStudy) -> tuple[Block, ...]:
    """What was observed of the country, and what is assumed of it."""
    study = made.study
    labels = {item.id: item.label for item in study.behaviours}
    seen = made.observations.loc[: pd.Timestamp(study.end)].rename(columns=labels)
    cases = (
        "Reported cases say how far the epidemic was."
        if "cases" in made.tables and has_epidemic(study)
        else "No case counts or no head count of this place is loaded: the epidemic counts as low throughout."
    )
    return (
        Paragraph(_size(study, 1)),
        _drawn(seen, study.step, study.metric_unit, study.place, study.citation),
        Items((cases, STAND_IN, _split(study))),
    )


def tables_blocks(made: PreparedStudy) -> tuple[Block, ...]:
    """What the tables hold, what their columns were taken for, and what no file can tell."""
    study, check = made.study, made.check
    assert study is not None and check is not None
    if not check.places:
        return (Paragraph("No place of these tables can be used.", "bad"), *left_out_items(check.left_out))
    rising = [item.label for item in study.behaviours if item.expected_sign > 0]
    falling = [item.label for item in study.behaviours if item.expected_sign <= 0]
    signs = " ".join(
        f"A stricter policy is taken to {verb} {_listed(names)}."
        for verb, names in (("lower", falling), ("raise", rising))
        if names
    )
    told = made.request
    shown = study.place if check.places == 1 else f"{study.place}, one of {check.places} places"
    return (
        Paragraph(_size(study, check.places)),
        _drawn(made.observations, study.step, "as in the table", shown, told.file.name),
        Items((
            f"What people did: {_listed([item.label for item in study.behaviours])}.",
            f"Policies: {_listed([item.name for item in study.indicators])}.",
            f"{signs} Every policy begins with the same strength; the fit decides how much of it to believe.",
            f"The numbers are read as {KINDS[study.metric]}.",
            STAND_IN,
            _split(study),
        )),
        *left_out_items(check.left_out),
    )  # fmt: skip


KINDS = {
    "same_weekday_change": "changes in percent against the same weekday of a baseline period",
    "same_period_change": "changes in percent against the same time of a baseline year",
    "share": "shares of people in percent",
    "level": "amounts",
}


def _size(study: Study, places: int) -> str:
    where = study.place if places == 1 else f"{places} places"
    step = study.step
    length = periods(step, step.between(study.start, study.end) + 1)
    return (
        f"{where}, {_when(study, study.start)} to {_when(study, study.end)}: {length}, "
        f"{len(study.behaviours)} behaviour{'s' * (len(study.behaviours) != 1)}, {len(study.indicators)} "
        f"polic{'ies' if len(study.indicators) != 1 else 'y'}.{' Drawn as means of 7 days.' * (step is Step.DAY)}"
    )


def _when(study: Study, day: date) -> str:
    return f"{day:%-d %B %Y}" if study.step is Step.DAY else study.step.text(day)


def _split(study: Study) -> str:
    return (
        f"A fit trains to {_when(study, study.train_end)} and is tested on what comes after; Calibration changes that."
    )


def _drawn(seen: pd.DataFrame, step: Step, unit: str, place: str, source: str) -> Figure:
    more = f" The first {MOST_LINES} of {seen.shape[1]} behaviours are drawn." if seen.shape[1] > MOST_LINES else ""
    if step is Step.DAY:
        seen = seen.rolling(7, min_periods=4).mean()
    words = f"Lines of what was observed in {place}: {_listed(list(seen.columns))}.{more}"
    return Figure("observed", lambda: observed_figure(seen, unit, source), words, seen)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
