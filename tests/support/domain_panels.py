"""Made-up tables in the columns of the shipped studies of other domains, whose real tables are nobody's to ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

#: By study: its periods, column of behaviour, level, noise, drift a period, and columns of policy with the effect of the measure.
DOMAINS = {
    "seatbelts_us": (pd.period_range("1983", "1997", freq="Y"), "usage", 30.0, 2.0, 2.0, {"law": 10.0}),
    "water_ca": (
        pd.period_range("2014-06", "2021-05", freq="M"), "change_vs_2013", -2.0, 5.0, 0.0,
        {"emergency_rule": -8.0, "state_standard": -50.0},
    ),
    "cigarettes_us": (
        pd.period_range("1970", "2019", freq="Y"), "packs_per_capita", 130.0, 2.0, -1.5, {"total_tax_2019usd": -5.0},
    ),
}  # fmt: skip
#: The place that the study's file names comes first.
FIRST = {"seatbelts_us": "CA", "water_ca": "CA1910067", "cigarettes_us": "CA"}


def domain_panel(folder: Path, study: str, places: int = 12) -> Path:
    """Writes behaviour.csv, policy.csv and places.csv of a study into a folder of its own, and gives that folder."""
    periods, column, level, noise, drift, effects = DOMAINS[study]
    generator, parts = np.random.default_rng(0), []
    when = np.arange(len(periods))
    for number in range(places):
        begun = len(periods) // 6 + number % 4
        policy: dict[str, np.ndarray] = {}
        for name in effects:
            on = when >= begun
            if name == "law":
                policy[name] = np.where(on, 1 + (when >= begun + 6) * (number % 2), 0)
            elif name == "emergency_rule":
                policy[name] = ((when >= 2) & (when < 35)).astype(int)
            elif name == "state_standard":
                policy[name] = np.where((when >= 12) & (when < 24), 0.04 * (1 + number % 9), 0.0)
            else:
                policy[name] = 0.6 + 0.4 * on + 0.05 * number + 0.02 * when
        change = sum(effect * policy[name] for name, effect in effects.items())
        seen = level + number + drift * when + change + generator.normal(0, noise, len(when))
        name = FIRST[study] if number == 0 else f"P{number:02d}"
        parts.append(pd.DataFrame({"place": name, "date": periods.astype(str), column: seen.round(2), **policy}))
    table = pd.concat(parts)
    own = folder / study
    own.mkdir(parents=True)
    table[["place", "date", column]].to_csv(own / "behaviour.csv", index=False)
    table[["place", "date", *effects]].to_csv(own / "policy.csv", index=False)
    names = table["place"].unique()
    pd.DataFrame({"place": names, "population": 1000}).to_csv(own / "places.csv", index=False)
    return own
