"""Library: what the store holds of a study, under the names that people gave it."""

from __future__ import annotations

from pages.common.shell import open_page, plain_errors
from pages.views.library.shelf import shelf_view


def main() -> None:
    workspace = open_page("Library")
    with plain_errors():
        shelf_view(workspace)


if __name__ == "__main__":
    with plain_errors():
        main()
