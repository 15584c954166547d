"""What other countries' past teaches, from files to tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.calibration.learned import WEIGHTS_FILE
from core.counterfactual.effect_uncertainty import DAYS_OFF_FILE, EFFECTS_FILE
from core.errors import InputError
from core.forecasting.learned_widths import COLUMNS, WIDTHS_FILE
from core.forecasting.teachers import is_held_out
from core.services.evaluation.learning import FILES, learn
from core.services.evaluation.requests import LearnRequest
from core.services.evaluation.results import LearnResult
from core.settings import shipped_data

UNTIL = date(2020, 9, 30)
TEACHERS, KEPT = 14, 2


def tables(real: Path, folder: Path, change: Mapping[str, float] | None = None) -> tuple[Path, Path]:
    """Files of a few countries; `change` multiplies the mobility of those kept for exams, of later days, or of one."""
    mobility = pd.read_parquet(real / "google_mobility_national.parquet")
    codes = sorted(mobility["iso3"].astype(str).unique())
    exams = [code for code in codes if is_held_out(code)][:KEPT]
    chosen = [code for code in codes if not is_held_out(code)][20 : 20 + TEACHERS] + exams
    mobility = mobility[mobility["iso3"].isin(chosen)].copy()
    values = mobility.select_dtypes("number").columns
    mobility[values] = mobility[values].astype(float)
    for rows, factor in (change or {}).items():
        later = pd.to_datetime(mobility["date"]) > pd.Timestamp(UNTIL)
        hit = {"exams": mobility["iso3"].isin(exams), "later": later}.get(rows, mobility["iso3"] == rows)
        mobility.loc[hit, values] *= factor
    folder.mkdir()
    mobility.to_parquet(folder / "mobility.parquet")
    return folder / "mobility.parquet", real / "oxcgrt_national.parquet"


def learned(files: tuple[Path, Path], to: Path) -> LearnResult:
    return learn(LearnRequest(*files, until=(UNTIL,), to=to))


def rows_of(folder: Path, file: str) -> pd.DataFrame:
    return pd.read_csv(folder / file, dtype={"without": "str"}, keep_default_na=False)


@pytest.mark.real_data
def test_neither_exams_nor_later_days_nor_a_place_itself_have_a_say(real_data: Path, tmp_path: Path) -> None:
    found = learned(tables(real_data, tmp_path / "own"), tmp_path / "learned")
    assert found.countries == TEACHERS and LearnResult.from_dict(found.as_dict()) == found
    assert sorted(item.name for item in (tmp_path / "learned").iterdir()) == sorted(FILES)
    widths = rows_of(tmp_path / "learned", WIDTHS_FILE)
    assert (widths[list(COLUMNS)] > 0).all(axis=None) and set(widths["forecaster"]) == {"twin", "seasonal_naive"}
    for file in (EFFECTS_FILE, DAYS_OFF_FILE):
        assert rows_of(tmp_path / "learned", file)["spread"].between(0, 3).all()
    weights = rows_of(tmp_path / "learned", WEIGHTS_FILE)
    assert weights["weight"].between(0, 1).all() and len(weights) == TEACHERS + 1
    teacher = weights["without"].iloc[-1]

    spoiled = tables(real_data, tmp_path / "spoiled", {"exams": -0.5, "later": 0.2, teacher: 0.3})
    learned(spoiled, tmp_path / "again")
    for file in FILES:
        before, after = (rows_of(tmp_path / name, file) for name in ("learned", "again"))
        mine, theirs = ([part[part["without"] == who] for part in (before, after)] for who in (teacher, ""))
        assert len(mine[0]) and (mine[0].to_numpy() == mine[1].to_numpy()).all(), f"{file}: {teacher}, exams or later"
        assert file == WEIGHTS_FILE or not theirs[0].equals(theirs[1]), f"{file}: nothing was changed"


def test_no_day_to_learn_up_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no day"):
        LearnRequest(tmp_path / "mobility.parquet", tmp_path / "policy.parquet", (), tmp_path / "learned")


def test_the_tables_that_ship_know_the_same_days_and_behaviours() -> None:
    folder = shipped_data() / "priors" / "pandemic_mobility"
    frames = {file: pd.read_csv(folder / file) for file in FILES}
    days = {file: sorted(set(frame["known_until"])) for file, frame in frames.items()}
    assert len({tuple(item) for item in days.values()}) == 1
    names = {tuple(sorted(set(frame["behaviour"]))) for frame in frames.values() if "behaviour" in frame}
    assert len(names) == 1 and len(next(iter(names))) == 6
    assert np.isfinite(frames[DAYS_OFF_FILE]["spread"]).all() and (frames[DAYS_OFF_FILE]["spread"] > 0).all()
