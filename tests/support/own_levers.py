"""A study whose domain is its own: a mandated cut, an amount whose effect builds up and wears away, and a rise in price, on days
of a made-up place. Data only, no code."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import tomli_w

from core.services.studies.requests import RunRequest
from core.study import Step

START, TRAIN_END, TEST_END, END = date(2030, 1, 1), date(2030, 8, 13), date(2030, 9, 15), date(2030, 12, 31)
CUT = {"code": "S", "name": "Mandated cut", "unit": "%", "reference": 0, "limit": 36, "notch": 4}
INFORMED = {
    "code": "I",
    "name": "Information",
    "maximum": 2,
    "levels": ["None", "Leaflets", "Visits"],
    "shares": [0, 0.4, 1],
}
TABLE = """behaviour,term,key,modifier,value,unit,source,reasoning
watering,base,,,0.6,probability,assumption,made up
saving,base,,,0.3,probability,assumption,made up
watering,persona,income=low,,-0.3,log-odds,assumption,made up
watering,day,weekend,,0.2,log-odds,assumption,made up
watering,policy,S,,1.5,log-odds,assumption,made up
watering,policy,I,,0.4,log-odds,assumption,made up
saving,policy,S,,{saved},log-odds,assumption,made up
saving,policy,I,,-0.5,log-odds,assumption,made up
"""


def own_levers(folder: Path, *, saved: float = -1.0) -> RunRequest:
    """Writes the study and its data; `saved` is what the table says of the cut and indoor saving."""
    behaviours = [
        {
            "id": name,
            "label": name.capitalize(),
            "text": text,
            "unit": "%",
            "column": name,
            "expected_sign": sign,
            "upper": 3.0,
        }
        for name, text, sign in (("watering", "Waters outdoors", -1), ("saving", "Saves indoors", 1))
    ]
    study = {
        "id": "district", "title": "A water district", "place": "Nowhere", "summary": "Made up.", "fictional": True,
        "start": START, "end": END, "train_end": TRAIN_END, "levers": [CUT, INFORMED],
        "effects": {"S": {"builds_up": 10, "persists": 40, "source": "assumption"}},
        "measurement": {"kind": "share", "unit": "% of people", "baseline_start": START, "baseline_end": date(2030, 1, 28)},
        "population": {"file": "populations/meridia.toml", "personas": 50, "inhabitants": 100_000},
        "calendar": {"working_weeks": [{"start": date(1990, 1, 1), "rest_days": ["sunday"], "weekend_days": ["saturday"]}]},
        "engine": {"coefficients": "table.csv", "epidemic_thresholds": [1.0, 2.0]},
        "sources": {kind: {"file": f"{kind}.csv", "layout": "wide_csv", "place": "Nowhere"} for kind in ("mobility", "policy")},
        "behaviours": behaviours,
    }  # fmt: skip
    (folder / "district.toml").write_text(tomli_w.dumps(study))
    (folder / "table.csv").write_text(TABLE.format(saved=saved))
    days = pd.date_range(START, END, name="date")
    rng = np.random.default_rng(5)
    cut = np.select([days < "2030-03-01", days < "2030-06-01", days < "2030-08-20"], [0.0, 12.5, 25.0], 8.0)
    felt = [0.0]
    for goal in cut[1:]:
        felt.append(felt[-1] + (goal - felt[-1]) * (0.07 if goal > felt[-1] else 0.02))
    cut_felt = np.array(felt)
    watering = 60 - 0.7 * cut_felt + 4 * (days.day_of_week >= 5) + rng.normal(0, 1, len(days))
    saving = 30 + 0.5 * cut_felt + rng.normal(0, 1, len(days))
    about = {"place": "Nowhere", "date": days.strftime("%Y-%m-%d")}
    pd.DataFrame({**about, "watering": watering.round(3), "saving": saving.round(3)}).to_csv(
        folder / "mobility.csv", index=False
    )
    pd.DataFrame({**about, "S": cut, "I": (days >= "2030-05-01").astype(int)}).to_csv(
        folder / "policy.csv", index=False
    )
    return RunRequest(
        str(folder / "district.toml"), folder, personas=40, trials=2, train_end=TRAIN_END, test_end=TEST_END
    )


def own_months(folder: Path, step: str = "month") -> RunRequest:
    """The same district with a row a month (or year): use against the same month of 2013, under a cut and leaflets."""
    own_levers(folder)
    study = tomllib.loads((folder / "district.toml").read_text())
    period = Step(step)
    start, end = date(1960, 1, 1) if period is Step.YEAR else date(2013, 1, 1), date(2020, 12, 31)
    train_end, test_end = (
        (date(2012, 1, 1), date(2017, 1, 1)) if period is Step.YEAR else (date(2018, 6, 1), date(2019, 6, 1))
    )
    kind = "share" if period is Step.YEAR else "same_period_change"
    study |= {
        "id": f"district-{step}",
        "step": step,
        "calendar": {},
        "start": start,
        "end": end,
        "train_end": train_end,
    }
    study["measurement"] = {
        "kind": kind,
        "unit": "%",
        "baseline_start": start,
        "baseline_end": date(start.year, 12, 31),
    }
    del study["effects"]
    (folder / "district.toml").write_text(tomli_w.dumps(study))
    table = pd.read_csv(folder / "table.csv")
    table.loc[table["term"] == "day", "key"] = "july" if period is Step.MONTH else "year"
    table.to_csv(folder / "table.csv", index=False)
    periods, rng = period.periods(start, end), np.random.default_rng(6)
    where = np.linspace(0, 1, len(periods))
    cut = np.select([where < 0.3, where < 0.6, where < 0.8], [0.0, 20.0, 8.0], 0.0)
    season = 3 * np.sin(2 * np.pi * periods.month / 12) if period is Step.MONTH else 0.0
    level = 60.0 if kind == "share" else 0.0
    values = {"watering": level - 0.9 * cut + season + rng.normal(0, 1, len(periods)), "saving": level / 2 + 0.5 * cut}
    about = {"place": "Nowhere", "date": (periods + pd.Timedelta(days=14)).strftime("%Y-%m-%d")}
    pd.DataFrame({**about, **{name: np.round(item, 3) for name, item in values.items()}}).to_csv(
        folder / "mobility.csv", index=False
    )
    pd.DataFrame({**about, "S": cut, "I": (where >= 0.5).astype(int)}).to_csv(folder / "policy.csv", index=False)
    return RunRequest(
        str(folder / "district.toml"), folder, personas=30, trials=2, train_end=train_end, test_end=test_end
    )
