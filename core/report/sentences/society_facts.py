"""What a society's stylised facts show, and what a search for parameters found, in sentences."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.report.document import Block, Document, Items, Paragraph, Table
from core.services.society.facts import FactsResult, TuneResult
from core.society.facts import FactFigure

HEAD = ("", "Quantity", "Here", "95% over seeds", "Elsewhere", "", "Used for", "Source")
USES = {
    "tuned": "the search sees it",
    "mended": "its miss changed the mechanism",
    "input": "the society is built with it",
    "held out": "held out",
}
WHAT = "A fact inside its range makes a mechanism plausible; it does not make a society like any real place."


def facts_document(result: FactsResult) -> Document:
    """The count first, then every figure, then what cannot be computed."""
    blocks: list[Block] = [
        Paragraph(f"{counted(result)} {WHAT}", "answer"),
        Table(HEAD, tuple(map(fact_row, result.figures)), digits=2),
        Paragraph(f"Not computed, and not counted ({len(result.left_out)}):"),
        Items(tuple(f"{item.fact}, {item.quantity}: {item.reason}" for item in result.left_out)),
    ]
    source = (
        f"scenario {result.scenario}, {result.households:,} households, seeds {result.first_seed} to "
        f"{result.first_seed + result.seeds - 1}, parameters {result.parameters_hash[:12]}"
    )
    return Document("Stylised facts", tuple(blocks), source=source)


def counted(result: FactsResult) -> str:
    """How many facts are inside, of all and by what they were used for; and how many figures that were held out."""
    parts = [f"{words}: {result.counts[use][0]} of {result.counts[use][1]}" for use, words in USES.items()]
    inside, total = result.counts["all"]
    held = [item.hit for item in result.figures if item.use == "held out"]
    return (
        f"{inside} of {total} facts lie inside their ranges with all their figures ({'; '.join(parts)}). Of single figures that "
        f"were held out {sum(held)} of {len(held)} do."
    )


def fact_row(item: FactFigure) -> tuple[str, ...]:
    """One figure as a row of `HEAD`."""
    numbers = (
        _value(item.value, 2),
        "–" if item.low is None or item.high is None else f"{_value(item.low, 2)} to {_value(item.high, 2)}",
        f"{item.range_low:g} to {item.range_high:g}".replace("-", "−"),
    )
    return item.fact, item.quantity, *numbers, "inside" if item.hit else "outside", item.use, item.source


def tune_document(result: TuneResult) -> Document:
    """Before and after, and the block that a scenario takes over."""
    rows: Sequence[tuple[str, ...]] = [
        (
            now.fact,
            now.quantity,
            _value(before.value),
            _value(now.value),
            f"{now.range_low:g} to {now.range_high:g}".replace("-", "−"),
        )
        for before, now in zip(result.before, result.after, strict=True)
    ]
    blocks: list[Block] = [
        Paragraph(
            f"Of {result.trials} trials the best is {result.loss_after:.3f} from the middles of the ranges, and the scenario "
            f"as it stands {result.loss_before:.3f} (mean square, where a range's end is 1). No other fact was looked at.",
            "answer",
        ),
        Table(("", "Quantity", "Now", "Best", "Elsewhere"), tuple(rows)),
        Paragraph(f'"parameters": {json.dumps(dict(result.parameters))}'),
    ]
    source = (
        f"scenario {result.scenario}, {result.households:,} households, {result.seeds} seeds from {result.first_seed}"
    )
    return Document("Search for parameters", tuple(blocks), source=source)


def _value(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")
