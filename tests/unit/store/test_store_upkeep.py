"""A store is checked, backed up, restored and written anew, and runs are deleted, with nothing lost without a word."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from store_cases import ROOT, filled, flipped, record, said, small_disk

from core.cli import main
from core.errors import DiskFull, InputError, StoreDamaged, StoreError
from core.store import Store, migrations, schema
from core.store.blocks import BLOCK_BYTES, FIRST_BLOCK
from core.store.respondents import RespondentTables
from core.store.upkeep import backup_store, check_store, compact_store, restore_store

__all__ = ["small_disk"]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "s.duckdb"
    filled(path, runs=8)
    with Store(path) as store:
        store.append("populations", [population("p1", 3), population("p2", 2)])
        store.append("personas", [person("p1", 0), person("p1", 1), person("p1", 2), person("p2", 0), person("p2", 1)])
    return path


def population(name: str, personas: int) -> dict[str, Any]:
    return {
        "population_id": name, "study_id": "meridia", "label": name, "personas": personas, "total": 9, "content_hash": name,
    }  # fmt: skip


def person(population_id: str, number: int) -> dict[str, Any]:
    return {"population_id": population_id, "persona_id": number, "weight": 1, "attributes": {"age": number}}


def everything(path: Path) -> dict[str, pd.DataFrame]:
    with Store(path) as store:
        return {name: RespondentTables(store).read(name, unfinished=True) for name in schema.KEYS}


def equal(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    for name, frame in one.items():
        pd.testing.assert_frame_equal(frame, other[name])


def damaged_data(good: Path, to: Path) -> Path:
    """A copy with forty bytes of the forecasts' values overwritten: more than a checksum can put right."""
    for place in range(FIRST_BLOCK, good.stat().st_size, BLOCK_BYTES):
        path = flipped(good, place + 5000, to, count=40)
        found = check_store(path)
        lost = {table.name: table.copied for table in found.tables if not table.whole}
        if found.opens and set(lost) == {"forecasts"} and lost["forecasts"]:
            return path
    raise AssertionError("no block holds forecasts alone")


def test_a_sound_store_is_said_to_be_and_is_not_changed(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = good.read_bytes()
    assert main(["store", "check", "--db", str(good), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sound"] and found["opens"] and not found["damaged_at"]
    assert {item["table"]: item["rows"] for item in found["tables"]}["forecasts"] == 8 * 24_000
    assert good.read_bytes() == before


def test_a_backup_holds_every_row_is_private_and_replaces_nothing(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "backups" / "b.duckdb"
    assert main(["store", "backup", "--to", str(target), "--db", str(good)]) == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = target.read_bytes()
    assert main(["store", "backup", "--to", str(target), "--db", str(good)]) == 2
    assert "exists already" in capsys.readouterr().err and target.read_bytes() == before
    equal(everything(good), everything(target))
    first, second = backup_store(good), backup_store(good)
    assert first != second and first.parent == good.parent
    first.unlink()
    second.unlink()


def test_a_damaged_store_is_checked_and_what_can_be_read_is_restored(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damaged_data(good, tmp_path / "s.duckdb")
    assert main(["store", "check", "--db", str(path)]) == 2
    told = capsys.readouterr().out
    assert "is damaged" in told and "rows can be read" in told and "policytwin store restore" in told
    right, before = everything(good), path.read_bytes()
    done = restore_store(path, path)
    assert done.kept is not None and done.kept.read_bytes() == before, "the damaged file is kept"
    assert check_store(path).sound
    found = everything(path)
    rest = [name for name in right if name not in ("forecasts", "runs")]
    equal({name: right[name] for name in rest}, found)
    kept = found["forecasts"].merge(right["forecasts"], how="left", indicator=True)
    assert (kept["_merge"] == "both").all() and 0 < len(kept) < len(right["forecasts"])
    short = {
        run_id for run_id, rows in right["forecasts"].groupby("run_id")
        if len(found["forecasts"][found["forecasts"]["run_id"] == run_id]) < len(rows)
    }  # fmt: skip
    statuses = found["runs"].set_index("run_id")["status"]
    assert short and short <= set(done.losses.runs)
    assert set(statuses[statuses == "failed"].index) == set(done.losses.runs), "no half of a run is shown as whole"
    assert (statuses[[name for name in statuses.index if name not in done.losses.runs]] == "complete").all()


def test_a_population_that_lost_people_is_gone_and_others_stay(tmp_path: Path) -> None:
    from core.store.connections import connect_file
    from core.store.copying import CopiedTable
    from core.store.salvage import settle_losses

    source, new = tmp_path / "source.duckdb", tmp_path / "new.duckdb"
    for path in (source, new):
        with Store(path) as store:
            store.append("populations", [population("p1", 3), population("p2", 2)])
            store.append("personas", [person("p1", 0), person("p2", 0), person("p2", 1)])
    old, copy = connect_file(source), connect_file(new)
    done = settle_losses(old, copy, [CopiedTable("personas", 3, 2, ((0, 1),))], str(source))
    old.close()
    copy.close()
    assert done.gone == ("p1",)
    with Store(new) as store:
        assert list(store.read("populations")["population_id"]) == ["p2"] and len(store.read("personas")) == 2


def test_one_damaged_byte_of_a_header_costs_nothing(good: Path, tmp_path: Path) -> None:
    path = flipped(good, 4096 + 1000, tmp_path / "s.duckdb")
    assert not check_store(path).opens
    done = restore_store(path, tmp_path / "new.duckdb")
    assert done.mended == (4096,) and done.kept is None
    equal(everything(good), everything(tmp_path / "new.duckdb"))


def test_a_damaged_log_loses_what_was_written_last_and_says_so(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    shutil.copy(good, path)
    program = (
        "import os, sys\nfrom core.store import Store\nstore = Store(sys.argv[1])\n"
        "for n in range(20): store.append('drafts', [{'study_id': 'a', 'parent_id': str(n), 'content': {'n': n}}])\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=False)
    log = path.with_name("s.duckdb.wal")
    whole = restore_store(path, tmp_path / "whole.duckdb")
    assert not whole.log_lost and len(everything(tmp_path / "whole.duckdb")["drafts"]) == 20
    raw = bytearray(log.read_bytes())
    raw[len(raw) - 60] ^= 0xFF
    log.write_bytes(raw)
    done = restore_store(path, tmp_path / "new.duckdb")
    assert done.log_lost
    found = everything(tmp_path / "new.duckdb")
    assert found["drafts"].empty and len(found["forecasts"]) == 8 * 24_000


def test_a_sound_store_is_not_replaced_without_a_word(good: Path, tmp_path: Path) -> None:
    path, other = tmp_path / "s.duckdb", tmp_path / "other.duckdb"
    shutil.copy(good, path)
    filled(other, runs=1)
    before = other.read_bytes()
    with pytest.raises(InputError, match="is a sound store"):
        restore_store(path, other)
    assert other.read_bytes() == before
    done = restore_store(path, other, replace=True)
    assert done.kept is not None and done.kept.read_bytes() == before
    equal(everything(path), everything(other))
    with Store(other), pytest.raises((StoreError, duckdb.Error)):
        restore_store(path, other, replace=True)


def test_nothing_can_be_saved_of_a_file_that_says_no_longer_what_it_holds(good: Path, tmp_path: Path) -> None:
    path = flipped(good, FIRST_BLOCK, tmp_path / "s.duckdb", count=200_000)
    with pytest.raises((StoreDamaged, InputError)):
        restore_store(path, tmp_path / "new.duckdb")
    assert not (tmp_path / "new.duckdb").exists() and [item.name for item in tmp_path.iterdir()] == ["s.duckdb"]


def test_deleted_runs_leave_nothing_and_compacting_gives_the_room_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.duckdb"
    first, second, third = filled(path, runs=3)
    with Store(path) as store:
        child = record(kind="sweep", parameters={"of_run": first})
        grandchild = record(kind="groups", parameters={"of_run": child.run_id})
        for made in (child, grandchild):
            store.begin_run(made)
            store.finish_run(made.run_id, {}, {})
    code, line = said(capsys, "runs", "delete", first, "--db", str(path))
    assert code == 2 and "2 results were made on it" in line and "--dependents" in line
    assert len(everything(path)["runs"]) == 5, "nothing is deleted then"
    code, line = said(capsys, "runs", "delete", second, "nonsense", "--db", str(path))
    assert code == 2 and "unknown run" in line and len(everything(path)["runs"]) == 5
    assert main(["runs", "delete", first, second, "--dependents", "--db", str(path), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["deleted"]) == {first, second, child.run_id, grandchild.run_id}
    left = everything(path)
    assert list(left["runs"]["run_id"]) == [third] and set(left["forecasts"]["run_id"]) == {third}
    before, after = compact_store(path)
    assert after < before and stat.S_IMODE(path.stat().st_mode) == 0o600
    equal(left, everything(path))


def test_newer_code_backs_a_store_up_before_it_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.duckdb"
    filled(path, runs=1)
    right = everything(path)
    os.chmod(path, 0o644)
    version = len(migrations.MIGRATIONS)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, "ALTER TABLE drafts ADD COLUMN note VARCHAR"))
        with Store(path) as store:
            assert "note" in store.read("drafts").columns
        with Store(path):
            pass
    (backup,) = tmp_path.glob(f"s-version-{version}-*.duckdb")
    assert stat.S_IMODE(backup.stat().st_mode) == stat.S_IMODE(path.stat().st_mode) == 0o600
    equal(right, everything(backup))
    with pytest.raises(StoreError, match="newer PolicyTwin"):
        Store(path)
    restore_store(backup, path, replace=True)
    equal(right, everything(path))


def test_a_backup_that_does_not_fit_leaves_the_store_as_it_was(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_disk / "s.duckdb"
    filled(path, runs=1)
    room = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "fill").write_bytes(b"0" * (room - 300_000))
    before = path.read_bytes()
    with pytest.raises(DiskFull):
        backup_store(path)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, "ALTER TABLE drafts ADD COLUMN note VARCHAR"))
        with pytest.raises(DiskFull):
            Store(path)
    assert path.read_bytes() == before and {item.name for item in small_disk.iterdir()} == {"s.duckdb", "fill"}


@pytest.mark.parametrize("words", [("check",), ("backup",), ("compact",), ("restore", "nothing.duckdb")])
def test_every_command_on_what_is_not_there_is_one_line(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, line = said(capsys, "store", *words, "--db", str(tmp_path / "nothing.duckdb"))
    assert code == 2 and line.count("\n") == 1 and "there is no such file" in line
    assert not list(tmp_path.iterdir())
