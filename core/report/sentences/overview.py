"""Where a study stands, in words: what the first screen says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.cognition.registry import engine_label
from core.records import RUNGS
from core.report.sentences.coherence import coherence_lines
from core.services.policies.timelines import saved_scenarios
from core.services.runs.forecasters import FORECASTERS, TWINS
from core.services.runs.results import verdict
from core.services.studies.inputs import StudyInputs
from core.store.database import Store
from core.store.runs import StoredRun
from core.validity.paired import BETTER, WORSE

CLAIMS = (
    "Every result stands on one of four rungs: {rungs}. This run stands on the rung “{rung}”. Agents count as coherent "
    "where each further measure moves every behaviour in its expected direction or not at all, whatever the kind of day, the "
    "epidemic and the time restrictions have lasted; a pattern counts as reproduced where, "
    "besides, the twin missed by less than every baseline on the held-out days, which does not show why. A counterfactual "
    "shows what the engine's assumptions and the calibration imply; it is not a causal effect, and outside the policies "
    "seen in training it rests on the assumptions alone."
)


@dataclass(frozen=True)
class Tile:
    """A number with its label; `delta` says of a rival's error how the twin's compares with it."""

    label: str
    value: str
    delta: str | None
    help: str

    @property
    def worse(self) -> bool:
        return self.delta is not None and self.delta.endswith("worse")

    @property
    def certain(self) -> bool:
        return self.delta is not None and self.delta.endswith(("worse", "better"))


@dataclass(frozen=True)
class Step:
    """A step of the analyst's path: whether it is done, what is there, and where to go on."""

    title: str
    text: str
    done: bool
    page: str
    action: str


@dataclass(frozen=True)
class Overview:
    headline: str
    tiles: tuple[Tile, ...]
    steps: tuple[Step, ...]
    claims: str
    sources: str


def overview(store: Store, inputs: StudyInputs, run: StoredRun | None) -> Overview:
    """The first screen of a study: its result if there is one, its steps, what may be claimed, and its sources."""
    return Overview(
        headline="" if run is None else _headline(store, run),
        tiles=() if run is None else _tiles(run),
        steps=_steps(store, inputs, run),
        claims=_claims(run),
        sources=inputs.study.citation,
    )


def _claims(run: StoredRun | None) -> str:
    said = CLAIMS.format(rungs=" · ".join(RUNGS), rung=RUNGS[0] if run is None else run.record.rung)
    return said if run is None else " ".join([said, *coherence_lines(run.summary)])


def _headline(store: Store, run: StoredRun) -> str:
    found = verdict(store.read_result("scores", run.run_id), "rmse", differences=run.summary.get("differences"))
    return " ".join([found.headline, *found.notes])


def _tiles(run: StoredRun) -> tuple[Tile, ...]:
    macro: dict[str, float] = run.summary["macro_rmse"]
    rivals = {name: value for name, value in macro.items() if name not in TWINS}
    best = min(rivals, key=lambda name: rivals[name])
    twin = macro["twin"]

    differences: Mapping[str, Mapping[str, Any]] = run.summary.get("differences", {})

    def against(name: str) -> str:
        change = f"{100 * abs(macro[name] - twin) / macro[name]:.0f}%"
        if change == "0%":
            return "twin as good"
        certain = name in differences and differences[name]["verdict"] in (BETTER, WORSE)
        if not certain:
            return f"twin {'−' if twin < macro[name] else '+'}{change}, not certain"
        return f"twin {change} {'better' if twin < macro[name] else 'worse'}"

    metric = "Error: root mean squared over the held-out days, mean over the behaviours, in points. Less is better."
    return (
        Tile("Twin's error", f"{twin:.1f}", None, metric),
        Tile("Best baseline", f"{rivals[best]:.1f}", against(best), FORECASTERS[best]),
        *(
            Tile(name, f"{macro[key]:.1f}", against(key), FORECASTERS[key])
            for name, key in (
                ("Gradient boosting", "gradient_boosting"),
                ("Uncalibrated twin", "uncalibrated"),
            )
        ),
    )


def _steps(store: Store, inputs: StudyInputs, run: StoredRun | None) -> tuple[Step, ...]:
    study = inputs.study
    observed = inputs.observations
    scenarios = saved_scenarios(store, study)
    missing = 100 * float(observed.isna().to_numpy().mean())
    sweeps = store.runs(kind="sweep", study_id=study.id, status="complete")
    fitted = "Not fitted yet: the twin cannot answer anything before."
    if run is not None:
        fitted = (
            f"Trained to {run.record.train_end}, tested to {run.record.test_end}, {run.summary['personas']:,} personas, "
            f"{engine_label(run.record.engine)}."
        )
    count = study.personas if run is None else run.summary["personas"]
    return (
        Step(
            "Population",
            f"{count:,} synthetic people stand for {study.inhabitants:,} inhabitants, matched to published tables."
            if not study.fictional else f"{count:,} synthetic people stand for {study.inhabitants:,} invented inhabitants.",
            True,
            "Population",
            "See the people",
        ),
        Step(
            "Policy timeline",
            f"{len(inputs.timeline.interventions)} measures observed from {study.start} to {study.end}; "
            f"{len(observed):,} days of data, {missing:.1f}% of values missing; "
            + (f"{len(scenarios)} scenarios saved." if len(scenarios) else "no scenario saved yet."),
            True,
            "Policy timeline",
            "See and edit policy",
        ),
        Step("Simulation", _simulated(store, study.id), run is not None, "Simulate", "Run an engine"),
        Step("Calibration and validation", fitted, run is not None, "Calibration", "Fit and test"),
        Step(
            "Counterfactuals",
            f"{len(sweeps)} sweep{'s' * (len(sweeps) > 1)} kept." if len(sweeps) else "What if stringency had been another?",
            len(sweeps) > 0,
            "Counterfactuals",
            "Ask what if",
        ),
    )  # fmt: skip


def _simulated(store: Store, study_id: str) -> str:
    """Which engines have answered for the study."""
    engines = store.runs(kind="run", study_id=study_id, status="complete")["engine"].value_counts(sort=False)
    if engines.empty:
        return "Nobody has answered yet: the offline rules engine, or a language model, plays the people."
    said = ", ".join(f"{engine_label(str(name))}: {count} run{'s' * (count > 1)}" for name, count in engines.items())
    return f"{said[:1].upper()}{said[1:]}."
