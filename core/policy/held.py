"""A policy beyond the last period that is known: what was in force then is held, and the calendar goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from core.policy.calendar import calendar_for
from core.policy.timeline import PolicyTimeline
from core.study import Study


def held_until(timeline: PolicyTimeline, study: Study, until: date) -> PolicyTimeline:
    """The timeline up to `until`, with what is in force on its last period held after that; one that is longer stays as it is.

    Statutory holidays and working weeks go on; a context variable stays in the last class that is known of it.
    """
    if until <= timeline.end:
        return timeline
    known = timeline.calendar
    longer = calendar_for(study.calendar, known.start, until)
    later = [item for item in longer.holidays if item.day > known.end]
    calendar = replace(
        longer, working_weeks=known.working_weeks, holidays=(*known.holidays, *later), context=known.context
    )
    items = [replace(item, end=None) if item.end == timeline.end else item for item in timeline.interventions]
    return replace(timeline, interventions=tuple(items), end=until, calendar=calendar)
