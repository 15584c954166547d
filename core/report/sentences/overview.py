"""Where a study stands, in words: its steps, what may be claimed, and its sources."""

from __future__ import annotations

from dataclasses import dataclass

from core.cognition.registry import engine_label
from core.records import RUNGS
from core.report.sentences.domain import has_epidemic, periods, the_index
from core.report.sentences.runs import coherence_lines
from core.services.policies.timelines import saved_scenarios
from core.services.runs.results import RunResult
from core.services.studies.inputs import StudyInputs
from core.store.database import Store
from core.store.runs import StoredRun

CLAIMS = (
    "Every result stands on one of four rungs: {rungs}. This run stands on the rung “{rung}”. Agents count as coherent "
    "where each further measure moves every behaviour in its expected direction or not at all, whatever {around} and the time "
    "restrictions have lasted; a pattern counts as reproduced where, "
    "besides, the twin missed by less than every baseline on the held-out {periods}, which does not show why. A counterfactual "
    "shows what the engine's assumptions and the calibration imply; it is not a causal effect, and outside the policies "
    "seen in training it rests on the assumptions alone."
)


@dataclass(frozen=True)
class Step:
    """A step of the analyst's path: whether it is done, what is there, and the page where it goes on."""

    title: str
    text: str
    done: bool
    page: str


@dataclass(frozen=True)
class Overview:
    steps: tuple[Step, ...]
    claims: str
    sources: str


def overview(store: Store, inputs: StudyInputs, run: StoredRun | None) -> Overview:
    """A study's steps, what may be claimed, and its sources."""
    result = None if run is None else RunResult.of(run)
    claims = CLAIMS.format(
        rungs=" · ".join(RUNGS),
        rung=RUNGS[0] if result is None else result.rung,
        periods=f"{inputs.study.step}s",
        around=f"the kind of {inputs.study.step}" + (", the epidemic" if has_epidemic(inputs.study) else ""),
    )
    coherence = [] if result is None else coherence_lines(result.coherence, asked=result.asking is not None)
    return Overview(
        steps=_steps(store, inputs, result),
        claims=" ".join([claims, *coherence]),
        sources=inputs.study.citation,
    )


def _steps(store: Store, inputs: StudyInputs, result: RunResult | None) -> tuple[Step, ...]:
    study = inputs.study
    observed = inputs.observations
    scenarios = saved_scenarios(store, study)
    missing = 100 * float(observed.isna().to_numpy().mean())
    sweeps = store.runs(kind="sweep", study_id=study.id, status="complete")
    fitted = "Not fitted yet: the twin cannot answer anything before."
    if result is not None:
        fitted = (
            f"Trained to {study.step.text(result.train_end)}, tested to {study.step.text(result.test_end)}, "
            f"{result.personas:,} personas, {engine_label(result.engine)}."
        )
    count = study.personas if result is None else result.personas
    return (
        Step(
            "Population",
            f"{count:,} synthetic people stand for {study.inhabitants:,} {study.counted}, matched to published tables."
            if not study.fictional else f"{count:,} synthetic people stand for {study.inhabitants:,} invented {study.counted}.",
            True,
            "Population",
        ),
        Step(
            "Policy timeline",
            f"{len(inputs.timeline.interventions)} measures observed from {study.start} to {study.end}; "
            f"{periods(study.step, len(observed))} of data, {missing:.1f}% of values missing; "
            + (f"{len(scenarios)} scenarios saved." if len(scenarios) else "no scenario saved yet."),
            True,
            "Policy timeline",
        ),
        Step("Simulation", _simulated(store, study.id), result is not None, "Simulate"),
        Step("Calibration and validation", fitted, result is not None, "Calibration"),
        Step(
            "Counterfactuals",
            f"{len(sweeps)} sweep{'s' * (len(sweeps) > 1)} kept."
            if len(sweeps) else f"What if {the_index(study)} had been another?",
            len(sweeps) > 0,
            "Counterfactuals",
        ),
    )  # fmt: skip


def _simulated(store: Store, study_id: str) -> str:
    """Which engines have answered for the study."""
    engines = store.runs(kind="run", study_id=study_id, status="complete")["engine"].value_counts(sort=False)
    if engines.empty:
        return "Nobody has answered yet: the offline rules engine, or a language model, plays the people."
    said = ", ".join(f"{engine_label(str(name))}: {count} run{'s' * (count > 1)}" for name, count in engines.items())
    return f"{said[:1].upper()}{said[1:]}."
