"""A study whose domain is its own: a mandated cut, an amount whose effect builds up and wears away, and a rise in price, on days
of a made-up place. Data only, no code."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import tomli_w

from core.services.studies.requests import RunRequest

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
