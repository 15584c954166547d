"""The newest measurement in generated worlds: of the store, else the one that ships, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from core.records import code_version
from core.services.evaluation.known_worlds import CLAIM, ESTIMATOR_WORDS, STUDY_ID
from core.store.database import Store
from core.validity.measured import KnownWorlds, WorldScores, read_measured


@dataclass(frozen=True)
class MeasuredWorlds:
    """A finished measurement. `values` is what `known_worlds` gives; of the shipped one, whose `run_id` is None, its scores.

    `command` measures it again; `made_by` is the version of the code that measured it.
    """

    values: Mapping[str, Any]
    run_id: str | None
    measured_on: date
    command: str
    made_by: str

    @property
    def source(self) -> str:
        """For the line beneath a figure."""
        where = f"run {self.run_id}" if self.run_id else "the measurement shipped with PolicyTwin"
        how = (
            f", {self.values['personas']:,} personas, {self.values['trials']} trials"
            if "personas" in self.values
            else ""
        )
        return (
            f"generated worlds, {where}, {self.measured_on:%-d %B %Y}, version {self.made_by}; fictional data. Twin: rules "
            f"engine, not a language model{how}."
        )


def newest_worlds(store: Store) -> MeasuredWorlds | None:
    """The newest measurement of the store, else the shipped one; None where neither is there."""
    found = store.runs(kind="worlds", study_id=STUDY_ID, status="complete", limit=1)
    return _shipped() if found.empty else _kept(store, str(found["run_id"].iloc[0]))


def _kept(store: Store, run_id: str) -> MeasuredWorlds:
    run = store.run(run_id)
    made_by = str(run.summary.get("code_version", run.record.code_version))
    return MeasuredWorlds(run.summary, run_id, run.created_at.date(), f"policytwin rerun {run_id}", made_by)


def _shipped() -> MeasuredWorlds | None:
    found = read_measured(KnownWorlds, "worlds")
    if found is None:
        return None
    names = found.overall.estimators
    values = {
        "worlds": list(found.kinds),
        "seeds": found.seeds,
        "estimators": {name: text for name, text in ESTIMATOR_WORDS.items() if name in names},
        "summary": {
            "overall": as_measured(found.overall),
            **{
                part: {name: as_measured(scores) for name, scores in getattr(found, part).items()}
                for part in ("by_world", "by_distance", "working_week")
            },
        },
        "claims": CLAIM,
    }
    header = found.header
    return MeasuredWorlds(values, None, header.made_at, header.command, header.code_version)


def as_measured(scores: WorldScores) -> dict[str, Any]:
    """As a measurement in the store says it."""
    said = asdict(scores)
    for name, item in scores.estimators.items():
        if item.against_twin is not None:
            said["estimators"][name]["against_twin"] = item.against_twin.as_dict()
    return said


def worlds_from(measured: MeasuredWorlds) -> str:
    """Which measurement is shown, when and by which code it was made, and how it is made again."""
    where = f"kept in this store as {measured.run_id}" if measured.run_id else "shipped with PolicyTwin"
    own = (
        "the version running now"
        if measured.made_by == code_version()
        else "not the version running now, whose figures can differ"
    )
    values = measured.values
    return (
        f"Worlds {where}: measured on {measured.measured_on:%-d %B %Y} by version {measured.made_by} ({own}); "
        f"{values['seeds']} of each of {len(values['worlds'])} kinds. Made again by {measured.command}."
    )
