"""The beginnings of a study, written from the columns of a panel file: a commented study file and a table of coefficients."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.calibration.pace import PACES
from core.datasets import cells
from core.datasets.files import RawFile
from core.errors import InputError, nearest, one_of
from core.files_out import written_whole
from core.options import option
from core.result import Result
from core.services.studies.inputs import open_study
from core.study import Step

#: A column that stays from one period to the next this often is a lever, and one that never moves a trait of places.
STAYS = 0.85
#: Whole numbers up to this are taken for levels.
MOST_LEVELS = 8
#: Characters of what is said of a study whose columns have long names.
LONGEST_SUMMARY = 400
#: What behaviours are measured in: percent against a baseline, percent of people, or amounts.
KINDS = ("change", "share", "level")
KIND_TEXT, KIND_WORD = "what the numbers of behaviours are (default: as they look)", "change|share|level"
STUDY_FILE, TABLE_FILE = "study.toml", "coefficients.csv"
_MARK = "written by `policytwin study new`"


@dataclass(frozen=True)
class SkeletonRequest:
    """A study of the panel in `file`, written into the folder `to`. Columns that are not named are sorted by how they move."""

    file: Path = option("a panel: columns place, date and others (CSV or Parquet)", positional=True, word="PANEL")
    to: Path = option("folder of the study; a new one is made", word="DIRECTORY")
    id: str = option("of the study", "my-study")
    title: str | None = option("of the study (default: its id)", None, word="TEXT")
    behaviours: tuple[str, ...] | None = option(
        "columns that say what people do (default: those that move)", None, word="A,B,…"
    )
    levers: tuple[str, ...] | None = option("columns of policy (default: those that move in steps)", None, word="A,B,…")
    context: tuple[str, ...] | None = option("columns of what people live with besides", None, word="A,B,…")
    kind: str | None = option(KIND_TEXT, None, word=KIND_WORD)
    rising: tuple[str, ...] = option(
        "behaviours that a stricter policy raises (default: it lowers all)", (), word="A,B,…"
    )


@dataclass(frozen=True, kw_only=True)
class SkeletonResult(Result):
    """The files written, what each column was taken for, and why others were `left_out`."""

    study: str
    coefficients: str
    step: str
    places: int
    behaviours: tuple[str, ...]
    levers: tuple[str, ...]
    context: tuple[str, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class _Panel:
    """Numbers by place and period; `step` as the dates tell it."""

    values: pd.DataFrame
    places: tuple[str, ...]
    step: Step
    left_out: dict[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)

    def label(self, name: str) -> str:
        return self.labels.get(name, name)

    @property
    def periods(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.values.index.get_level_values("date").unique().sort_values())


def new_study(request: SkeletonRequest, labels: Mapping[str, str] | None = None) -> SkeletonResult:
    """Write the files and read them again, so that `policytwin run` takes them as they are; `labels` says what columns are
    called, where not as they are named. InputError for a file that is no panel, an unknown column, and where another file is
    in the way."""
    panel = replace(_read(request.file), labels=labels or {})
    asked = [*(request.behaviours or ()), *(request.levers or ()), *(request.context or ())]
    for name in asked:
        one_of(name, list(panel.values.columns), what="column of numbers", where=request.file.name)
        if asked.count(name) > 1:
            raise InputError(f"the column {name} is named twice", where="study new", allowed="each column once")
    levers, behaviours = _sorted(panel, request)
    for name in request.rising:
        one_of(name, behaviours, what="behaviour", where="study new, rising")
    context = request.context or ()
    for what, names in (("behaviour", behaviours), ("lever", levers)):
        if not names:
            raise InputError(
                f"no column is taken for a {what}", where=request.file.name,
                allowed=f"--{what}s with some of {', '.join(panel.values.columns)}",
            )  # fmt: skip
    study, table = request.to / STUDY_FILE, request.to / TABLE_FILE
    text = _study(panel, request, behaviours, levers, context)
    for path, said in ((study, text), (table, _coefficients(behaviours, levers, request.rising))):
        with written_whole(path, "a study", lambda place: _MARK in place.read_text(encoding="utf-8")[:400]) as beside:
            beside.write_text(said, encoding="utf-8")
    open_study(study, request.file.parent)
    return SkeletonResult(
        study=str(study), coefficients=str(table), step=str(panel.step), places=len(panel.places),
        behaviours=tuple(behaviours), levers=tuple(levers), context=tuple(context), left_out=panel.left_out,
    )  # fmt: skip


def _read(path: Path) -> _Panel:
    raw = RawFile(path)
    for name in ("place", "date"):
        if name not in raw.columns:
            raise InputError(
                f"has no column '{name}'", where=path.name, allowed="place, date (days, months or years) and columns of numbers",
                nearest=nearest(name, raw.columns),
            )  # fmt: skip
    table = raw.load(list(raw.columns))
    places = cells.labels(table, "place", raw.findings)
    when = pd.DatetimeIndex(cells.days(table, "date", cells.PERIODS, raw.findings))
    left_out, columns = {}, {}
    for name in raw.columns:
        if name in ("place", "date"):
            continue
        found = cells.labels(table, name, raw.findings)
        numbers = pd.to_numeric(pd.Series(found.texts(), dtype="str"), errors="coerce").to_numpy(float)
        if np.isfinite(numbers).any() and not (~found.empty & ~np.isfinite(numbers)).any():
            columns[name] = numbers
        else:
            left_out[name] = "holds something else than numbers"
    index = pd.MultiIndex.from_arrays([places.texts(), when], names=["place", "date"])
    values = pd.DataFrame(columns, index).sort_index()
    if values.index.has_duplicates:
        place, day = values.index[values.index.duplicated()][0]
        raise InputError(
            f"{day:%Y-%m-%d} of {place} is there twice", where=path.name, allowed="each period of a place once"
        )
    texts = pd.Series(cells.labels(table, "date", raw.findings).texts(), dtype="str")
    return _Panel(values, tuple(sorted(set(map(str, places.values)))), _step(texts, when), left_out)


def _step(texts: pd.Series, when: pd.DatetimeIndex) -> Step:
    """As long as the dates are written, else as far as they lie apart."""
    longest = int(texts.str.len().max())
    if longest in (4, 7):
        return Step.YEAR if longest == 4 else Step.MONTH
    days = np.unique(when.to_numpy().astype("datetime64[D]")).astype(np.int64)
    gap = float(np.median(np.diff(days))) if len(days) > 1 else 1.0
    return min(Step, key=lambda step: abs(step.usual_days - gap))


def _sorted(panel: _Panel, request: SkeletonRequest) -> tuple[list[str], list[str]]:
    """Levers and behaviours: as they were named, else by how they move."""
    named = {*(request.behaviours or ()), *(request.levers or ()), *(request.context or ())}
    free = [name for name in panel.values.columns if name not in named]
    steady, moving = by_movement(panel.values[free])
    levers, behaviours = list(request.levers or steady), list(request.behaviours or moving)
    for name in free:
        if name not in (*levers, *behaviours):
            fixed = name not in (*steady, *moving)
            panel.left_out[name] = "never changes in a place" if fixed else "was not named"
    return levers, behaviours


def by_movement(values: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Columns that move in steps, as levers do, and those that move all the time; `values` by place and period, in order."""
    moves = values.groupby(level="place").diff()
    stays = {str(name): float((moves[name].dropna() == 0).mean()) for name in values}
    steady = [name for name, share in stays.items() if STAYS <= share < 1]
    return steady, [name for name, share in stays.items() if share < STAYS]


def _study(
    panel: _Panel, request: SkeletonRequest, behaviours: Sequence[str], levers: Sequence[str], context: Sequence[str]
) -> str:
    step, periods = panel.step, panel.periods
    start, end = periods[0].date(), periods[-1].date()
    pace, last = PACES[step], len(periods) - 1
    earliest, latest = pace.inner_step + pace.fewest_training - 1, last - pace.fewest_test
    train_end = periods[min(max(min(max(2 * len(periods) // 3, earliest), latest), 1), last)].date()
    values = panel.values[list(behaviours)]
    low, high = float(values.min().min()), float(values.max().max())
    change = "same_weekday_change" if step is Step.DAY else "same_period_change"
    looks = "change" if low < 0 else "share" if high <= 100 else "level"
    kind = one_of(request.kind or looks, KINDS, what="kind", where="study new, kind")
    if low < 0 and kind != "change":
        raise InputError(
            f"a behaviour of {request.file.name} has {low:g}, below 0", where=f"study new, kind {kind}",
            allowed="numbers of 0 or more", nearest="change",
        )  # fmt: skip
    kind = change if kind == "change" else kind
    cycle = (
        step.after(start, max(step.cycle, 7) - 1)
        if step is Step.DAY
        else step.last_day(step.after(start, step.cycle - 1))
    )
    place, file = _quoted(panel.places[0]), _quoted(request.file.name)
    lines = [
        f"# A study of {request.file.name}, {_MARK}. Lines with CHECK rest on how columns look, not on what they mean.",
        f"id = {_quoted(request.id)}",
        f"title = {_quoted(request.title or request.id)}  # CHECK",
        f"place = {place}  # the one that is meant where none is named; any other is --place ID",
        f"summary = {_quoted(_summary(panel, behaviours, levers))}  # CHECK",
        f"citation = {_quoted(f'Tables of the user ({request.file.name}); who published them is not said.')}  # CHECK",
        "fictional = false",
        f'step = "{step}"',
        f"start = {start}", f"end = {end}",
        f"train_end = {train_end}  # forecasts are scored on what comes after",
        "", "[measurement]",
        f'kind = "{kind}"  # CHECK: share (percent of people), level, or {change} (percent against a baseline)',
        'unit = "%"  # CHECK', f"baseline_start = {start}", f"baseline_end = {min(cycle, end)}",
        "", "[population]  # CHECK: the world's people stand in; a population file of your own tells who lives there",
        'file = "populations/world.toml"', "personas = 300", "inhabitants = 1000000  # CHECK",
        "", "[engine]", f'coefficients = "{TABLE_FILE}"',
        "", "[forecast]",
        *([] if step is Step.DAY else [f"level = {pace.level}  # CHECK: last {step}s that tell a place's level; more if noisy"]),
        "# policy_effect_weight = 1.0  # once coefficients have sources: follow them until other places taught how much came",
        "# slope = 0.0  # and keep lines at the engine's slope, where a place's own past is too short to say",
        '# learned = "learned"  # after `policytwin learn` on this study: the folder of its tables, beside this file',
    ]  # fmt: skip
    if step is Step.DAY:
        lines += ["", "[[calendar.working_weeks]]  # CHECK", f"start = {date(start.year - 1, 1, 1)}"]
        lines += ['rest_days = ["sunday"]', 'weekend_days = ["saturday"]']
    kinds = ["mobility", "policy", *(["context"] if context else [])]
    lines += ["", "# Observations, policy and context may be columns of one table."]
    for source in kinds:
        lines += [f"[sources.{source}]", f"file = {file}", 'layout = "panel_table"', f"place = {place}"]
        if source == "policy" and _has_holes(panel, levers):
            lines.append("carried = true  # CHECK: in periods without a row, or a level, measures stay as they were")
    for name in levers:
        lines += ["", *_lever(panel, name)]
    for name in context:
        middle = float(panel.values[name].median())
        lines += ["", "[[context]]", f"code = {_quoted(name)}", f"name = {_quoted(name)}", f"column = {_quoted(name)}"]
        lines += [f"thresholds = [{middle:g}]  # CHECK: classes lie between them", 'words = ["low", "high"]  # CHECK']
        lines += ['known = "frozen"  # after an origin as it was then; or "ahead"', 'source = "to be said"  # CHECK']
    for name in behaviours:
        label = _quoted(panel.label(name))
        lines += ["", "[[behaviours]]", f"id = {_quoted(_identifier(name))}", f"label = {label}"]
        lines += [
            f"text = {label}  # CHECK: in plain words",
            'unit = "%"  # CHECK',
            f"column = {_quoted(name)}",
        ]
        sign = 1 if name in request.rising else -1
        lines += [f"expected_sign = {sign}  # CHECK: the direction in which more of a lever moves it", "upper = 3.0"]
        if kind == "level":
            amount = 2 * float(values[name].mean())
            lines.append(f"amount = {amount:.4g}  # CHECK: how much there would be per person if everybody did it")
    return "\n".join(lines) + "\n"


def _has_holes(panel: _Panel, levers: Sequence[str]) -> bool:
    """Whether some place lacks a level between its first and its last."""
    for _, own in panel.values[list(levers)].groupby(level="place"):
        told = pd.DatetimeIndex(own.dropna().index.get_level_values("date"))
        if len(told) and len(told) <= panel.step.between(told[0].date(), told[-1].date()):
            return True
    return False


def _summary(panel: _Panel, behaviours: Sequence[str], levers: Sequence[str]) -> str:
    did, under = (", ".join(map(panel.label, names[:6])) for names in (behaviours, levers))
    where = panel.places[0] if len(panel.places) == 1 else f"{len(panel.places)} places"
    return f"What people did in {where} ({did}) under {under}."[:LONGEST_SUMMARY]


def _lever(panel: _Panel, name: str) -> list[str]:
    values = panel.values[name].dropna()
    first, low, high = (
        float(panel.values[name].groupby(level="place").first().mode().iloc[0]),
        values.min(),
        values.max(),
    )
    whole = bool((values == np.floor(values)).all()) and low == 0 and high <= MOST_LEVELS
    lines = ["[[levers]]", f"code = {_quoted(name)}", f"name = {_quoted(panel.label(name))}  # CHECK: in plain words"]
    if whole:
        levels = ["None", *(f"Level {level}" for level in range(1, int(high) + 1))]
        return [*lines, f"maximum = {int(high)}", f"levels = {json.dumps(levels)}  # CHECK"]
    limit = high if high - first >= first - low else low
    lines += ['unit = "units"  # CHECK', f"reference = {first:g}  # CHECK: no measure", f"limit = {limit:g}  # in full"]
    return [*lines, f"least = {low:g}", f"most = {high:g}"]


def _coefficients(behaviours: Sequence[str], levers: Sequence[str], rising: Sequence[str]) -> str:
    """Every lever takes away as much, or adds: a start that says nothing about any of them."""
    why = "assumption,CHECK: the same for all; put a sourced number here"
    rows = ["behaviour,term,key,modifier,value,unit,source,reasoning"]
    for column in behaviours:
        name, size = _identifier(column), -0.5 if column in rising else 0.5
        rows.append(f"{name},base,,,0.5,probability,{why} - {_MARK}")
        rows += [f"{name},policy,{lever},,{size},log-odds,{why}" for lever in levers]
    return "\n".join(rows) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def _identifier(name: str) -> str:
    """Letters, digits, - and _ of a column's name."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "_" for letter in name)
