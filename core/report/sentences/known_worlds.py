"""What contrasts against known truths show: the twin beside the usual ways, its signs, sizes and intervals."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from core.cognition.registry import engine_label
from core.report.document import Block, Details, Document, Figure, Heading, Items, Paragraph, Table, signed
from core.report.figures.validity import worlds_figure
from core.report.sentences.skill import where_from
from core.services.evaluation.results import Measured, WorldsResult
from core.services.evaluation.skill import judged
from core.study import Step, load_study
from core.synthetic.worlds import ORLO
from core.validity.effect_estimators import EFFECT_ESTIMATORS, estimator_label
from core.validity.paired import BETTER, UNSURE, WORSE, Difference
from core.validity.world_scores import TWIN, EstimatorScores, WorldScores

#: The nominal level of the intervals of contrasts, as a share.
CONTRAST_LEVEL = 0.8
CLAIM = (
    "The worlds are generated; how far contrasts miss there says how far they can miss where nobody knows the truth, not how "
    "far they do."
)
WHAT = (
    "What another policy would have done was never observed anywhere. In generated, invented worlds it is known: each is a "
    "country with its own people, epidemic and policy, and what policies do there was written down beforehand. A twin is "
    "fitted as always, asked, and held against the truth, beside ways of answering that analysts use."
)
WHAT_ORLO = (
    "What another policy would have done was never observed anywhere. In an invented basin of water districts it is known: its "
    "homes answer to cuts, watering days and prices by a process that was written down beforehand and shares no form with the "
    "engine. A twin of each district is fitted as always, asked, and held against the truth, beside ways that analysts use."
)
WORLD_WORDS: Mapping[str, str] = {
    "plain": "Policy acts at once, and nothing else is going on",
    "confounded": "Policy follows the epidemic, which people fear as well",
    "fatigue": "People tire of policy",
    "anticipation": "People act before the policy",
    "working_week": "The working week changes besides",
    "meridia": "Meridia",
    ORLO: "Orlo's water districts",
}
ALTERNATIVE_WORDS: Mapping[str, str] = {
    "held": "Policy kept as it was",
    "looser": "Every measure one level looser",
    "stricter": "Every measure one level stricter",
    "lifted": "Every measure lifted",
    "full": "Every measure in full",
    "week_kept_on_new_working_days": "Old working week kept: days that became working days",
    "week_kept_on_new_days_off": "Old working week kept: days that became days off",
    "inside": "Inside what training saw",
}
#: Groups of scores: how they are called and what a figure of them shows.
GROUPS: Mapping[str, tuple[str, str]] = {
    "by_world": ("Kind of world", "How far answers lie from the truth, by kind of world"),
    "by_alternative": ("Question asked", "How far answers lie from the truth, by question"),
    "by_distance": ("Distance to training", "How far answers lie from the truth, by distance to what training saw"),
    "working_week": ("Working week", "How far answers about the working week lie from the truth"),
}


def spoken(name: str) -> str:
    """A world, an alternative or a class of distance in words."""
    known = {**WORLD_WORDS, **ALTERNATIVE_WORDS}
    return known.get(name) or name.replace("_", " ").capitalize()


def step_of(result: WorldsResult) -> Step:
    """How long a period of the worlds lasts: Orlo is never mixed with worlds in days."""
    return load_study(ORLO).step if result.worlds == (ORLO,) else Step.DAY


def estimators_of(scores: WorldScores, step: Step = Step.DAY) -> dict[str, str]:
    """The ways of answering that were scored, in words."""
    words = {TWIN: "The calibrated twin"} | {name: estimator_label(name, step) for name in EFFECT_ESTIMATORS}
    return {name: text for name, text in words.items() if name in scores.estimators}


def world_words(result: WorldsResult) -> list[str]:
    """The twin's contrasts against the best rival's in worlds whose truth is known, its sign, size and intervals."""
    overall = result.summary.overall
    if not overall.rows:
        return ["Nothing was asked about measures."]
    twin, best = overall.estimators[TWIN], overall.best_rival
    head = (
        f"In {overall.rows:,} questions whose true answer is {overall.rms_truth:.1f} points on average, the twin is "
        f"off by {twin.rmse:.1f}"
    )
    if best is None:
        said = [f"{head}."]
    else:
        text = estimator_label(best[0], step_of(result))
        head += f"; the best of the usual ways ({text[:1].lower()}{text[1:]}) by {overall.estimators[best[0]].rmse:.1f}"
        said = [f"{head}.", against_words(best[1]), *_by_kind(result.summary.by_world)]
    if twin.right_sign is not None:
        said.append(f"It has the direction right in {twin.right_sign:.0%} of the effects of 2 points or more.")
    if twin.overstated is not None:
        lean = "too large" if twin.overstated > 0 else "too small"
        said.append(f"On average its effects are {abs(twin.overstated):.1f} points {lean}.")
    if twin.coverage is not None:
        kind = judged(twin.coverage, CONTRAST_LEVEL)
        said.append(f"Its {CONTRAST_LEVEL:.0%} intervals held the truth in {twin.coverage:.0%} of the cases: {kind}.")
    return said


def against_words(difference: Difference) -> str:
    """Better or worse is said only where the interval over worlds lies on one side of zero."""
    if difference.lower is None or difference.upper is None:
        return "Too few worlds were measured to say which of the two is better."
    if difference.verdict == UNSURE:
        return (
            f"Drawn anew from such worlds, that difference could as well be none (90% interval {signed(difference.lower)} to "
            f"{signed(difference.upper)} points over {difference.units} worlds)."
        )
    low, high = sorted((abs(difference.lower), abs(difference.upper)))
    relation = "less" if difference.verdict == BETTER else "more"
    return (
        f"So the twin is off by {abs(difference.value):.1f} points {relation} (90% interval {low:.1f} to {high:.1f}, over "
        f"{difference.units} worlds)."
    )


def _by_kind(groups: Mapping[str, WorldScores]) -> list[str]:
    """In which kinds of world the twin is better or worse than the best of the usual ways there, and where that is open."""
    if len(groups) < 2:
        return []
    found: dict[str, list[str]] = {BETTER: [], WORSE: [], UNSURE: []}
    for name, scores in groups.items():
        best = scores.best_rival
        if best is not None and best[1].lower is not None:
            text = spoken(name)
            found[best[1].verdict].append(text if name == "meridia" else f"{text[:1].lower()}{text[1:]}")
    heads = {BETTER: "Better than the best usual way", WORSE: "Worse", UNSURE: "Not certain"}
    parts = [f"{heads[verdict]}: {'; '.join(names)}" for verdict, names in found.items() if names]
    return [f"By kind of world. {'. '.join(parts)}."] if parts else []


def world_table(groups: Mapping[str, WorldScores]) -> pd.DataFrame:
    """Errors by group (world, alternative or distance): group, label, rows, truth, and per estimator its RMSE; the best
    rival, the twin's error less its own with the ends of its interval over worlds, and the verdict; and of the twin sign,
    coverage and width."""
    rows = []
    for name, scores in groups.items():
        twin, best = scores.estimators[TWIN], scores.best_rival
        rival, found = best or (None, Difference(0.0, None, None, 0))
        rows.append(
            {
                "group": name,
                "label": spoken(name),
                "rows": scores.rows,
                "truth": scores.rms_truth,
                **{item: scores.estimators[item].rmse for item in estimators_of(scores)},
                "rival": rival,
                "difference": found.value if rival else None,
                "lower": found.lower,
                "upper": found.upper,
                "verdict": found.verdict,
                "right_sign": twin.right_sign,
                "coverage": twin.coverage,
                "width": twin.width,
            }
        )
    return pd.DataFrame(rows)


def worlds_group(measured: Measured[WorldsResult], name: str) -> Figure:
    """The errors of one of `GROUPS`, drawn."""
    summary = measured.result.summary
    table, title = world_table(getattr(summary, name)), GROUPS[name][1]
    words = estimators_of(summary.overall, step_of(measured.result))
    source = worlds_source(measured)
    return Figure(f"worlds-{name}", lambda: worlds_figure(table, words, title, source), title, table)


def worlds_source(measured: Measured[WorldsResult]) -> str:
    """For the line beneath a figure."""
    result, header = measured.result, measured.header
    where = f"run {result.run_id}" if result.run_id else "the measurement shipped with PolicyTwin"
    how = "" if result.personas is None else f", {result.personas:,} personas, {result.trials} trials"
    return (
        f"generated worlds, {where}, {header.made_at:%-d %B %Y}, version {header.code_version}; fictional data. Twin: rules "
        f"engine, not a language model{how}."
    )


def worlds_from(measured: Measured[WorldsResult]) -> str:
    """Which measurement is shown, when and by which code it was made, and how it is made again."""
    result = measured.result
    size = f"{result.seeds} of {_kinds(result, 'each of ')}. Made again by {measured.header.command}."
    return where_from("Worlds", measured, size)


def worlds_document(measured: Measured[WorldsResult]) -> Document:
    """A measurement: overall, then by world, by distance to training and by alternative."""
    result = measured.result
    groups = {name: getattr(result.summary, name) for name in GROUPS if getattr(result.summary, name)}
    step = step_of(result)
    how = "" if result.horizon is None else f", contrasts over {result.horizon} {step}s; {result.personas:,} personas, "
    how += "" if result.horizon is None else f"{result.trials} trials"
    overall = (_scores_table(result.summary.overall, step),) if result.summary.overall.rows else ()
    blocks: tuple[Block, ...] = (
        Paragraph(f"{_kinds(result)} of world, {result.seeds} seeds each{how}; engine: {engine_label(result.engine)}."),
        Items(tuple(world_words(result))),
        *([worlds_group(measured, next(iter(groups)))] if groups else []),
        *overall,
        Heading("How sure"),
        *_differences(result.summary.overall, step),
        *(_group_table(GROUPS[name][0], found) for name, found in groups.items()),
        Paragraph(CLAIM),
        Details("What was done", (Paragraph(WHAT_ORLO if result.worlds == (ORLO,) else WHAT),)),
    )
    title = "How far are counterfactuals off where the truth is known?"
    return Document(title, blocks, True, worlds_source(measured), result.run_id)


def _kinds(result: WorldsResult, before: str = "") -> str:
    """How many kinds of world there are: one kind, or several of which `before` is said."""
    return "1 kind" if len(result.worlds) == 1 else f"{before}{len(result.worlds)} kinds"


def _scores_table(scores: WorldScores, step: Step) -> Table:
    def row(said: str, item: EstimatorScores) -> tuple[object, ...]:
        shares = (None if share is None else f"{share:.0%}" for share in (item.right_sign, item.coverage))
        return said, item.rmse, item.mean_error, item.overstated, *shares, item.width

    return Table(
        ("Estimate", "RMSE", "Mean error", "Overstated", "Right sign", "Inside 80%", "Width"),
        tuple(row(said, scores.estimators[name]) for name, said in estimators_of(scores, step).items()),
        f"{scores.rows} true effects of measures, {scores.rms_truth:.2f} points (root mean square). Errors in points of the "
        "metric; 80% intervals.",
    )


def _group_table(head: str, groups: Mapping[str, WorldScores]) -> Table:
    return Table.of(world_table(groups).drop(columns="group").rename(columns={"label": head}))


def _differences(scores: WorldScores, step: Step) -> tuple[Table, ...]:
    """The twin's error less each other's, and which is better where the interval over worlds leaves out zero."""
    found = [(said, scores.estimators[name].against_twin) for name, said in estimators_of(scores, step).items()]
    rows = tuple(
        (said, item.value, item.lower, item.upper, item.units, f"twin {item.verdict}")
        for said, item in found
        if item is not None
    )
    head = ("The twin's RMSE less that of", "Points", "5%", "95%", "Worlds", "Verdict")
    return (Table(head, rows),) if rows else ()
