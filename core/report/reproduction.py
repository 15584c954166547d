"""The lines that make a result again outside the dashboard: a command and Python, both from the request itself."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.options import classes_in, command_words, python_text
from core.report.document import Block, Code, Details, Paragraph
from core.store.database import Store

#: The store that the lines make, so that the dashboard's own is not needed.
OWN_STORE = "reproduce.duckdb"


@dataclass(frozen=True)
class Reproduction:
    """How to get the same figures; `command` is "" where only Python can, and `note` says what to know before."""

    command: str
    python: str
    note: str = ""

    def details(self, title: str = "Reproduce this") -> Details:
        """The lines as they stand in a document."""
        blocks: list[Block] = [Paragraph(self.note)] if self.note else []
        if self.command:
            blocks += [Paragraph("On the command line:"), Code(self.command, "bash")]
        return Details(title, (*blocks, Paragraph("In Python:"), Code(self.python, "python")))


def reproduction(
    name: str, request: Any, use_case: Callable[..., Any], *, note: str = "", store: str = OWN_STORE
) -> Reproduction:
    """The lines that ask `use_case`, the command `name`, for `request` in a store of their own."""
    words = ["policytwin", *name.split(), *command_words(request), "--db", store, "--json"]
    return Reproduction(shlex.join(words), request_python(request, use_case, store), note)


def request_python(
    request: Any, use_case: Callable[..., Any], store: str = OWN_STORE, shown: str = "print(result.as_dict())"
) -> str:
    """Python lines that make the request, put it to `use_case(request, store)`, and show the result."""
    made = f"{use_case.__name__}(request, store)"
    return python_lines((*classes_in(request), use_case), f"request = {python_text(request)}", made, shown, store=store)


def python_lines(used: Iterable[Callable[..., Any]], *lines: str, store: str = "") -> str:
    """Python lines with the imports of what they use; in a `store` the last but one is what gives the `result`."""
    needed = [*used, Store] if store else used
    names = {(item.__module__, item.__qualname__) for item in needed}
    modules = sorted({module for module, _ in names}, key=lambda module: (module.startswith("core"), module))
    imports = [
        f"from {module} import {', '.join(sorted(name for at, name in names if at == module))}" for module in modules
    ]
    if modules[0] == "datetime":
        imports.insert(1, "")
    *first, made, shown = lines
    body = [*first, f"with Store({store!r}) as store:", f"    result = {made}", shown] if store else lines
    return "\n".join([*imports, "", *body, ""])


def rerun_lines(run_id: str, store: str) -> Reproduction:
    """How a run is made again from the store it lies in, whatever has become of its files, and compared."""
    from core.services.library.reruns import rerun

    python = python_lines((rerun,), f"rerun(store, {run_id!r})", "print(result.same, result.changes)", store=store)
    note = "Made again from this store alone, to see whether the result is the same. Close PolicyTwin first:"
    return Reproduction(shlex.join(["policytwin", "rerun", run_id, "--db", store]), python, note)
