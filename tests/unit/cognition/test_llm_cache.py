"""The cache of answers: one row per question, failures that are asked again, keys cut out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cache_cases import SHAPE, SPEC, answered, failed, question, text_for
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cognition.llm.cache import AnswerCache, storable
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.secret_text import HIDDEN, without_secrets
from core.store import Store


def test_answers_come_back_as_they_were_given(cache: AnswerCache) -> None:
    each = question(1)
    before = datetime.now(UTC)
    assert cache.keep(SPEC, [(each, answered(each))], run_id="run-1") == 1
    found = cache.find([each.key(SPEC), "unknown", each.key(SPEC)])
    assert set(found) == {each.key(SPEC)}
    stored = found[each.key(SPEC)]
    assert (stored.raw, stored.model_id, stored.tokens_in, stored.tokens_out) == (
        text_for(SHAPE),
        "gemini-test-001",
        120,
        30,
    )
    assert (stored.attempts, stored.seconds) == (1, 0.5)
    assert before <= stored.asked_at <= datetime.now(UTC)
    row = cache.store.read("llm_calls").iloc[0]
    assert row["prompt"] == each.prompt
    assert row["answer_schema"] == each.schema
    assert list(row["answer_schema"]["properties"]) == list(each.schema["properties"])
    assert row["parsed"] == SHAPE.parse(text_for(SHAPE))
    assert row["parameters"] == {"temperature": 0.7, "max_output_tokens": 1024, "seed": 11}
    assert (row["run_id"], row["status"], row["engine"], row["model"]) == ("run-1", "ok", "gemini", "gemini-test")


def test_what_a_reply_did_not_say_is_missing_and_not_zero(cache: AnswerCache) -> None:
    each = question(1)
    raw = text_for(SHAPE)
    cache.keep(SPEC, [(each, Outcome(each.key(SPEC), SHAPE.parse(raw), raw=raw, attempts=1))])
    stored = cache.find([each.key(SPEC)])[each.key(SPEC)]
    assert (stored.model_id, stored.tokens_in, stored.tokens_out) == (None, None, None)


Step = tuple[int, bool]


@settings(deadline=None, max_examples=60)
@given(batches=st.lists(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=8), max_size=6))
def test_a_key_has_one_row_and_an_answer_once_kept_stays(batches: list[list[Step]]) -> None:
    expected: dict[int, tuple[bool, int]] = {}
    count = 0
    with AnswerCache() as cache:
        for batch in batches:
            pairs = []
            for number, good in batch:
                count += 1
                each = question(number)
                outcome = Outcome(
                    each.key(SPEC),
                    SHAPE.parse(text_for(SHAPE)) if good else None,
                    None if good else f"failure {count}",
                    text_for(SHAPE),
                    attempts=count,
                )
                pairs.append((each, outcome))
                if not expected.get(number, (False, 0))[0]:
                    expected[number] = (good, count)
            cache.keep(SPEC, pairs)
        frame = cache.store.read("llm_calls")
        assert frame["key"].is_unique
        rows = {int(row["sample"]): row for row in frame.to_dict("records")}
        assert {number: (row["status"] == "ok", row["attempts"]) for number, row in rows.items()} == expected
        for number, row in rows.items():
            assert (row["failure"] == f"failure {expected[number][1]}") == (row["status"] == "failed")
        keys = [question(number).key(SPEC) for number in range(5)]
        assert set(cache.find(keys)) == {keys[number] for number, (good, _) in expected.items() if good}


def test_what_came_from_the_cache_is_not_stored_again(cache: AnswerCache) -> None:
    each = question(1)
    assert cache.keep(SPEC, [(each, Outcome(each.key(SPEC), {}, raw="{}", from_cache=True))]) == 0
    assert cache.store.read("llm_calls").empty


def test_many_keys_are_one_quick_look_up(cache: AnswerCache) -> None:
    questions = [question(number) for number in range(3000)]
    cache.keep(SPEC, [(each, answered(each)) for each in questions])
    keys = [each.key(SPEC) for each in questions[:2000]] + [f"absent {number}" for number in range(20_000)]
    assert len(cache.find(keys)) == 2000
    assert cache.forget(keys) == 2000
    assert cache.find(keys) == {}
    assert len(cache.store.read("llm_calls")) == 1000


def test_a_cache_over_a_store_leaves_it_open(tmp_path: Path) -> None:
    each = question(1)
    with Store(tmp_path / "a.duckdb") as store:
        with AnswerCache(store) as cache:
            cache.keep(SPEC, [(each, answered(each))])
        assert len(store.read("llm_calls")) == 1
    with Store(tmp_path / "a.duckdb") as store:
        assert len(AnswerCache(store).find([each.key(SPEC)])) == 1


def test_odd_texts_are_kept(cache: AnswerCache) -> None:
    each = question(1)
    cache.keep(SPEC, [(each, Outcome(each.key(SPEC), {"a": "\x00'; DROP TABLE llm_calls; --"}, raw="a\x00b\ud800c"))])
    assert cache.find([each.key(SPEC)])[each.key(SPEC)].raw == "a\x00b?c"
    assert storable("ordinary أهلاً 😀") == "ordinary أهلاً 😀"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("got 401 for sk-proj-abcdefghij0123456789", f"got 401 for {HIDDEN}"),
        ("url https://h/v1?key=AIzaSyAbcdefghijklmnop&x=1", f"url https://h/v1?key={HIDDEN}&x=1"),
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: {HIDDEN} {HIDDEN}"),
        ("{'x-goog-api-key': 'q1w2e3r4t5y6'}", f"{{'x-goog-api-key': '{HIDDEN}'}}"),
        ("http://user:secret@host/path", f"http://{HIDDEN}host/path"),
        (
            "The word key=5 in prose, and a desk-bound task-force.",
            "The word key=5 in prose, and a desk-bound task-force.",
        ),
    ],
)
def test_keys_are_cut_out_of_messages(text: str, clean: str) -> None:
    secrets = [part for part in ("abcdefgh12345678", "AIzaSy", "sk-proj", "q1w2e3", "user:secret") if part in text]
    found = without_secrets(text, {})
    assert not [secret for secret in secrets if secret in found]
    if "Bearer" not in text:
        assert found.replace(f"://{HIDDEN}", f"://{HIDDEN}") == clean


def test_the_cache_cuts_keys_out_whoever_writes_them(cache: AnswerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "a-key-of-no-known-shape-77"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    monkeypatch.setenv("SHORT_API_KEY", "none")
    bad, good = question(1), question(2)
    raw = f'{{"none": "{secret}"}}'
    cache.keep(
        SPEC, [(bad, failed(bad, f"none of {secret}")), (good, Outcome(good.key(SPEC), {}, raw=raw, attempts=1))]
    )
    rows = cache.store.read("llm_calls").set_index("sample")
    assert rows.loc[1, "failure"] == f"none of {HIDDEN}"
    assert rows.loc[2, "raw"] == f'{{"none": "{HIDDEN}"}}'
