"""An arm of one's own: levers and shocks with their days, added by a form, kept in the address."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, get_args

import streamlit as st

from core.errors import InputError, PolicyTwinError
from core.report.sentences.society_levers import KEYS, KINDS, lever_line
from core.society.levers import POLICIES, SHOCKS
from core.society.scenario import Scenario, read_scenario
from pages.common.shell import plain_text, try_to

OWN_ARM = "own"
OWN_TITLE = "Your own"
#: The parameter of the address that holds the levers of the own arm, in JSON.
ADDRESS = "own"
#: Keys that the form leaves as they are.
_LEFT = ("kind", "id", "who", "closed_cells")


def own_arm(scenario: Scenario) -> Scenario:
    """The scenario with the arm of the address. What does not fit this scenario is named and left out."""
    levers = own_levers()
    if not levers:
        return scenario
    arm = {"id": OWN_ARM, "title": OWN_TITLE, "edit": [{"add": lever} for lever in levers]}
    raw = scenario.as_dict()
    try:
        return read_scenario(
            raw | {"arms": [*(item for item in raw["arms"] if item["id"] != OWN_ARM), arm]}, scenario.id
        )
    except PolicyTwinError as wrong:
        st.warning(
            plain_text(f"Your own arm does not fit this scenario, and is left out. {wrong}"), icon=":material/error:"
        )
        return scenario


def own_levers() -> list[dict[str, Any]]:
    """The levers of the address; none where it holds no list."""
    try:
        found = json.loads(st.query_params.get(ADDRESS, "[]"))
    except ValueError:
        return []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _keep(levers: list[dict[str, Any]]) -> None:
    if levers:
        st.query_params[ADDRESS] = json.dumps(levers, separators=(",", ":"))
    else:
        st.query_params.pop(ADDRESS, None)


def levers_view(scenario: Scenario) -> None:
    """What is in force in every arm, one's own levers, and a form for one more."""
    always = [*scenario.levers, *scenario.shocks]
    if always:
        st.caption("In force in every arm")
        for one in always:
            st.markdown(f"- {plain_text(lever_line(one.model_dump(mode='json')))}")
    mine = own_levers()
    for number, lever in enumerate(mine):
        line, drop = st.columns([6, 1], vertical_alignment="center")
        try:
            line.markdown(plain_text(lever_line(lever)))
        except KeyError:
            line.markdown(plain_text(str(lever)))
        if drop.button("", key=f"drop-{number}", icon=":material/delete:", help="Take it out", type="tertiary"):
            _keep([item for place, item in enumerate(mine) if place != number])
            st.rerun()
    with st.popover("Try something of your own", icon=":material/add:", width="stretch"):
        kinds = list(POLICIES) + list(SHOCKS)
        kind = st.selectbox("What", kinds, format_func=KINDS.__getitem__, key="lever-kind")
        raw = _form(str(kind), scenario)
        if st.button("Add it", type="primary", key="lever-add") and try_to(lambda: _check(scenario, [*mine, raw])):
            _keep([*mine, raw])
            st.rerun()


def _check(scenario: Scenario, levers: list[dict[str, Any]]) -> None:
    arm = {"id": OWN_ARM, "title": OWN_TITLE, "edit": [{"add": lever} for lever in levers]}
    read_scenario(scenario.as_dict() | {"arms": [arm]}, scenario.id)


def _form(kind: str, scenario: Scenario) -> dict[str, Any]:
    """A widget for each key of the kind; only what is other than usual is kept, besides what is needed."""
    model = (POLICIES | SHOCKS)[kind]
    raw: dict[str, Any] = {"kind": kind}
    for name, field in model.model_fields.items():
        if name in _LEFT:
            continue
        value = _widget(kind, name, field, scenario)
        if field.is_required() or value not in (
            field.default,
            None,
            [],
            list(field.default) if isinstance(field.default, tuple) else None,
        ):
            raw[name] = value
    if "who" in model.model_fields:
        who = {
            "income_quartile": st.multiselect(KEYS["income_quartile"], [1, 2, 3, 4], key=f"{kind}-quartile"),
            "district": st.multiselect(
                KEYS["district"], [item.id for item in scenario.space.districts], key=f"{kind}-district"
            ),
        }
        if any(who.values()):
            raw["who"] = {name: value for name, value in who.items() if value}
    return raw


def _widget(kind: str, name: str, field: Any, scenario: Scenario) -> Any:
    label, key = KEYS.get(name, name), f"lever-{kind}-{name}"
    if name in ("start", "end"):
        usual = scenario.start if name == "start" else None
        day = st.date_input(
            label,
            usual,
            min_value=scenario.start,
            max_value=scenario.end,
            key=key,
            help=None if name == "start" else "Left out: to the end",
        )
        return str(day) if isinstance(day, date) else None
    ids = [place.id for place in scenario.places]
    if name == "places":
        return st.multiselect(label, ids, format_func=_readable, key=key)
    if name == "place":
        return st.selectbox(
            label, [place.id for place in scenario.places if place.kind == "restaurant"], format_func=_readable, key=key
        )
    if name == "hours":
        usual_hours = field.default if isinstance(field.default, tuple) else (11, 22)
        return list(st.slider(label, 0, 24, usual_hours, key=key))
    if choices := [item for item in get_args(field.annotation) if isinstance(item, str)]:
        return st.selectbox(label, choices, index=len(choices) - 1, key=key)
    if field.annotation is bool:
        return st.checkbox(label, value=bool(field.default), key=key)
    return _number(label, key, name, field)


def _number(label: str, key: str, name: str, field: Any) -> int | float | None:
    """A number within the bounds of its key."""
    bounds = {
        edge: getattr(item, edge)
        for item in field.metadata
        for edge in ("ge", "gt", "le")
        if getattr(item, edge, None) is not None
    }
    whole = field.annotation is int
    kind = int if whole else float
    low = kind(bounds.get("ge", bounds.get("gt", 0)))
    high = kind(bounds["le"]) if "le" in bounds else None
    usual = {
        "cents": 2000,
        "rate": 0.1,
        "factor": 1.1,
        "posts_per_hour": 8.0,
        "share": 0.5,
        "cents_per_km": 50,
        "most": 20,
    }.get(name)
    start = field.default if isinstance(field.default, int | float) else usual
    if start is None and not field.is_required():
        return st.number_input(label, value=None, min_value=low, max_value=high, key=key)
    if start is None:
        raise InputError(f"the key {name} has no usual value", where="levers")
    value = min(max(kind(start), low), high if high is not None else kind(start))
    return kind(st.number_input(label, value=value, min_value=low, max_value=high, key=key))


def _readable(name: str) -> str:
    return name.replace("_", " ").capitalize()
