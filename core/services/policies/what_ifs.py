"""What-ifs an analyst asks first, made on the spot from the policy that was in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.policy.interventions import encoded, observed_states
from core.policy.timeline import PolicyTimeline
from core.study import Step

DAYS_IN_WEEK = 7
#: By how many days measures can be lifted earlier or later.
FEWEST_DAYS, MOST_DAYS, DEFAULT_DAYS = 1, 365, 30
#: The same in the periods of a study, where nobody says otherwise.
USUAL_SHIFT = {Step.DAY: DEFAULT_DAYS, Step.WEEK: 4, Step.MONTH: 3, Step.YEAR: 1}


@dataclass(frozen=True)
class WhatIf:
    """A built-in question: `question` ends a sentence that begins with “What would people do if”, `text` says in words what is
    changed; `uses_days` where a number of days (of the study's periods) is part of it."""

    id: str
    label: str
    question: str
    text: str
    uses_days: bool
    make: Callable[[PolicyTimeline, date, int], PolicyTimeline]


def no_measures(timeline: PolicyTimeline, origin: date, days: int = DEFAULT_DAYS) -> PolicyTimeline:
    """Every measure lifted in the period after `origin`, for good."""
    first = timeline.step.after(origin, 1)
    return timeline.with_constant(
        {item.code: item.none for item in timeline.indicators}, first, name=f"No measures from {first}"
    )


def strictest_week(timeline: PolicyTimeline, origin: date, days: int = DEFAULT_DAYS) -> PolicyTimeline:
    """From the day after `origin` on, the policy of the strictest day of the strictest week up to `origin`.

    The strictest week is the first seven days in a row with the highest mean index; its strictest day is the first with
    the highest index. In studies of longer periods it is the strictest period.
    """
    length = DAYS_IN_WEEK if timeline.step is Step.DAY else 1
    known = timeline.stringency().loc[: pd.Timestamp(origin)]
    if known.empty:
        raise InputError(f"no policy is known up to {origin}", where="what-if", allowed=f"a day from {timeline.start}")
    last = known.rolling(length, min_periods=1).mean().round(9).idxmax()
    week = known.loc[:last].iloc[-length:]
    day = pd.DatetimeIndex([week.idxmax()])
    first, held = timeline.step.after(origin, 1), timeline.in_force(day[0].date())
    return timeline.with_constant(held, first, name=f"Policy of {day[0].date()} held from {first}")


def lifted_later(timeline: PolicyTimeline, origin: date, days: int = DEFAULT_DAYS) -> PolicyTimeline:
    """After `origin`, every relaxation comes `days` later; what is tightened is tightened when it was."""
    return _lifted(timeline, origin, _checked(days), later=True)


def lifted_earlier(timeline: PolicyTimeline, origin: date, days: int = DEFAULT_DAYS) -> PolicyTimeline:
    """After `origin`, every relaxation comes `days` earlier, but not before the day after `origin`."""
    return _lifted(timeline, origin, _checked(days), later=False)


WHAT_IFS: tuple[WhatIf, ...] = (
    WhatIf(
        "no-measures",
        "No measures",
        "all measures had ended?",
        "Every measure is lifted on the first day after training, for good.",
        False,
        no_measures,
    ),
    WhatIf(
        "strictest-week",
        "Strictest week held",
        "the strictest week had gone on?",
        "From the first day after training on, the measures of the strictest day in the strictest week of training.",
        False,
        strictest_week,
    ),
    WhatIf(
        "lifted-later",
        "Lifted later",
        "measures had ended {count} later?",
        "Every relaxation after training comes so many days later; tightening comes when it came.",
        True,
        lifted_later,
    ),
    WhatIf(
        "lifted-earlier",
        "Lifted earlier",
        "measures had ended {count} earlier?",
        "Every relaxation after training comes so many days earlier, at the earliest on the first day after training.",
        True,
        lifted_earlier,
    ),
)


def what_if(identifier: str, timeline: PolicyTimeline, origin: date, days: int = DEFAULT_DAYS) -> PolicyTimeline:
    """The scenario of a built-in what-if; InputError for an unknown one, or days outside 1 to 365."""
    one_of(identifier, [item.id for item in WHAT_IFS], what="what-if")
    return next(item for item in WHAT_IFS if item.id == identifier).make(timeline, origin, days)


def _checked(days: int) -> int:
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        raise InputError(
            f"{days} days",
            where="what-if",
            allowed=f"{FEWEST_DAYS} to {MOST_DAYS} days",
            nearest=str(min(max(days, FEWEST_DAYS), MOST_DAYS)),
        )
    return int(days)


def _lifted(timeline: PolicyTimeline, origin: date, days: int, *, later: bool) -> PolicyTimeline:
    """A day's state becomes the strictest of the last `days` (later) or the loosest of the next `days` (earlier)."""
    after = timeline.step.between(timeline.start, origin) + 1
    levels = timeline.levels()
    items = []
    for indicator in timeline.indicators:
        states, _ = observed_states(levels, indicator, timeline.dates, carry_forward=False)
        # Of some levers less is stricter: fewer days a week, for one.
        amount = indicator.amount
        sign = -1 if amount is not None and amount.limit < amount.reference else 1
        part = pd.Series(sign * states[after:])
        past, ahead = part.rolling(days + 1, min_periods=1), part[::-1].rolling(days + 1, min_periods=1)
        moved = sign * (past.max() if later else ahead.min()[::-1])
        together = np.concatenate([states[:after], moved.to_numpy(np.int64 if amount is None else float)])
        items += encoded(together, indicator, timeline.start, timeline.step)
    said = f"{days} {timeline.step}{'' if days == 1 else 's'} {'later' if later else 'earlier'}"
    return timeline.with_interventions(items, name=f"Measures lifted {said}")
