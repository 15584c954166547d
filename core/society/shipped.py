"""Scenarios that ship, and those in files; one may extend a shipped one, whose keys it then need not repeat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.errors import InputError, one_of
from core.files_out import written_whole
from core.inputs.files import parsed, read_text
from core.settings import shipped_data
from core.society.scenario import FORMAT, Scenario, read_scenario


def shipped_scenarios() -> tuple[str, ...]:
    """Their ids."""
    return tuple(sorted(file.stem for file in (shipped_data() / "society").glob("*.json")))


def find_scenario(scenario: str) -> Scenario:
    """The shipped scenario of this id, or the one in this JSON file. InputError where there is none, or it is wrong."""
    path = Path(scenario)
    if path.suffix.lower() == ".json":
        if not path.is_file():
            raise InputError(
                f"there is no file '{scenario}'",
                where="scenario",
                allowed=f"a file, or one of {', '.join(shipped_scenarios())}",
            )
        return read_scenario(with_parent(parsed(read_text(path), "json", scenario), scenario), scenario)
    one_of(scenario, shipped_scenarios(), what="scenario")
    return read_scenario(with_parent(_shipped(scenario), f"{scenario}.json"), f"{scenario}.json")


def write_scenario(scenario: Scenario, path: Path) -> None:
    """Write a scenario as JSON; a file there is replaced where it is a scenario. InputError where it cannot be."""
    with written_whole(path, "a scenario", _is_scenario) as beside:
        beside.write_text(json.dumps(scenario.as_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _is_scenario(path: Path) -> bool:
    return FORMAT in path.read_text(encoding="utf-8", errors="replace")[:400]


def _shipped(scenario: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shipped_data() / "society" / f"{scenario}.json").read_text(encoding="utf-8"))
    return found


def with_parent(raw: dict[str, Any], where: str) -> dict[str, Any]:
    """With the keys of the shipped scenario that `extends` names, where it has none of its own."""
    if "extends" not in raw:
        return raw
    parent = _shipped(one_of(str(raw["extends"]), shipped_scenarios(), what="scenario", where=f"{where}, extends"))
    if "extends" in parent:
        raise InputError(
            f"{raw['extends']} extends another itself",
            where=f"{where}, extends",
            allowed="a scenario that stands alone",
        )
    return parent | {key: value for key, value in raw.items() if key != "extends"}
