"""A cache in one file, so that others replay a study's answers without a key.

The file is Parquet with one row per answer and the version of its form in its metadata. It comes from strangers: every
row is checked before any is stored, and a file that is not whole and right leaves the cache as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cache import AnswerCache, call_row, parameters_of
from core.cognition.llm.letters import LetterShape
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.secret_text import secret_values, without_values
from core.cognition.llm.types import AnswerError, ModelSpec, Question
from core.cognition.registry import replayable_engines
from core.datasets.bounds import check_footer, check_unpacked, mapped
from core.errors import InputError, PolicyTwinError, one_of
from core.files_out import written_whole
from core.records import content_hash, decode_json, encode_json
from core.store.llm_calls import ANSWERED

#: The version of the file's form. A published form never changes; a change is a new number.
FORMAT = 1
#: Rows read at a time, and characters of them checked and stored at a time.
BATCH, PIECE = 2000, 32 * 2**20
#: Characters in all answers of a file.
LARGEST = 2**31
#: Longer texts than any model takes or gives.
LONGEST = 4_000_000
#: Names are shown in tables and lists: longer ones, and what is not printable, are none.
NAMES, LONGEST_NAME = ("engine", "model", "prompt_version", "design", "model_id"), 300
#: More calls, tokens or seconds than any answer took.
MOST = 1_000_000_000
#: An answer cannot be from tomorrow, unless a clock is wrong.
AHEAD = timedelta(days=2)

_FORMAT_KEY = b"policytwin_answer_cache"

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("engine", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("base_url", pa.string()),
        pa.field("parameters", pa.string(), nullable=False),
        pa.field("prompt_version", pa.string(), nullable=False),
        pa.field("design", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("system", pa.string(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("answer_schema", pa.string(), nullable=False),
        pa.field("schema_hash", pa.string(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
        pa.field("parsed", pa.string(), nullable=False),
        pa.field("model_id", pa.string()),
        pa.field("tokens_in", pa.int64()),
        pa.field("tokens_out", pa.int64()),
        pa.field("seconds", pa.float64()),
        pa.field("attempts", pa.int32(), nullable=False),
        pa.field("asked_at", pa.timestamp("us"), nullable=False),
    ]
)

#: What makes an answer of a text; raises AnswerError for a text that is none.
Parser = Callable[[Question, str], Any]


def answer_of(question: Question, text: str) -> Any:
    """The answer in a model's text, by the schema of its question alone.

    Raises AnswerError for a text that is no answer, and for a schema that no prompt of PolicyTwin has.
    """
    shape = LetterShape.of(question.schema) or AnswerShape.of(question.schema)
    return shape.parse(text)


@dataclass(frozen=True)
class Imported:
    """`rows` in the file, of which `new` were not in the cache before."""

    rows: int
    new: int


def export_cache(cache: AnswerCache, path: Path) -> int:
    """Writes all answers (no failures, no run ids) to `path`, ordered by key, and returns how many.

    An existing cache of answers is replaced at the end, whole; anything else that stands there stays. Raises InputError
    then, and where the file cannot be written.
    """
    with written_whole(path, "a cache of answers", _is_cache) as beside:
        table = _without_keys(cache.store.read_arrow("llm_calls", columns=_SCHEMA.names, status=ANSWERED).cast(_SCHEMA))
        pq.write_table(table.replace_schema_metadata({_FORMAT_KEY: str(FORMAT).encode()}), beside, compression="zstd")
    return int(table.num_rows)


def _without_keys(table: pa.Table) -> pa.Table:
    """The answers without the keys of this environment, which a store of an earlier version may hold."""
    secrets = secret_values()
    for name in ("raw", "parsed", "model_id") if secrets else ():
        texts = [None if text is None else without_values(text, secrets) for text in table.column(name).to_pylist()]
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.array(texts, field.type))
    return table


def _is_cache(path: Path) -> bool:
    """Whether a file is a cache of answers of any form, by its metadata alone."""
    try:
        return _FORMAT_KEY in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowException, UnicodeDecodeError):
        return False


def import_cache(cache: AnswerCache, path: Path, parse: Parser = answer_of) -> Imported:
    """Stores the answers of a file that `export_cache` wrote, all in one transaction.

    Of every row the key is recomputed from what was asked, and the answer is parsed again from the model's own text.
    Answers that the cache has already stay as they are. Raises InputError with one line, which names the row, for
    anything else than a whole and right file; then nothing is stored.
    """
    rows = new = 0
    specs: dict[str, ModelSpec] = {}
    keys: set[str] = set()
    with _opened(path) as file, cache.store.transaction():
        for batch in _pieces(file, str(path)):
            checked = []
            for row in _rows(batch, f"{path}, rows {rows + 1} to {rows + batch.num_rows}"):
                rows += 1
                checked.append(_checked(row, f"{path}, row {rows}", parse, specs))
                if row["key"] in keys:
                    raise InputError("the same question is there twice", where=f"{path}, row {rows}")
                keys.add(row["key"])
            new += cache.store.keep_llm_calls(checked)
    return Imported(rows, new)


def _pieces(file: pq.ParquetFile, where: str) -> Iterator[pa.RecordBatch]:
    """The rows in pieces of about PIECE characters: a text that repeats is there once until it is taken out."""
    total = 0
    for batch in file.iter_batches(batch_size=BATCH):
        sizes = np.zeros(batch.num_rows, dtype=np.int64)
        for column in batch.columns:
            if pa.types.is_dictionary(column.type):
                lengths = pc.binary_length(column.dictionary).fill_null(0)
                sizes += lengths.take(column.indices.fill_null(0)).to_numpy() if len(lengths) else 0
        total += int(sizes.sum())
        if total > LARGEST:
            raise InputError(f"holds more than {LARGEST:,} characters", where=where, allowed=_ALLOWED)
        start = 0
        while start < batch.num_rows:
            length = max(1, int(np.searchsorted(np.cumsum(sizes[start:]), PIECE, side="right")))
            yield batch.slice(start, length)
            start += length


def _rows(batch: pa.RecordBatch, where: str) -> list[dict[str, Any]]:
    try:
        return list(batch.to_pylist())
    except (OverflowError, ValueError) as wrong:
        raise InputError(f"cannot be read ({wrong})", where=where, allowed=_ALLOWED) from None


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    where = str(path)
    try:
        with mapped(path) as content:
            check_footer(content, where)
        with pq.ParquetFile(path) as file:
            version = (file.schema_arrow.metadata or {}).get(_FORMAT_KEY)
            if version is None:
                raise InputError("is a Parquet file, but no cache of answers", where=where, allowed=_ALLOWED)
            if version != str(FORMAT).encode():
                text = version.decode("ascii", "replace")[:20]
                raise InputError(f"is a cache of form {text}; this PolicyTwin knows {FORMAT}", where=where)
            if not file.schema_arrow.remove_metadata().equals(_SCHEMA):
                raise InputError("has other columns than a cache of answers", where=where, allowed=_ALLOWED)
            with mapped(path) as content:
                check_unpacked(content, file.metadata, None, where, LARGEST)
        texts = [field.name for field in _SCHEMA if pa.types.is_string(field.type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            yield file
    except PolicyTwinError:
        raise
    except OSError as wrong:
        # PyArrow reports damage inside the file so too, with a text of several lines.
        reason = wrong.strerror or str(wrong).strip().splitlines()[0][:200]
        raise InputError(f"cannot be read ({reason})", where=where, allowed=_ALLOWED) from None
    except (pa.ArrowException, UnicodeDecodeError) as wrong:
        reason = str(wrong).strip().splitlines()[0][:200]
        raise InputError(f"is no whole Parquet file ({reason})", where=where, allowed=_ALLOWED) from None


_ALLOWED = "a file that `policytwin cache export` wrote"


def _checked(row: Mapping[str, Any], where: str, parse: Parser, specs: dict[str, ModelSpec]) -> dict[str, Any]:
    for name, value in row.items():
        if value is None and not _SCHEMA.field(name).nullable:
            raise InputError(f"{name} is missing", where=where)
        if isinstance(value, str) and len(value) > LONGEST:
            raise InputError(f"{name} has {len(value):,} characters", where=where, allowed=f"{LONGEST:,} at most")
    for name in NAMES:
        if row[name] is not None and not (row[name].isprintable() and len(row[name]) <= LONGEST_NAME):
            raise InputError(f"{name} is no name", where=where, allowed=f"up to {LONGEST_NAME} characters on one line")
    one_of(row["engine"], replayable_engines(), what="engine", where=where)
    if row["asked_at"].replace(tzinfo=UTC) > datetime.now(UTC) + AHEAD:
        raise InputError(f"was asked on {row['asked_at']:%Y-%m-%d}, which is still to come", where=where)
    spec, question = _asked(row, where, specs)
    if question.key(spec) != row["key"]:
        raise InputError("the key is not that of what was asked", where=where)
    if content_hash(question.schema) != row["schema_hash"]:
        raise InputError("the schema's hash is not that of the schema", where=where)
    counts = (row["tokens_in"], row["tokens_out"], row["seconds"])
    if row["sample"] < 0 or not all(count is None or 0 <= count <= MOST for count in (row["attempts"], *counts)):
        raise InputError("a count of samples, calls, tokens or seconds is none", where=where, allowed=f"0 to {MOST:,}")
    try:
        answer = parse(question, row["raw"])
    except AnswerError as wrong:
        raise InputError(f"the model's text is no answer ({wrong})", where=where) from None
    if encode_json(decode_json(encode_json(answer))) != encode_json(_decoded(row["parsed"], "parsed", where)):
        raise InputError("the answer is not that of the model's text", where=where)
    outcome = Outcome(
        key=row["key"],
        answer=answer,
        raw=row["raw"],
        model_id=row["model_id"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        attempts=row["attempts"],
        seconds=row["seconds"] or 0.0,
    )
    return call_row(spec, question, outcome, row["asked_at"].replace(tzinfo=UTC), None, {})


def _asked(row: Mapping[str, Any], where: str, specs: dict[str, ModelSpec]) -> tuple[ModelSpec, Question]:
    """What was asked, and how; `specs` are those made so far. Raises InputError where a part of it cannot be."""
    parameters = _decoded(row["parameters"], "parameters", where)
    schema = _decoded(row["answer_schema"], "answer_schema", where)
    names = set(parameters_of(ModelSpec("replay", "")))
    if not isinstance(parameters, dict) or set(parameters) != names or not isinstance(schema, dict):
        raise InputError("parameters or schema are not those of a call", where=where)
    temperature, most, seed = (parameters[name] for name in ("temperature", "max_output_tokens", "seed"))
    whole = type(most) is int and (seed is None or type(seed) is int)
    if not whole or type(temperature) not in (int, float) or not math.isfinite(temperature):
        raise InputError("parameters are no numbers", where=where)
    same = content_hash([row["engine"], row["model"], row["base_url"], parameters])
    if same not in specs:
        try:
            specs[same] = ModelSpec(
                engine=row["engine"],
                model=row["model"],
                base_url=row["base_url"],
                temperature=temperature,
                max_output_tokens=most,
                seed=seed,
            )
        except InputError as wrong:
            raise InputError(wrong.problem, where=f"{where}, {wrong.where}", allowed=wrong.allowed) from None
    question = Question(
        system=row["system"],
        prompt=row["prompt"],
        schema=schema,
        prompt_version=row["prompt_version"],
        design=row["design"],
        sample=row["sample"],
    )
    return specs[same], question


def _decoded(text: str, name: str, where: str) -> Any:
    try:
        return decode_json(text)
    except (ValueError, RecursionError):
        raise InputError(f"{name} is no JSON", where=where) from None
