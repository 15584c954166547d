"""What pages remember of long computations, for as long as the files that they were made from say the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import streamlit as st

P = ParamSpec("P")
T = TypeVar("T")

#: Where a session keeps the digest of the files behind the page; see `core.services.studies.inputs.inputs_digest`.
CONTENT = "content"


def remembered(**options: Any) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """`st.cache_resource` that forgets where a study, table or prompt was edited since.

    For what is made from files. What rests on the store alone never changes and needs no more than Streamlit's own.
    """

    def decorate(make: Callable[P, T]) -> Callable[P, T]:
        def with_content(content: str, *args: P.args, **kwargs: P.kwargs) -> T:
            return make(*args, **kwargs)

        # Streamlit reads the names of the arguments: those that begin with an underscore are no part of the key.
        given = list(inspect.signature(make).parameters.values())
        first = inspect.Parameter("content", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        with_content.__signature__ = inspect.Signature([first, *given])  # type: ignore[attr-defined]
        with_content.__name__, with_content.__qualname__ = make.__name__, make.__qualname__
        with_content.__module__, with_content.__doc__ = make.__module__, make.__doc__
        kept = st.cache_resource(**options)(with_content)

        @wraps(make)
        def remembering(*args: P.args, **kwargs: P.kwargs) -> T:
            return kept(str(st.session_state.get(CONTENT, "")), *args, **kwargs)

        return remembering

    return decorate
