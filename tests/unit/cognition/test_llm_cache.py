"""The cache of answers: one row per question, failures that are no answers, and a file that others can trust."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cli import main
from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cache import AnswerCache, storable
from core.cognition.llm.cache_file import FORMAT, answer_of, export_cache, import_cache
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.secret_text import HIDDEN, without_secrets
from core.cognition.llm.types import AnswerError, ModelSpec, Question
from core.errors import InputError
from core.store import Store

SPEC = ModelSpec("gemini", "gemini-test", temperature=0.7, seed=11)
SHAPE = AnswerShape((), (), ("transit", "parks"), 500)


def question(number: int, shape: AnswerShape = SHAPE, **changes: Any) -> Question:
    given: dict[str, Any] = {
        "system": "You are a person.",
        "prompt": f"Prompt {number}: أهلاً 'quoted' \"too\" 😀",
        "schema": shape.schema(),
        "prompt_version": "mobility-1",
        "design": "blinded",
        "sample": number,
    }
    return Question(**{**given, **changes})


def text_for(shape: AnswerShape, value: float = 0.25) -> str:
    return shape.form().replace("null", str(value)).replace("…", "Because.")


def answered(each: Question, spec: ModelSpec = SPEC, shape: AnswerShape = SHAPE) -> Outcome:
    raw = text_for(shape)
    return Outcome(each.key(spec), shape.parse(raw), None, raw, "gemini-test-001", 120, 30, attempts=1, seconds=0.5)


def failed(each: Question, why: str = "no") -> Outcome:
    return Outcome(each.key(SPEC), failure=why, attempts=3)


@pytest.fixture
def cache() -> Iterator[AnswerCache]:
    with AnswerCache() as made:
        yield made


@pytest.fixture
def filled(cache: AnswerCache) -> AnswerCache:
    questions = [question(number) for number in range(30)]
    cache.keep(SPEC, [(each, answered(each)) for each in questions[:25]], run_id="run-1")
    cache.keep(SPEC, [(each, failed(each)) for each in questions[25:]], run_id="run-1")
    local = ModelSpec("openai", "local", "http://127.0.0.1:8000/v1")
    each = question(0)
    cache.keep(local, [(each, answered(each, local))])
    return cache


# ------------------------------------------------------------------------------------------------------------ the table


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


# ------------------------------------------------------------------------------------------------------------- the file


SHAPES = [
    AnswerShape((), (), ("transit",), 400),
    AnswerShape((), ("working", "weekend"), ("transit", "parks"), 400),
    AnswerShape(("low", "high"), (), ("parks", "transit"), 400),
    AnswerShape(("low", "high"), ("working", "weekend"), ("transit", "parks", "homes"), 400),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_is_read_by_its_schema_alone(shape: AnswerShape) -> None:
    asked = question(1, shape)
    raw = text_for(shape, 0.5)
    assert answer_of(asked, raw) == shape.parse(raw)
    through_json = question(1, shape, schema=json.loads(json.dumps(shape.schema())))
    assert answer_of(through_json, raw) == shape.parse(raw)
    with pytest.raises(AnswerError):
        answer_of(asked, raw.replace("0.5", "5"))
    odd: list[dict[str, Any]] = [
        {},
        {"properties": 3},
        {**shape.schema(), "required": []},
        {"properties": {"reason": {}}},
    ]
    for schema in odd:
        with pytest.raises(AnswerError):
            answer_of(question(1, shape, schema=schema), raw)


def test_a_file_brings_every_answer_to_others_and_no_failure(filled: AnswerCache, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cache.parquet"
    assert export_cache(filled, path) == 26
    assert [item.name for item in path.parent.iterdir()] == ["cache.parquet"]
    with AnswerCache() as other:
        assert import_cache(other, path) == import_cache_result(26, 26)
        assert import_cache(other, path) == import_cache_result(26, 0)
        keys = [question(number).key(SPEC) for number in range(30)]
        assert other.find(keys) == filled.find(keys)
        assert len(other.find(keys)) == 25
        columns = [name for name in other.store.tables["llm_calls"].columns if name != "run_id"]
        mine = filled.store.read("llm_calls", columns=columns, status="ok")
        theirs = other.store.read("llm_calls", columns=columns)
        assert mine.to_dict("records") == theirs.to_dict("records")
        assert theirs["key"].is_unique
        again = tmp_path / "again.parquet"
        export_cache(other, again)
        assert pq.read_table(again).equals(pq.read_table(path))


def import_cache_result(rows: int, new: int) -> Any:
    from core.cognition.llm.cache_file import Imported

    return Imported(rows, new)


def test_an_import_replaces_failures_and_leaves_answers(filled: AnswerCache, tmp_path: Path) -> None:
    export_cache(filled, tmp_path / "c.parquet")
    with AnswerCache() as other:
        known, open_ = question(0), question(1)
        kept = Outcome(known.key(SPEC), SHAPE.parse(text_for(SHAPE, 0.9)), raw=text_for(SHAPE, 0.9), attempts=1)
        other.keep(SPEC, [(known, kept), (open_, failed(open_))])
        assert import_cache(other, tmp_path / "c.parquet") == import_cache_result(26, 25)
        assert other.find([known.key(SPEC)])[known.key(SPEC)].raw == text_for(SHAPE, 0.9)
        assert open_.key(SPEC) in other.find([open_.key(SPEC)])


def _with(name: str, value: Any, row: int = 7) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = table.column(name).to_pylist()
        values[row] = value(values[row]) if callable(value) else value
        field = table.schema.field(name)
        return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))

    return change


def _metadata(value: bytes | None) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.replace_schema_metadata(None if value is None else {b"policytwin_answer_cache": value})


def _moments(table: pa.Table, microseconds: int) -> pa.Table:
    values = pa.array([microseconds] * table.num_rows).cast(pa.timestamp("us"))
    return table.set_column(table.schema.get_field_index("asked_at"), table.schema.field("asked_at"), values)


STRANGE: list[tuple[Callable[[pa.Table], pa.Table], str]] = [
    (_with("prompt", lambda text: text + " "), "row 8: the key is not that"),
    (_with("key", "0" * 64), "row 8: the key is not that"),
    (_with("sample", 29), "row 8: the key is not that"),
    (_with("model", "other"), "row 8: the key is not that"),
    (_with("parameters", '{"temperature": 0.2, "max_output_tokens": 1024, "seed": 11}'), "row 8: the key is not that"),
    (_with("parameters", '{"temperature": "hot", "max_output_tokens": 1024, "seed": 11}'), "parameters are no numbers"),
    (_with("parameters", '{"temperature": 1.0}'), "not those of a call"),
    (_with("parameters", "[" * 100_000), "row 8: parameters is no JSON"),
    (_with("answer_schema", "{"), "row 8: answer_schema is no JSON"),
    (_with("schema_hash", "0" * 64), "row 8: the schema's hash"),
    (_with("base_url", "http://me:secret@host/v1"), "row 8, base_url: the model server's address"),
    (_with("raw", "nothing"), "row 8: the model's text is no answer"),
    (_with("raw", lambda text: text.replace("0.25", "0.26")), "row 8: the answer is not that of the model's text"),
    (_with("parsed", lambda text: text.replace("0.25", "0.26")), "row 8: the answer is not that of the model's text"),
    (_with("parsed", "null"), "row 8: the answer is not that of the model's text"),
    (_with("tokens_in", -1), "row 8: a count"),
    (_with("seconds", math.nan), "row 8: a count"),
    (_with("raw", None), "is missing|no whole Parquet|other columns"),
    (_with("prompt", "x" * 4_000_001), "row 8: prompt has 4,000,001 characters"),
    (_with("tokens_in", 2**62), "row 8: a count"),
    (_with("model_id", "\x1b[2Jmodel"), "row 8: model_id is no name"),
    (_with("model_id", "m" * 301), "row 8: model_id is no name"),
    (_with("engine", "gemeni"), "row 8: unknown engine 'gemeni'"),
    (_with("asked_at", datetime(2999, 1, 1)), "row 8: was asked on 2999-01-01"),
    (lambda table: _moments(table, 2**62), "date value out of range"),
    (lambda table: pa.concat_tables([table, table.slice(7, 1)]), "row 27: the same question is there twice"),
    (_metadata(None), "no cache of answers"),
    (_metadata(b"2"), rf"form 2; this PolicyTwin knows {FORMAT}"),
    (lambda table: table.drop_columns(["raw"]), "other columns"),
    (lambda table: table.append_column("more", pa.array([1] * table.num_rows)), "other columns"),
    (lambda table: table.set_column(7, "sample", table.column("sample").cast(pa.int64())), "other columns"),
]


@pytest.mark.parametrize("number", range(len(STRANGE)))
def test_a_strange_file_is_refused_in_one_line_and_nothing_is_stored(
    filled: AnswerCache, tmp_path: Path, number: int
) -> None:
    change, message = STRANGE[number]
    path = tmp_path / "cache.parquet"
    export_cache(filled, path)
    table = change(pq.read_table(path))
    if number and table.schema.metadata is None and "no cache" not in message:
        pytest.fail("the change lost the metadata")
    nullable = pa.schema([field.with_nullable(True) for field in table.schema], table.schema.metadata)
    pq.write_table(table.cast(nullable) if message.startswith("is missing") else table, path)
    with AnswerCache() as other:
        with pytest.raises(InputError, match=message) as caught:
            import_cache(other, path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500
        assert "secret" not in str(caught.value)
        assert str(path) in str(caught.value)
        assert other.store.read("llm_calls").empty


def test_files_that_are_no_parquet_are_refused(filled: AnswerCache, tmp_path: Path) -> None:
    path = tmp_path / "cache.parquet"
    export_cache(filled, path)
    whole = path.read_bytes()
    (tmp_path / "text.parquet").write_text("key,engine\n")
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 3
    (tmp_path / "torn.parquet").write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    with AnswerCache() as other:
        for name in ("text.parquet", "empty.parquet", "half.parquet", "torn.parquet", "absent.parquet", "."):
            with pytest.raises(InputError) as caught:
                import_cache(other, tmp_path / name)
            assert "\n" not in str(caught.value)
        assert other.store.read("llm_calls").empty


def test_a_bad_row_late_in_a_large_file_leaves_nothing(tmp_path: Path, cache: AnswerCache) -> None:
    questions = [question(number) for number in range(4500)]
    cache.keep(SPEC, [(each, answered(each)) for each in questions])
    path = tmp_path / "cache.parquet"
    export_cache(cache, path)
    pq.write_table(_with("raw", "nothing", row=4400)(pq.read_table(path)), path)
    with AnswerCache() as other:
        with pytest.raises(InputError, match="row 4401: the model's text"):
            import_cache(other, path)
        assert other.store.read("llm_calls").empty


def test_a_key_in_an_older_store_does_not_travel(
    cache: AnswerCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = AnswerShape((), (), ("retail",), 80)
    asked = question(1, shape)
    raw = '{"reason": "header Bearer hunter2key", "values": {"retail": 0.5}}'
    cache.keep(SPEC, [(asked, Outcome(asked.key(SPEC), shape.parse(raw), raw=raw, attempts=1))])
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2key")
    export_cache(cache, tmp_path / "c.parquet")
    assert b"hunter2key" not in (tmp_path / "c.parquet").read_bytes()
    assert "hunter2key" not in repr(pq.read_table(tmp_path / "c.parquet").to_pylist())
    with AnswerCache() as other:
        assert import_cache(other, tmp_path / "c.parquet").new == 1


def test_an_export_that_fails_leaves_the_old_file(filled: AnswerCache, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        export_cache(filled, tmp_path / "folder")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        export_cache(filled, tmp_path / "file" / "cache.parquet")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


# ------------------------------------------------------------------------------------------------------ the command line


def test_the_cache_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, path = tmp_path / "a.duckdb", tmp_path / "b.duckdb", tmp_path / "answers.parquet"
    with Store(first) as store:
        cache = AnswerCache(store)
        pairs = [(each, answered(each)) for each in (question(number) for number in range(12))]
        cache.keep(SPEC, pairs, run_id="run-1")
        bad = question(99)
        cache.keep(SPEC, [(bad, failed(bad))])
    assert main(["cache", "export", str(path), "--db", str(first), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "answers": 12, "format": FORMAT}
    assert main(["cache", "import", str(path), "--db", str(second), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "answers": 12, "new": 12, "known": 0}
    assert main(["cache", "import", str(path), "--db", str(second)]) == 0
    assert "12 answers" in capsys.readouterr().out
    assert main(["cache", "show", "--db", str(first), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["answers"], shown["failures"]) == (12, 1)
    assert shown["groups"][1] == {
        "engine": "gemini",
        "model": "gemini-test",
        "base_url": None,
        "prompt_version": "mobility-1",
        "design": "blinded",
        "status": "ok",
        "calls": 12,
        "attempts": 12,
        "tokens_in": 1440,
        "tokens_out": 360,
        "model_ids": 1,
        "first_asked": shown["groups"][1]["first_asked"],
        "last_asked": shown["groups"][1]["last_asked"],
    }
    assert shown["groups"][0]["status"] == "failed"
    assert shown["groups"][0]["tokens_in"] is None
    assert main(["cache", "show", "--db", str(first)]) == 0
    assert "gemini-test" in capsys.readouterr().out
    assert main(["cache", "show", "--db", str(tmp_path / "new.duckdb")]) == 0
    assert "empty" in capsys.readouterr().out
    path.write_text("nothing")
    assert main(["cache", "import", str(path), "--db", str(second)]) == 2
    assert str(path) in capsys.readouterr().err
