"""Diversity and subgroups of a finished run, as parts of the result of its checks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE
from core.counterfactual.contrast import as_asked
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.trajectories import simulate_paths, timeline_days
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter, each_of
from core.people.personas import Population, synthesise
from core.people.spec import LEVEL_CUTS, LEVELS
from core.services.audits.group_results import (
    ASKED_AGAIN,
    STORED,
    AttributeDifference,
    CategoryResponse,
    DiversityFigures,
    DiversityResult,
    ExplainedShare,
    ExplainedTogether,
    ResponseDifferences,
    ResponseExtreme,
)
from core.services.policies.what_ifs import what_if
from core.services.populations.synthesis import identical_personas
from core.services.populations.tables import category_labels
from core.services.runs.fitted import horizon_dates
from core.store.database import Store
from core.validity.diversity import Diversity, additive_share, diversity, eta_squared
from core.validity.parity import AttributeResponse, response_by_category

#: Answers of more personas than this are asked anew of an evenly spaced part, where the run did not keep them.
MOST_ASKED = 2000
#: The change of policy that groups are compared on: the strictest policy of training against none, both from the origin on.
FROM, TO = "no-measures", "strictest-week"


def diversity_values(store: Store, run_id: str, twin: FittedTwin, population: Population) -> DiversityResult:
    """The run's answers, those of identical personas and those of one persona; and what attributes explain."""
    spec, personas = population.spec, population.personas
    answers, contexts, days, chosen, source = _answers(store, run_id, twin, personas)
    used = days > 0
    people = personas.iloc[chosen]
    weights = people["weight"].to_numpy(dtype=float)
    kinds = contexts.loc[used, DAY_TYPE].astype(str).tolist()
    names = twin.problem.study.behaviour_ids
    answers, days = answers[:, used], days[used]
    asked = contexts[used].reset_index(drop=True)
    attributes = tuple(item.name for item in spec.attributes)
    alike = identical_personas(personas, attributes, spec.trait_names)
    one = synthesise(spec, 1, store.run(run_id).record.seed).personas
    own = diversity(answers, weights, kinds, days)
    others = {
        name: diversity(twin.engine.respond(frame, asked), frame["weight"].to_numpy(dtype=float), kinds, days)
        for name, frame in (("identical_personas", alike), ("single_persona", one))
    }
    macro = (store.run(run_id).summary or {}).get("macro_rmse", {})
    columns = _labels_of(people, population)
    kish = float(weights.sum() ** 2 / (weights**2).sum())
    shares = [
        ExplainedShare(
            attribute=name,
            label=label,
            kind=kind,
            categories=len(np.unique(labels)),
            share=_by_behaviour(names, eta_squared(answers, weights, labels, days)),
            by_chance=round((len(np.unique(labels)) - 1) / max(kish - 1.0, 1.0), 4),
        )
        for name, label, kind, labels in columns
    ]
    together = {
        kind: additive_share(
            answers, weights, {name: labels.tolist() for name, _, of, labels in columns if of in wanted}, days
        )
        for kind, wanted in (("attributes", ("attribute",)), ("attributes_and_traits", ("attribute", "trait")))
    }
    return DiversityResult(
        population=_spread_values(own, names),
        identical_personas=_spread_values(others["identical_personas"], names),
        single_persona=_spread_values(others["single_persona"], names),
        macro_rmse={name: macro[name] for name in ("twin", "identical_personas", "single_persona") if name in macro},
        source=source,
        explained_by=tuple(shares),
        explained_together=ExplainedTogether(
            attributes=_by_behaviour(names, together["attributes"]),
            attributes_and_traits=_by_behaviour(names, together["attributes_and_traits"]),
        ),
    )


def _answers(
    store: Store, run_id: str, twin: FittedTwin, personas: pd.DataFrame
) -> tuple[np.ndarray, pd.DataFrame, np.ndarray, np.ndarray, str]:
    """Answers (personas, contexts, behaviours), their contexts, the days of each, the personas' places, and the source.

    What an engine once said is read from the store: asking a language model again would cost, and might differ.
    """
    kept, context_ids, persona_ids = store.read_responses(run_id)
    if kept.size:
        rows = store.read_result("contexts", run_id).set_index("context_id").loc[context_ids]
        contexts = pd.DataFrame(list(rows["attributes"])).reindex(columns=twin.problem.contexts.columns)
        contexts = contexts.astype(twin.problem.contexts.dtypes.to_dict())
        return kept.transpose(1, 0, 2), contexts, rows["days"].to_numpy(float), persona_ids, STORED
    count = min(MOST_ASKED, len(personas))
    chosen = np.unique(np.linspace(0, len(personas) - 1, count).round().astype(int))
    contexts = twin.problem.contexts
    days = np.bincount(twin.problem.final.actual, minlength=len(contexts)).astype(float)
    return twin.engine.respond(personas.iloc[chosen], contexts), contexts, days, chosen, ASKED_AGAIN


def _labels_of(people: pd.DataFrame, population: Population) -> list[tuple[str, str, str, np.ndarray]]:
    """(name, label, "attribute" or "trait", categories by persona); traits by their five levels."""
    spec = population.spec
    found = [(item.name, item.label, "attribute", people[item.name].astype(str).to_numpy()) for item in spec.attributes]
    for trait in spec.traits:
        level = np.digitize(people[trait.name].to_numpy(float), LEVEL_CUTS)
        found.append((trait.name, trait.label, "trait", np.array(LEVELS)[level]))
    return found


def _spread_values(item: Diversity, names: Sequence[str]) -> DiversityFigures:
    return DiversityFigures(
        personas=item.personas,
        kish=round(item.kish, 2),
        compared=item.compared,
        deviation={kind: _by_behaviour(names, row) for kind, row in zip(item.kinds, item.deviation, strict=True)},
        explained=_by_behaviour(names, item.explained),
        distinct=round(item.distinct, 2),
        collapse=round(item.collapse, 4),
        dimensions=round(item.dimensions, 2),
    )


def _by_behaviour(names: Sequence[str], values: np.ndarray) -> dict[str, float | None]:
    """To four decimals; None for what is not defined."""
    return {
        name: None if np.isnan(value) else round(float(value), 4) for name, value in zip(names, values, strict=True)
    }


def group_values(
    twin: FittedTwin, population: Population, watch: ProgressReporter, executor: Executor
) -> ResponseDifferences:
    """The response of each attribute's categories to the strictest policy of training, against none."""
    dates = horizon_dates(twin)
    timelines = [as_asked(twin, what_if(name, twin.timeline, twin.origin)) for name in (FROM, TO)]
    policies = [timeline_days(twin, item, dates) for item in timelines]
    before, after = simulate_paths(twin, policies, dates, executor=executor)
    work = [(twin, before, after, name) for name in twin.attributes]
    with executor.share(twin, before, after):
        responses = each_of(response_by_category, work, watch, "validate", "attributes", executor)
    return ResponseDifferences(
        before=timelines[0].name,
        after=timelines[1].name,
        start=str(dates[0].date()),
        end=str(dates[-1].date()),
        unit=twin.problem.study.metric_unit,
        everyone=_by_behaviour(twin.problem.study.behaviour_ids, (after.mean - before.mean).to_numpy(float)),
        attributes=tuple(_attribute_values(found, population) for found in responses),
    )


def _attribute_values(found: AttributeResponse, population: Population) -> AttributeDifference:
    labels = category_labels(population.spec, found.attribute)
    categories = []
    for name, part in found.rows.groupby("category", sort=False):
        by = part.set_index("behaviour")
        change, lower, upper = (
            _by_behaviour([str(item) for item in by.index], by[column].to_numpy(float))
            for column in ("change", "lower", "upper")
        )
        categories.append(
            CategoryResponse(
                category=str(name),
                label=labels[str(name)],
                people=int(by["people"].iloc[0]),
                personas=int(by["personas"].iloc[0]),
                change=change,
                lower=lower,
                upper=upper,
            )
        )
    extremes = [
        ResponseExtreme(
            behaviour=str(row["behaviour"]),
            most=labels[str(row["most"])],
            least=labels[str(row["least"])],
            difference=round(float(row["difference"]), 4),
            lower=round(float(row["lower"]), 4),
            upper=round(float(row["upper"]), 4),
        )
        for row in found.extremes.to_dict("records")
    ]
    return AttributeDifference(
        attribute=found.attribute,
        label=population.spec.attribute(found.attribute).label,
        categories=tuple(categories),
        extremes=tuple(extremes),
        small=tuple(labels[name] for name in found.small),
    )
