"""One answer to “what would people do if”, as plain tables: its course, its effects, and who is moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.counterfactual.contrast import Contrast, contrasts
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.persons import ordinary_activity_of, person_changes, spread_of_people
from core.counterfactual.trajectories import ResponsePath, block_summary
from core.people.spec import PopulationSpec
from core.policy.timeline import PolicyTimeline
from core.services.counterfactuals.known_truth import true_paths
from core.services.counterfactuals.tables import DAYS_IN_WEEK
from core.services.populations.tables import category_labels
from core.services.runs.fitted import horizon_dates
from core.study import Step, Study

#: People drawn as dots: enough to see a pattern, few enough to point at one.
PEOPLE_SHOWN = 240
#: Groups below this share of the people are not named as the most moved, nor those whose ordinary activity is below this share of
#: everybody's: a percent change of next to nothing says nothing.
SMALLEST_GROUP, LEAST_ACTIVITY = 0.03, 0.25
#: Percentage points of probability from which somebody counts as moved.
MOVES_FROM = 1.0


@dataclass(frozen=True)
class Answer:
    """A policy's contrast with its reference (None: the policy that was in force) over the hold-out; the true course and effect
    of it, where they are known."""

    timeline: PolicyTimeline
    reference: PolicyTimeline | None
    item: Contrast
    truth: pd.DataFrame | None
    true_effect: pd.Series | None


def answer_of(twin: FittedTwin, timeline: PolicyTimeline, reference: PolicyTimeline | None = None) -> Answer:
    """What a policy changes against `reference` (default: the policy that was in force)."""
    study, observed, dates = twin.problem.study, twin.timeline, horizon_dates(twin)
    reference = None if reference is None or reference.id == observed.id else reference
    item = contrasts(twin, [timeline], dates, reference)[0]
    truth, before = (true_paths(study, observed, path, dates) for path in (timeline, reference or observed))
    effect = None if truth is None or before is None else (truth - before).mean()
    return Answer(timeline, reference, item, truth, effect)


@dataclass(frozen=True)
class AnswerNames:
    """What the courses in `answer_table` are called."""

    observed: str
    in_force: str
    what_if: str
    truth: str


@dataclass(frozen=True)
class MovedGroup:
    """A category of an attribute, by its labels, and the difference of one behaviour in it (points of the metric)."""

    attribute: str
    category: str
    difference: float


def answer_table(
    study: Study,
    item: Contrast,
    behaviour: str,
    *,
    names: AnswerNames,
    observations: pd.DataFrame,
    truth: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Observations of the whole study, the reference's and the scenario's course over the days asked about, and the `truth` of
    the scenario where it is known: columns name, date, value, lower, upper, stringency (NaN where there is none), days as means
    of weeks."""
    size = DAYS_IN_WEEK if study.step is Step.DAY else 1
    parts = [_means(observations[behaviour], size).assign(name=names.observed)]
    parts += [
        _course(path, behaviour, size).assign(name=name)
        for name, path in ((names.in_force, item.reference), (names.what_if, item.path))
    ]
    if truth is not None:
        parts.append(_means(truth[behaviour], size).assign(name=names.truth))
    columns = ["name", "date", "value", "lower", "upper", "stringency"]
    return pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)


def observed_table(study: Study, observations: pd.DataFrame) -> pd.DataFrame:
    """What was observed, days as means of weeks: label, date, value."""
    size = DAYS_IN_WEEK if study.step is Step.DAY else 1
    parts = [_means(observations[item.id], size).assign(label=item.label) for item in study.behaviours]
    return pd.concat(parts, ignore_index=True)[["label", "date", "value"]]


def effects_table(study: Study, item: Contrast, truth: pd.Series | None = None) -> pd.DataFrame:
    """A row per behaviour: behaviour, label, difference, lower, upper and truth (NaN where it is not known), in points."""
    known = pd.Series(np.nan, index=list(study.behaviour_ids)) if truth is None else truth
    return pd.DataFrame(
        {
            "behaviour": list(study.behaviour_ids),
            "label": [behaviour.label for behaviour in study.behaviours],
            **{
                name: getattr(item, name)[list(study.behaviour_ids)].to_numpy()
                for name in ("difference", "lower", "upper")
            },
            "truth": known[list(study.behaviour_ids)].to_numpy(float),
        }
    )


def most_moved(effects: pd.DataFrame) -> str:
    """The behaviour that is moved most; `effects` as `effects_table`."""
    return str(effects["behaviour"].iloc[int(effects["difference"].abs().to_numpy().argmax())])


def moved_groups(twin: FittedTwin, item: Contrast, behaviour: str, spec: PopulationSpec) -> list[MovedGroup]:
    """Groups by how much one behaviour changes in them, largest fall first; those of a few people are left out."""
    if not twin.attributes:
        return []
    change = (item.path.group_means() - item.reference.group_means())[behaviour].dropna()
    weight = twin.personas["weight"].to_numpy(float)
    ordinary = ordinary_activity_of(twin, item)[behaviour].to_numpy()
    everyone = float(np.average(ordinary, weights=weight))
    found = []
    for attribute in twin.attributes:
        labels, of_each = category_labels(spec, attribute), twin.personas[attribute].astype(str).to_numpy()
        for category, value in change.loc[attribute].items():
            inside = of_each == category
            share = weight[inside].sum() / weight.sum()
            if (
                share >= SMALLEST_GROUP
                and np.average(ordinary[inside], weights=weight[inside]) >= LEAST_ACTIVITY * everyone
            ):
                name = labels.get(str(category), str(category))
                found.append(MovedGroup(spec.attribute(attribute).label, name, float(value)))
    return sorted(found, key=lambda group: group.difference)


def people_table(twin: FittedTwin, item: Contrast, behaviour: str) -> pd.DataFrame:
    """A sample of people that stands for the population: person (number), change of one behaviour (percentage points of
    probability), before and after (percent), and their text."""
    shown = spread_of_people(twin.personas["weight"].to_numpy(), PEOPLE_SHOWN)
    found = person_changes(twin, item, shown)
    return pd.DataFrame(
        {
            "person": shown,
            "change": found.change[behaviour].to_numpy(),
            "before": found.before[behaviour].to_numpy(),
            "after": found.after[behaviour].to_numpy(),
            "text": twin.personas["text"].iloc[shown].astype(str).to_numpy(),
        }
    )


def movers_table(
    twin: FittedTwin, item: Contrast, behaviour: str, attribute: str, spec: PopulationSpec
) -> pd.DataFrame:
    """Who falls and who rises, by the categories of an attribute: category (label, in the order of the tables), `falls`, `alike`
    and `rises` (shares of its people, by weight) and people (how many it stands for). Somebody moves whose probability changes by
    `MOVES_FROM` percentage points or more; the engine's answers, before calibration."""
    change = person_changes(twin, item, np.arange(len(twin.personas))).change[behaviour].to_numpy()
    weight = twin.personas["weight"].to_numpy(float)
    of_each = twin.personas[attribute].astype(str).to_numpy()
    rows = []
    for category, label in category_labels(spec, attribute).items():
        inside = of_each == category
        total = weight[inside].sum()
        if total:
            falls, rises = (
                weight[inside & moved].sum() / total for moved in (change <= -MOVES_FROM, change >= MOVES_FROM)
            )
            rows.append(
                {"category": label, "falls": falls, "alike": 1.0 - falls - rises, "rises": rises, "people": int(total)}
            )
    return pd.DataFrame(rows)


def _means(values: pd.Series, size: int) -> pd.DataFrame:
    blocks = np.arange(len(values)) // size
    return pd.DataFrame({"date": values.index[::size], "value": values.groupby(blocks).mean().to_numpy()})


def _course(path: ResponsePath, behaviour: str, size: int) -> pd.DataFrame:
    position = list(path.metric.columns).index(behaviour)
    value, lower, upper = block_summary(path.metric[[behaviour]], path.draws[:, :, position : position + 1], size)
    index = _means(path.stringency, size)["value"].to_numpy()
    return (
        pd.DataFrame(
            {"value": value[behaviour], "lower": lower[behaviour], "upper": upper[behaviour], "stringency": index}
        )
        .rename_axis("date")
        .reset_index()
    )
