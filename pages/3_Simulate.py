"""Simulate: choose who answers, see the cost first, run and watch it, read the answers, and set engines side by side."""

from __future__ import annotations

from functools import partial
from typing import Any

from pages.common.address import pick
from pages.common.fit_panel import adopt_finished_run
from pages.common.shell import open_page, plain_errors
from pages.views.simulate.ask import ask_view
from pages.views.simulate.compare import compare_view
from pages.views.simulate.method import reproduce_view
from pages.views.simulate.persona_audit import persona_audit_view
from pages.views.simulate.read import read_view
from pages.views.simulate.run import NEWS, finished_words, run_view

SECTIONS = {
    "run": "Run",
    "read": "Read answers",
    "compare": "Compare engines",
    "persona-audit": "Persona audit",
    "ask": "Ask a question",
}


def main() -> None:
    workspace = open_page("Simulate")
    with plain_errors():
        adopt_finished_run(workspace, NEWS, partial(finished_words, workspace))
        section = pick(
            workspace.study, "section", "What to do", list(SECTIONS), SECTIONS.__getitem__, "run",
            buttons=True, label_visibility="collapsed", formerly={"crowd": "persona-audit"},
        )  # fmt: skip
        shown: dict[str, Any] = {}
        match section:
            case "read":
                shown = read_view(workspace)
            case "compare":
                shown = compare_view(workspace)
            case "persona-audit":
                shown = persona_audit_view(workspace)
            case "ask":
                shown = ask_view(workspace)
            case _:
                run_view(workspace)
        reproduce_view(workspace, section, shown)


if __name__ == "__main__":
    with plain_errors():
        main()
