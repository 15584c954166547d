"""Donor places on the page "Validation": a file is brought, a place is made of others, and the link opens what was kept."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page_cases import clean, opened_page, opened_store, said, wait_for_jobs

from core.store.database import Store

PAGE, PART = "pages/6_Validation.py", "Donor places"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    path = tmp_path / "store.duckdb"
    monkeypatch.setenv("POLICYTWIN_DB", str(path))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with opened_store(path) as opened:
        yield opened


def test_a_place_is_made_of_others_and_kept(store: Store) -> None:
    at = clean(opened_page(PAGE, {"part": PART}))
    assert "Bring a file of several places" in said(at)
    random, days = np.random.default_rng(0), pd.date_range("2020-03-01", periods=200)
    steps = np.cumsum(random.normal(size=(len(days), 7)), axis=0)
    steps[:, 0] = 0.6 * steps[:, 1] + 0.4 * steps[:, 2]
    steps[150:, 0] -= 10.0
    frame = pd.DataFrame(steps, columns=["ARE", "SAU", "KWT", "EGY", "TUR", "PAK", "IND"]).assign(date=days)
    text = frame.melt("date", var_name="place", value_name="workplaces").to_csv(index=False)
    at.query_params["donors-day"] = "2020-07-28"
    at.file_uploader(key="donors-file").set_value(("mine.csv", text.encode(), "text/csv")).run()
    clean(at)
    assert "policytwin donors --mobility DIR/mine.csv --place ARE --day 2020-07-28" in said(at)
    next(item for item in at.button if item.key == "measure-donors").click().run()
    wait_for_jobs()
    (run_id,) = store.runs(kind="donors", status="complete")["run_id"]
    at = clean(opened_page(PAGE, {"part": PART, "donors": run_id}))
    text = said(at).replace("\\", "")
    assert "What would workplaces in ARE have been like after 28 July 2020?" in text and "80% interval" in text
    assert len(at.get("plotly_chart")) == 1 and f"policytwin report {run_id}" in text
    weights = at.dataframe[0].value.set_index("Place")["Weight"]
    assert weights["SAU"] == pytest.approx(0.6, abs=0.05) and store.run(run_id).summary["effect"] < -8
