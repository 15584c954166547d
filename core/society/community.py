"""Threads of a community: who writes after whom, what is removed, and what would follow from another utterance.

Who speaks, whether a thread goes on and what is removed are draws that a what-if leaves as they are; the words come from
a `Writer`: a language model, or templates that are labelled so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from core.branches import Branch
from core.errors import InputError, one_of
from core.society.draws import Stream, named, uniforms
from core.society.scene import Member, Scene

#: What stands in place of words that may hurt.
WITHHELD = "(withheld: flagged as possibly harmful)"


@dataclass(frozen=True)
class Utterance:
    """What somebody wrote. `number` counts in its thread from 0, the post that began it; `tone` is -1 hostile to 1 warm;
    `breaks` is the number of the rule it is against, 0 for none; `source` names the model or says `template`; a
    moderator `explains` what was removed before."""

    thread: int
    number: int
    author: str
    role: str
    text: str
    tone: float
    breaks: int
    source: str
    removed: bool = False
    harmful: bool = False
    explains: bool = False

    @property
    def place(self) -> str:
        """Thread and number, as a what-if names it: `2.3`."""
        return f"{self.thread}.{self.number}"


@dataclass(frozen=True)
class Turn:
    """What a writer is asked for: the next utterance of a thread, by this member. `draw` is within (0, 1)."""

    scene: Scene
    topic: str
    member: Member
    before: tuple[Utterance, ...]
    thread: int
    number: int
    explain: int
    draw: float
    seed: int


class Writer(Protocol):
    """Whoever finds the words. `write` answers turns that do not depend on one another, in their order."""

    source: str

    def write(self, turns: Sequence[Turn]) -> list[Utterance]:
        """One utterance for each turn; `removed` is not its business."""


@dataclass(frozen=True)
class Community:
    """A scene as it went in one world of chance."""

    scene: Scene
    seed: int
    utterances: tuple[Utterance, ...]

    def thread(self, number: int) -> tuple[Utterance, ...]:
        return tuple(item for item in self.utterances if item.thread == number)

    def measures(self) -> dict[str, float]:
        """Utterances, replies a thread, mean tone of what is left standing, share against a rule, share removed, and the share
        of members who spoke."""
        said = [item for item in self.utterances if not item.removed]
        count = len(self.utterances)
        return {
            "utterances": float(count),
            "replies_per_thread": count / self.scene.threads - 1.0,
            "mean_tone": float(np.mean([item.tone for item in said])) if said else 0.0,
            "against_rules": sum(item.breaks > 0 for item in self.utterances) / count,
            "removed": sum(item.removed for item in self.utterances) / count,
            "members_heard": len({item.author for item in said}) / len(self.scene.members),
        }


@dataclass(frozen=True)
class _Fork:
    """Another responder, or other words, at one utterance."""

    thread: int
    number: int
    responder: str | None
    text: str | None


def play(scene: Scene, writer: Writer, seed: int, changes: Sequence[Branch] = ()) -> Community:
    """All threads of a scene, with the changes of branches ({"at": "2.3", "responder": "troll"} or {"at", "text"}) in
    their order. Threads are written beside one another, the utterances of one after one another."""
    forks = {(fork.thread, fork.number): fork for fork in (_fork(scene, branch) for branch in changes if branch.change)}
    threads: list[list[Utterance]] = [[] for _ in range(scene.threads)]
    open_threads = set(range(scene.threads))
    owed: dict[int, int] = {}
    for number in range(2 * scene.most_replies + 2):
        turns = []
        for thread in sorted(open_threads):
            turn = _turn(scene, seed, thread, number, threads[thread], owed.pop(thread, 0), forks.get((thread, number)))
            if turn is None:
                open_threads.discard(thread)
            else:
                turns.append(turn)
        if not turns:
            break
        asked = [turn for turn in turns if not _given(forks, turn)]
        words = dict(zip([turn.thread for turn in asked], writer.write(asked), strict=True))
        for turn in turns:
            fork = forks.get((turn.thread, turn.number))
            said = words.get(turn.thread) or _said(turn, fork.text if fork and fork.text else "")
            said = _moderated(scene, seed, replace(said, explains=turn.explain > 0), len(threads[turn.thread]))
            threads[turn.thread].append(said)
            if said.removed and scene.moderation.explains:
                owed[turn.thread] = said.breaks
    return Community(scene, seed, tuple(item for thread in threads for item in thread))


def _given(forks: dict[tuple[int, int], _Fork], turn: Turn) -> bool:
    fork = forks.get((turn.thread, turn.number))
    return bool(fork and fork.text)


def _said(turn: Turn, text: str) -> Utterance:
    """The analyst's own words, in somebody's mouth."""
    return Utterance(turn.thread, turn.number, turn.member.id, turn.member.role, text, 0.0, 0, "analyst")


def _turn(
    scene: Scene, seed: int, thread: int, number: int, before: list[Utterance], explain: int, fork: _Fork | None
) -> Turn | None:
    """Who writes next; None where the thread ends."""
    # What moderators explain takes no part in the count, so that the draws of what follows stay as they are.
    said = sum(not item.explains for item in before)
    draws = uniforms(seed, Stream.SPEAKER, thread, named([said]), np.arange(1, 4))
    if number and not explain and not fork and (said > scene.most_replies or draws[0] >= scene.reply_probability):
        return None
    if explain:
        member = next(item for item in scene.members if item.role == "moderator")
    elif fork and fork.responder:
        member = _responder(scene, fork.responder)
    else:
        last = next((item.author for item in reversed(before) if not item.explains), "")
        able = [item for item in scene.members if item.id != last and (number or item.role == "member")]
        member = able[int(draws[1] * len(able))]
    topic = scene.topics[int(uniforms(seed, Stream.SPEAKER, thread, named([10_000]))[0] * len(scene.topics))]
    return Turn(scene, topic, member, tuple(before), thread, number, explain, float(draws[2]), seed)


def _moderated(scene: Scene, seed: int, said: Utterance, before: int) -> Utterance:
    drawn = float(uniforms(seed, Stream.REMOVED, said.thread, named([before]))[0])
    removed = said.breaks > 0 and said.role != "moderator" and drawn < scene.moderation.removes
    text = WITHHELD if said.harmful and not scene.harmful else said.text
    return replace(said, removed=removed, text=text)


def _responder(scene: Scene, responder: str) -> Member:
    """A member of this id, or the first of this role; a role that nobody has is played by a newcomer."""
    for role in ("troll", "moderator"):
        if responder == role:
            newcomer = Member.model_validate({"id": role, "about": f"A {role}", "role": role})
            return next((item for item in scene.members if item.role == role), newcomer)
    return scene.member(responder)


def _fork(scene: Scene, branch: Branch) -> _Fork:
    change = dict(branch.change or {})
    unknown = next((key for key in change if key not in ("at", "responder", "text")), None)
    if unknown is not None:
        one_of(unknown, ["at", "responder", "text"], what="key", where="what-if of a thread")
    at = str(change.get("at", ""))
    thread, _, number = at.partition(".")
    if not (thread.isdigit() and number.isdigit()) or int(thread) >= scene.threads:
        allowed = f"a thread (0 to {scene.threads - 1}) and the number of an utterance, such as 0.1"
        raise InputError(f"'{at}' names no utterance", where="what-if of a thread", allowed=allowed, nearest="0.1")
    if (change.get("responder") is None) == (change.get("text") is None):
        raise InputError(
            "a what-if has another responder or other words", where="what-if of a thread", allowed="responder, or text"
        )
    if change.get("responder") is not None:
        _responder(scene, str(change["responder"]))
    return _Fork(int(thread), int(number), change.get("responder"), change.get("text"))
