"""A small society: what a lever does to households, places and what they say to one another, and how far to believe it."""

from __future__ import annotations

from pages.common.shell import open_page, plain_errors
from pages.views.society.board import society_view


def main() -> None:
    workspace = open_page("Society lab")
    with plain_errors():
        society_view(workspace)


if __name__ == "__main__":
    with plain_errors():
        main()
