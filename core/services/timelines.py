"""Policy timelines for pages and commands: the observed one, and named scenarios kept beside it."""

from __future__ import annotations

import pandas as pd

from core.errors import InputError
from core.policy.timeline import PolicyTimeline
from core.store.database import Store
from core.study import Study


def save_timeline(store: Store, study: Study, timeline: PolicyTimeline) -> str:
    """Keep a timeline (the same one twice is one) and return its id."""
    with store.transaction():
        if len(store.read("timelines", columns=["timeline_id"], timeline_id=timeline.id)):
            return timeline.id
        raw = timeline.to_dict()
        interventions = raw.pop("interventions")
        store.append(
            "timelines",
            [
                {
                    "timeline_id": timeline.id,
                    "study_id": study.id,
                    "parent_id": timeline.parent_id,
                    "name": timeline.name,
                    "calendar": raw,
                    "content_hash": timeline.id,
                }
            ],
        )
        rows = [
            {
                "timeline_id": timeline.id,
                "position": position,
                "indicator": item["indicator"],
                "level": item["level"],
                "flag": item["flag"],
                "start_date": item["start"],
                "end_date": item["end"],
            }
            for position, item in enumerate(interventions)
        ]
        if rows:
            store.append("interventions", rows)
    return timeline.id


def load_timeline(store: Store, study: Study, timeline_id: str) -> PolicyTimeline:
    """The timeline kept under this id; InputError for an unknown one."""
    found = store.read("timelines", timeline_id=timeline_id, study_id=study.id)
    if found.empty:
        raise InputError(f"no timeline '{timeline_id}' of study {study.id}", where=store.name)
    rows = store.read("interventions", timeline_id=timeline_id)
    interventions = [
        {
            "indicator": row.indicator,
            "level": int(row.level),
            "flag": None if pd.isna(row.flag) else int(row.flag),
            "start": pd.Timestamp(row.start_date).date().isoformat(),
            "end": None if pd.isna(row.end_date) else pd.Timestamp(row.end_date).date().isoformat(),
        }
        for row in rows.itertuples()
    ]
    return PolicyTimeline.from_dict({**found.iloc[0]["calendar"], "interventions": interventions}, study)


def saved_scenarios(store: Store, study: Study) -> pd.DataFrame:
    """Kept scenarios (timelines with a parent) of a study, newest first: timeline_id, name, parent_id, created_at."""
    columns = ["timeline_id", "name", "parent_id", "created_at"]
    found = store.read("timelines", columns=columns, study_id=study.id)
    return found[found["parent_id"].notna()].sort_values("created_at", ascending=False).reset_index(drop=True)


def delete_scenario(store: Store, study: Study, timeline_id: str) -> None:
    """Forget a scenario; runs and sweeps made with it stay."""
    load_timeline(store, study, timeline_id)
    with store.transaction():
        store.delete("interventions", timeline_id=timeline_id)
        store.delete("timelines", timeline_id=timeline_id)
