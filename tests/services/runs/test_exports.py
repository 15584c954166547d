"""An export is there whole or not at all, replaces nothing of anybody else's, and starts no formula."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from store_cases import filled, record, small_disk

from core.cli import main
from core.errors import InputError
from core.files_out import written_together
from core.store import Store
from core.store.schema import RUN_TABLES

__all__ = ["small_disk"]


def export(run_id: str, folder: Path, db: Path) -> int:
    return main(["export", run_id, "--to", str(folder), "--db", str(db)])


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    path = tmp_path / "s.duckdb"
    yield path, filled(path)


def test_the_same_export_twice_is_one_and_another_run_does_not_replace_it(
    stored: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, (first, second) = stored
    folder = tmp_path / "e"
    assert export(first, folder, path) == 0
    names = {item.name for item in folder.iterdir()}
    assert {"forecasts.csv", "record.json"} <= names
    assert export(first, folder, path) == 0 and {item.name for item in folder.iterdir()} == names
    before = (folder / "forecasts.csv").read_bytes()
    assert export(second, folder, path) == 2 and "is there already" in capsys.readouterr().err
    assert (folder / "forecasts.csv").read_bytes() == before
    assert json.loads((folder / "record.json").read_text())["run_id"] == first


def test_files_of_somebody_else_stay(
    stored: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, (first, _) = stored
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "forecasts.csv").write_text("mine")
    assert export(first, folder, path) == 2 and "forecasts.csv is there already" in capsys.readouterr().err
    assert [item.name for item in folder.iterdir()] == ["forecasts.csv"]
    (folder / "forecasts.csv").rename(folder / "notes.csv")
    assert export(first, folder, path) == 0 and (folder / "notes.csv").read_text() == "mine"
    os.mkfifo(tmp_path / "pipe")
    assert export(first, tmp_path / "pipe", path) == 2


def test_a_backtest_is_not_written_over_another_file(tmp_path: Path) -> None:
    from core.services.evaluation.backtests import export_backtest, read_exported, shipped_path

    measured = read_exported(shipped_path())
    target = tmp_path / "b.json"
    export_backtest(measured, target)
    export_backtest(measured, target)
    target.write_text("my thesis")
    with pytest.raises(InputError, match="is not a backtest"):
        export_backtest(measured, target)
    assert target.read_text() == "my thesis"


def test_nothing_half_written_is_left_on_a_full_disk(
    small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.duckdb"
    (run_id,) = filled(path, runs=1)
    (small_disk / "fill").write_bytes(
        b"0" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize - 200_000)
    )
    code = export(run_id, small_disk / "e", path)
    line = capsys.readouterr().err
    assert code == 1 and line.count("\n") == 1 and "disk is full" in line and str(small_disk / "e") in line
    assert [item.name for item in small_disk.iterdir()] == ["fill"]


def test_an_error_on_the_way_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    for folder in (tmp_path / "new", tmp_path / "old"):
        with pytest.raises(ValueError, match="half-way"), written_together(folder, "tables", lambda _: True) as stage:
            (stage / "a.csv").write_text("half")
            raise ValueError("half-way")
        assert not list(tmp_path.rglob("*.csv"))
        (tmp_path / "old").mkdir(exist_ok=True)


def test_names_from_a_users_file_start_no_formula_in_an_export(tmp_path: Path) -> None:
    path, made = tmp_path / "s.duckdb", record()
    rows = pd.DataFrame(
        {
            "attribute": ["region"],
            "level": ["=cmd|x!A0"],
            "context_id": [0],
            "behaviour": ["-work"],
            "mean": [-0.5],
            "weight": [1.0],
        }
    )
    with Store(path) as store:
        store.begin_run(made)
        store.finish_run(made.run_id, {"aggregates": rows}, {})
    assert export(made.run_id, tmp_path / "e", path) == 0
    text = (tmp_path / "e" / "aggregates.csv").read_text()
    assert ",'=cmd|x!A0,0,'-work,-0.5," in text


def test_every_table_of_a_run_is_exported_but_the_answers_of_each_persona(meridia_store: Path, tmp_path: Path) -> None:
    with Store(meridia_store) as store:
        run_id = str(store.runs(kind="run")["run_id"].iloc[0])
        rows = {name: len(store.read_result(name, run_id)) for name in RUN_TABLES}
    assert export(run_id, tmp_path / "e", meridia_store) == 0
    written = {file.stem: len(pd.read_csv(file)) for file in (tmp_path / "e").glob("*.csv")}
    assert written == {name: count for name, count in rows.items() if count and not name.startswith("response")}
    assert {"intervals", "forecasts", "scores", "trials"} <= set(written)
