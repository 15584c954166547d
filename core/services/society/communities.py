"""A community written in many worlds, and what another utterance would have changed in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.branches import BranchTree
from core.cognition.llm.secret_text import refuse_keys
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.options import option
from core.result import Result
from core.services.society.asking import asker, engine_name
from core.services.studies.requests import DEFAULT_ENGINE, ModelOptions
from core.society.community import Community, Utterance, Writer, play
from core.society.scene import Scene, find_scene
from core.society.writers import ModelWriter, TemplateWriter
from core.statistics.spread import Spread, Unseen, same_sign, spread_of, unseen
from core.store.database import Store

MOST_WORLDS = 200
#: Half the width, in its own unit, to which each measure is wanted.
WANTED = {
    "utterances": 5.0,
    "replies_per_thread": 0.5,
    "mean_tone": 0.1,
    "against_rules": 0.05,
    "removed": 0.05,
    "members_heard": 0.1,
}


@dataclass(frozen=True)
class SceneRequest:
    """A scene, in how many worlds, and perhaps a what-if: another responder or other words at an utterance."""

    scene: str = option("a shipped scene's id, or a JSON file", word="SCENE", positional=True)
    worlds: int = option("worlds of chance (default 10)", 10)
    seed: int = option("seed of the first world (default 1)", 1)
    at: str | None = option("the utterance of a what-if: thread and number, such as 0.1", None, word="T.N")
    responder: str | None = option("who answers there instead: troll, moderator, or a member", None, word="WHO")
    text: str | None = option("what is said there instead", None, word="TEXT")
    engine: str = option(
        "gemini, openai, local or replay; rules (default) writes templates, labelled so", DEFAULT_ENGINE
    )
    asking: ModelOptions | None = None


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure over the worlds as they went, and, with a what-if, the mean of its paired differences and the share of worlds
    with the same sign."""

    name: str
    spread: Spread
    difference: Spread | None = None
    same_sign: float | None = None


@dataclass(frozen=True, kw_only=True)
class SceneResult(Result):
    """A scene's worlds. `utterances` are those of the first, and `what_if` its utterances after the change; `unseen` counts
    ways in which a thread can go (roles in order), over all threads of all worlds. `writer` names who found the words."""

    scene: str
    title: str
    fictional: bool
    writer: str
    worlds: int
    seed: int
    utterances: tuple[Utterance, ...]
    what_if: tuple[Utterance, ...] = ()
    change: Mapping[str, str] | None = None
    branches: tuple[Mapping[str, Any], ...] = ()
    measures: tuple[Measure, ...] = ()
    unseen: Unseen


def play_scene(request: SceneRequest, store: Store | None = None, watch: ProgressReporter | None = None) -> SceneResult:
    """The scene in its worlds. With a model, what it answered is kept in the store and not asked again.

    InputError for a scene, an utterance or a number that cannot be; NoWords where a model gave no right answer."""
    watch = watch or ProgressReporter()
    if not 1 <= request.worlds <= MOST_WORLDS:
        raise InputError(
            f"{request.worlds} worlds",
            where="scene",
            allowed=f"1 to {MOST_WORLDS}",
            nearest=str(min(max(request.worlds, 1), MOST_WORLDS)),
        )
    scene = find_scene(request.scene)
    _without_keys(scene, request.text)
    writer = writer_of(request.asking, store, watch)
    tree = BranchTree()
    change = {"at": request.at, "responder": request.responder, "text": request.text}
    change = {key: value for key, value in change.items() if value is not None}
    if change and request.at is None:
        raise InputError(
            "a what-if needs the utterance that changes", where="--at", allowed="thread and number, such as 0.1"
        )
    plain, changed = [], []
    for world in range(request.worlds):
        watch.report("worlds", world, request.worlds, f"world {world + 1} of {request.worlds}")
        seed = request.seed + world
        root = tree.add(seed=seed, title=scene.title)
        plain.append(play(scene, writer, seed))
        if change:
            branch = tree.add(change, parent=root.branch_id, seed=seed)
            _there(plain[-1], str(request.at), world)
            changed.append(play(scene, writer, seed, tree.path(branch.branch_id)))
    watch.report("worlds", request.worlds, request.worlds, "done")
    kinds = [tuple(item.role for item in one.thread(number)) for one in plain for number in range(scene.threads)]
    return SceneResult(
        scene=scene.id,
        title=scene.title,
        fictional=scene.fictional,
        writer=writer.source,
        worlds=request.worlds,
        seed=request.seed,
        utterances=plain[0].utterances,
        what_if=changed[0].utterances if changed else (),
        change={key: str(value) for key, value in change.items()} or None,
        branches=tuple(tree.as_rows()),
        measures=_measures(plain, changed),
        unseen=unseen(kinds),
    )


def writer_of(asking: ModelOptions | None, store: Store | None, watch: ProgressReporter) -> Writer:
    """Templates, or the language model that is asked for. InputError for options that it cannot have."""
    if asking is None:
        return TemplateWriter()
    return ModelWriter(asker(asking, store, watch), engine_name(asking))


def _measures(plain: Sequence[Community], changed: Sequence[Community]) -> tuple[Measure, ...]:
    before, after = [one.measures() for one in plain], [one.measures() for one in changed]
    found = []
    for name, wanted in WANTED.items():
        values = [one[name] for one in before]
        measure = Measure(name=name, spread=spread_of(values, wanted))
        if after:
            moved = [one[name] - value for one, value in zip(after, values, strict=True)]
            measure = replace(measure, difference=spread_of(moved, wanted), same_sign=same_sign(moved))
        found.append(measure)
    return tuple(found)


def _there(world: Community, at: str, number: int) -> None:
    """Nobody can answer differently where nobody wrote, except as the next in a thread of the first world."""
    thread = world.thread(int(at.split(".")[0])) if at.split(".")[0].isdigit() else ()
    if number == 0 and thread and at.partition(".")[2].isdigit() and int(at.partition(".")[2]) > len(thread):
        last = f"{thread[0].thread}.{len(thread)}"
        raise InputError(
            f"'{at}' lies beyond the end of its thread",
            where="what-if of a thread",
            allowed=f"up to {last}",
            nearest=last,
        )


def _without_keys(scene: Scene, text: str | None) -> None:
    """Nothing that is kept or sent may hold a key."""
    texts = [scene.goal, *scene.rules, *scene.topics, *(member.about for member in scene.members), text or ""]
    refuse_keys(texts, "the scene", "scene")
