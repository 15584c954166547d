"""A community as somebody designs it: a goal, rules and members, in JSON (after Park et al., Social Simulacra, 2022)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from core.errors import InputError, one_of
from core.inputs.checking import checked, wrong
from core.inputs.files import parsed, read_text
from core.inputs.kinds import Identifier, Line, Share
from core.settings import shipped_data
from core.society.levers import Written

FORMAT = "policytwin.scene/1"
Role = Literal["member", "moderator", "troll"]


class Member(Written):
    """Who takes part: a name, a sentence about the person, and a role."""

    id: Identifier
    about: Line
    role: Role = "member"


class SceneModeration(Written):
    """The share of utterances against a rule that is removed, and whether the moderator says why in the thread."""

    removes: Share = 0.0
    explains: bool = False


class Scene(Written):
    """A community before anybody wrote in it. `threads` are begun by members in turn; a thread goes on with
    `reply_probability` after each utterance, up to `most_replies`. Content that may hurt is withheld unless `harmful`."""

    format: Literal["policytwin.scene/1"]
    id: Identifier = "scene"
    title: Line
    goal: Line
    fictional: bool = True
    rules: Annotated[tuple[Line, ...], Field(min_length=1, max_length=20)]
    topics: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]
    members: Annotated[tuple[Member, ...], Field(min_length=2, max_length=200)]
    threads: Annotated[int, Field(ge=1, le=200)] = 6
    most_replies: Annotated[int, Field(ge=0, le=8)] = 8
    reply_probability: Share = 0.65
    moderation: SceneModeration = SceneModeration()
    harmful: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Scene:
        names = [member.id for member in self.members]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise wrong(f"two members are called {twice}", "a name of its own for each", key="members")
        if sum(member.role == "member" for member in self.members) < 2:
            raise wrong("fewer than two members have the role 'member'", "two and more", key="members")
        if self.moderation.explains and not any(member.role == "moderator" for member in self.members):
            raise wrong(
                "nobody is a moderator who could explain", "a member with the role 'moderator'", key="moderation"
            )
        return self

    def member(self, name: str) -> Member:
        """The member of this id. InputError where there is none."""
        return next(
            member
            for member in self.members
            if member.id == one_of(name, [item.id for item in self.members], what="member")
        )


def shipped_scenes() -> tuple[str, ...]:
    """Their ids."""
    return tuple(sorted(file.stem for file in (shipped_data() / "society" / "scenes").glob("*.json")))


def find_scene(scene: str) -> Scene:
    """The shipped scene of this id, or the one in this JSON file. InputError where there is none, or it is wrong."""
    path = Path(scene)
    if path.suffix.lower() == ".json":
        if not path.is_file():
            raise InputError(
                f"there is no file '{scene}'", where="scene", allowed=f"a file, or one of {', '.join(shipped_scenes())}"
            )
        return checked(Scene, parsed(read_text(path), "json", scene), scene)
    one_of(scene, shipped_scenes(), what="scene")
    raw: Any = json.loads((shipped_data() / "society" / "scenes" / f"{scene}.json").read_text(encoding="utf-8"))
    return checked(Scene, raw, f"{scene}.json")
