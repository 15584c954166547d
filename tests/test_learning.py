"""What other countries' past teaches, from files to tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.calibration.drift import DRIFT_FILE, learned_drifts
from core.counterfactual.engine_error import DAYS_OFF_FILE, EFFECTS_FILE, learned_spreads
from core.errors import InputError
from core.forecasting.teachers import kept_for_exams
from core.forecasting.learned_widths import WIDTHS_FILE, learned_widths
from core.services.learning import learn
from core.settings import shipped_data

UNTIL = date(2020, 9, 30)
FILES = (DRIFT_FILE, WIDTHS_FILE, EFFECTS_FILE, DAYS_OFF_FILE)
TEACHERS, KEPT = 11, 2


def tables(real: Path, folder: Path, change: Mapping[str, float] | None = None) -> tuple[Path, Path]:
    """Files of a few countries; `change` multiplies the mobility of the countries kept for exams, or of later days."""
    mobility = pd.read_parquet(real / "google_mobility_national.parquet")
    codes = sorted(mobility["iso3"].astype(str).unique())
    exams = [code for code in codes if kept_for_exams(code)][:KEPT]
    chosen = [code for code in codes if not kept_for_exams(code)][20 : 20 + TEACHERS] + exams
    mobility = mobility[mobility["iso3"].isin(chosen)].copy()
    values = mobility.select_dtypes("number").columns
    mobility[values] = mobility[values].astype(float)
    for rows, factor in (change or {}).items():
        hit = (
            mobility["iso3"].isin(exams) if rows == "exams" else pd.to_datetime(mobility["date"]) > pd.Timestamp(UNTIL)
        )
        mobility.loc[hit, values] *= factor
    folder.mkdir()
    mobility.to_parquet(folder / "mobility.parquet")
    return folder / "mobility.parquet", real / "oxcgrt_national.parquet"


@pytest.mark.real_data
def test_what_is_learned_is_read_again_and_neither_exams_nor_later_days_have_a_say(
    real_data: Path, tmp_path: Path
) -> None:
    found = learn(*tables(real_data, tmp_path / "own"), [UNTIL], tmp_path / "learned")
    assert found["countries"] == TEACHERS
    assert sorted(item.name for item in (tmp_path / "learned").iterdir()) == sorted(FILES)
    assert list(learned_drifts(tmp_path / "learned" / DRIFT_FILE)) == [UNTIL]
    widths = learned_widths(tmp_path / "learned" / WIDTHS_FILE)[UNTIL]
    assert all((values > 0).all() for values in widths.by_behaviour.values())
    for file in (EFFECTS_FILE, DAYS_OFF_FILE):
        spreads = learned_spreads(tmp_path / "learned" / file)[UNTIL]
        assert spreads and all(0 <= value < 3 for value in spreads.values())

    spoiled = tables(real_data, tmp_path / "spoiled", {"exams": -0.5, "later": 0.2})
    learn(*spoiled, [UNTIL], tmp_path / "again")
    for file in FILES:
        assert (tmp_path / "again" / file).read_text() == (tmp_path / "learned" / file).read_text(), file


@pytest.mark.real_data
def test_no_day_to_learn_up_to_writes_nothing(real_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no day"):
        learn(*tables(real_data, tmp_path / "own"), [], tmp_path / "learned")
    assert not (tmp_path / "learned").exists()


def test_the_tables_that_ship_know_the_same_days_and_behaviours() -> None:
    folder = shipped_data() / "priors" / "pandemic_mobility"
    frames = {file: pd.read_csv(folder / file) for file in FILES}
    days = {file: sorted(set(frame["known_until"])) for file, frame in frames.items()}
    assert len({tuple(item) for item in days.values()}) == 1
    names = {tuple(sorted(set(frame["behaviour"]))) for frame in frames.values()}
    assert len(names) == 1 and len(next(iter(names))) == 6
    assert np.isfinite(frames[DAYS_OFF_FILE]["spread"]).all() and (frames[DAYS_OFF_FILE]["spread"] > 0).all()
