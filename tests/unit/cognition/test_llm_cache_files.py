"""Answers that travel in a file, and the commands of the cache."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cache_cases import SHAPE, SPEC, answered, failed, question, text_for

from core.cli import main
from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.cache_file import FORMAT, answer_of, export_cache, import_cache
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.types import AnswerError, ModelSpec
from core.errors import InputError
from core.store import Store


@pytest.fixture
def filled(cache: AnswerCache) -> AnswerCache:
    questions = [question(number) for number in range(30)]
    cache.keep(SPEC, [(each, answered(each)) for each in questions[:25]], run_id="run-1")
    cache.keep(SPEC, [(each, failed(each)) for each in questions[25:]], run_id="run-1")
    local = ModelSpec("openai", "local", "http://127.0.0.1:8000/v1")
    each = question(0)
    cache.keep(local, [(each, answered(each, local))])
    return cache


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
