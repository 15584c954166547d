"""Edits of a policy before they are saved: a table an analyst can fill in, quick edits, and what they lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from core.counterfactual.levels import frozen_policies
from core.counterfactual.support import FAR, SLACK, Support
from core.errors import InputError, one_of
from core.policy.calendar import as_date
from core.policy.interventions import Intervention, checked, flag_in_words
from core.policy.scenario import apply_edits
from core.policy.timeline import PolicyTimeline
from core.policy.written import Edit
from core.study import Indicator, Step, Study

#: What a draft is called before the analyst names it.
UNNAMED = "Draft"
MEASURE, LEVEL, SCOPE, START, END = "Measure", "Level", "Scope", "From", "To"
TABLE_COLUMNS = (MEASURE, LEVEL, SCOPE, START, END)


def start_draft(parent: PolicyTimeline) -> PolicyTimeline:
    """A draft of `parent` in which nothing is changed yet."""
    return parent.renamed(UNNAMED, parent_id=parent.id)


def edit_draft(draft: PolicyTimeline, edits: Sequence[Edit], what: str) -> PolicyTimeline:
    """The draft with these edits, which are as in a scenario file (see `core.policy.scenario`).

    Raises InputError, in one line that begins with `what`, for an edit that cannot be made and for one that changes
    nothing.
    """
    try:
        edited = apply_edits(draft, [dict(edit) for edit in edits], name=draft.name)
    except InputError as wrong:
        raise InputError(wrong.problem, where=what, allowed=wrong.allowed, nearest=wrong.nearest) from None
    edited = edited.renamed(draft.name, parent_id=draft.parent_id)
    if not edited.changes(draft):
        raise InputError("that changes nothing, for the draft says so already", where=what)
    return edited


def held_at(
    study: Study, target: float, start: date | None = None, end: date | None = None
) -> tuple[list[Edit], float]:
    """The edits that hold every measure at the policy of a stringency (0-100), and the stringency that really has.

    The policy is that of the sweep: one documented staircase (see `core.counterfactual.levels`), scope general.
    """
    held = frozen_policies(study, [target])[0]
    edits = []
    for item in study.indicators:
        level = held.levels[item.code]
        edit: Edit = {"set": item.code, "level": level, "start": start, "end": end}
        edits.append(edit | ({"flag": 1} if item.has_flag and level else {}))
    return edits, held.realised


def scopes(indicator: Indicator) -> tuple[str, ...]:
    """What the flag can say, in words: flag 0 first. Empty for a measure without a flag."""
    return tuple(flag_in_words(indicator, flag) for flag in (0, 1)) if indicator.has_flag else ()


def all_scopes(study: Study) -> tuple[str, ...]:
    """The scopes of all measures of a study, each once."""
    return tuple(dict.fromkeys(scope for item in study.indicators for scope in scopes(item)))


def table_of(timeline: PolicyTimeline) -> pd.DataFrame:
    """The interventions as an analyst edits them: columns TABLE_COLUMNS, one row each, numbered from 1 (index `Row`).

    Measure and scope are in words; `To` is missing where the measure stays to the last day.
    """
    by_code = {item.code: item for item in timeline.indicators}
    frame = timeline.to_frame()
    pairs = zip(frame["indicator"], frame["flag"], strict=True)
    scope = [None if pd.isna(flag) else flag_in_words(by_code[code], int(flag)) for code, flag in pairs]
    return pd.DataFrame(
        {
            MEASURE: [by_code[code].name for code in frame["indicator"]],
            LEVEL: frame["level"].array,
            SCOPE: pd.Series(scope, dtype="object").to_numpy(),
            START: frame["start"].to_numpy(),
            END: frame["end"].to_numpy(),
        },
        index=pd.RangeIndex(1, len(frame) + 1, name="Row"),
    )


def from_table(draft: PolicyTimeline, table: pd.DataFrame, *, numbered: int | None = None) -> PolicyTimeline:
    """The draft with the rows of `table` (see `table_of`) as its interventions; the calendar stays.

    Rows with nothing in them do not count. Rows with a number above `numbered` are new and called so: the editor shows
    no number for them. Raises InputError naming the row and, where known, its measure: nothing is guessed, and no row
    is dropped.
    """
    for column in TABLE_COLUMNS:
        one_of(column, [str(name) for name in table.columns], what="column", where="table")
    by_name = {item.name: item for item in draft.indicators}
    found = []
    for label, row in zip(table.index, table.to_dict("records"), strict=True):
        if all(_blank(row[column]) for column in TABLE_COLUMNS):
            continue
        where = f"Row {label}" if numbered is None or label <= numbered else f"New row {label - numbered}"
        if _blank(row[MEASURE]):
            raise InputError("no measure is chosen", where=where, allowed=", ".join(by_name))
        indicator = by_name[one_of(str(row[MEASURE]), by_name, what="measure", where=where)]
        found.append(_intervention(draft, indicator, row, f"{where} ({indicator.name})"))
    return draft.with_interventions(found, name=draft.name).renamed(draft.name, parent_id=draft.parent_id)


def _intervention(draft: PolicyTimeline, indicator: Indicator, row: Mapping[Any, Any], where: str) -> Intervention:
    amount, level = indicator.amount, row[LEVEL]
    levels = f"1 to {indicator.maximum}" if amount is None else f"{amount.least:g} to {amount.most:g} {amount.unit}"
    if _blank(level):
        raise InputError("no level is chosen", where=where, allowed=levels)
    if level == indicator.none:
        raise InputError(
            f"{'level ' if amount is None else ''}{level:g} is no measure",
            where=where,
            allowed=f"{levels}, or delete the row",
        )
    if amount is None and isinstance(level, (int, float)) and not 1 <= level <= indicator.maximum:
        closest = str(1 if level < 1 else indicator.maximum)
        raise InputError(f"there is no level {level:g}", where=where, allowed=levels, nearest=closest)
    flag = None
    if indicator.has_flag:
        words = scopes(indicator)
        if _blank(row[SCOPE]):
            raise InputError("no scope is chosen", where=where, allowed=" or ".join(f"'{item}'" for item in words))
        flag = words.index(one_of(str(row[SCOPE]), words, what="scope", where=where))
    elif not _blank(row[SCOPE]):
        raise InputError("this measure has no scope", where=where, allowed="an empty cell")
    if _blank(row[START]):
        raise InputError("no first day is given", where=where, allowed=f"{draft.start} to {draft.end}")
    end = None if _blank(row[END]) else as_date(row[END], where=where)
    item = Intervention(indicator.code, level, flag, as_date(row[START], where=where), end)
    return checked(item, {indicator.code: indicator}, draft.start, draft.end, where=where)


@dataclass(frozen=True)
class SupportCheck:
    """How far a timeline leaves what training saw, over `days` periods of its `step`; `outside` says it for each of them.

    `beyond` counts days whose index leaves the training range `lowest`-`highest` by more than SLACK points, `far` those
    whose measures differ by more than FAR points on average from every training day; a day can be both.
    """

    days: int
    beyond: int
    far: int
    lowest: float
    highest: float
    outside: pd.Series
    step: Step = Step.DAY

    @property
    def outside_days(self) -> int:
        return int(self.outside.sum())

    def sentence(self, called: str) -> str:
        """The warning in words, or "" where no day is outside. `called` is how the timeline is called."""
        if not self.outside_days:
            return ""
        reasons = []
        if self.beyond:
            reasons.append(
                f"its index lies more than {SLACK:g} points beyond the {self.lowest:.0f} to {self.highest:.0f} that "
                f"training saw ({_periods(self.beyond, self.step)})"
            )
        if self.far:
            reasons.append(
                f"its mix of measures differs from that of every training {self.step} by more than {FAR:g} points of 100 on "
                f"average ({_periods(self.far, self.step)})"
            )
        return (
            f"On {self.outside_days:,} of {_periods(self.days, self.step)} of the hold-out {called} is unlike anything the twin "
            f"was trained on: {', and '.join(reasons)}. There a counterfactual rests on the engine's assumptions alone."
        )


def training_support(observed: PolicyTimeline, first: date, last: date) -> Support:
    """The policies of the training days `first` to `last`, from the policy that was in force."""
    dates = observed.step.periods(first, last)
    return Support.of(observed.intensities(dates), observed.stringency(dates))


def check_support(timeline: PolicyTimeline, support: Support, first: date, last: date) -> SupportCheck:
    """Which days from `first` to `last` lie outside the support of training under `timeline`."""
    dates = timeline.step.periods(first, last)
    intensities, stringency = timeline.intensities(dates).to_numpy(float), timeline.stringency(dates).to_numpy(float)
    beyond = (stringency < support.lowest - SLACK) | (stringency > support.highest + SLACK)
    far = support.distance(intensities) > FAR
    outside = pd.Series(support.outside(intensities, stringency), index=dates)
    found = (len(dates), int(beyond.sum()), int(far.sum()), support.lowest, support.highest, outside)
    return SupportCheck(*found, timeline.step)


def _periods(count: int, step: Step) -> str:
    return f"{count:,} {step}" if count == 1 else f"{count:,} {step}s"


def _blank(value: Any) -> bool:
    return not value.strip() if isinstance(value, str) else bool(pd.isna(value))
