"""Studies of other domains on their real tables: small backtests, and what README says of the whole ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from core.datasets.observed import DOMAINS
from core.forecasting.backtest_scores import TWIN
from core.services.evaluation.domain_scores import DomainScores, domain_studies
from core.services.evaluation.panel_backtests import panel_backtest
from core.services.evaluation.requests import PanelBacktestRequest
from core.study import load_study
from core.validity.measured import read_measured

#: Mean errors of a few places, (origin, periods ahead): the twin and the last value. To refresh, copy what the failing test
#: shows, with the reason in the commit.
GOLDEN = {
    "seatbelts_us": (date(1992, 1, 1), 2, ("CA", "NY", "TX", "OH"), 2.6802, 5.9338),
    "water_ca": (date(2015, 3, 1), 12, ("CA1910067", "CA0110005", "CA3710020", "CA1010007"), 7.392, 16.8058),
    "cigarettes_us": (date(1988, 1, 1), 5, ("CA", "UT", "NV", "MT"), 7.8677, 11.8025),
}


@pytest.mark.real_data
@pytest.mark.parametrize("study", GOLDEN)
def test_a_small_backtest(study: str, real_data: Path, tmp_path: Path) -> None:
    origin, ahead, names, twin, last = GOLDEN[study]
    folder = real_data / DOMAINS / study
    if not folder.is_dir():
        pytest.skip(f"no folder {DOMAINS}/{study} in the observations")
    for source in load_study(study).sources.values():
        table = pd.read_csv(folder / source.file)
        table[table["place"].isin(names)].to_csv(tmp_path / source.file, index=False)
    request = PanelBacktestRequest(study, (origin,), (ahead,), data=tmp_path, personas=30)
    found = panel_backtest(request).summary.by_horizon[str(ahead)]
    assert found.rows == len(names)
    assert (found.mean[TWIN], found.mean["last_value"]) == pytest.approx((twin, last), abs=0.005)


def test_what_readme_says_is_of_every_hold_out() -> None:
    found = read_measured(DomainScores, "domains")
    assert found is not None
    told = {item.study: [part.name for part in item.parts] for item in found.studies}
    assert told == {study.id: [item.name for item in study.hold_outs] for study in domain_studies()}
    assert all(len(item.effects) >= 3 for item in found.studies)
