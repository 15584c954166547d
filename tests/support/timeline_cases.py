"""Timelines that were edited."""

from __future__ import annotations

from datetime import date

from core.policy.timeline import PolicyTimeline
from core.services.policies import drafts

FIRST, LAST = date(2031, 4, 1), date(2031, 12, 31)


def schools(draft: PolicyTimeline, level: int = 3, start: date = FIRST, end: date = LAST) -> PolicyTimeline:
    edit = {"set": "C1", "level": level, "start": start, "end": end} | ({"flag": 1} if level else {})
    return drafts.edit_draft(draft, [edit], "School closing")
