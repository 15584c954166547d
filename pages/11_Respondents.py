"""Respondents: people who were asked, what they agreed to and said, who used it, and withdrawal."""

from __future__ import annotations

from pages.common.shell import open_page, plain_errors
from pages.views.respondents.board import respondents_view


def main() -> None:
    workspace = open_page("Respondents")
    with plain_errors():
        respondents_view(workspace)


if __name__ == "__main__":
    with plain_errors():
        main()
