"""Scenarios that ship, and those in files."""

from __future__ import annotations

import json
from pathlib import Path

from core.errors import InputError, one_of
from core.inputs.files import parsed, read_text
from core.settings import shipped_data
from core.society.scenario import Scenario, read_scenario


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
        return read_scenario(parsed(read_text(path), "json", scenario), scenario)
    one_of(scenario, shipped_scenarios(), what="scenario")
    file = shipped_data() / "society" / f"{scenario}.json"
    return read_scenario(json.loads(file.read_text(encoding="utf-8")), file.name)
