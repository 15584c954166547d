"""What a run means, in the order of reading: how far the twin missed, how sure that is, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON
from core.cognition.registry import asks_model, engine_label
from core.counterfactual.coherence import STRINGENCY, Coherence, CoherenceFailure
from core.forecasting.metrics import MACRO
from core.policy.calendar import DAY_TYPES
from core.records import RUNGS, RunRecord
from core.report.document import (
    Block,
    Details,
    Document,
    Figure,
    Heading,
    Items,
    Paragraph,
    Table,
    number,
    sentences,
    signed,
)
from core.report.figures.calibration import leaderboard_figure
from core.report.reproduction import Reproduction, reproduction
from core.report.sentences.calibration import parameter_blocks
from core.report.sentences.domain import periods, stretches
from core.report.sentences.intervals import held_sentence, held_table
from core.report.sentences.language import usage_blocks
from core.report.sentences.sources import twin_source
from core.services.populations.synthesis import make_population
from core.services.runs.fits import told_again
from core.services.runs.forecasters import ABLATION, family, in_sentence, label
from core.services.runs.results import RunResult
from core.services.runs.run import run_study
from core.study import Step, Study
from core.validity.paired import UNSURE, Difference

UNIT = "points"
EPIDEMIC_WORDS = ("a low epidemic", "a moderate epidemic", "a high epidemic")
#: Failures of coherence that are spelt out; the rest are counted.
SPELT_OUT = 3
#: Why a run that asks a language model leaves ablations out; earlier versions kept these sentences themselves.
LEFT_OUT_WORDS = {
    "new_person": "another person would have to be asked everything anew",
    "not_defined": "people who are all alike have no text of their own that a model could be asked with",
    "days_apart": "with a prompt for each kind of day the announced working week would need prompts of its own",
}


def _source(result: RunResult, study: Study) -> str:
    """The line beneath its figures."""
    return twin_source(study, result.engine, result.run_id, None if result.asking is None else result.asking.model)


def run_document(result: RunResult, study: Study, metric: str = "rmse") -> Document:
    """A run on its hold-out."""
    return Document(
        f"How well does the twin of {study.place} forecast {study.step}s it had not seen?",
        (
            *verdict_blocks(result, metric, study.step),
            leaderboard(result, study, metric),
            Table(
                ("Forecaster", metric.upper()),
                tuple((label(name, study.step), value) for name, value in result.errors(metric).items()),
            ),
            Paragraph(working_week_note(result, metric, study.step)),
            *sentences(pooled_note(study)),
            Details(f"{metric.upper()} by behaviour, in {UNIT}", (error_table(result, study, metric),)),
            Heading("How sure"),
            Paragraph(rung_sentence(result)),
            *sentences(*coherence_lines(result.coherence, asked=result.asking is not None)),
            *sentences(None if result.intervals is None else held_sentence(result.intervals, study.step)),
            *(
                []
                if result.intervals is None
                else [Details("What the intervals held", (held_table(result.intervals, study.step),))]
            ),
            Heading("What was run"),
            *basis_blocks(result, study.step),
            Details("Parameters that the search found", parameter_blocks(result, study)),
        ),
        study.fictional,
        _source(result, study),
        result.run_id,
    )


def verdict_blocks(result: RunResult, metric: str = "rmse", step: Step = Step.DAY) -> tuple[Block, ...]:
    """How far the twin and the best baseline missed, and what else has to be said about it."""
    found = verdict(result, metric, step=step)
    return (Paragraph(found.headline), *([Items(found.notes)] if found.notes else []))


def leaderboard(result: RunResult, study: Study, metric: str) -> Figure:
    """Every forecaster's error, drawn."""
    board, source = (
        result.leaderboard(metric, study.step),
        _source(result, study),
    )
    return Figure(
        f"leaderboard-{result.run_id}",
        lambda: leaderboard_figure(board, metric.upper(), UNIT, source),
        "Average error of the twin, its ablations and baselines",
        board,
    )


def error_table(result: RunResult, study: Study, metric: str) -> Table:
    """Errors by behaviour, a row per forecaster, the least of each column marked."""
    matrix = result.score_matrix(metric)
    labels = {MACRO: "Average"} | {item.id: item.label for item in study.behaviours if item.id in matrix}
    columns = {
        name: [
            "not scored" if np.isnan(value) else f"{value:.1f}{' ★' * bool(value == matrix[name].min())}"
            for value in matrix[name].to_numpy(float)
        ]
        for name in labels
    }
    return Table(
        ("Forecaster", *labels.values()),
        tuple(zip((label(str(name), study.step) for name in matrix.index), *columns.values(), strict=True)),
        "★ marks the smallest error of each column; best on average first.",
        strong=frozenset({list(matrix.index).index("twin")}),
    )


def basis_blocks(result: RunResult, step: Step = Step.DAY) -> tuple[Block, ...]:
    """What was run, on what, and what it took."""
    left = result.began_anew
    anew = ""
    if left is not None:
        changes = "; ".join(left.changes)
        anew = f"{left.run_id}, which ended early, is not taken up: this run begins anew. Changed since: {changes}."
    conflicts = ", ".join(result.contradicting_tables)
    return (
        *sentences(
            f"Engine: {engine_label(result.engine)}. {result.personas:,} personas, {periods(step, result.days)}, "
            f"{result.contexts} contexts; trained to {step.text(result.train_end)}, tested to {step.text(result.test_end)}.",
            anew,
            conflicts
            and f"Tables of the population contradict one another, and no number of people meets them: {conflicts}.",
            *result.data_notes,
        ),
        *(() if result.asking is None else usage_blocks(result.asking)),
        *sentences(*left_out_sentences(result)),
        *sentences(
            f"Took {result.seconds['total']:.1f} s, {result.peak_memory_mb:.0f} MB at most. Run {result.run_id}."
        ),
    )


def left_out_sentences(result: RunResult) -> list[str]:
    """Which ablations were left out, and why."""
    return [f"Left out: {in_sentence(name)} ({LEFT_OUT_WORDS.get(why, why)})." for name, why in result.left_out.items()]


def rung_sentence(result: RunResult) -> str:
    """The claim a run stands on."""
    return f"This run stands on the rung “{result.rung}” of four: {' · '.join(RUNGS)}."


@dataclass(frozen=True)
class Verdict:
    """The result in a sentence, whether the twin beat every baseline, and what else has to be said about it."""

    headline: str
    beats_all: bool
    notes: tuple[str, ...]


def verdict(result: RunResult, metric: str = "rmse", unit: str = UNIT, step: Step = Step.DAY) -> Verdict:
    """How far the twin misses on held-out periods and how far its rivals do; plain when it loses.

    Of an error measure other than RMSE it was not measured whether other {stretches(step)} would say the same.
    """
    errors, rivals = result.errors(metric), result.baselines(metric)
    twin, best = errors["twin"], next(iter(rivals), None)
    text = f"The twin misses by {twin:.1f} {unit} on average"
    notes = [unobserved_note(result)]
    better = [name for name, value in rivals.items() if value < twin]
    if best is not None:
        text += f", the best baseline ({in_sentence(best, step)}) by {rivals[best]:.1f}"
        found = result.differences.get(best) if metric == "rmse" else None
        said = _missed_by_less(len(better), len(rivals), found, step)
        notes.append(said if better else _least_of_all(1.0 - twin / rivals[best], len(rivals), found, step))
    smaller = [
        f"{in_sentence(name, step)} ({value:.1f})"
        for name, value in errors.items()
        if family(name) == ABLATION and value < twin
    ]
    if smaller:
        notes.append(f"Versions of the twin that leave something out and miss by less here: {', '.join(smaller)}.")
    return Verdict(f"{text}.", bool(rivals) and not better, tuple(filter(None, notes)))


def unobserved_note(result: RunResult) -> str:
    """Which behaviours a mean over them leaves out; "" where none."""
    missing = result.not_observed
    if not missing:
        return ""
    was = "was" if len(missing) == 1 else "were"
    rest = result.behaviours - len(missing)
    return f"{', '.join(missing)} {was} not observed in the test period: the mean is over the other {rest}."


def _missed_by_less(better: int, rivals: int, found: Difference | None, step: Step) -> str:
    """Baselines missed by less than the twin, and whether the best of them did by chance."""
    said = f"{better} of {rivals} baselines miss by less than the twin here"
    if found is None or found.lower is None or found.upper is None:
        return f"{said}; for a forecast of these {step}s alone, use the best."
    if found.verdict == UNSURE:
        return (
            f"{said}, which other {stretches(step)} like these could turn round (90% interval of the "
            f"difference {signed(found.lower)} to {signed(found.upper)} points)."
        )
    return (
        f"{said}; for a forecast of these {step}s alone, use the best (90% interval of the difference "
        f"{number(found.lower, 1)} to {number(found.upper, 1)} points, over {found.units} {stretches(step)})."
    )


def _least_of_all(gain: float, rivals: int, found: Difference | None, step: Step) -> str:
    """The twin against the best of the baselines, all of which missed by more."""
    least = f"{gain:.0%} below that of the best of {rivals} baselines"
    if found is None or found.lower is None or found.upper is None:
        return f"The twin's error is {least} here; whether other {stretches(step)} would say the same was not measured."
    if found.verdict == UNSURE:
        return (
            f"The twin's error is {least} here, which other {stretches(step)} like these could turn round (90% interval of the "
            f"difference {signed(found.lower)} to {signed(found.upper)} points)."
        )
    return (
        f"The twin does better than all {rivals} baselines: its error is {least} (90% interval of the difference "
        f"{-found.upper:.1f} to {-found.lower:.1f} points, over {found.units} {stretches(step)})."
    )


def pooled_note(study: Study) -> str | None:
    """Where the baselines are that learn from other places, which one place's run does not read."""
    if not study.is_panel:
        return None
    return f"Baselines that learn from the other places stand beside the twin in a backtest: policytwin backtest {study.folder}."


def working_week_note(result: RunResult, metric: str, step: Step = Step.DAY) -> str:
    """What the twin knows about the working week, where there is one, with its score where it does not know it."""
    errors = result.errors(metric)
    if step is not Step.DAY:
        return "All forecasts are made for the policy that was in force."
    text = (
        "All forecasts are made for the policy that was in force. The twin takes the working week as part of that policy; "
        "the baselines know the weekday only."
    )
    if "twin_announced_calendar" in errors:
        without = errors["twin_announced_calendar"]
        if np.isclose(without, errors["twin"], atol=1e-4):
            return text + " Here no change of the working week was still to be announced, so that gave it nothing."
        text += f" Told only what had been announced by the end of training, the twin misses by {without:.1f}."
    return text


def coherence_lines(found: Coherence | None, *, asked: bool) -> list[str]:
    """How coherent the agents were: how much was judged, and where it failed; none where it was not judged. `asked` says
    that a language model was, about those situations alone."""
    if found is None:
        return []
    of_which = "asked about" if asked else "of every kind"
    if not found.pairs:
        return [f"No two of the {found.situations or 0:,} situations {of_which} differ in policy alone."]
    scope = "Coherence: " if found.situations is None else f"Coherence: {found.situations:,} situations {of_which}, "
    share = found.as_expected / found.comparisons if found.comparisons else 0.0
    exact = "all" if found.as_expected == found.comparisons else f"{min(share, 0.999):.1%}"
    lines = [
        f"{scope}{found.pairs:,} pairs with a stricter and a looser policy; {exact} of the behaviours moved as expected "
        "or not at all."
    ]
    if not found.bounded:
        lines.append("Some activity lay outside what a share of people can be.")
    said = "; ".join(map(_failure, found.failures[:SPELT_OUT]))
    more = len(found.failures) - SPELT_OUT
    return [*lines, *([f"Not as expected: {said}{f'; and {more} more' if more > 0 else ''}."] if said else [])]


def _failure(item: CoherenceFailure) -> str:
    about = item.situation
    lever = "Stringency" if item.lever == STRINGENCY else item.lever
    kind = about[DAY_TYPE]
    if kind not in DAY_TYPES:
        return f"{lever} up, {item.behaviour} the wrong way by {100 * item.size:.2g} of 100 people ({kind})"
    parts = ["holiday" if kind == "holiday" else f"{kind} day"]
    parts += ["Ramadan"] if about[RAMADAN] in (True, "True") else []
    level = int(about[EPIDEMIC])
    parts.append(EPIDEMIC_WORDS[level] if level < len(EPIDEMIC_WORDS) else f"epidemic level {level}")
    parts.append(f"{about[RESTRICTED_DAYS]} days restricted")
    parts += [str(about[SEASON])] if SEASON in about else []
    return f"{lever} up, {item.behaviour} the wrong way by {100 * item.size:.2g} of 100 people ({', '.join(parts)})"


def reproduce_run(record: RunRecord, study: Study, data: Path | None, store_name: str) -> Reproduction:
    """The lines that repeat a run in a store of their own, with the same result hash.

    `data` is the folder of observations in use and `store_name` the store the run lies in; a population that was edited,
    or drawn with another seed, exists only there, so that such a run is repeated on a copy of it.
    """
    folder = None if study.shipped or data is None else str(data)
    request, asks = told_again(record, folder), asks_model(record.engine)
    again = "" if not asks else (
        "A language model answered: in a store of its own it is asked everything again, and may answer otherwise. For the "
        f"same answers without a call, take them along first: `policytwin cache export answers.parquet --db {store_name}`, "
        "then `policytwin cache import answers.parquet` into the other store."
    )  # fmt: skip
    if make_population(study, record.personas, record.seed).content_hash == record.population_hash:
        return reproduction("run", request, run_study, note=again)
    kept = (
        f"This run used a population kept in the store {store_name}, which its seed and size alone do not make again. "
        "Copy that file while PolicyTwin is closed, and run these lines on the copy; the command line draws new people."
    )
    own = replace(request, personas=None, population_id=record.population_id)
    found = reproduction(
        "run", own, run_study, note=f"{kept} {again}".strip(), store=f"copy of {Path(store_name).name}"
    )
    return replace(found, command="")
