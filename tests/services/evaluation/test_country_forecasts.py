"""One country's curve is the forecast that its backtest scored, and the map needs nothing from elsewhere."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets.places import countries, country_tiles
from core.errors import InputError
from core.report.figures.country_map import country_map
from core.services.evaluation.backtests import read_exported, shipped_path
from core.services.evaluation.country_forecasts import country_forecast
from core.services.evaluation.requests import BacktestRequest
from core.services.evaluation.skill import country_table, row_frame


def test_the_curve_has_the_scores_of_the_shipped_backtest(real_data: Path) -> None:
    request, origin, rival = BacktestRequest.shipped(real_data), date(2020, 12, 31), "first_differences"
    found = country_forecast(request, "NZL", origin, rival)
    rows = read_exported(shipped_path()).result.rows
    assert {row.horizon for row in rows if (row.country, row.origin) == ("NZL", origin)} == {30, 90, 180}
    for row in rows:
        if (row.country, row.origin) != ("NZL", origin):
            continue
        ahead = [frame.loc[pd.Timestamp(origin) :].iloc[1 : row.horizon + 1] for frame in found.curves.values()]
        for column in ("twin", "baseline"):
            errors = [np.sqrt(((frame[column] - frame["observed"]) ** 2).mean()) for frame in ahead]
            assert np.mean(errors) == pytest.approx(row.macro_rmse["twin" if column == "twin" else rival], abs=1e-3)
    first = next(iter(found.curves.values()))
    assert first.loc[:"2020-12-31", "twin"].isna().all() and (first["upper"].dropna() > first["lower"].dropna()).all()
    with pytest.raises(InputError, match="FRA after 2030-01-01"):
        country_forecast(request, "FRA", date(2030, 1, 1), "last_7_days")


def test_every_country_has_a_tile_of_its_own_and_no_outline_is_fetched() -> None:
    tiles = country_tiles()
    assert len(set(tiles.values())) == len(tiles) and set(tiles) <= set(countries())
    result = read_exported(shipped_path()).result
    table = country_table(row_frame(result), result.rivals, None)
    strange = table.assign(country=table["country"].replace("FJI", "XKX"))
    for shown in (table, strange):
        figure = country_map(shown, tiles, "NZL", "here")
        assert {trace.type for trace in figure.data} == {"heatmap", "scatter"}, "plotly's own maps load outlines"
        heat, marks = figure.data
        assert len(set(zip(marks.x, marks.y, strict=True))) == len(shown) == int(np.isfinite(heat.z).sum())
        place = list(shown["country"]).index("NZL")
        assert heat.z[marks.y[place]][marks.x[place]] == pytest.approx(100 * shown["skill"].iloc[place])
