"""What a finished run found, read from the store for pages: scores, curves, trials, parameters and lines, in words.

Nothing here computes a result: every figure is one that the run stored.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.calibrators import slope_shares
from core.cognition.registry import ENGINES, engine_short
from core.errors import InputError
from core.forecasting.baselines import BASELINES
from core.forecasting.metrics import MACRO
from core.services.runs.forecasters import FORECASTERS, TWINS
from core.services.runs.journal import searched_bounds, write_journal
from core.services.runs.macro import note_of_scores
from core.services.studies.inputs import StudyInputs
from core.store.database import Store
from core.store.runs import StoredRun
from core.study import Study
from core.validity.paired import BETTER, WORSE

METRICS: dict[str, str] = {"rmse": "RMSE (large misses count more)", "mae": "MAE (every miss counts alike)"}
TWIN, ABLATION, BASELINE = "twin", "ablation", "baseline"
#: A slope below this leaves the simulated activity without a say in a behaviour's forecast.
FLAT_SLOPE = 0.05
#: A value nearer to a bound than this share of the range was held by the bound rather than found.
EDGE = 0.02

#: Short names of the searched parameters; the engine's carry text and unit with them.
PARAMETER_LABELS: dict[str, str] = {
    "fatigue": "Policy fatigue",
    "fatigue_days": "Time to fatigue",
    "epidemic": "Voluntary caution",
    "policy_effect_weight": "Trust in simulated policy effects",
}
FORECAST_WORDS: dict[str, tuple[str, str]] = {
    "policy_effect_weight": (
        "share",
        "The forecast starts from where people last were, and follows this share of what the simulation says about "
        "changes of policy since then",
    ),
}


def label(forecaster: str) -> str:
    """A forecaster in words; a name nobody knows stays as it is."""
    return FORECASTERS.get(forecaster, forecaster)


def in_sentence(forecaster: str) -> str:
    """A forecaster in words, inside a sentence."""
    text = label(forecaster)
    return text[:1].lower() + text[1:]


def family(forecaster: str) -> str:
    """Whether a forecaster is the twin, one of its ablations, or a baseline."""
    if forecaster == "twin":
        return TWIN
    return ABLATION if forecaster in TWINS else BASELINE


def list_results(store: Store, study_id: str) -> pd.DataFrame:
    """Complete runs of a study, newest first, from their summaries.

    Columns run_id, finished_at (UTC), train_end, test_end, personas, population_id, trials, seed, twin and best_baseline
    (macro RMSE), best_baseline_name, seconds.
    """
    rows = []
    for row in store.runs(kind="run", study_id=study_id, status="complete").to_dict("records"):
        record, summary = row["record"], row["summary"]
        macro = summary["macro_rmse"]
        rivals = {name: value for name, value in macro.items() if name in BASELINES}
        best = min(rivals, key=lambda name: rivals[name]) if rivals else None
        rows.append(
            {
                "run_id": str(row["run_id"]),
                "finished_at": pd.Timestamp(row["finished_at"]),
                "train_end": record["train_end"],
                "test_end": record["test_end"],
                "personas": int(record["personas"]),
                "population_id": record["population_id"],
                "trials": int(record["parameters"]["trials"]),
                "seed": int(record["seed"]),
                "twin": float(macro["twin"]),
                "best_baseline": float(rivals[best]) if best else np.nan,
                "best_baseline_name": label(best) if best else "",
                "seconds": float(row["seconds"]),
            }
        )
    columns = [
        "run_id", "finished_at", "train_end", "test_end", "personas", "population_id", "trials", "seed", "twin",
        "best_baseline", "best_baseline_name", "seconds",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def leaderboard(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The mean over behaviours of each forecaster, best first: forecaster, label, family, value."""
    rows = scores[(scores["behaviour"] == MACRO) & (scores["metric"] == metric)].sort_values("value", kind="stable")
    board = pd.DataFrame({"forecaster": rows["forecaster"].astype(str), "value": rows["value"].astype(float)})
    board["label"] = [label(name) for name in board["forecaster"]]
    board["family"] = [family(name) for name in board["forecaster"]]
    return board[["forecaster", "label", "family", "value"]].reset_index(drop=True)


def score_matrix(scores: pd.DataFrame, behaviours: Sequence[str], metric: str) -> pd.DataFrame:
    """Errors, (forecasters in the order of the leaderboard × behaviours and `macro`)."""
    chosen = scores[scores["metric"] == metric]
    wide = chosen.pivot(index="forecaster", columns="behaviour", values="value")  # noqa: PD010 (nothing to aggregate)
    return wide.reindex(index=list(leaderboard(scores, metric)["forecaster"]), columns=[*behaviours, MACRO])


@dataclass(frozen=True)
class Verdict:
    """The result in a sentence, whether the twin beat every baseline, and what else has to be said about it."""

    headline: str
    beats_all: bool
    notes: tuple[str, ...]


def verdict(
    scores: pd.DataFrame, metric: str, unit: str = "points", differences: Mapping[str, Mapping[str, Any]] | None = None
) -> Verdict:
    """How far the twin misses on held-out days and how far its rivals do; plain when it loses.

    `differences` are those of the run's summary (of RMSE): better is said only where the interval leaves out zero.
    """
    board = leaderboard(scores, metric).set_index("forecaster")["value"]
    rivals = board[board.index.isin(tuple(BASELINES))]
    twin = float(board["twin"])
    text = f"The twin misses by {twin:.1f} {unit} on average"
    if len(rivals):
        text += f", the best baseline ({in_sentence(str(rivals.index[0]))}) by {rivals.iloc[0]:.1f}"
    notes = []
    better = rivals[rivals < twin]
    found = differences if metric == "rmse" else None
    if len(rivals):
        notes.append(_least_of_all(twin, rivals, found) if better.empty else _missed_by_less(better, rivals, found))
    ablations = board[[name for name in board.index if family(str(name)) == ABLATION]]
    smaller = ablations[ablations < twin]
    if len(smaller):
        names = ", ".join(f"{in_sentence(str(name))} ({value:.1f})" for name, value in smaller.items())
        notes.append(f"Versions of the twin that leave something out and miss by less here: {names}.")
    return Verdict(
        f"{text}.", bool(better.empty and len(rivals)), tuple(filter(None, [note_of_scores(scores), *notes]))
    )


def _missed_by_less(better: pd.Series, rivals: pd.Series, differences: Mapping[str, Mapping[str, Any]] | None) -> str:
    """The baselines that missed by less than the twin, and whether the best of them did by chance."""
    said = f"{len(better)} of {len(rivals)} baselines miss by less than the twin here"
    found = (differences or {}).get(str(better.index[0]))
    if found is None or found["lower"] is None:
        return f"{said}; for a forecast of these days alone, use the best."
    low, high = found["lower"], found["upper"]
    if found["verdict"] != WORSE:
        return (
            f"{said}, which other weeks like these could turn round (90% interval of the difference {low:+.1f} to "
            f"{high:+.1f} points)."
        )
    return (
        f"{said}; for a forecast of these days alone, use the best (90% interval of the difference {low:.1f} to {high:.1f} "
        f"points, over {found['units']} weeks)."
    )


def _least_of_all(twin: float, rivals: pd.Series, differences: Mapping[str, Mapping[str, Any]] | None) -> str:
    """The twin against the best of the baselines, all of which missed by more."""
    gain = 1.0 - twin / float(rivals.iloc[0])
    least = f"{gain:.0%} below that of the best of {len(rivals)} baselines"
    found = (differences or {}).get(str(rivals.index[0]))
    if found is None or found["lower"] is None:
        return f"The twin's error is {least} here; whether other weeks would say the same was not measured."
    if found["verdict"] != BETTER:
        return (
            f"The twin's error is {least} here, which other weeks like these could turn round (90% interval of the "
            f"difference {found['lower']:+.1f} to {found['upper']:+.1f} points)."
        )
    return (
        f"The twin does better than all {len(rivals)} baselines: its error is {least} (90% interval of the difference "
        f"{-found['upper']:.1f} to {-found['lower']:.1f} points, over {found['units']} weeks)."
    )


def working_week_note(scores: pd.DataFrame, metric: str) -> str:
    """What the twin knows about the working week, with its score where it does not know it."""
    board = leaderboard(scores, metric).set_index("forecaster")["value"]
    text = (
        "All forecasts are made for the policy that was in force. The twin takes the working week as part of that policy; "
        "the baselines know the weekday only."
    )
    if "twin_announced_calendar" in board:
        without = float(board["twin_announced_calendar"])
        if np.isclose(without, board["twin"]):
            return text + " Here no change of the working week was still to be announced, so that gave it nothing."
        text += f" Told only what had been announced by the end of training, the twin misses by {without:.1f}."
    return text


@dataclass(frozen=True)
class Curves:
    """Metric by day: `structural` the calibrated response on training days, `forecasts` the hold-out by forecaster."""

    structural: pd.DataFrame
    forecasts: dict[str, pd.DataFrame]


def curves(store: Store, run_id: str, behaviours: Sequence[str]) -> Curves:
    """The curves of a complete run, each (days × behaviours)."""
    wide = {}
    for (name, phase), part in store.read_result("forecasts", run_id).groupby(["forecaster", "phase"], sort=False):
        frame = part.pivot(index="date", columns="behaviour", values="value")  # noqa: PD010 (nothing to aggregate)
        wide[str(name), str(phase)] = frame.reindex(columns=list(behaviours))
    return Curves(wide["twin", "train"], {name: frame for (name, phase), frame in wide.items() if phase == "test"})


def curve_table(observed: pd.DataFrame, found: Curves, behaviours: Sequence[str]) -> pd.DataFrame:
    """The curves as one table for a download: index `date`, columns like `retail observed`."""
    columns = {}
    for name in behaviours:
        columns[f"{name} observed"] = observed[name]
        columns[f"{name} fitted"] = found.structural[name]
        columns |= {f"{name} {forecaster}": frame[name] for forecaster, frame in found.forecasts.items()}
    return pd.DataFrame(columns).rename_axis("date")


def weekly(frame: pd.DataFrame) -> pd.DataFrame:
    """The mean of the seven days around each day, where four or more of them are there."""
    return frame.rolling(7, center=True, min_periods=4).mean()


def holidays(inputs: StudyInputs, dates: pd.DatetimeIndex) -> pd.Series:
    """Names of the public holidays among these days."""
    names = inputs.timeline.calendar.days(dates)["holiday"]
    return names[names != ""]


@dataclass(frozen=True)
class Trials:
    """What the search tried, in order, each frame with one row per trial (index `trial`, from 1).

    `macro` is the mean error over behaviours on inner origins, `best` the least so far, `objectives` (trials ×
    behaviours), `parameters` (trials × searched parameters).
    """

    macro: pd.Series
    best: pd.Series
    objectives: pd.DataFrame
    parameters: pd.DataFrame

    def __len__(self) -> int:
        return len(self.macro)

    def table(self) -> pd.DataFrame:
        """Everything in one frame for a download."""
        scores = self.objectives.add_prefix("error_")
        head = pd.DataFrame({"macro": self.macro, "best_so_far": self.best})
        return pd.concat([head, scores, self.parameters], axis=1)


def trials_of(store: Store, run_id: str, behaviours: Sequence[str], *, unfinished: bool = False) -> Trials:
    """The twin's trials of a run; with `unfinished`, those stored so far by a run at work."""
    rows = store.read("trials", unfinished=unfinished, run_id=run_id, calibrator="twin")
    index = pd.Index(rows["number"].astype(int) + 1, name="trial")
    macro = pd.Series(rows["macro"].to_numpy(float), index, name="macro")
    scores = np.array([list(values) for values in rows["objectives"]], dtype=float).reshape(len(rows), len(behaviours))
    return Trials(
        macro=macro,
        best=macro.cummin(),
        objectives=pd.DataFrame(scores, index, list(behaviours)),
        parameters=pd.DataFrame(list(rows["parameters"]), index).astype(float),
    )


def found_parameters(run: StoredRun, study: Study) -> pd.DataFrame:
    """The parameters of the best trial: parameter, label, value, unit, low, high, text, edge (held by a bound)."""
    own = ENGINES[run.record.engine].parameters if run.record.engine in ENGINES else {}
    rows = []
    for name, (low, high) in searched_bounds(run, study).items():
        if name not in run.summary["parameters"]:
            continue
        value = float(run.summary["parameters"][name])
        unit, text = FORECAST_WORDS.get(name) or ((own[name].unit, own[name].text) if name in own else ("", ""))
        place = (value - low) / (high - low)
        rows.append(
            {
                "parameter": name,
                "label": PARAMETER_LABELS.get(name, name),
                "value": value,
                "unit": unit,
                "low": low,
                "high": high,
                "text": text,
                "edge": bool(place < EDGE or place > 1 - EDGE),
            }
        )
    return pd.DataFrame(rows)


def in_words(value: float, unit: str) -> str:
    """A parameter's value as an analyst reads it."""
    if unit == "share":
        return f"{value:.0%}"
    if unit == "days":
        return f"{value:,.0f} days"
    if unit == "multiple":
        return f"{value:.2f} times"
    if unit == "log-odds":
        return f"odds × {np.exp(value):.2f}"
    return f"{value:.3g} {unit}"


def fitted_lines(store: Store, run_id: str, study: Study, calibrator: str = "twin") -> pd.DataFrame:
    """The lines of a calibrator in the study's order: behaviour, label, a, b, lower, upper, train_rmse, chosen (which slope
    the forecast follows, in words; missing where there was no choice), flat."""
    rows = store.read_result("calibrations", run_id, calibrator=calibrator).set_index("behaviour")
    rows = rows.reindex([name for name in study.behaviour_ids if name in rows.index])
    chosen = [slope_shares().get(item.get("slope_shrinkage", np.nan)) for item in rows["parameters"]]
    rows = rows[["a", "b", "lower", "upper", "train_rmse"]].assign(chosen=pd.Series(chosen, rows.index, dtype=object))
    rows = rows.rename_axis("behaviour").reset_index()
    rows.insert(1, "label", [study.behaviour(name).label for name in rows["behaviour"]])
    return rows.assign(flat=rows["a"].abs() < FLAT_SLOPE)


def compared(store: Store, run_ids: Sequence[str], behaviours: Sequence[str], metric: str) -> pd.DataFrame:
    """The twin's and the baselines' errors of several runs: forecaster, behaviour (and `macro`), one column per run."""
    parts = []
    for run_id in run_ids:
        wide = score_matrix(store.read_result("scores", run_id), behaviours, metric)
        tall = wide.rename_axis(index="forecaster").melt(ignore_index=False, var_name="behaviour", value_name=run_id)
        parts.append(tall.set_index("behaviour", append=True))
    return pd.concat(parts, axis=1)


def journal_bytes(store: Store, run_id: str) -> bytes:
    """The twin's trials as an Optuna journal file. InputError where the run has none."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_journal(store, store.run(run_id), Path(folder) / "trials.journal")
        if path is None:
            raise InputError("has no trials", where=f"run {run_id}", allowed="a run that searched")
        return path.read_bytes()


def source_line(study: Study) -> str:
    """Where the figures come from, short enough for a caption; fictional data are called so."""
    if study.fictional:
        return "fictional data, generated by PolicyTwin"
    return study.citation or study.title


def twin_source(study: Study, engine: str, run_id: str = "") -> str:
    """Beneath figures of a twin: where the data come from, and which engine answered."""
    run = f", run {run_id}" if run_id else ""
    return f"{source_line(study).rstrip('.')}. Twin: {engine_short(engine)}{run}."


def differences(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> list[str]:
    """How two rows of `list_results` differ in what was asked, in words."""
    words = {
        "train_end": "training to",
        "test_end": "test to",
        "personas": "personas",
        "trials": "trials",
        "seed": "seed",
    }
    said = [f"{text} {first[key]} against {second[key]}" for key, text in words.items() if first[key] != second[key]]
    drawn_alike = all(first[key] == second[key] for key in ("personas", "seed"))
    if drawn_alike and first["population_id"] != second["population_id"]:
        said.append(f"population {first['population_id']} against {second['population_id']}")
    return said
