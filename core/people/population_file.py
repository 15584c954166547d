"""Reading and writing population files, with errors that say what is wrong, where, and what is allowed.

A file may name a parent with `extends` (looked up beside it, then among the shipped files); its own keys win.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core.errors import InputError, one_of
from core.inputs.checking import checked
from core.inputs.files import read_with_parents
from core.people.checks import ROUNDING, check_condition, check_covered, check_table, check_targets, check_unique
from core.people.spec import (
    LEVELS,
    QUALITIES,
    UNITS,
    USES,
    AssumedShares,
    Assumption,
    Attribute,
    Category,
    Condition,
    Grouping,
    Impossible,
    Marginal,
    PopulationSpec,
    TextRule,
    Trait,
    Wording,
)
from core.people.templates import check_template
from core.people.written import MOST_INHABITANTS, WrittenPopulation
from core.printable import quoted
from core.settings import shipped_data
from core.study.definition import Study, TargetShares

T = TypeVar("T")

#: A cell of a table counts no more than there are people, or percent.
LARGEST_COUNT = MOST_INHABITANTS


def available_populations() -> tuple[str, ...]:
    """The ids of the populations that ship with PolicyTwin."""
    return tuple(sorted(path.stem for path in (shipped_data() / "populations").glob("*.toml")))


def load_population_spec(path: str | Path) -> PopulationSpec:
    """The population in this TOML file, or the shipped one with this id. InputError says what the file has wrong."""
    path = Path(path)
    if path.suffix.lower() != ".toml":
        one_of(str(path), available_populations(), what="population")
        path = shipped_data() / "populations" / f"{path}.toml"
    written = read_with_parents(path, shipped_data() / "populations")
    return _spec(written.raw, path.name, lambda location: written.origin(location).name)


def population_of(study: Study) -> PopulationSpec:
    """The population of a study: that of its file, with the shares that it has in the study's place. InputError where the
    file is wrong, and for a share of what the population does not have."""
    return weighed_for(load_population_spec(study.population_file), study)


def weighed_for(spec: PopulationSpec, study: Study) -> PopulationSpec:
    """The population with the shares that it has in the study's place. InputError as `population_of`."""
    if not study.shares:
        return spec
    named = {item.of for item in study.shares}
    kept = tuple(item for item in spec.target_shares if item.of not in named)
    spec = replace(spec, target_shares=(*kept, *study.shares))
    check_targets(spec, f"study {study.id}")
    return spec


def spec_from_dict(raw: Mapping[str, Any], *, where: str = "population") -> PopulationSpec:
    """The specification that `PopulationSpec.to_dict`, or a parsed file, describes; InputError where it is wrong."""
    return _spec(raw, where, None)


def _spec(raw: Mapping[str, Any], where: str, origin: Callable[[Sequence[str | int]], str] | None) -> PopulationSpec:
    checked(WrittenPopulation, raw, where, origin=origin)

    def every(key: str, read: Callable[[Any], T]) -> tuple[T, ...]:
        return tuple(read(item) for item in raw.get(key, ()))

    attributes = every("attributes", lambda item: _attribute(item, where))
    check_unique([item.name for item in attributes], "attribute", where)
    spec = PopulationSpec(
        id=raw["id"],
        title=raw["title"],
        total=raw["total"],
        fictional=bool(raw["fictional"]),
        summary=raw.get("summary", ""),
        attributes=attributes,
        groupings=(),
        marginals=(),
        impossible=(),
        assumptions=(),
        traits=(),
        text=(),
        target_shares=every(
            "target_shares",
            lambda item: TargetShares(
                item["of"], tuple((name, float(share)) for name, share in item["shares"].items())
            ),
        ),
    )
    # Each part refers to parts before it.
    spec = replace(spec, groupings=every("groupings", lambda item: _grouping(item, spec, where)))
    names = [*(item.name for item in spec.attributes), *(item.name for item in spec.groupings)]
    check_unique(names, "attribute or grouping", where)
    spec = replace(
        spec,
        marginals=every("marginals", lambda item: _marginal(item, spec, where)),
        assumptions=every("assumptions", lambda item: _assumption(item, spec, where)),
        traits=every("traits", lambda item: _trait(item, spec, where)),
        text=every("text", lambda item: _rules(item, spec, f"{where} [text]")),
    )
    spec = replace(spec, impossible=every("impossible", lambda item: _impossible(item, spec, where)))
    check_unique([item.name for item in spec.marginals], "marginal", where)
    check_unique([item.attribute for item in spec.assumptions], "assumption", where)
    check_unique([*(item.name for item in spec.attributes), *spec.trait_names], "attribute or trait", where)
    check_covered(spec, where)
    check_targets(spec, where)
    return spec


def _attribute(raw: Mapping[str, Any], where: str) -> Attribute:
    where = f"{where} [attribute {raw['name']}]"
    reserved = ("persona_id", "weight", "text", "age", "an")
    if raw["name"] in reserved or not str(raw["name"]).isidentifier() or not raw["name"][0].islower():
        allowed = (
            f"a word of letters, digits and _ that begins with a small letter and is not one of {', '.join(reserved)}"
        )
        raise InputError(f"an attribute cannot be called '{raw['name']}'", where=where, allowed=allowed)
    categories = tuple(
        Category(
            id=str(item["id"]),
            label=str(item["label"]),
            phrases=tuple(str(phrase) for phrase in item.get("phrases") or (item["label"],)),
            words={str(key): str(value) for key, value in item.get("words", {}).items()},
            age=(item["age"][0], item["age"][1]) if item.get("age") else None,
        )
        for item in raw["categories"]
    )
    if not categories:
        raise InputError("has no categories", where=where, allowed="at least one")
    check_unique([item.id for item in categories], "category", where)
    return Attribute(raw["name"], raw["label"], categories, raw.get("description", ""))


def _grouping(raw: Mapping[str, Any], spec: PopulationSpec, where: str) -> Grouping:
    where = f"{where} [grouping {raw['name']}]"
    ids = spec.attribute(raw["attribute"]).ids
    groups = _condition(raw["groups"])
    placed = [category for members in groups.values() for category in members]
    for category in placed:
        one_of(category, ids, what=f"category of {raw['attribute']}", where=where)
    for category in ids:
        if placed.count(category) != 1:
            count = placed.count(category)
            raise InputError(f"category '{category}' is in {count} groups", where=where, allowed="exactly one")
    return Grouping(raw["name"], raw.get("label", raw["name"]), raw["attribute"], groups)


def _condition(raw: Mapping[str, Any] | None) -> Condition:
    return {name: (one,) if isinstance(one, str) else tuple(one) for name, one in (raw or {}).items()}


def _marginal(raw: Mapping[str, Any], spec: PopulationSpec, where: str) -> Marginal:
    where = f"{where} [marginal {raw['name']}]"
    attributes, within = tuple(raw["attributes"]), tuple(raw.get("within", ()))
    for name in attributes:
        one_of(name, spec.classifications, what="attribute or grouping", where=where)
    for name in within:
        one_of(name, attributes, what="classification to take shares within", where=where)
    one_of(raw["use"], USES, what="use", where=where)
    one_of(raw["quality"], QUALITIES, what="quality", where=where)
    one_of(raw["unit"], UNITS, what="unit", where=where)
    if not str(raw.get("source", "")).strip():
        raise InputError("names no source", where=where, allowed="a citation, or the word assumption")
    universe = _condition(raw.get("universe"))
    check_condition(spec, universe, where)
    axes = spec.axes_inside(attributes, universe)
    original = raw.get("original_table")
    marginal = Marginal(
        name=raw["name"],
        label=raw.get("label", raw["name"]),
        attributes=attributes,
        use=raw["use"],
        source=raw["source"],
        quality=raw["quality"],
        unit=raw["unit"],
        table=_table(raw["table"], spec, attributes, axes, where),
        year=str(raw.get("year", "")),
        note=raw.get("note", ""),
        universe=universe,
        within=within,
        left_out=raw.get("left_out", ""),
        original_source=raw.get("original_source", ""),
        original_table=None if original is None else _table(original, spec, attributes, axes, where),
    )
    check_table(marginal, where)
    return marginal


def _table(
    raw: Any, spec: PopulationSpec, attributes: tuple[str, ...], axes: list[np.ndarray], where: str
) -> np.ndarray:
    chosen, allowed = spec.classifications[attributes[0]], axes[0]
    valid = [name for name, inside in zip(chosen.ids, allowed, strict=True) if inside]
    if not isinstance(raw, Mapping):
        raise InputError(f"has a bare value where categories of {chosen.name} belong", where=where)
    for key in raw:
        one_of(key, valid, what=f"category of {chosen.name}", where=where)
    parts = []
    for name, inside in zip(chosen.ids, allowed, strict=True):
        if inside and name not in raw:
            raise InputError(
                f"has no value for {chosen.name} '{name}'", where=where, allowed="a value for each category"
            )
        if len(attributes) > 1:
            below = [len(axis) for axis in axes[1:]]
            part = _table(raw[name], spec, attributes[1:], axes[1:], f"{where} {name}") if inside else np.zeros(below)
        else:
            part = np.array(_count(raw[name], f"{where} {name}") if inside else 0.0)
        parts.append(part)
    return np.stack(parts)


def _count(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value <= LARGEST_COUNT:
        allowed = f"numbers of 0 and above, up to {LARGEST_COUNT:,}"
        raise InputError(f"has the value {quoted(value)}", where=where, allowed=allowed)
    return float(value)


def _impossible(raw: Mapping[str, Any], spec: PopulationSpec, where: str) -> Impossible:
    where = f"{where} [impossible]"
    condition = _condition(raw["when"])
    check_condition(spec, condition, where)
    if not condition:
        raise InputError("an impossible combination names no category", where=where)
    for name in condition:
        one_of(spec.classifications[name].attribute, spec.raked, what="attribute with a table", where=where)
    return Impossible(condition, raw["reason"])


def _assumption(raw: Mapping[str, Any], spec: PopulationSpec, where: str) -> Assumption:
    attribute = spec.attribute(raw["attribute"])
    where = f"{where} [assumption {attribute.name}]"
    rows = []
    for item in raw["rows"]:
        when = _condition(item.get("when"))
        check_condition(spec, when, where)
        for key in item["shares"]:
            one_of(key, attribute.ids, what=f"category of {attribute.name}", where=where)
        shares = np.array([float(item["shares"].get(name, 0.0)) for name in attribute.ids])
        if (shares < 0).any() or not abs(shares.sum() - 1.0) < ROUNDING:
            raise InputError(
                f"has shares that sum to {shares.sum():g}", where=where, allowed="shares of 0 to 1, summing to 1"
            )
        rows.append(AssumedShares(when, shares))
    if not rows or rows[-1].when:
        raise InputError("does not say what holds of everybody else", where=where, allowed="a last row without `when`")
    given = tuple(raw.get("given", ()))
    for name in given:
        one_of(name, spec.classifications, what="attribute or grouping", where=where)
    used = {name for row in rows for name in row.when}
    for name in sorted(used - set(given)):
        raise InputError(f"uses '{name}'", where=where, allowed=f"what it is given: {', '.join(given)}")
    if not str(raw.get("reasoning", "")).strip():
        raise InputError("gives no reasoning", where=where, allowed="why these shares are assumed")
    return Assumption(attribute.name, given, tuple(rows), raw["reasoning"], raw.get("source", "assumption"))


def _trait(raw: Mapping[str, Any], spec: PopulationSpec, where: str) -> Trait:
    where = f"{where} [trait {raw['name']}]"
    mean, spread = float(raw["mean"]), float(raw["spread"])
    if not 0 < mean < 1:
        raise InputError(f"mean {mean:g}", where=where, allowed="between 0 and 1")
    if not 0 <= spread < math.sqrt(mean * (1 - mean)):
        allowed = f"0 or more, and below {math.sqrt(mean * (1 - mean)):.2f}"
        raise InputError(f"spread {spread:g}", where=where, allowed=f"{allowed} for a mean of {mean:g}")
    shifts = {name: {str(k): float(v) for k, v in item.items()} for name, item in raw.get("shifts", {}).items()}
    check_condition(spec, {name: tuple(item) for name, item in shifts.items()}, where)
    wording = []
    for item in raw["wording"]:
        when = _condition(item.get("when"))
        check_condition(spec, when, where)
        sentences = tuple(item[level] for level in LEVELS)
        for sentence in sentences:
            check_template(sentence, spec, where)
        wording.append(Wording(when, sentences))
    if not wording or wording[-1].when:
        raise InputError("has no wording for everybody else", where=where, allowed="a last wording without `when`")
    return Trait(
        name=raw["name"],
        label=raw["label"],
        meaning=raw["meaning"],
        mean=mean,
        spread=spread,
        shifts=shifts,
        wording=tuple(wording),
        reasoning=raw["reasoning"],
        source=raw.get("source", "assumption"),
    )


def _rules(raw: Mapping[str, Any], spec: PopulationSpec, where: str) -> tuple[TextRule, ...]:
    rules = []
    for item in raw["rules"]:
        when = _condition(item.get("when"))
        check_condition(spec, when, where)
        check_template(item["say"], spec, where)
        rules.append(TextRule(when, item["say"]))
    return tuple(rules)
