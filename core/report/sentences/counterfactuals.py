"""Sweeps and contrasts in plain words, and the lines that reproduce them outside the dashboard."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import date

import pandas as pd

from core.counterfactual.contrast import Contrast
from core.counterfactual.sweep import Sweep
from core.errors import InputError
from core.records import RUNGS, RunRecord
from core.services.language.engines import is_language
from core.services.language.reproduction import asking_options, asking_python
from core.services.policies.timelines import OBSERVED
from core.services.populations.synthesis import make_population
from core.simulation.contexts import RESTRICTED_CLASSES, RESTRICTED_MIDDLES
from core.study import Behaviour, load_study

EPIDEMIC_WORDS = ("low", "moderate", "high")
DAY_WORDS = {
    "working": "working days",
    "half": "half days",
    "weekend": "weekend days",
    "rest": "weekly days of rest",
    "holiday": "public holidays",
}
HELD_SWEEP_TEXT = (
    "Held at the end of training for every level: the epidemic, and how long people have lived under restrictions "
    "(fatigue). Holidays count only if they had been announced by then."
)
HELD_COMPARE_TEXT = (
    "Frozen at the end of training for every scenario: the epidemic. Fatigue starts from where it stood then and "
    "builds up or fades with each scenario's own measures. Holidays count if they had been announced by then, or if "
    "the scenario itself adds them."
)


def held_words(sweep: Sweep, origin: date) -> str:
    """The held state of a sweep, in one sentence."""
    position = RESTRICTED_MIDDLES.index(sweep.restricted_days)
    least = RESTRICTED_CLASSES[position]
    after = RESTRICTED_CLASSES[position + 1] if position + 1 < len(RESTRICTED_CLASSES) else None
    lasting = (
        "no restrictions in force"
        if least == 0
        else f"{least} days or more under restrictions"
        if after is None
        else f"{least} to {after - 1} days under restrictions"
    )
    level = EPIDEMIC_WORDS[sweep.epidemic]
    return f"As on {origin}: a {level} epidemic level ({sweep.epidemic} on a scale of 0 to 2) and {lasting}."


def day_words(day_types: dict[str, int]) -> str:
    """How many days of each kind were counted, most frequent first."""
    ordered = sorted(day_types.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {DAY_WORDS[kind] if count != 1 else DAY_WORDS[kind][:-1]}" for kind, count in ordered)


def sweep_words(sweep: Sweep, behaviour: Behaviour) -> str:
    """What a behaviour does between the loosest and the strictest level, in one sentence."""
    first, last = sweep.levels[0], sweep.levels[-1]
    if first is last:
        return (
            f"{behaviour.label}: {_signed(first.mean[behaviour.id])}% of the baseline at stringency "
            f"{first.policy.realised:.0f} (80% interval {_signed(first.lower[behaviour.id])} to "
            f"{_signed(first.upper[behaviour.id])})."
        )
    change = float(last.mean[behaviour.id] - first.mean[behaviour.id])
    moved = (
        "hardly moves" if abs(change) < 0.05 else f"{'rises' if change > 0 else 'falls'} by {abs(change):.1f} points"
    )
    return (
        f"{behaviour.label} {moved} between stringency {first.policy.realised:.0f} and {last.policy.realised:.0f} "
        f"(from {_signed(first.mean[behaviour.id])}% to {_signed(last.mean[behaviour.id])}% of change from baseline)."
    )


def contrast_words(item: Contrast, behaviour: Behaviour) -> str:
    """What a scenario changes for one behaviour, in one sentence."""
    value, low, high = (float(part[behaviour.id]) for part in (item.difference, item.lower, item.upper))
    thing = behaviour.unit.rsplit(" of ", 1)[-1]
    subject = behaviour.label if thing == "time" else f"{behaviour.label}, {thing}"
    if low <= 0.0 <= high:
        said = f"no clear difference: {_signed(value)} points (80% interval {_signed(low)} to {_signed(high)})"
    else:
        ends = sorted((abs(low), abs(high)))
        more = "more" if value > 0 else "less"
        said = f"{abs(value):.1f} points {more} (80% interval {ends[0]:.1f} to {ends[1]:.1f} {more})"
    return f"{subject}: {said}."


def contrast_frame_words(item: Contrast) -> str:
    """The sentence around `contrast_words`: against what, when, and how far from training."""
    dates = item.path.dates
    days = len(dates)
    like = _outside(item.outside_days, days)
    return (
        f"Under “{item.name}” instead of {reference_words(item)}, mean of {dates[0].date()} to {dates[-1].date()}; "
        f"stringency {item.path.stringency.mean():.0f} instead of {item.reference.stringency.mean():.0f} on average; "
        f"{like} in training (of the reference, {item.reference_outside_days})."
    )


def reference_words(item: Contrast) -> str:
    """What a contrast is held against, as part of a sentence."""
    return "the policy that was in force" if item.reference_name == OBSERVED else f"“{item.reference_name}”"


def reference_label(item: Contrast) -> str:
    """What a contrast is held against, for legends: the twin's path, not to be taken for what was observed."""
    return "Policy in force (twin)" if item.reference_name == OBSERVED else item.reference_name


def rung_words(sweep: Sweep) -> str:
    """The claim a sweep stands on, in a sentence."""
    if sweep.coherent:
        return f"This sweep stands on the rung “{RUNGS[1]}”: it is bounded and monotone. It says nothing about size."
    return f"This sweep stands on the rung “{RUNGS[0]}” only."


def _outside(count: int, days: int) -> str:
    if count == 0:
        return f"none of the {days} days is unlike anything"
    verb = "is" if count == 1 else "are"
    return f"{count} of {days} days {verb} unlike anything"


def _signed(value: float) -> str:
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def sweep_command(record: RunRecord, levels: Sequence[float], dates: pd.DatetimeIndex, data: str | None = None) -> str:
    """The command that makes a sweep from nothing, in a store of its own."""
    return " ".join(
        ["policytwin sweep", *_run_options(record, data), "--levels", ",".join(f"{level:g}" for level in levels),
         *_window(dates), *_may_ask(record), "--db", "reproduce.duckdb", "--json"]
    )  # fmt: skip


def compare_command(
    record: RunRecord,
    files: Sequence[str],
    dates: pd.DatetimeIndex,
    data: str | None = None,
    reference_file: str | None = None,
) -> str:
    """The command that makes a comparison from nothing, in a store of its own; without a reference with the observed
    policy."""
    named = [part for name in files for part in ("--scenario", shlex.quote(name))]
    named += [] if reference_file is None else ["--reference", shlex.quote(reference_file)]
    return " ".join(
        ["policytwin compare", *_run_options(record, data), *named, *_window(dates), *_may_ask(record), "--db",
         "reproduce.duckdb", "--json"]
    )  # fmt: skip


def sweep_python(record: RunRecord, levels: Sequence[float], dates: pd.DatetimeIndex, data: str | None = None) -> str:
    """Python lines that make a sweep from nothing, in a store of their own."""
    listed = ", ".join(f"{level:g}" for level in levels)
    return _python(
        record,
        data,
        "from core.services.counterfactuals.run import run_sweep\n",
        "    values, sweep = run_sweep(\n"
        f"        store, run_id, [{listed}], data=data, {_python_window(dates)}{_asks(record)}\n    )\n"
        'for level in values["levels"]:\n    print(level["level"], level["realised_stringency"], level["metric"])\n',
    )


def compare_python(
    record: RunRecord,
    files: Sequence[str],
    dates: pd.DatetimeIndex,
    data: str | None = None,
    reference_file: str | None = None,
) -> str:
    """Python lines that make a comparison from nothing, in a store of their own; scenarios come from their files."""
    study = str(record.parameters.get("study", record.study_id))
    loaded = "".join(f"    load_scenario({name!r}, observed),\n" for name in files)
    reference = "" if reference_file is None else f"    reference = load_scenario({reference_file!r}, observed)\n"
    given = "" if reference_file is None else ", reference=reference"
    lines = f"scenarios = [\n{loaded}]\n"
    return _python(
        record,
        data,
        "from core.policy.scenario import load_scenario\nfrom core.services.counterfactuals.run import run_compare\n"
        "from core.services.studies.inputs import open_study\n",
        "    values, contrasts = run_compare(\n"
        f"        store, run_id, scenarios, data=data, {_python_window(dates)}{given}{_asks(record)}\n"
        '    )\nfor item in values["scenarios"]:\n    print(item["name"], item["difference"])\n',
        before=f"observed = open_study({study!r}, data).timeline\n{lines}{reference.lstrip()}",
    )


EDITED_PEOPLE = (
    "These people were edited, so only this store knows them. The lines below are for the study's own people."
)


def why_not_reproducible(record: RunRecord) -> str:
    """Why the lines that reproduce a run's results make others: its people were edited, or its study cannot be read any more.
    "" where they make the same."""
    try:
        study = load_study(str(record.parameters.get("study", record.study_id)))
        same = make_population(study, record.personas, record.seed).content_hash == record.population_hash
    except InputError as wrong:
        return f"The lines below need the study's file, which cannot be read now: {wrong}"
    return "" if same else EDITED_PEOPLE


def scenario_file_name(name: str) -> str:
    """A file name for a scenario of this name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50] or "scenario"
    return f"{slug}.toml"


def scenario_file_names(names: Sequence[str]) -> list[str]:
    """File names for scenarios, each another."""
    taken: list[str] = []
    for name in names:
        wanted, count = scenario_file_name(name), 1
        while wanted in taken:
            count += 1
            wanted = scenario_file_name(name).replace(".toml", f"-{count}.toml")
        taken.append(wanted)
    return taken


def _run_options(record: RunRecord, data: str | None) -> list[str]:
    study = str(record.parameters.get("study", record.study_id))
    options = [shlex.quote(study)]
    options += [] if data is None else ["--data", shlex.quote(data)]
    return [
        *options,
        *(shlex.quote(word) for word in asking_options(record)),
        f"--personas {record.personas}",
        f"--train-end {record.train_end}",
        f"--test-end {record.test_end}",
        f"--trials {record.parameters['trials']}",
        f"--seed {record.seed}",
    ]


def _may_ask(record: RunRecord) -> list[str]:
    """In a store of its own a language model knows no answers yet."""
    return ["--ask"] if is_language(record.engine) else []


def _asks(record: RunRecord) -> str:
    return ", asks=True" if is_language(record.engine) else ""


def _window(dates: pd.DatetimeIndex) -> list[str]:
    return [f"--start {dates[0].date()}", f"--end {dates[-1].date()}"]


def _python_window(dates: pd.DatetimeIndex) -> str:
    return f"start={_day(dates[0].date())}, end={_day(dates[-1].date())}"


def _day(day: date | None) -> str:
    return "None" if day is None else f"date({day.year}, {day.month}, {day.day})"


def _python(record: RunRecord, data: str | None, imports: str, work: str, before: str = "") -> str:
    study = str(record.parameters.get("study", record.study_id))
    [engine] = asking_python(record) or ["engine='rules'"]
    return (
        "from datetime import date\n\n"
        f"{imports}"
        "from core.services.runs.run import ensure_run\n"
        f"from core.services.studies.requests import {'ModelOptions, ' if is_language(record.engine) else ''}RunRequest\n"
        "from core.store.database import Store\n\n"
        f"data = {data!r}\n"
        f"{before}"
        "request = RunRequest(\n"
        f"    {study!r}, data=data, {engine}, personas={record.personas},\n"
        f"    train_end={_day(record.train_end)}, test_end={_day(record.test_end)},\n"
        f"    trials={record.parameters['trials']}, seed={record.seed},\n"
        ")\n"
        'with Store("reproduce.duckdb") as store:\n'
        "    run_id = ensure_run(request, store)\n"
        f"{work}"
    )
