"""Small Parquet files that stand for gigabytes are refused before they are unpacked, or read without unpacking them."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_cases import refused

from core.cognition.llm import cache_file
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.cache_file import _FORMAT_KEY, _SCHEMA, FORMAT, import_cache
from core.datasets import check_file, read_mobility
from core.datasets.bounds import LARGEST_PAGE, MOST_ROWS, check_unpacked
from core.datasets.layouts import MOBILITY_COLUMNS
from core.datasets.parquet_pages import largest_page
from core.errors import InputError
from core.store.database import Store

DAYS = [date(2020, 2, 15) + timedelta(days=step) for step in range(40)]


def table(rows: int, **columns: object) -> pa.Table:
    days = pa.array([DAYS[0]] * rows)
    cells = {name: pa.array([1] * rows, pa.int8()) for name in MOBILITY_COLUMNS}
    return pa.table({"iso3": pa.array(["ARE"] * rows), "date": days, **cells, **columns})


def bomb(path: Path, rows: int, characters: int, **how: object) -> Path:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["a" * characters]))
    pq.write_table(table(rows, iso3=texts), path, compression="zstd", dictionary_pagesize_limit=2**27, **how)  # type: ignore[arg-type]
    return path


def peak_mb(code: str, *arguments: object) -> int:
    """The most memory that this code takes in a process of its own."""
    # Not ru_maxrss: a process begins with that of the one that started it.
    asked = f"{code}\nprint([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])"
    done = subprocess.run(
        [sys.executable, "-c", asked, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=True
    )
    return int(done.stdout.split()[-1]) // 1024


CHECK = "import sys\nfrom core.datasets import check_file\nassert not check_file(sys.argv[1]).ok"


def test_a_repeated_text_takes_no_more_memory_than_one(tmp_path: Path) -> None:
    path = bomb(tmp_path / "t.parquet", 1000, 4_000_000)
    assert path.stat().st_size < 100_000
    refused(lambda: read_mobility(path), "column iso3: a cell has 4,000,000 characters")
    assert peak_mb(CHECK, path) < 600


def test_a_page_that_unpacks_to_much_is_refused_whatever_the_footer_says(tmp_path: Path) -> None:
    path = bomb(tmp_path / "t.parquet", 1, LARGEST_PAGE + 1)
    assert path.stat().st_size < 200_000
    refused(lambda: read_mobility(path), "bytes in a page of iso3 once unpacked")
    assert peak_mb(CHECK, path) < 600
    content, metadata = path.read_bytes(), pq.ParquetFile(path).metadata
    page, total = largest_page(content, metadata.row_group(0).column(0))
    assert page > LARGEST_PAGE and total >= page
    check_unpacked(content, metadata, {"date", "parks"}, "t")
    with pytest.raises(InputError):
        check_unpacked(content, metadata, None, "t")


def test_more_rows_than_any_table_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pq.ParquetWriter(path, table(1).schema, compression="zstd") as writer:
        part = table(1_000_000)
        for _ in range(MOST_ROWS // 1_000_000 + 1):
            writer.write_table(part)
    refused(lambda: read_mobility(path), f"has {MOST_ROWS + 1_000_000:,} rows")
    assert peak_mb(CHECK, path) < 600


@pytest.mark.parametrize(
    ("columns", "how", "says"),
    [
        ({f"x{number}": pa.array([1]) for number in range(5100)}, {}, "columns. Allowed: 5,000 at most"),
        ({}, {"use_dictionary": False, "column_encoding": {"iso3": "DELTA_BYTE_ARRAY"}}, "written as DELTA_BYTE_ARRAY"),
        ({"parks": pa.array([[[1]]])}, {}, "column parks: holds list"),
        ({"parks": pa.array([{"a": 1}])}, {}, "column parks: holds struct"),
    ],
)
def test_shapes_that_no_table_has_are_refused(tmp_path: Path, columns: dict, how: dict, says: str) -> None:  # type: ignore[type-arg]
    path = tmp_path / "t.parquet"
    pq.write_table(table(1, **columns), path, **how)
    refused(lambda: read_mobility(path), says)
    assert says in check_file(path).as_text()


def test_a_sound_table_of_every_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    rows = table(40).set_column(1, "date", pa.array(DAYS))
    for how in (
        {"use_dictionary": False},
        {"data_page_version": "2.0", "write_page_index": True},
        {
            "use_dictionary": False,
            "column_encoding": {"iso3": "DELTA_LENGTH_BYTE_ARRAY", "parks": "DELTA_BINARY_PACKED"},
        },
        {"use_dictionary": False, "column_encoding": {"parks": "BYTE_STREAM_SPLIT"}, "write_page_checksum": True},
        {"row_group_size": 3, "data_page_size": 8, "write_batch_size": 1},
    ):
        pq.write_table(rows, path, **how)  # type: ignore[arg-type]
        assert len(read_mobility(path)) == 40


IMPORT = """import sys
from core.cli import main
assert main(["cache", "import", sys.argv[1], "--db", sys.argv[2]]) == 2"""


def test_answers_that_repeat_a_text_are_taken_out_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 60
    plain = {"string": "x", "int32": 1, "int64": 1, "double": 1.0, "timestamp[us]": datetime(2026, 1, 1)}
    columns = [pa.array([plain[str(field.type)]] * rows, field.type) for field in _SCHEMA]
    prompt = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["a" * 3_900_000])).cast(
        pa.string()
    )
    columns[_SCHEMA.names.index("prompt")] = prompt
    path = tmp_path / "bomb.parquet"
    schema = _SCHEMA.with_metadata({_FORMAT_KEY: str(FORMAT).encode()})
    pq.write_table(
        pa.Table.from_arrays(columns, schema=schema), path, compression="zstd", dictionary_pagesize_limit=2**26
    )
    del columns, prompt
    assert path.stat().st_size < 100_000
    assert peak_mb(IMPORT, path, tmp_path / "s.duckdb") < 900
    with Store(tmp_path / "t.duckdb") as store:
        with pytest.raises(InputError, match="row 1"):
            import_cache(AnswerCache(store), path)
        monkeypatch.setattr(cache_file, "LARGEST", 100_000_000)
        with pytest.raises(InputError, match="holds more than 100,000,000 characters"):
            import_cache(AnswerCache(store), path)
