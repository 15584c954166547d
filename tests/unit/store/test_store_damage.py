"""A damaged store is called damaged, whatever is done with it; a full disk is called full; nobody else can read it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store_cases import ROOT, filled, flipped, forecasts, record, said, small_disk

from core.errors import DiskFull, StoreDamaged, StoreError
from core.store import Store
from core.store.blocks import BLOCK_BYTES, FIRST_BLOCK, damaged_parts, is_duckdb, mend

__all__ = ["small_disk"]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "s.duckdb"
    filled(path)
    return path


@pytest.mark.parametrize("place", [2, 9, 100, 3000, 4100, 4200, 5000, 8195, 8300, FIRST_BLOCK + 5000])
def test_damage_of_what_is_read_first_is_called_damage(
    place: int, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = flipped(good, place, tmp_path / "c.duckdb")
    code, line = said(capsys, "runs", "--db", str(path))
    assert code == 2 and line.count("\n") == 1 and "is damaged" in line and "in use" not in line
    assert "policytwin store check" in line and "policytwin store restore" in line, "what to do, and what can be saved"


def test_damage_of_any_block_is_called_damage_and_no_traceback(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(good) as store:
        run_id = str(store.runs()["run_id"].iloc[0])
        right = store.read("forecasts")
    found = {"damaged": 0, "harmless": 0}
    for place in range(FIRST_BLOCK + 5000, good.stat().st_size, BLOCK_BYTES):
        path = flipped(good, place, tmp_path / "c.duckdb")
        code, line = said(capsys, "export", run_id, "--to", str(tmp_path / str(place)), "--db", str(path))
        if code:
            assert code == 2 and line.count("\n") == 1 and "is damaged" in line and "in use" not in line, line
            found["damaged"] += 1
            continue
        with Store(path) as store:
            pd.testing.assert_frame_equal(store.read("forecasts"), right)
        found["harmless"] += 1
    assert found["damaged"] >= 2, found


@pytest.mark.parametrize("left", [5000, FIRST_BLOCK, FIRST_BLOCK + 100_000])
def test_a_store_that_was_cut_off_is_damaged(left: int, good: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.duckdb"
    path.write_bytes(good.read_bytes()[:left])
    with pytest.raises(StoreDamaged, match="is damaged"):
        Store(path)


def test_another_kind_of_file_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("block after block")
    with pytest.raises(StoreError, match="is not a DuckDB file") as raised:
        Store(path)
    assert not isinstance(raised.value, StoreDamaged) and path.read_text() == "block after block"


def test_a_damaged_log_is_called_damage(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    shutil.copy(good, path)
    program = (
        "import os, sys\nfrom core.store import Store\nstore = Store(sys.argv[1])\n"
        "for n in range(20): store.append('drafts', [{'study_id': 'a', 'parent_id': str(n), 'content': {'n': n}}])\n"
        "os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=False)
    log = path.with_name("s.duckdb.wal")
    assert done.returncode == 9 and log.stat().st_size > 1000
    assert stat.S_IMODE(log.stat().st_mode) == 0o600, "the log holds what the store will"
    raw = bytearray(log.read_bytes())
    raw[len(raw) - 60] ^= 0xFF
    log.write_bytes(raw)
    with pytest.raises(StoreDamaged, match="is damaged"):
        Store(path)


def test_a_store_that_is_in_use_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "block.duckdb"
    with Store(path):
        program = "import sys\nfrom core.cli import main\nsys.exit(main(['runs', '--db', sys.argv[1]]))"
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2 and f"in use by process {os.getpid()}" in done.stderr


def test_one_wrong_byte_of_a_header_is_put_right(good: Path, tmp_path: Path) -> None:
    raw, whole = good.read_bytes(), 0
    places = [0, 9, 50, 700, 3000, 4096, 4104, 5000, 8000, 8192, 9000, 12_000]
    for place in places:
        path = flipped(good, place, tmp_path / "c.duckdb")
        assert damaged_parts(path) == [place // 4096 * 4096] and is_duckdb(path)
        right, wrong = mend(path)
        assert right + wrong == [place // 4096 * 4096]
        assert path.read_bytes() == raw or wrong, "never another file than the one that it was"
        whole += path.read_bytes() == raw
    assert whole >= len(places) - 1


def test_many_wrong_bytes_are_not_guessed_at(good: Path, tmp_path: Path) -> None:
    path = flipped(good, FIRST_BLOCK + BLOCK_BYTES + 5000, tmp_path / "c.duckdb", count=40)
    before = path.read_bytes()
    assert mend(path) == ([], [FIRST_BLOCK + BLOCK_BYTES]) and path.read_bytes() == before


def test_store_log_and_folder_are_the_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        path = tmp_path / "new" / "folder" / "s.duckdb"
        with Store(path) as store:
            store.append("drafts", [{"study_id": "a", "parent_id": "b", "content": {}}])
            modes = {item.name: oct(stat.S_IMODE(item.stat().st_mode)) for item in path.parent.iterdir()}
            assert modes and set(modes.values()) == {"0o600"}, modes
        assert {oct(stat.S_IMODE(item.stat().st_mode)) for item in (path.parent, path.parent.parent)} == {"0o700"}
        (tmp_path / "theirs").write_text("")
        assert stat.S_IMODE((tmp_path / "theirs").stat().st_mode) == 0o644, "other files are as the user wants them"
    finally:
        os.umask(before)


def test_a_full_disk_is_said_and_what_was_stored_stays(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_disk / "s.duckdb"
    ids = filled(path, runs=1)
    with Store(path) as store:
        lost = record(seed=99)
        store.begin_run(lost)
        many = pd.concat([forecasts(n).assign(forecaster=f"f{n}") for n in range(40)])
        many = many.drop_duplicates(["forecaster", "behaviour", "date"])
        with pytest.raises(DiskFull, match=re.escape(str(path))):
            store.finish_run(
                lost.run_id, {"forecasts": many.assign(value=np.random.default_rng(1).normal(size=len(many)))}
            )
        store.end_early(lost.run_id, "failed", "no room")
    with Store(path) as store:
        assert store.run(ids[0]).complete and not store.run(lost.run_id).complete
        assert set(store.read("forecasts")["run_id"]) == set(ids)
    (small_disk / "fill").write_bytes(b"0" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize))
    code, line = said(capsys, "runs", "--db", str(small_disk / "another" / "new.duckdb"))
    assert code == 1 and line.count("\n") == 1 and "the disk is full" in line and "new.duckdb" in line, line
