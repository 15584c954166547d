"""A page on a store that was damaged after it was opened says so in one line, and what can be saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_cases import flipped
from streamlit.testing.v1 import AppTest

from core.errors import StoreDamaged
from core.store import Store
from core.store.blocks import BLOCK_BYTES, FIRST_BLOCK
from core.store.connections import connect_file

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def damaged(meridia_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store that opens and lists its run, and of whose forecasts a block is damaged."""
    path, whole = tmp_path / "s.duckdb", tmp_path / "whole.duckdb"
    shutil.copy(meridia_run, whole)
    # Opening a file of older code changes it; and what is damaged must be what is read.
    Store(whole).close()
    connection = connect_file(whole, read_only=True)
    blocks = connection.execute(
        "SELECT DISTINCT block_id FROM pragma_storage_info('forecasts') WHERE column_name = 'value' AND block_id >= 0"
    ).fetchall()
    connection.close()
    for (block,) in blocks:
        flipped(whole, FIRST_BLOCK + block * BLOCK_BYTES + 5000, path, count=40)
        try:
            with Store(path) as store:
                run_id = str(store.runs(kind="run", status="complete")["run_id"].iloc[0])
                with pytest.raises(StoreDamaged):
                    store.read_result("forecasts", run_id)
                store.read("populations")
        except StoreDamaged:
            continue
        monkeypatch.setenv("POLICYTWIN_DB", str(path))
        monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
        yield path
        return
    raise AssertionError("no block holds forecasts and leaves the list of runs readable")


@pytest.mark.parametrize("page", ["app.py", "pages/5_Counterfactuals.py"])
def test_a_page_says_that_the_store_is_damaged(page: str, damaged: Path) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240)
    (app if page == "app.py" else app.switch_page(page)).run()
    assert not app.exception
    assert any("is damaged" in item.value and "policytwin store check" in item.value for item in app.error)
