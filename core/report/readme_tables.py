"""The parts of README that hold figures, as Markdown, each made from the files of `data/validation` and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from core.forecasting.backtest_scores import TWIN, BacktestSummary, IntervalScores, MeanScores, summary_of
from core.forecasting.baselines import BASELINES
from core.forecasting.teachers import is_held_out
from core.report.document import duration
from core.report.readme_asking import asked_table, asking_ways, asking_words, own_model_calls
from core.report.readme_domains import domains_tables
from core.report.readme_replications import replication_tables
from core.report.readme_society import attention_tables, society_table
from core.report.readme_text import measured_line, paragraph, table_of
from core.report.readme_twins import twins_table, verdicts_table
from core.report.sentences.known_worlds import WORLD_WORDS, against_words
from core.report.sentences.skill import changes, listed
from core.services.evaluation.backtests import read_exported
from core.services.evaluation.domain_scores import DomainScores
from core.services.evaluation.replication_figures import ReplicationScores
from core.services.evaluation.results import BacktestResult, Measured
from core.services.evaluation.shown_results import shown_name
from core.services.society.facts import MeasuredFacts
from core.services.society.shown import SHIPPED
from core.validity.effect_estimators import EFFECT_ESTIMATORS
from core.validity.measured import (
    AblationPrices,
    AskedScores,
    AskingCosts,
    KnownWorlds,
    ShownResult,
    Split,
    StudyScores,
    StylisedFacts,
    TwinScores,
    TwinVerdicts,
    measured_path,
    read_measured,
)
from core.validity.stylised_facts import POLICY_FACTS
from core.validity.world_scores import EstimatorScores, WorldScores

MeasuredBacktest: TypeAlias = Measured[BacktestResult]

NOT_MEASURED = "Not measured yet: `policytwin figures --data DIR`."
UNKNOWN = "an unknown share"
#: Rows of the UAE's table: how README calls the forecasters, in the order shown.
ROWS: Mapping[str, str] = {
    "twin": "**PolicyTwin**",
    "twin_announced_calendar": "twin, working week only as announced by the origin",
    "twin_unanchored": "twin without anchoring",
    "identical_personas": "twin, identical personas",
    "single_persona": "twin, one persona",
    "paper": "calibration as published (TPE over a, b), same engine",
    "uncalibrated": "twin without calibration",
    "last_value": "last value",
    "last_7_days": "mean of the last 7 days",
    "seasonal_naive": "weekday means of the last 28 days",
    "train_mean": "mean of training",
    "linear": "linear (stringency, weekday)",
    "gradient_boosting": "gradient boosting (stringency, weekday)",
    "gradient_boosting_indicators": "gradient boosting (ten indicators, weekday, cases at the origin)",
    "gradient_boosting_trend": "gradient boosting (stringency, weekday, month, day)",
}
#: Columns of the countries' table.
SHORT: Mapping[str, str] = {
    "twin": "twin",
    "last_value": "last value",
    "last_7_days": "last 7 d",
    "seasonal_naive": "seasonal naive",
    "train_mean": "train mean",
    "linear": "linear",
    "gradient_boosting": "GB",
    "gradient_boosting_indicators": "GB indicators",
    "gradient_boosting_lags": "GB lags",
    "ets": "ETS",
    "mean_of_12": "last 12 weeks",
    "own_drift": "own drift",
    "pooled_drift": "common drift",
    "first_differences": "first differences, pooled",
    "panel_effects": "place effects, pooled",
    "pooled_boosting": "GB, pooled",
}
MOVED, STILL = ">=15", "<5"
#: Ablations whose prices README names: parts of the method, not numbers of people.
NAMED_PARTS: Mapping[str, str] = {
    "uncalibrated": "calibration",
    "without_anchoring": "anchoring",
    "without_priors": "what other countries' past teaches",
    "without_policy": "policy",
    "without_fatigue": "fatigue",
    "without_epidemic": "the epidemic",
    "without_calendar": "the calendar",
    "unsearched": "the search of the engine's parameters",
    "identical_personas": "different people instead of identical ones",
}


def uae_table(scores: StudyScores) -> str:
    """Errors by forecaster and split, with the shares of days that intervals held."""
    head = [f"train ≤ {item.train_end}, test to {item.test_end}" for item in scores.splits]
    lines = table_of(
        ["Forecast", *head],
        [
            [words, *(_bold(f"{item.macro[name]:.2f}", name == TWIN) for item in scores.splits)]
            for name, words in ROWS.items()
            if all(name in item.macro for item in scores.splits)
        ],
    )
    held = [f"{item.coverage[80]:.0%}" for item in scores.splits]
    gains = changes([1 - item.macro[TWIN] / _best_baseline(item)[1] for item in scores.splits])
    said = [
        f"The twin's error is {gains} that of each split's best baseline.",
        f"Its 80% intervals held {listed(held)} of the held-out values.",
    ]
    return f"{lines}\n\n{paragraph(said)}\n\n{measured_line(scores.header)}"


def _best_baseline(split: Split) -> tuple[str, float]:
    rivals = {name: value for name, value in split.macro.items() if name in BASELINES}
    best = min(rivals, key=lambda name: rivals[name])
    return best, rivals[best]


def countries_table(measured: MeasuredBacktest) -> str:
    """Mean errors over the countries by horizon, all of them and where policy moved most."""
    summary = measured.result.summary
    names = [name for name in SHORT if name in measured.result.rows[0].macro_rmse]
    parts = [(f"{horizon} d", part) for horizon, part in summary.by_horizon.items()]
    parts += [(f"{horizon} d, moved", part) for horizon, part in summary.by_change.get(MOVED, {}).items()]
    rows = [["rows", *(str(part.rows) for _, part in parts)]]
    for name in names:
        cells = (f"{part.mean[name]:.2f}" for _, part in parts)
        rows.append([SHORT[name], *(f"**{cell}**" if name == TWIN else cell for cell in cells)])
    moved = "“Moved”: mean stringency over the days ahead lies 15 points or more from that of the four weeks before."
    return f"{table_of(['Forecaster', *(label for label, _ in parts)], rows)}\n\n{moved}\n\n{measured_line(measured.header)}"


def countries_words(measured: MeasuredBacktest) -> str:
    """The countries kept out of every choice, single rows, and intervals."""
    result = measured.result
    every = result.summary.by_horizon
    kept_out = summary_of([row for row in result.rows if is_held_out(row.country)], result.rivals)
    days = listed(list(every))
    said = []
    if kept_out.rows:
        said.append(
            f"On the **{kept_out.countries} countries kept out of every choice** (by a hash of their code) the twin's error "
            f"at {days} days is {_gains(kept_out.by_horizon)} the best single baseline's"
            + _moved(kept_out, MOVED, "; where stringency moved by 15 points or more {}")
            + _moved(kept_out, STILL, "; where policy hardly moved {}")
            + "."
        )
    wins = listed([f"{part.wins['seasonal_naive']:.0%}" for part in every.values()])
    said.append(
        f"Single rows differ: over all countries the twin beats the weekday means in {wins} of rows, not in all."
    )
    levels = list(next(iter(every.values())).intervals[TWIN])
    held = listed([_held(part.intervals[TWIN], levels) for part in every.values()])
    widths = [[part.intervals[name]["80"].width for name in (TWIN, "seasonal_naive")] for part in every.values()]
    sizes = listed([f"{ours / theirs:.0%}" for ours, theirs in widths])
    said.append(
        f"Its {' / '.join(levels)}% intervals (conformal, from errors of earlier origins) held {held}% of days at these "
        f"horizons. "
        f"The 80% intervals are {sizes} as wide as those of the weekday means made the same way."
    )
    return paragraph(said)


def _held(intervals: Mapping[str, IntervalScores], levels: Sequence[str]) -> str:
    return " / ".join(f"{100 * intervals[level].coverage:.0f}" for level in levels)


def backtest_time(measured: MeasuredBacktest) -> str:
    return f"It took {duration(measured.header.seconds)} on two cores."


def prices_words(prices: AblationPrices) -> str:
    """What the parts are worth on one hold-out, dearest first."""
    told = [item for item in prices.prices if item.ablation in NAMED_PARTS]
    worth = [item for item in told if item.apart and item.price > 0]
    harm = [item for item in told if item.apart and item.price < 0]
    rest = [item for item in told if not item.apart]
    said = [
        f"Prices on the test from {prices.train_end} on (points of macro RMSE, with the {prices.interval}% interval from test "
        f"weeks; the same search with other random numbers moves the error by up to {prices.chance:.1f}): "
        + listed(
            [f"{NAMED_PARTS[item.ablation]} {item.price:.1f} ({item.low:.1f} to {item.high:.1f})" for item in worth]
        )
        + "."
    ]
    if harm:
        parts = [f"{NAMED_PARTS[item.ablation]} ({item.price:.1f})" for item in harm]
        said.append(f"Better without: {listed(parts)}.")
    if rest:
        parts = [f"{NAMED_PARTS[item.ablation]} ({item.price:.1f})" for item in rest]
        said.append(f"Not to be told from chance: {listed(parts)}.")
    return f"{paragraph(said)}\n\n{measured_line(prices.header)}"


def worlds_words(worlds: KnownWorlds) -> str:
    """Contrasts against known truths: errors by world beside the usual ways, and the twin's signs, sizes and intervals."""
    found, twin = worlds.overall, worlds.overall.estimators[TWIN]
    right, held = (_shown(share, ".0%", UNKNOWN) for share in (twin.right_sign, twin.coverage))
    said = [
        f"In {len(worlds.kinds)} kinds of generated worlds ({worlds.seeds} of each, {found.rows:,} true effects of measures, "
        "made by a process that shares nothing with the engine) the direction of the twin's contrasts is right in "
        f"{right} of the effects of {worlds.clear_effect:g} points or more{_size(twin)}. Its 80% intervals "
        f"held {held} of the truths. Errors in points (root mean square), beside the size of the true effects:"
    ]
    groups = {"**All**": found, **{WORLD_WORDS.get(name, name): item for name, item in worlds.by_world.items()}}
    groups |= {f"Distance to training: {name}": item for name, item in worlds.by_distance.items()}
    groups |= {WEEK_WORDS.get(name, name): item for name, item in worlds.working_week.items()}
    columns = {TWIN: "twin"} | {name: item.column for name, item in EFFECT_ESTIMATORS.items()}
    names = [name for name in columns if name in found.estimators]
    rows = [
        [
            label,
            _shown(item.rms_truth, ".1f"),
            *(_bold(_shown(item.estimators[name].rmse, ".1f"), _is_least(item, name)) for name in names),
            _shown(item.estimators[TWIN].coverage, ".0%"),
        ]
        for label, item in groups.items()
    ]
    table = table_of(["", "true effects", *(columns[name] for name in names), "twin's 80% intervals held"], rows)
    parts = [paragraph(said), table, paragraph([_against_best(found)]), measured_line(worlds.header)]
    return "\n\n".join(filter(None, parts))


def _is_least(scores: WorldScores, name: str) -> bool:
    """Whether no other estimator errs less."""
    errors = [item.rmse for item in scores.estimators.values() if item.rmse is not None]
    own = scores.estimators[name].rmse
    return own is not None and own <= min(errors)


def _against_best(found: WorldScores) -> str:
    """The best other way over all worlds, and whether the twin's error can be told from its."""
    best = found.best_rival
    if best is None:
        return ""
    name, difference = best
    column = EFFECT_ESTIMATORS[name].column
    twin, other = (_shown(found.estimators[item].rmse, ".1f") for item in (TWIN, name))
    return (
        f"Over all worlds the twin is off by {twin} points and the best other way, {column}, by {other}. "
        f"{against_words(difference)}"
    )


WEEK_WORDS: Mapping[str, str] = {
    "week_kept_on_new_working_days": "A moved working week, on days that became working days",
    "week_kept_on_new_days_off": "A moved working week, on days that became days off",
}


def _size(twin: EstimatorScores) -> str:
    if twin.overstated is None:
        return ""
    return (
        f"; on average effects are {abs(twin.overstated):.1f} points too {'large' if twin.overstated > 0 else 'small'}"
    )


def meridia_words(scores: StudyScores) -> str:
    """Where the twin stands on the embedded country."""
    twin, (best, rival) = scores.splits[0].macro[TWIN], _best_baseline(scores.splits[0])
    relation = "better than" if rival < twin else "worse than"
    return paragraph(
        [
            f"- On Meridia's own split the best baseline ({ROWS[best]}) forecasts {relation} the twin (error "
            f"{rival:.1f} against {twin:.1f})."
        ],
        indent="  ",
    )


def facts_table(facts: StylisedFacts) -> str:
    """The embedded country's baselines beside the middle half of the real countries'."""
    rows = []
    for name, own in facts.embedded.items():
        half = facts.baselines[name]
        rows.append(
            [
                ROWS[name],
                f"{own.relative:.2f}",
                f"{half.low.relative:.2f} to {half.high.relative:.2f}",
                f"{own.rank:g}",
                f"{half.low.rank:g} to {half.high.rank:g}",
            ]
        )
    relative = sum(facts.baselines[name].holds_relative(own) for name, own in facts.embedded.items())
    ranks = sum(facts.baselines[name].holds_rank(own) for name, own in facts.embedded.items())
    best = min(facts.embedded, key=lambda name: facts.embedded[name].rank)
    said = [
        f"Relative error is the macro RMSE over the geometric mean of all {len(rows)} baselines'. {relative} of {len(rows)} lie "
        f"in the middle half of the {facts.places} countries that teach, and {ranks} of {len(rows)} ranks.",
    ]
    if all(half.low.rank > 1 for half in facts.baselines.values()):
        said.append(
            f"Some baseline has to be the best, and none is the best in a quarter of the countries; in Meridia it is "
            f"{ROWS[best]}, as in {facts.best[best]} of them."
        )
    said.append(
        f"The countries train to {facts.train_end} and are tested to {facts.test_end}: the same share of days as on Meridia."
    )
    head = [
        "Forecast",
        "Meridia's relative error",
        "middle half of countries",
        "Meridia's rank",
        "middle half of countries",
    ]
    policies = [
        [words, f"{facts.embedded_policy[name]:.1f}", "{:.1f} to {:.1f}".format(*facts.policy[name])]
        for name, words in POLICY_FACTS.items()
    ]
    policy = table_of(["Policy", "Meridia", "middle half of countries"], policies)
    return f"{policy}\n\n{table_of(head, rows)}\n\n{paragraph(said)}\n\n{measured_line(facts.header)}"


#: What stands between the markers of README, by the marker's name: the file it is made from, its class, and the words.
BLOCKS: Mapping[str, tuple[str, Any, Callable[[Any], str]]] = {
    "uae": ("study_uae", StudyScores, uae_table),
    "countries": ("backtest", BacktestResult, countries_table),
    "countries_time": ("backtest", BacktestResult, backtest_time),
    "countries_kept_out": ("backtest", BacktestResult, countries_words),
    "ablations": ("ablations_uae", AblationPrices, prices_words),
    "worlds": ("worlds", KnownWorlds, worlds_words),
    "meridia": ("study_meridia", StudyScores, meridia_words),
    "meridia_facts": ("stylised_facts", StylisedFacts, facts_table),
    "domains": ("domains", DomainScores, domains_tables),
    "society_facts": ("society_facts", MeasuredFacts, society_table),
    "society_attention": (shown_name("attention", SHIPPED), ShownResult, attention_tables),
    "survey_twins": ("survey_twins", TwinScores, twins_table),
    "twin_verdicts": ("twin_verdicts", TwinVerdicts, verdicts_table),
    "replications": ("replications", ReplicationScores, replication_tables),
    "asking": ("asking", AskingCosts, asking_words),
    "asking_ways": ("asking", AskingCosts, asking_ways),
    "asked_small": ("asked_small", AskedScores, asked_table),
    "asking_own_model": ("asking", AskingCosts, own_model_calls),
}


def block(name: str, folder: Path | None = None) -> str:
    """The Markdown of one part. KeyError for an unknown name, InputError for a file that is none."""
    file, kind, words = BLOCKS[name]
    if kind is BacktestResult:
        path = measured_path(file, folder)
        return words(read_exported(path)) if path.exists() else NOT_MEASURED
    found = read_measured(kind, file, folder)
    return NOT_MEASURED if found is None else words(found)


def _bold(text: str, yes: bool) -> str:
    return f"**{text}**" if yes else text


def _gains(parts: Mapping[str, MeanScores]) -> str:
    return changes([1 - part.mean[TWIN] / part.mean[part.best_rival] for part in parts.values()])


def _moved(summary: BacktestSummary, change: str, text: str) -> str:
    parts = summary.by_change.get(change, {})
    return text.format(_gains(parts)) if parts else ""


def _shown(value: float | None, form: str, missing: str = "–") -> str:
    return missing if value is None else format(value, form)
