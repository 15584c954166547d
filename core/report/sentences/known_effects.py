"""What published effects say of a study's twins: ours beside theirs, and what neither can tell."""

from __future__ import annotations

from core.report.document import Block, Details, Document, Paragraph, Table
from core.report.sentences.left_out import left_out_items
from core.services.evaluation.known_effects import KnownEffect, KnownEffectsResult

HOW = (
    "Ours is a contrast of two policies on the same people: what the coefficients say, times how much of simulated effects the "
    "places' own pasts bore out up to the end of training. Its interval is over which places these are; shocks that all shared, "
    "and a wrong model, are not in it."
)


def verdict(item: KnownEffect) -> str:
    """How ours lies to the published range. Sizes are compared in the published direction."""
    way = -1.0 if item.published < 0 else 1.0
    ours = sorted((way * item.low, way * item.high))
    low, high = sorted((way * item.published_low, way * item.published_high))
    inside = low <= way * item.estimate <= high
    if item.missing:
        return "as large, which is too much" if inside or way * item.estimate > high else "smaller, as it must be"
    if inside:
        return "within the published range"
    if ours[0] <= high and ours[1] >= low:
        return "outside the published range, and intervals overlap"
    return "too small" if way * item.estimate < low else "too large"


def known_effects_document(result: KnownEffectsResult) -> Document:
    """Each published effect beside ours, what a twin that reached it would be missing, and which findings test nothing."""
    tests = [item for item in result.effects if not item.used_for_coefficients and not item.missing]
    agree = [item for item in tests if verdict(item).startswith("within")]
    fictional = (Paragraph("Fictional data.", "caution"),) if result.fictional else ()
    rows = tuple(
        (
            item.name, _number(item.estimate), _range(item.low, item.high), _number(item.published),
            _range(item.published_low, item.published_high), item.unit, verdict(item),
            "yes" if item.used_for_coefficients else "no",
        )
        for item in result.effects
    )  # fmt: skip
    heads = (
        "Effect",
        "Ours",
        f"{_level(result)}% interval",
        "Published",
        "Range",
        "In",
        "Verdict",
        "Set a coefficient",
    )
    return Document(
        f"Does the twin find what others found? {result.title}",
        (
            *fictional,
            Paragraph(
                f"{len(agree)} of {len(tests)} published effects that set no coefficient lie where others found them.",
                "good" if tests and len(agree) == len(tests) else "plain",
            ),
            Table(heads, rows),
            *_missing(result),
            Paragraph(HOW),
            Details(
                "Where each is from",
                tuple(Paragraph(f"{item.name}: {item.source}. {_from(item)}") for item in result.effects),
            ),
            *left_out_items(result.left_out),
        ),
        run_id=result.run_id,
    )


def _missing(result: KnownEffectsResult) -> tuple[Block, ...]:
    return tuple(
        Paragraph(
            f"{item.name}: the twin is told of the lever alone and gives {_number(item.estimate)}, against "
            f"{_number(item.published)}. What is missing: {item.missing}. A twin that reached it from the lever alone would be "
            "wrong.",
            "caution",
        )
        for item in result.effects
        if item.missing
    )


def _from(item: KnownEffect) -> str:
    many = f"{item.places} places" if item.places > 1 else "one place"
    return f"Ours: {many}, known up to {item.train_end}, {item.weight:.2f} of what is simulated."


def _level(result: KnownEffectsResult) -> int:
    return result.effects[0].level if result.effects else 0


def _number(value: float) -> str:
    return f"{value:+.2f}" if abs(value) < 1 else f"{value:+.1f}"


def _range(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"
