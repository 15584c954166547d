"""What is other than it was when a run was begun: the code, its packages, its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.records import RunRecord, code_version, content_hash, package_versions, python_version
from core.services.studies.inputs import StudyInputs, engine_texts
from core.store.database import Store
from core.store.runs import ENDED_EARLY

#: What of a record is what was asked for; all else is what it was made from.
_REQUESTED = ("engine", "seed", "personas", "train_end", "test_end")
_REQUESTED_PARAMETERS = ("trials", "keep_responses")
#: What of the way in which a model is asked is not chosen, but follows from files and code.
_NOT_CHOSEN = ("prompts_hash", "layout", "canaries")
#: Where a record says how its model was asked; `asking_engines` has it too, which rests on this module.
_ASKING = "asking"

INPUT_WORDS = {
    "mobility": "the observations",
    "policy": "the policy data",
    "cases": "the reported cases",
    "coefficients": "the engine's coefficients",
    "learned": "the tables learned from other places",
    "regions": "the observations of regions",
}
PEOPLE = "the population: other people than then"


def changes_between(then: RunRecord, now: RunRecord) -> list[str]:
    """How what goes into two runs differs, in words: code and packages, the study, its people, and each input."""
    changes = _environment(then, now.code_version, now.packages, now.python)
    changes += [] if then.study_hash == now.study_hash else ["the study: its file says something else than then"]
    changes += [] if then.population_hash == now.population_hash else [PEOPLE]
    prompts = [(item.parameters.get(_ASKING) or {}).get("prompts_hash") for item in (then, now)]
    changes += [] if prompts[0] == prompts[1] else ["the prompts: other content than then"]
    return changes + input_changes(then.input_hashes, now.input_hashes)


def input_changes(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Which inputs have other content by now; one that is not read any more counts too."""
    return [
        f"{INPUT_WORDS.get(name, name)}: other content than then"
        for name in {**then, **now}
        if then.get(name) != now.get(name) and name != "regions"
    ]


def environment_changes(record: RunRecord) -> list[str]:
    """What of the code and its packages is other than it was then."""
    return _environment(record, code_version(), package_versions(record.packages), python_version())


@dataclass(frozen=True)
class LeftAttempt:
    """An attempt at a run that ended early and is not taken up, because of what has changed since."""

    run_id: str
    changes: tuple[str, ...]


def begun_of_others(record: RunRecord, store: Store) -> LeftAttempt | None:
    """An earlier attempt at this run that is not taken up; None where there is none."""
    rows = store.runs(kind="run", study_id=record.study_id)
    for run_id in rows.loc[rows["status"].isin(ENDED_EARLY), "run_id"]:
        earlier = store.run(str(run_id)).record
        changes = changes_between(earlier, record)
        # Other people alone are another question, and no attempt at this one.
        if _requested(earlier) == _requested(record) and changes and changes != [PEOPLE]:
            return LeftAttempt(str(run_id), tuple(changes))
    return None


def check_unedited(inputs: StudyInputs) -> None:
    """InputError where a table of the engine was edited since it was read: parts of a run would rest on either."""
    now = {name: content_hash(text) for name, text in engine_texts(inputs.study).items()}
    edited = [INPUT_WORDS[name] for name, key in now.items() if inputs.hashes.get(name) != key]
    if edited:
        raise InputError(
            f"{edited[0]} were edited while the run went on",
            where=f"study {inputs.study.id}",
            allowed="the same command again, which begins anew",
        )


def _requested(record: RunRecord) -> list[Any]:
    asking = dict(record.parameters.get(_ASKING) or {})
    chosen = {name: value for name, value in asking.items() if name not in _NOT_CHOSEN}
    return [
        *(getattr(record, name) for name in _REQUESTED),
        *(record.parameters.get(name) for name in _REQUESTED_PARAMETERS),
        chosen,
    ]


def _environment(then: RunRecord, code: str, packages: Mapping[str, str], python: str) -> list[str]:
    changes = [] if then.code_version == code else [f"PolicyTwin: {then.code_version} then, {code} now"]
    changes += [
        f"{name}: {version} then, {packages.get(name, 'absent')} now"
        for name, version in then.packages.items()
        if packages.get(name) != version
    ]
    return changes + ([] if then.python == python else [f"Python: {then.python} then, {python} now"])
