"""Choices that live in the page's address by their ids, so that a link shows the same screen, whatever its words.

Each is started from the address, drawn, and written back unless it is the usual one. A link followed later in the session
wins over what was chosen before; a value that means nothing here is named and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import streamlit as st

from core.services.runs.results import METRICS
from core.study import Study

T = TypeVar("T")
#: What this session has written into the address: name -> text, or None where it took a choice out.
WRITTEN = "address-written"
#: What was chosen last, (study, name) -> text, for pages whose choices survive a visit to another page.
KEPT = "address-kept"


def key_of(study: Study, name: str) -> str:
    """The session's key of a choice; each study has its own."""
    return f"choice-{study.id}-{name}"


def arrived(name: str) -> bool:
    """Whether the address says something about a choice that this session has not written there itself."""
    text = st.query_params.get(name)
    return text is not None and st.session_state.get(WRITTEN, {}).get(name) != text


def from_address(study: Study, name: str, default: T, parse: Callable[[str], T], *, keep: bool = False) -> str:
    """Start a widget from the address; returns its key. A value that means nothing here is named and left out.

    A link followed later in the session wins over what was chosen before. With `keep`, a choice that was made before a
    visit to another page is taken up again.
    """
    key = key_of(study, name)
    fresh = key not in st.session_state
    if fresh:
        st.session_state[key] = default
    if arrived(name) or (fresh and name in st.query_params):
        text = str(st.query_params[name])
        _note(name, text)
        try:
            st.session_state[key] = parse(text)
        except ValueError:
            st.warning(f"The link's choice for “{name}” is not possible here; showing the usual one.")
    elif fresh and keep:
        before = st.session_state.get(KEPT, {}).get((study.id, name))
        if before is not None:
            try:
                st.session_state[key] = parse(before)
            except ValueError:
                st.session_state[key] = default
    return key


def into_address(name: str, text: str, default: str, *, keep_for: Study | None = None) -> None:
    """Keep a choice in the address, unless it is the usual one; with `keep_for`, for the next visit too."""
    wanted = None if text == default else text
    _note(name, wanted)
    if keep_for is not None:
        st.session_state[KEPT] = {**st.session_state.get(KEPT, {}), (keep_for.id, name): text}
    if wanted is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != wanted:
        st.query_params[name] = wanted


def leave_out(name: str) -> None:
    """Take a choice out of the address that means nothing now; what was chosen is kept for when it does again."""
    _note(name, None)
    st.query_params.pop(name, None)


def _note(name: str, text: str | None) -> None:
    st.session_state[WRITTEN] = {**st.session_state.get(WRITTEN, {}), name: text}


def pick(
    study: Study,
    name: str,
    label: str,
    options: Sequence[str],
    words: Callable[[str], str],
    default: str,
    *,
    keep: bool = False,
    buttons: bool = False,
    pills: bool = False,
    formerly: Mapping[str, str] | None = None,
    **more: Any,
) -> str:
    """A select box, or a row of buttons or pills, whose choice is in the address; `formerly` maps names in older links to
    today's."""
    usable = list(options)

    def parse(text: str) -> str:
        return usable[usable.index((formerly or {}).get(text, text))]

    key = from_address(study, name, default, parse, keep=keep)
    # Given anew on every run: after a run that stopped above it, the browser has forgotten what the session still knows.
    known = st.session_state[key]
    st.session_state[key] = known if known in usable else default
    if pills:
        chosen = str(st.pills(label, usable, format_func=words, key=key, required=True, **more))
    elif buttons:
        chosen = str(st.segmented_control(label, usable, format_func=words, key=key, required=True, **more))
    else:
        chosen = str(st.selectbox(label, usable, format_func=words, key=key, **more))
    into_address(name, chosen, default, keep_for=study if keep else None)
    return chosen


def pick_part(study: Study, name: str, parts: Mapping[str, tuple[str, T]], **how: Any) -> T:
    """What stands behind one of the parts of a page, id -> (words, what it is), the first unless another is chosen; as `pick`."""
    chosen = pick(
        study,
        name,
        "Part",
        list(parts),
        lambda part: parts[part][0],
        next(iter(parts)),
        label_visibility="collapsed",
        **how,
    )
    return parts[chosen][1]


def pick_several(
    study: Study,
    name: str,
    label: str,
    options: Sequence[str],
    words: Callable[[str], str],
    default: list[str],
    **more: Any,
) -> list[str]:
    """A multiple choice that is in the address, comma-separated."""
    usable = list(options)

    def parse(text: str) -> list[str]:
        return [usable[usable.index(part)] for part in text.split(",") if part]

    key = from_address(study, name, default, parse)
    st.session_state[key] = [item for item in st.session_state[key] if item in usable]
    chosen = [str(item) for item in st.multiselect(label, usable, format_func=words, key=key, **more)]
    into_address(name, ",".join(chosen), ",".join(default))
    return chosen


def pick_day(
    study: Study, name: str, label: str, default: date, first: date, last: date, *, keep: bool = False, **more: Any
) -> date:
    """A day from `first` to `last` that is in the address."""

    def parse(text: str) -> date:
        day = date.fromisoformat(text)
        if not first <= day <= last:
            raise ValueError(text)
        return day

    key = from_address(study, name, default, parse, keep=keep)
    st.session_state[key] = min(max(st.session_state[key], first), last)
    chosen = st.date_input(label, min_value=first, max_value=last, key=key, **more)
    assert isinstance(chosen, date)
    into_address(name, str(chosen), str(default), keep_for=study if keep else None)
    return chosen


def pick_measure() -> str:
    """The error measure by which runs are judged, an id of `METRICS`."""
    chosen = st.segmented_control(
        "Error measure",
        list(METRICS),
        default="rmse",
        format_func=str.upper,
        required=True,
        key="measure",
        bind="query-params",
        help=f"Taken per behaviour on all held-out days, then averaged over behaviours. {'; '.join(METRICS.values())}.",
    )
    return str(chosen) if chosen in METRICS else "rmse"


def type_text(study: Study, name: str, label: str, default: str, **more: Any) -> str:
    """A line of text that is in the address."""
    key = from_address(study, name, default, str, keep=True)
    st.session_state[key] = str(st.session_state[key])
    text = str(st.text_input(label, key=key, **more) or "").strip()
    into_address(name, text, default, keep_for=study)
    return text


def type_number(
    study: Study, name: str, label: str, default: float, low: float, high: float, step: float, **more: Any
) -> float:
    """A number that is in the address; whole where the default is."""
    kind = int if isinstance(default, int) else float

    def parse(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    key = from_address(study, name, default, parse, keep=True)
    st.session_state[key] = min(max(kind(st.session_state[key]), low), high)
    value = st.number_input(label, min_value=low, max_value=high, step=step, key=key, **more)
    into_address(name, f"{value:g}" if kind is float else str(value), f"{default:g}", keep_for=study)
    return value
