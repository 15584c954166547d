"""Policy timelines for pages and commands: the observed one, and named scenarios kept beside it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import PurePath

import pandas as pd

from core.errors import InputError, one_of
from core.inputs.files import parsed
from core.policy.scenario import SUFFIXES, scenario_of
from core.policy.timeline import PolicyTimeline
from core.store.database import Store
from core.store.labels import labelled
from core.study import Study

OBSERVED = "Observed"
LONGEST_NAME = 80
#: Between a timeline and whose draft of it is meant.
OWNED_BY = "~"
#: A scenario file of a few edits has about 500 bytes; each edit costs a few milliseconds, so the size is bounded.
LARGEST_FILE = 100_000
_TURNS_TEXT_ROUND = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


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
            "indicator": row["indicator"],
            "level": float(row["level"]),
            "flag": None if pd.isna(row["flag"]) else int(row["flag"]),
            "start": row["start_date"].date().isoformat(),
            "end": None if pd.isna(row["end_date"]) else row["end_date"].date().isoformat(),
        }
        for row in rows.to_dict("records")
    ]
    return PolicyTimeline.from_dict({**found.iloc[0]["calendar"], "interventions": interventions}, study)


def saved_scenarios(store: Store, study: Study) -> pd.DataFrame:
    """Kept scenarios (timelines with a parent) of a study, newest first: timeline_id, name (as it was labelled, else its own),
    parent_id, created_at."""
    columns = ["timeline_id", "name", "parent_id", "created_at"]
    found = store.read("timelines", columns=columns, study_id=study.id)
    found = found[found["parent_id"].notna()].sort_values("created_at", ascending=False).reset_index(drop=True)
    return found.assign(name=labelled(store, found["timeline_id"], found["name"]))


def delete_scenario(store: Store, study: Study, timeline_id: str) -> None:
    """Forget a scenario and the drafts made of it; runs and sweeps made with it stay, and so do scenarios made of it.

    Raises InputError for an unknown one, and for a timeline that is no scenario (the observed policy).
    """
    found = store.read("timelines", columns=["parent_id"], timeline_id=timeline_id, study_id=study.id)
    if found.empty:
        raise InputError(f"no timeline '{timeline_id}' of study {study.id}", where=store.name)
    if found["parent_id"].isna().all():
        raise InputError(f"'{timeline_id}' is the observed policy", where=store.name, allowed="a saved scenario")
    with store.transaction():
        for key in store.read("drafts", columns=["parent_id"], study_id=study.id)["parent_id"]:
            if str(key).split(OWNED_BY)[0] == timeline_id:
                store.delete("drafts", study_id=study.id, parent_id=key)
        store.delete("interventions", timeline_id=timeline_id)
        store.delete("timelines", timeline_id=timeline_id)
        store.delete("labels", object_id=timeline_id)


def clean_name(name: str) -> str:
    """A scenario's name on one line, without invisible characters.

    Raises InputError for none, one of more than LONGEST_NAME characters, and the observed policy's own.
    """
    shown = "".join(" " if unicodedata.category(mark) in ("Cc", "Zl", "Zp", "Cs") else mark for mark in name)
    text = " ".join(shown.translate(dict.fromkeys(map(ord, _TURNS_TEXT_ROUND))).split())
    if not text:
        raise InputError("the scenario has no name yet", allowed=f"up to {LONGEST_NAME} characters")
    if len(text) > LONGEST_NAME:
        raise InputError(
            f"the scenario's name has {len(text)} characters",
            allowed=f"up to {LONGEST_NAME}",
            nearest=text[:LONGEST_NAME].strip(),
        )
    if text.casefold() == OBSERVED.casefold():
        raise InputError(f"'{text}' is the name of the policy that was in force", allowed="any other name")
    return text


def save_scenario(
    store: Store, study: Study, timeline: PolicyTimeline, parent: PolicyTimeline, name: str, owner: str = ""
) -> str:
    """Keep `timeline` as a scenario of this name made of `parent`, forget the owner's draft, and return the scenario's id.

    Raises InputError for a name that cannot be (see `clean_name`) or is taken by another scenario of the study, and
    where nothing differs from the parent.
    """
    scenario = timeline.renamed(clean_name(name), parent_id=parent.id)
    if not scenario.changes(parent):
        raise InputError(f"nothing is changed from '{parent.name}' yet", allowed="a scenario with at least one change")
    kept = saved_scenarios(store, study)
    taken = kept[(kept["name"].str.casefold() == scenario.name.casefold()) & (kept["timeline_id"] != scenario.id)]
    if len(taken):
        raise InputError(f"a scenario called '{scenario.name}' is there already", allowed="another name")
    with store.transaction():
        save_timeline(store, study, scenario)
        discard_draft(store, study, parent, owner)
    return scenario.id


def load_draft(store: Store, study: Study, parent: PolicyTimeline, owner: str = "") -> PolicyTimeline | None:
    """The unsaved edits of `parent` by `owner` as they were last, or None. They outlive a reload and a restart.

    Raises InputError where what is kept can no longer be read.
    """
    found = store.read("drafts", study_id=study.id, parent_id=_draft_key(parent, owner))
    return None if found.empty else PolicyTimeline.from_dict(found.iloc[0]["content"], study)


def keep_draft(store: Store, study: Study, parent: PolicyTimeline, draft: PolicyTimeline, owner: str = "") -> None:
    """Keep unsaved edits of `parent` in the place of those kept before: one draft for each parent and owner."""
    key = _draft_key(parent, owner)
    row = {"study_id": study.id, "parent_id": key, "content": draft.to_dict()}
    store.replace("drafts", [row], study_id=study.id, parent_id=key)


def discard_draft(store: Store, study: Study, parent: PolicyTimeline, owner: str = "") -> None:
    """Forget the unsaved edits of `parent` by `owner`."""
    store.delete("drafts", study_id=study.id, parent_id=_draft_key(parent, owner))


def _draft_key(parent: PolicyTimeline, owner: str) -> str:
    """Drafts of before had no owner."""
    return f"{parent.id}{OWNED_BY}{owner}" if owner else parent.id


def scenario_table(store: Store, study: Study, observed: PolicyTimeline, first: date, last: date) -> pd.DataFrame:
    """Kept scenarios, newest first, with their mean index from `first` to `last`.

    Columns: timeline_id, name, parent (a name), created_at (UTC), stringency (0-100; NaN where it cannot be read),
    observed_stringency, problem (text; empty where there is none).
    """
    kept = saved_scenarios(store, study)
    dates = pd.date_range(first, last, freq="D")
    base = float(observed.stringency(dates).mean())
    names = {observed.id: observed.name, **dict(zip(kept["timeline_id"], kept["name"], strict=True))}
    older = set(store.read("timelines", columns=["timeline_id"], study_id=study.id, parent_id=None)["timeline_id"])
    names |= {identifier: "Observed (other data)" for identifier in older if identifier not in names}
    rows = []
    for item in kept.to_dict("records"):
        mean, problem = float("nan"), ""
        try:
            mean = float(load_timeline(store, study, item["timeline_id"]).stringency(dates).mean())
        except InputError as wrong:
            problem = str(wrong)
        rows.append(
            {
                "timeline_id": item["timeline_id"],
                "name": item["name"],
                "parent": names.get(item["parent_id"], "a scenario deleted since"),
                "created_at": item["created_at"],
                "stringency": mean,
                "observed_stringency": base,
                "problem": problem,
            }
        )
    columns = ["timeline_id", "name", "parent", "created_at", "stringency", "observed_stringency", "problem"]
    return pd.DataFrame(rows, columns=columns)


def read_scenario_file(
    content: bytes, file_name: str, parents: Mapping[str, PolicyTimeline], observed: PolicyTimeline
) -> tuple[PolicyTimeline, PolicyTimeline]:
    """The scenario in an uploaded file and its parent. The file's name and content are data: nothing is opened by them.

    `parents` are the timelines a file may name as its parent, by id. Raises InputError, in which the file is called by
    its own name.
    """
    shown = clean_file_name(file_name)
    if len(content) > LARGEST_FILE:
        raise InputError(f"has {len(content):,} bytes", where=shown, allowed=f"up to {LARGEST_FILE:,} bytes")
    suffix = one_of(PurePath(shown).suffix.lower(), SUFFIXES, what="kind of scenario file", where=shown)
    raw = parsed(content, suffix[1:], shown)
    parent = parents.get(str(raw.get("parent", "")), observed)
    scenario = scenario_of(raw, parent, where=shown)
    return scenario.renamed(clean_name(scenario.name), parent_id=parent.id), parent


def clean_file_name(name: str) -> str:
    """A file's own name as it can be shown: the last part of its path, printable, up to 80 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(mark if mark.isprintable() else "_" for mark in last).strip()
    return text if len(text) <= LONGEST_NAME else f"{text[:40]}…{text[-39:]}"


def policy_source(study: Study) -> str:
    """Where a study's policy comes from, in one short line for figures and tables."""
    if study.fictional:
        return f"fictional: {study.place.removesuffix(' (fictional)')} and its policy are generated by PolicyTwin"
    if study.sources["policy"].layout.startswith("oxcgrt"):
        return "OxCGRT (Hale et al. 2021, doi 10.1038/s41562-021-01079-8), CC BY 4.0"
    return study.citation


def distinct_scenarios(scenarios: Sequence[PolicyTimeline]) -> list[PolicyTimeline]:
    """The scenarios, each once, with names that tell them apart; InputError for none."""
    chosen = list({item.id: item for item in scenarios}.values())
    if not chosen:
        raise InputError("no scenario given", where="compare", allowed="one or more scenarios")
    names = [item.name for item in chosen]
    return [
        item if names.count(item.name) == 1 else item.renamed(f"{item.name} ({item.id[-6:]})", parent_id=item.parent_id)
        for item in chosen
    ]
