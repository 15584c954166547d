"""Results in plain words for a terminal; the dashboard and --json show the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.cognition.registry import engine_label
from core.report.sentences.coherence import coherence_lines
from core.report.terminal import table
from core.services.runs.forecasters import FORECASTERS, TWINS
from core.services.runs.macro import macro_note
from core.services.studies.requests import RunRequest


def headline(values: Mapping[str, Any]) -> str:
    """The result of a run in two sentences, honest when the twin loses."""
    macro = dict(values["macro_rmse"])
    twin, boosting = macro["twin"], macro["gradient_boosting"]
    rivals = {name: value for name, value in macro.items() if name not in TWINS}
    best = min(rivals, key=lambda name: rivals[name])
    against = "less than" if twin < rivals[best] else "more than"
    label = FORECASTERS[best]
    return (
        f"On days it had not seen, the twin missed by {twin:.2f} points on average (RMSE over behaviours), {against} the best "
        f"simple forecast ({label[0].lower()}{label[1:]}: {rivals[best]:.2f}). "
        f"Gradient boosting on stringency and weekday missed by {boosting:.2f}."
    )


def run_text(values: Mapping[str, Any]) -> str:
    """A finished run."""
    macro = values["macro_rmse"]
    rows = [(FORECASTERS[name], float(score)) for name, score in sorted(macro.items(), key=lambda item: item[1])]
    notes = [
        f"Study {values['study']}{' (fictional)' if values['fictional'] else ''}; engine: {engine_label(values['engine'])}.",
        f"{values['personas']:,} personas, {values['days']} days, {values['contexts']} contexts; "
        f"trained to {values['train_end']}, tested to {values['test_end']}.",
        *([values["began_anew"]] if values.get("began_anew") else []),
        "",
        headline(values),
        "",
        table(["Forecaster", "RMSE"], rows),
        "",
        *filter(None, [macro_note(values.get("not_observed", ()), len(values["rmse"]))]),
        *_asked(values),
        *coherence_lines(values),
        *_contradicting(values),
        *values.get("data_notes", ()),
        "All forecasts are conditional on the policy path. Baselines know the weekday, not the change of the working week.",
        f"Took {values['seconds']['total']:.1f} s, {values['peak_memory_mb']:.0f} MB at most. Run {values['run_id']}.",
    ]
    return "\n".join(notes)


def _contradicting(values: Mapping[str, Any]) -> list[str]:
    tables = values.get("contradicting_tables")
    if not tables:
        return []
    return [
        f"Tables of the population contradict one another, and no number of people meets them: {', '.join(tables)}."
    ]


def sensitivity_text(values: Mapping[str, Any]) -> str:
    """A finished sensitivity run."""
    rows = [(item["variant"], float(item["macro_rmse"]), float(item["change"])) for item in values["variants"]]
    return "\n".join(
        [
            f"The twin's macro RMSE is {values['macro_rmse']:.3f}. With other assumptions on the personas' traits:",
            "",
            table(["Variant", "RMSE", "Change"], rows),
        ]
    )


def runs_text(values: Sequence[Mapping[str, Any]]) -> str:
    """The list of runs."""
    if not values:
        return "No runs yet."
    rows = [(item["run_id"], item["kind"], item["study"], item["status"], item["created_at"]) for item in values]
    return table(["Run", "Kind", "Study", "Status", "Created (UTC)"], rows)


def show_text(values: Mapping[str, Any], said: str = "") -> str:
    """One run: its results where it has any (`said` where there is a document of them), then its record."""
    lines = [f"{values['run_id']}: {values['kind']} of {values['study']}, {values['status']}"]
    summary = values.get("summary")
    if said:
        lines += ["", said]
    elif summary and "macro_rmse" in summary and "mae" in summary:
        lines += ["", run_text(summary)]
    lines += ["", f"Made again from this store: {values['rerun']}"] if values.get("rerun") else []
    lines += ["", *(f"{name}: {value}" for name, value in values["record"].items())]
    return "\n".join(lines)


def request_text(request: RunRequest) -> str:
    """What a run was asked for, in a few words."""
    model = "" if request.asking is None else f" {request.asking.model}"
    people = "the usual personas" if request.personas is None else f"{request.personas:,} personas"
    people = f"population {request.population_id}" if request.population_id else people
    days = (
        f"training to {request.train_end}, test to {request.test_end}" if request.train_end else "the study's own split"
    )
    return f"{request.engine}{model}, {people}, {days}, {request.trials} trials, seed {request.seed}"


def _asked(values: Mapping[str, Any]) -> list[str]:
    """What a language model was asked for a result, and what was left out for its sake."""
    if "asking" not in values:
        return []
    from core.report.sentences.language import run_asking_text

    lines = [run_asking_text(values["asking"])]
    for name, why in values.get("left_out", {}).items():
        lines.append(f"Left out: {FORECASTERS[name][0].lower()}{FORECASTERS[name][1:]} ({why}).")
    return lines
