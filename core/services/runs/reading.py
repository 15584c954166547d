"""What a finished run left in the store, as tables: curves, trials, lines and errors. Nothing here computes a result."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.calibration.calibrators import slope_shares
from core.errors import InputError
from core.services.runs.forecasters import label
from core.services.runs.journal import write_journal
from core.services.runs.results import RunResult
from core.services.studies.inputs import StudyInputs
from core.store.database import Store
from core.study import Study

#: A slope below this leaves the simulated activity without a say in a behaviour's forecast.
FLAT_SLOPE = 0.05


def list_results(store: Store, study_id: str) -> pd.DataFrame:
    """Complete runs of a study, newest first, from their results.

    Columns run_id, finished_at (UTC), train_end, test_end, personas, population_id, trials, seed, twin and best_baseline
    (macro RMSE), best_baseline_name.
    """
    columns = [
        "run_id", "finished_at", "train_end", "test_end", "personas", "population_id", "trials", "seed", "twin",
        "best_baseline", "best_baseline_name",
    ]  # fmt: skip
    rows = []
    for row in store.runs(kind="run", study_id=study_id, status="complete").to_dict("records"):
        record, result = row["record"], RunResult.from_dict(row["summary"])
        best, error = next(iter(result.baselines().items()), ("", np.nan))
        asked = [record[name] for name in columns[2:6]]
        rows.append(
            [row["run_id"], row["finished_at"], *asked, record["parameters"]["trials"], record["seed"],
             result.macro_rmse["twin"], error, label(best)]
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


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


def compared(store: Store, run_ids: Sequence[str], metric: str) -> pd.DataFrame:
    """The twin's and the baselines' errors of several runs: forecaster, behaviour (and `macro`), one column per run."""
    found = {name: RunResult.of(store.run(name)).score_matrix(metric).stack() for name in run_ids}  # noqa: PD013
    return pd.DataFrame(found).rename_axis(["forecaster", "behaviour"])


def journal_bytes(store: Store, run_id: str) -> bytes:
    """The twin's trials as an Optuna journal file. InputError where the run has none."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_journal(store, store.run(run_id), Path(folder) / "trials.journal")
        if path is None:
            raise InputError("has no trials", where=f"run {run_id}", allowed="a run that searched")
        return path.read_bytes()
