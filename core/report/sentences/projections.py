"""What a projection says: what may come, how sure that is, what a policy would change, and that nothing can confirm it yet."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.calibration.pace import pace_of
from core.forecasting.baselines import baseline_label
from core.records import RunRecord
from core.report.document import Block, Code, Document, Figure, Heading, Items, Paragraph, Table, signed
from core.report.figures.answers import effects_figure
from core.report.figures.projections import SEEN, SIMPLE, projection_figure
from core.report.reproduction import Reproduction, reproduction
from core.report.sentences.answers import EFFECT_INTERVAL, support_words
from core.report.sentences.counterfactuals import twin_answer, why_not_reproducible
from core.report.sentences.domain import periods
from core.report.sentences.intervals import source_of_widths
from core.report.sentences.sources import engine_words
from core.services.counterfactuals.newer import RefreshedStudy
from core.services.counterfactuals.projection_results import HELD, Came, ProjectedPolicy, ProjectionResult
from core.services.counterfactuals.projections import ProjectRequest, project
from core.services.runs.fits import told_again
from core.study import Behaviour, Step, Study

HELD_NAME = "Policy held"
UNVERIFIED = "Unverified: none of these {periods} has been observed."


def policy_name(policy: ProjectedPolicy) -> str:
    """A policy of a projection by its name."""
    return HELD_NAME if policy.name == HELD else policy.name


def projection_document(result: ProjectionResult, study: Study) -> Document:
    """What may come under each policy, then how far that can be trusted."""
    scenarios = result.policies[1:]
    parts: list[Block] = []
    for policy in scenarios:
        parts += [Heading(f"“{policy.name}”"), Items(policy.changes or ("nothing",)), *effect_blocks(policy, study)]
        parts.append(Paragraph(outside_sentence(result, policy, study)))
    return Document(
        f"What comes next in {study.place}, up to {day_words(study, result.until)}?",
        (
            Paragraph(unverified(result, study), "caution"),
            Items(tuple(course_sentence(result, item, study) for item in study.behaviours)),
            *(projection_block(result, item, study) for item in study.behaviours),
            *parts,
            Heading("How sure"),
            Paragraph(track_sentence(result, study)),
            Paragraph(held_words(result, study)),
        ),
        study.fictional,
        source_words(result, study).replace("<br>", " "),
        result.run_id,
    )


def unverified(result: ProjectionResult, study: Study) -> str:
    """That nothing can confirm it yet."""
    return UNVERIFIED.format(periods=periods(study.step, len(result.periods)))


def course_sentence(result: ProjectionResult, behaviour: Behaviour, study: Study) -> str:
    """Where a behaviour stands and where it comes to if policy stays as it is, with the interval of one period at the end."""
    last = pace_of(study).level
    course = result.course(result.policies[0], behaviour.id).iloc[-last:]
    now, then = result.recent[behaviour.id], float(course["value"].mean())
    start = "" if now is None else f"{signed(now)} in the {_last(study, last)} observed, "
    low, high = (float(course[name].mean()) for name in ("lower", "upper"))
    single = "a single day" if study.step is Step.DAY else f"a {study.step}"
    sure = "" if np.isnan(low) else f" (80% forecast interval of {single}: {signed(low)} to {signed(high)})"
    return f"{behaviour.label}: {start}{signed(then)} in the {_last(study, last)} projected, with policy held{sure}."


def scenario_sentence(policy: ProjectedPolicy, behaviour: Behaviour) -> str:
    """What a policy changes of one behaviour, against the policy held."""
    value, low, high = (getattr(policy, name)[behaviour.id] for name in ("difference", "lower", "upper"))
    if low <= 0.0 <= high:
        return f"{behaviour.label}: no clear difference ({EFFECT_INTERVAL} {signed(low)} to {signed(high)} points)."
    return f"{behaviour.label}: **{signed(value)} points** ({EFFECT_INTERVAL} {signed(low)} to {signed(high)})."


def outside_sentence(result: ProjectionResult, policy: ProjectedPolicy, study: Study) -> str:
    """Whether a policy is like any that the twin has seen."""
    return support_words(study, policy.outside_support, len(result.periods))


def track_sentence(result: ProjectionResult, study: Study) -> str:
    """What the same twin missed where it could be checked."""
    record, step = result.record, study.step
    unseen = periods(step, step.between(record.train_end, record.test_end))
    last = day_words(study, record.test_end)
    said = f"On {unseen} that it had not seen, up to {last}, this twin missed by {record.twin:.1f} points"
    if record.best and record.best_error is not None:
        said += f"; the best simple forecast ({baseline_label(record.best, step).lower()}) by {record.best_error:.1f}"
    held = "" if record.held is None else f" Its 80% intervals held {record.held:.0%}."
    return f"{said}.{held}"


def held_words(result: ProjectionResult, study: Study) -> str:
    """What is held, and what the two kinds of interval cover."""
    return (
        f"Fitted once more on all that was observed, up to {day_words(study, result.origin)}; what the search chose is kept. "
        "Policy, and all else that people are told of, stays as it was then, but for what a policy changes. Forecast intervals "
        "say how far such forecasts have missed, and grow with the distance; their widths come from "
        f"{source_of_widths(result.widths)}. Effect intervals say how sure the difference between two policies is. Neither "
        "holds a surprise of a kind not seen before."
    )


def came_sentence(result: ProjectionResult, came: tuple[Came, ...], study: Study) -> str:
    """How a projection compares with what was observed since."""
    seen = max(item.periods for item in came)
    twin = float(np.mean([item.twin for item in came]))
    simple = [item.simple for item in came if item.simple is not None]
    held = [item.held for item in came if item.held is not None]
    beside = f", the simple forecast by {float(np.mean(simple)):.1f}" if simple else ""
    inside = f"; the 80% intervals held {float(np.mean(held)):.0%}" if held else ""
    made = f"Made from {day_words(study, result.origin)}"
    return f"{made}: of the {periods(study.step, seen)} observed since, the twin missed by {twin:.1f} points{beside}{inside}."


def newer_sentence(found: RefreshedStudy, study: Study) -> str:
    """What newer tables brought, and how the last forecast did."""
    tables = found.tables
    said = [
        f"{study.title} goes on to {day_words(study, tables.now)} ({day_words(study, tables.ended)} before): "
        f"{tables.added:,} rows more, {tables.revised:,} numbers of earlier {study.step}s revised."
    ]
    for name, came in found.came.items():
        if came:
            misses = ", ".join(f"{study.behaviour(item.behaviour).label} {item.twin:.1f}" for item in came)
            said.append(f"{name}: the forecast made before ({found.forecasts[name]}) missed by {misses}.")
    return " ".join([*said, "Runs stay as they were made; fit the twin again on the newer tables."])


def course_table(
    result: ProjectionResult, behaviour: str, study: Study, observations: pd.DataFrame | None = None
) -> pd.DataFrame:
    """What was observed before it, and since where `observations` are given, and the course under each policy, days as means of
    weeks: name, date, value, lower, upper."""
    seen = pd.DataFrame(
        {"date": pd.DatetimeIndex(result.past), "value": np.array(result.observed[behaviour], dtype=float)}
    )
    if observations is not None and behaviour in observations:
        since = observations.loc[pd.Timestamp(result.periods[0]) :, behaviour]
        seen = pd.concat([seen, since.rename("value").rename_axis("date").reset_index()], ignore_index=True)
    parts = [_by_week(seen, study).assign(name=SEEN)]
    for policy in result.policies:
        parts.append(_by_week(result.course(policy, behaviour), study).assign(name=policy_name(policy)))
    simple = result.simple.get(behaviour, ())
    if simple:
        line = pd.DataFrame({"date": pd.DatetimeIndex(result.periods), "value": np.array(simple, dtype=float)})
        parts.append(_by_week(line, study).assign(name=SIMPLE))
    return pd.concat(parts, ignore_index=True).reindex(columns=["name", "date", "value", "lower", "upper"])


def projection_block(
    result: ProjectionResult, behaviour: Behaviour, study: Study, observations: pd.DataFrame | None = None
) -> Figure:
    """A behaviour's course, drawn."""
    table = course_table(result, behaviour.id, study, observations)
    return Figure(
        f"projection-{study.id}-{behaviour.id}",
        lambda: projection_figure(
            table, origin=result.past[-1], unit=study.metric_unit, source=source_words(result, study)
        ),
        f"{behaviour.label} after {day_words(study, result.origin)} under each policy, with 80% forecast intervals.",
        table,
    )


def effect_blocks(policy: ProjectedPolicy, study: Study) -> tuple[Block, ...]:
    """What a policy changes, in words and drawn."""
    table = effect_table(policy, study)
    return (
        Items(tuple(scenario_sentence(policy, item).replace("**", "") for item in study.behaviours)),
        Figure(
            f"projected-effects-{policy.timeline_id}",
            lambda: effects_figure(table, periods=f"{study.step}s", height=60 + 44 * len(table)),
            f"What “{policy.name}” changes against the policy held, by behaviour, with 80% effect intervals.", table,
        ),
    )  # fmt: skip


def effect_table(policy: ProjectedPolicy, study: Study) -> pd.DataFrame:
    """Rows as `effects_table`; no truth is known."""
    rows = [
        {
            "behaviour": item.id, "label": item.label,
            **{name: getattr(policy, name)[item.id] for name in ("difference", "lower", "upper")}, "truth": np.nan,
        }
        for item in study.behaviours
    ]  # fmt: skip
    return pd.DataFrame(rows)


def level_table(result: ProjectionResult, study: Study) -> Table:
    """Every behaviour at the end, by policy, with forecast intervals."""
    last = pace_of(study).level
    rows: list[tuple[object, ...]] = []
    for item in study.behaviours:
        for policy in result.policies:
            end = result.course(policy, item.id).iloc[-last:]
            rows.append(
                (item.label, policy_name(policy), *(float(end[name].mean()) for name in ("value", "lower", "upper")))
            )
    head = ("Behaviour", "Policy", "Projected", "From", "To")
    return Table(head, tuple(rows), f"Mean of the {_last(study, last)}; 80% forecast interval of one {study.step}.", 1)


def source_words(result: ProjectionResult, study: Study) -> str:
    """The line beneath a figure."""
    model = None if result.asking is None else result.asking.model
    return twin_answer(study, result.of_run, result.personas, result.origin, engine_words(result.engine, model))


def reproduce_projection(
    record: RunRecord, result: ProjectionResult, files: dict[str, str], data: str | None = None
) -> tuple[Block, ...]:
    """The lines that make the same projection from nothing; `files` are the scenarios' texts by the name of their file."""
    request = ProjectRequest(told_again(record, data), result.until, tuple(map(Path, files)))
    lines: Reproduction = reproduction("project", request, project, note=why_not_reproducible(record))
    written = [
        block
        for name, text in files.items()
        for block in (Paragraph(f"Put this beside you as {name}:"), Code(text, "toml"))
    ]
    return (*written, lines.details())


def day_words(study: Study, day: date | None) -> str:
    """A period as one writes it."""
    if day is None:
        return "the end of training"
    return f"{day:%-d %B %Y}" if study.step is Step.DAY else study.step.text(day)


def _last(study: Study, count: int) -> str:
    if study.step is Step.DAY and count == 7:
        return "last week"
    return f"last {study.step}" if count == 1 else f"last {periods(study.step, count)}"


def _by_week(course: pd.DataFrame, study: Study) -> pd.DataFrame:
    if study.step is not Step.DAY or course.empty:
        return course
    blocks = np.arange(len(course)) // 7
    means = course.drop(columns="date").groupby(blocks).mean()
    return means.assign(date=course["date"].iloc[::7].to_numpy())
