"""A community is written again as it was, an utterance changes what follows it alone, and a model's words are never made up."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from llm_servers import always, openai_answer, openai_server

from core.branches import BranchTree
from core.errors import InputError
from core.services.society.communities import SceneRequest, play_scene
from core.services.studies.requests import ModelOptions
from core.society.community import WITHHELD, Community, play
from core.society.scene import Scene, find_scene, shipped_scenes
from core.society.writers import NoWords, TemplateWriter, read_answer
from core.store.database import Store

REMOVING = {"removes": 1.0, "explains": True}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")


def branched(scene: Scene, change: dict[str, str], seed: int = 1) -> tuple[Community, Community]:
    tree = BranchTree()
    root = tree.add(seed=seed)
    branch = tree.add(change, parent=root.branch_id, seed=seed)
    assert BranchTree.from_rows(tree.as_rows()).changes(branch.branch_id) == (change,)
    return play(scene, TemplateWriter(), seed), play(scene, TemplateWriter(), seed, tree.path(branch.branch_id))


@pytest.mark.parametrize("name", shipped_scenes())
def test_a_scene_keeps_to_its_plan(name: str) -> None:
    scene = find_scene(name)
    for seed in range(20):
        world = play(scene, TemplateWriter(), seed)
        assert world == play(scene, TemplateWriter(), seed)
        for number in range(scene.threads):
            thread = world.thread(number)
            assert 1 <= sum(not item.explains for item in thread) <= 1 + scene.most_replies
            assert thread[0].role == "member"
            spoken = [item.author for item in thread if not item.explains]
            assert all(before != after for before, after in itertools.pairwise(spoken))


def test_another_responder_changes_the_thread_from_there_and_no_other() -> None:
    scene = find_scene("allotment")
    for seed in range(10):
        plain, changed = branched(scene, {"at": "0.1", "responder": "troll"}, seed)
        assert changed.thread(0)[0] == plain.thread(0)[0]
        assert changed.thread(0)[1].role == "troll"
        assert all(plain.thread(number) == changed.thread(number) for number in range(1, scene.threads))


def test_the_analysts_own_words_are_marked_as_such() -> None:
    said = branched(find_scene("tram_line"), {"at": "2.1", "text": "<b>Free</b> trams for all"})[1].thread(2)[1]
    assert said.text == "<b>Free</b> trams for all" and said.source == "analyst"


def test_moderation_takes_down_what_is_against_a_rule_and_says_so() -> None:
    raw = find_scene("allotment").model_dump()
    strict = Scene.model_validate(raw | {"moderation": REMOVING})
    lenient = Scene.model_validate(raw | {"moderation": {"removes": 0.0}})
    for seed in range(10):
        for item in play(strict, TemplateWriter(), seed).utterances:
            assert item.removed == (item.breaks > 0)
        assert not any(item.removed for item in play(lenient, TemplateWriter(), seed).utterances)
        for number in range(strict.threads):
            thread = play(strict, TemplateWriter(), seed).thread(number)
            assert all(after.explains for before, after in itertools.pairwise(thread) if before.removed)


def test_worlds_differ_and_their_spread_is_told() -> None:
    found = play_scene(SceneRequest("allotment", worlds=12, at="1.1", responder="troll"))
    tone = next(item for item in found.measures if item.name == "mean_tone")
    against = next(item for item in found.measures if item.name == "against_rules")
    assert tone.spread.sd and tone.spread.worlds == 12 and tone.difference is not None
    assert against.difference is not None and against.difference.mean > 0
    assert type(found).from_dict(found.as_dict()) == found
    assert len(found.branches) == 24 and found.writer == "template"


@pytest.mark.usefixtures("key")
def test_a_model_is_asked_once_for_equal_turns_and_harm_is_withheld(tmp_path: Path) -> None:
    words = {"text": "I like compost.", "tone": 40, "breaks_rule": 9, "harmful": True}
    with openai_server(always(openai_answer(json.dumps(words)))) as url, Store(tmp_path / "a.duckdb") as store:
        asking = ModelOptions(engine="openai", model="m", base_url=url)
        request = SceneRequest("tram_line", worlds=2, engine="openai", asking=asking)
        found = play_scene(request, store)
        asked = len(url.seen)
        assert play_scene(request, store) == found and len(url.seen) == asked
    assert found.writer == "openai: m"
    assert {item.text for item in found.utterances if not item.explains} == {WITHHELD}
    assert max(item.breaks for item in found.utterances) <= 3
    prompt = url.seen[0].body["messages"][-1]["content"]
    assert find_scene("tram_line").goal in prompt and "-----BEGIN PERSON" in prompt


REST = '"tone": 1, "breaks_rule": 0, "harmful": false}'


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (f'<think>{{"text": "a draft", {REST}</think>{{"text": "Yes.", {REST}', "Yes."),
        (f'```json\n{{"text": "No\\u202e <b>", {REST}\n```', "No ‹b›"),
    ],
)
def test_a_draft_is_no_answer_and_what_cannot_be_seen_is_left_out(text: str, read: str) -> None:
    assert read_answer(text)["text"] == read


@pytest.mark.usefixtures("key")
def test_without_a_right_answer_nothing_is_made_up(tmp_path: Path) -> None:
    with (
        openai_server(always(openai_answer('{"text": "", "tone": 400}'))) as url,
        Store(tmp_path / "a.duckdb") as store,
    ):
        asking = ModelOptions(engine="openai", model="m", base_url=url)
        with pytest.raises(NoWords, match="text is missing"):
            play_scene(SceneRequest("tram_line", worlds=1, engine="openai", asking=asking), store)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"at": "0.9", "responder": "lena"}, "Nearest valid: 0."),
        ({"at": "77.1", "responder": "lena"}, "Nearest valid: 0.1"),
        ({"at": "0.1", "responder": "lina"}, "Nearest valid: lena"),
        ({"at": "0.1"}, "another responder or other words"),
        ({"text": "Hello"}, "needs the utterance"),
        ({"worlds": 0}, "Nearest valid: 1"),
    ],
)
def test_what_cannot_be_is_told_with_the_nearest_valid_value(change: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as failed:
        play_scene(SceneRequest("tram_line", **change))  # type: ignore[arg-type]
    assert told in str(failed.value)


def test_a_scene_file_that_is_wrong_is_refused(tmp_path: Path) -> None:
    raw = find_scene("tram_line").model_dump(mode="json")
    for change, told in (
        ({"treads": 3}, "Nearest valid: threads"),
        ({"members": raw["members"][:1]}, "members"),
        ({"most_replies": 9}, "8"),
    ):
        file = tmp_path / "scene.json"
        file.write_text(json.dumps(raw | change))
        with pytest.raises(InputError) as failed:
            find_scene(str(file))
        assert told in str(failed.value)
