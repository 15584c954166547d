"""Survey twins: what twins say to a question is corrected by what people said to others, and judged before it is believed."""

from __future__ import annotations

from pages.common.shell import open_page, plain_errors
from pages.views.survey_twins.board import board_view
from pages.views.survey_twins.tables import chosen_pair


def main() -> None:
    open_page("Survey twins")
    with plain_errors():
        pair = chosen_pair()
        if pair is not None:
            board_view(pair)


if __name__ == "__main__":
    with plain_errors():
        main()
