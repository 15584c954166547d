"""What a backtest over many countries means: where the twin helps, whether its intervals hold, and what that rests on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from core.cognition.registry import engine_label
from core.forecasting.backtest_scores import TWIN
from core.report.document import Block, Details, Document, Figure, Heading, Paragraph, Table, sentences
from core.report.figures.skill import coverage_figure, skill_heat
from core.report.reproduction import Reproduction, reproduction
from core.report.sentences.left_out import left_out_items
from core.report.sentences.skill import (
    Cells,
    answer,
    coverage_words,
    in_words,
    kept_out_statement,
    sharpness_words,
    where_from,
)
from core.services.evaluation.backtests import backtest
from core.services.evaluation.requests import BacktestRequest
from core.services.evaluation.results import BacktestResult, Measured
from core.services.evaluation.skill import (
    ALIKE_WITHIN,
    CHANGE_WORDS,
    interval_table,
    judged,
    row_frame,
    skill_comparisons,
    skill_table,
)
from core.services.runs.forecasters import in_sentence
from core.services.runs.forecasters import label as forecaster_label

METHODS = (
    (
        "What is forecast",
        "Each forecaster learns from the days up to the origin and forecasts every day after it, up to the horizon. The error "
        "of a row is the root mean squared error over the days ahead, averaged over the behaviours that were observed.",
    ),
    (
        "What “conditional” means",
        "All forecasters that look at policy are told which measures were in force on the days ahead. The question is how well "
        "people's response is forecast once the policy is known, not whether the policy itself could be foreseen.",
    ),
    (
        "What was known at the origin",
        "Besides the policy path, nothing after the origin: no mobility, no cases (they stay at their last value), no holiday "
        "and no change of the working week that had not been announced.",
    ),
    (
        "What the twin is told about a country",
        "Its policy, its calendar and its own past. One stand-in population serves all countries, and nothing is searched per "
        "country: only the line of each behaviour is fitted.",
    ),
    (
        "What it is compared with",
        "The best single baseline is the one with the least mean error on the rows shown, picked after the fact. No analyst "
        "could have known which one that would be, so this is a hard comparison. Persistence means the last value, the last "
        "week, or each weekday's recent mean.",
    ),
    (
        "When a difference counts",
        f"Errors within {ALIKE_WITHIN:.0%} of each other are called about as good. The range beside a difference holds 90% of "
        "what comes out when the countries are drawn anew at random; where zero lies in it, a difference beyond "
        "that is called not certain.",
    ),
)  # fmt: skip

LIMITS = (
    "A forecast that is right need not be right for the right reason: that the mechanism holds in a place is never shown by a "
    "backtest. The months are those of one pandemic; another domain is another question. Rows of one country share its data, and "
    "countries share the pandemic, so the ranges are if anything too narrow."
)
#: How the rival is called in a title.
RIVAL_WORDS = {
    "best": "the best single baseline",
    "persistence": "persistence",
    "gradient_boosting": "gradient boosting on stringency and weekday",
}
HEAT_HOW = (
    "“Policy moved”: how far mean stringency over the days ahead lies from that of the 28 days before the origin, in index "
    "points. In a cell: 90% of what comes out when countries are drawn anew, and in how many rows the twin is better. Each "
    "cell is set against:"
)
COVERAGE_HOW = (
    "A bar that ends at the dashed line keeps its promise. Above it the interval is wider than it need be; below it the interval "
    "is too narrow. Both forecasters get their intervals from what they missed at earlier origins, pooled over all countries, "
    "with days up to the origin only (split conformal)."
)
WIDTH_HOW = (
    "Width: mean over days and behaviours, in points. Interval score: the width plus a price for each day outside, in points; "
    "lower is better (Gneiting and Raftery, 2007)."
)
COVERAGE_WORDS = (
    "Share of days inside the intervals of the twin and of a simple forecast, by horizon and promised level"
)


def backtest_from(measured: Measured[BacktestResult]) -> str:
    """Which backtest is shown."""
    rows = measured.result.rows
    return where_from("Backtest", measured, f"{len(rows):,} rows, {len({row.country for row in rows})} countries.")


def backtest_source(measured: Measured[BacktestResult]) -> str:
    """For the line beneath a figure."""
    where = f"run {measured.run_id}" if measured.run_id else "the measurement shipped with PolicyTwin"
    return (
        f"{where}, {measured.header.made_at:%-d %B %Y}, version {measured.header.code_version}; real countries, observed by "
        "Google (Community Mobility Reports) and OxCGRT (policy). Twin: rules engine, not a language model."
    )


def curve_source(origin: date) -> str:
    """For the line beneath a country's curve."""
    return (
        f"forecast from {origin:%-d %B %Y} by the code that is running; observed by Google (Community Mobility Reports), "
        "policy by OxCGRT. Twin: rules engine, not a language model."
    )


def reproduce_backtest(request: BacktestRequest | None = None) -> Reproduction:
    """The lines that measure again (None: what ships)."""
    request = request or BacktestRequest.shipped()
    note = "DIR is a folder with the tables of all countries."
    return reproduction("backtest", request.with_files_in("DIR"), backtest, note=note, store="backtest.duckdb")


def backtest_document(measured: Measured[BacktestResult]) -> Document:
    """Where the twin helps, by horizon and by how far policy moved, and whether its intervals hold."""
    result = measured.result
    title = "Does the twin forecast better than a simple rule?"
    about = Paragraph(
        f"{len(result.rows)} rows, {result.summary.countries} places; engine: {engine_label(result.engine)}; people: "
        f"{result.population}, {result.personas} personas."
    )
    if not result.rows:
        nothing = Paragraph("No place has enough observations after these origins.", "caution")
        return Document(title, (nothing, *left_out_items(result.left_out)), run_id=result.run_id)
    frame = row_frame(result)
    cells = skill_comparisons(frame, result.rivals)
    source = backtest_source(measured)
    held = interval_table(result.rows)
    return Document(
        title,
        (
            Paragraph(answer(cells)),
            about,
            skill_figure(cells, "best", source),
            _means(result),
            *_fewer_behaviours(result),
            Heading("How sure"),
            *interval_blocks(held, source),
            *left_out_items(result.left_out),
            methods(frame, result.rivals),
            reproduce_backtest(measured.request).details(),
        ),
        source=source,
        run_id=result.run_id,
    )


def map_words(table: pd.DataFrame, horizon: int | None) -> str:
    """What the map shows, from `country_table`."""
    better, ahead = int((table["skill"] > 0).sum()), "over all horizons" if horizon is None else f"{horizon} days ahead"
    rival = in_sentence(str(table["rival"].iloc[0]))
    return f"The twin misses by less in {better} of {len(table)} countries {ahead}, against {rival}."


def country_words(name: str, rows: pd.DataFrame) -> str:
    """How often and by how much the twin is nearer in one country, from `rows_of_country`."""
    mean, won = 1 - rows["twin"].mean() / rows["rival_score"].mean(), int((rows["twin"] < rows["rival_score"]).sum())
    return (
        f"{name}: over its {len(rows)} rows, all horizons together, the twin's mean error is {in_words(mean)} that of the "
        f"baseline, and smaller in {won} of them."
    )


def skill_figure(cells: Cells, against: str, source: str) -> Figure:
    """The twin against what a choice of `AGAINST` admits, by horizon and class of policy change."""
    table = skill_table(cells)
    words = {name: text for name, text in CHANGE_WORDS.items() if name in set(table["change"])}
    return Figure(
        f"skill-{against}",
        lambda: skill_heat(table, words, RIVAL_WORDS[against], source),
        "How far the twin's error lies below the baseline's, by horizon and by how far policy moved",
        table.assign(rival=table["rival"].map(forecaster_label)),
    )


def methods(frame: pd.DataFrame, rivals: Sequence[str]) -> Details:
    """How validation was done and what it does not show, in plain words."""
    held = frame[frame["kept_out"]]
    kept_out = kept_out_statement(skill_comparisons(held, rivals) if len(held) else {})
    if len(held):
        kept_out += " Chosen by a hash of the country's code, which knows nothing else about it: "
        kept_out += f"{', '.join(sorted(held['name'].unique()))}."
    return Details(
        "Methods and limits",
        tuple(
            Paragraph(f"{title}. {text}")
            for title, text in (*METHODS, ("Countries kept out", kept_out), ("What this does not show", LIMITS))
        ),
    )


def interval_blocks(held: pd.DataFrame, source: str) -> tuple[Block, ...]:
    """Promised against achieved coverage, from `interval_table`; nothing where none was measured. 80% is talked about, or what
    there is in the middle; the figure and the table have all."""
    if held.empty:
        return ()
    levels = sorted(set(held["level"]))
    spoken = 80 if 80 in levels else int(levels[len(levels) // 2])
    names = {name: "The twin" if name == TWIN else forecaster_label(name) for name in dict.fromkeys(held["forecaster"])}
    names = dict(sorted(names.items(), key=lambda item: item[0] != TWIN))
    table = pd.DataFrame(
        {
            "Forecaster": held["forecaster"].map(names),
            "Days ahead": held["horizon"],
            "Promised": [f"{level}%" for level in held["level"]],
            "Days inside": [f"{share:.0%}" for share in held["coverage"]],
            "Which is": [
                judged(share, level / 100) for share, level in zip(held["coverage"], held["level"], strict=True)
            ],
            "Width": held["width"],
            "Interval score": held["score"],
        }
    )
    return (
        *sentences(coverage_words(held, spoken)),
        *sentences(sharpness_words(held, spoken)),
        Figure("intervals", lambda: coverage_figure(held, names, source), COVERAGE_WORDS, held),
        Table.of(table, digits=1),
        Details("How to read this", (Paragraph(COVERAGE_HOW), Paragraph(WIDTH_HOW))),
    )


def _means(result: BacktestResult) -> Table:
    parts = [(f"{horizon} d", part) for horizon, part in result.summary.by_horizon.items()]
    for name, of_horizon in result.summary.by_change.items():
        parts += [(f"{horizon} d, stringency moved {name}", part) for horizon, part in of_horizon.items()]
    names = list(parts[0][1].mean)
    rows = tuple((label, part.rows, *(part.mean[name] for name in names)) for label, part in parts)
    return Table(("Horizon", "Rows", *names), rows, "Mean macro RMSE, in points.")


def _fewer_behaviours(result: BacktestResult) -> tuple[Block, ...]:
    """Where some rows count fewer behaviours than others: a mean over other behaviours is another measure."""
    most = max(row.categories for row in result.rows)
    fewer = sum(row.categories < most for row in result.rows)
    text = f"{fewer} of {len(result.rows)} rows count fewer than {most} behaviours: the others were not observed."
    return (Paragraph(text, "caution"),) if fewer else ()
