"""What CONTRIBUTING says of the code is so: every file and name in it is there."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from core.report.sentences.recipe import STEPS

ROOT = Path(__file__).resolve().parents[2]
TEXT = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
NAMED = re.findall(r"`((?:core|pages)/[\w/]+\.py)(?:: (\w+))?`", TEXT)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_is_named_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = {item.name for item in ast.walk(tree) if isinstance(item, ast.FunctionDef | ast.ClassDef)}
    names |= {item.id for item in ast.walk(tree) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)}
    assert not name or name in names


def floors() -> dict[str, int]:
    """The floors of the import contract, the lowest 0."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(item["layers"] for item in contracts if item["name"].startswith("The one-way stack"))
    return {room.strip(): floor for floor, rooms in enumerate(reversed(layers)) for room in rooms.split("|")}


@pytest.mark.parametrize("number", range(3))
def test_a_walk_goes_through_the_floors_in_one_direction(number: int) -> None:
    walk = re.split(r"\*\*A .*?\*\*", TEXT.split("## Three walks")[1].split("## How to add")[0])[1 + number]
    rooms = [f"core.{name.split('/')[1]}" for name in re.findall(r"`(core/[\w/]+\.py)", walk)]
    visited = [floors()[room] for room in rooms]
    assert len(set(visited)) > 1 and visited in (sorted(visited), sorted(visited, reverse=True)), rooms


def test_folders_that_are_named_are_there() -> None:
    found = re.findall(r"`((?:core|pages|data)/[\w/]+/)`", TEXT)
    assert found and all((ROOT / folder).is_dir() for folder in found)


def test_the_recipe_for_a_new_domain_is_the_pages_own() -> None:
    commands = [command for _, command in STEPS if command]
    assert len(commands) >= 6 and all(f"`{command}`" in TEXT for command in commands)
