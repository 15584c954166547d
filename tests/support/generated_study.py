"""Studies of any step, levers, signs and context, as a user would write them, with observations that move as they declare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import tomli_w
from hypothesis import strategies as st

from core.study import Step

#: Enough periods of each step for training with one origin inside it, and a test.
PERIODS = {Step.DAY: 215, Step.WEEK: 48, Step.MONTH: 34, Step.YEAR: 11}
AHEAD = {Step.DAY: 28, Step.WEEK: 8, Step.MONTH: 8, Step.YEAR: 4}
LEVERS = {
    "levels": {"maximum": 2, "levels": ["None", "Some", "All"]},
    "shares": {"maximum": 2, "levels": ["None", "Some", "All"], "shares": [0, 0.7, 1]},
    "range": {"unit": "%", "reference": 0, "limit": 36, "most": 50},
    "falling": {"unit": "days", "reference": 7, "limit": 0},
    "price": {"unit": "times", "reference": 1, "limit": 2, "least": 0.5, "most": 4, "link": "log_ratio"},
}
#: Its values from none to in full, at 0, 1 and 2.
VALUES = {"levels": (0, 1, 2), "shares": (0, 1, 2), "range": (0, 18, 36), "falling": (7, 3, 0), "price": (1, 1.4, 2)}


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a study: `levers` name kinds of LEVERS, `signs` say in which direction each moves the behaviour."""

    step: Step
    metric: str
    levers: tuple[str, ...]
    signs: tuple[int, ...]
    builds_up: float
    persists: float
    wears_off: float
    context: str | None
    seed: int
    errors: str = "points"


@st.composite
def drawn_studies(draw: st.DrawFn, step: Step) -> Drawn:
    change = "same_weekday_change" if step is Step.DAY else "same_period_change"
    kinds = draw(st.lists(st.sampled_from(sorted(LEVERS)), min_size=1, max_size=2))
    metric = draw(st.sampled_from(["share", "level", change]))
    return Drawn(
        step=step,
        metric=metric,
        levers=tuple(kinds),
        signs=tuple(draw(st.sampled_from([-1, 1])) for _ in kinds),
        builds_up=draw(st.sampled_from([0.0, 2.0])),
        persists=draw(st.sampled_from([0.0, 3.0])),
        wears_off=draw(st.sampled_from([0.0, 4.0])),
        context=draw(st.sampled_from([None, "frozen", "ahead"])),
        seed=draw(st.integers(0, 99)),
        errors="points" if metric == "same_weekday_change" else draw(st.sampled_from(["points", "log"])),
    )


def write_study(drawn: Drawn, folder: Path) -> Path:
    """Writes the study, its coefficients and its tables, and gives its path; the training ends AHEAD periods before the end."""
    step, count = drawn.step, PERIODS[drawn.step]
    start = step.first_day(date(2001, 1, 1))
    days = step.periods(start, step.after(start, count - 1))
    end, cycle = days[-1].date(), step.last_day(step.after(start, 27 if step is Step.DAY else step.cycle - 1))
    codes = [f"L{number}" for number in range(len(drawn.levers))]
    files = ["mobility", "policy", *(["context"] if drawn.context else [])]
    study = {
        "id": "generated", "title": "Generated", "place": "A", "summary": "Generated.", "fictional": True, "step": str(step),
        "start": start, "end": end, "train_end": step.after(end, -AHEAD[step]),
        "levers": [{"code": code, "name": code, **LEVERS[kind]} for code, kind in zip(codes, drawn.levers, strict=True)],
        "effects": {
            codes[0]: {
                "builds_up": drawn.builds_up, "persists": drawn.persists, "wears_off": drawn.wears_off, "source": "drawn"
            }
        },
        "measurement": {
            "kind": drawn.metric, "unit": "%", "baseline_start": start, "baseline_end": min(cycle, end), "errors": drawn.errors
        },
        "population": {"file": "populations/orlo.toml", "personas": 8, "inhabitants": 1000},
        "calendar": {"working_weeks": [{"start": date(1990, 1, 1), "rest_days": ["sunday"]}]} if step is Step.DAY else {},
        "engine": {"coefficients": "table.csv"},
        "sources": {kind: {"file": f"{kind}.csv", "layout": "panel_table", "place": "A"} for kind in files},
        "behaviours": [
            {
                "id": "use", "label": "Use", "text": "Uses it", "unit": "%", "column": "use", "expected_sign": drawn.signs[0],
                "upper": 3.0, "signs": dict(zip(codes, drawn.signs, strict=True)),
                **({"amount": 100.0} if drawn.metric == "level" else {}),
            }
        ],
    }  # fmt: skip
    if drawn.context:
        about = {"code": "DRY", "name": "Drought", "column": "dry", "thresholds": [0.5], "words": ["wet", "dry"]}
        study["context"] = [{**about, "known": drawn.context, "source": "drawn"}]
    path = folder / "generated.toml"
    path.write_text(tomli_w.dumps(study))
    rows = ["use,base,,,0.5,probability,drawn,drawn"]
    rows += [
        f"use,policy,{code},,{-0.8 * sign},log-odds,drawn,drawn" for code, sign in zip(codes, drawn.signs, strict=True)
    ]
    rows += ["use,context,DRY=1,,-0.3,log-odds,drawn,drawn"] if drawn.context else []
    head = "behaviour,term,key,modifier,value,unit,source,reasoning"
    (folder / "table.csv").write_text("\n".join([head, *rows]) + "\n")
    random, parts = np.random.default_rng(drawn.seed), np.linspace(0, 2.999, count)
    steps = [(parts.astype(int) + 2 * number) % 3 for number in range(len(codes))]
    policy = {code: np.array(VALUES[kind])[at] for code, kind, at in zip(codes, drawn.levers, steps, strict=True)}
    dry = (np.arange(count) // max(count // 5, 1) % 2).astype(float)
    use = (
        sum(5.0 * sign * at for sign, at in zip(drawn.signs, steps, strict=True)) - 3 * dry + random.normal(0, 1, count)
    )
    use += 0.0 if drawn.metric.endswith("change") else 50.0
    for kind, columns in (("mobility", {"use": use.round(2)}), ("policy", policy), ("context", {"dry": dry})):
        if kind in files:
            pd.DataFrame({"place": "A", "date": days.strftime("%Y-%m-%d"), **columns}).to_csv(
                folder / f"{kind}.csv", index=False
            )
    return path
