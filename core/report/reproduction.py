"""The lines that make a result again outside the dashboard: a command and Python, both from the request itself."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.options import classes_in, command_words, python_text
from core.report.document import Block, Code, Details, Paragraph

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
    words = ["policytwin", name, *command_words(request), "--db", store, "--json"]
    return Reproduction(shlex.join(words), request_python(request, use_case, store), note)


def request_python(
    request: Any, use_case: Callable[..., Any], store: str = OWN_STORE, shown: str = "print(result.as_dict())"
) -> str:
    """Python lines that make the request, put it to `use_case(request, store)`, and show the result."""
    used = {(item.__module__, item.__qualname__) for item in classes_in(request)}
    used |= {(use_case.__module__, use_case.__qualname__), ("core.store.database", "Store")}
    modules = sorted({module for module, _ in used}, key=lambda module: (module.startswith("core"), module))
    imports = [
        f"from {module} import {', '.join(sorted(name for at, name in used if at == module))}" for module in modules
    ]
    if modules[0] == "datetime":
        imports.insert(1, "")
    return "\n".join(
        [
            *imports,
            "",
            f"request = {python_text(request)}",
            f"with Store({store!r}) as store:",
            f"    result = {use_case.__name__}(request, store)",
            shown,
            "",
        ]
    )


def rerun_lines(run_id: str, store: str) -> Reproduction:
    """How a run is made again from the store it lies in, whatever has become of its files, and compared."""
    python = (
        "from core.services.library.reruns import rerun\n"
        "from core.store.database import Store\n\n"
        f"with Store({store!r}) as store:\n"
        f"    again = rerun(store, {run_id!r})\n"
        "print(again.same, again.changes)\n"
    )
    note = "Made again from this store alone, to see whether the result is the same. Close PolicyTwin first:"
    return Reproduction(shlex.join(["policytwin", "rerun", run_id, "--db", store]), python, note)
