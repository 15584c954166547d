"""What the test of attention and popularity says, in sentences."""

from __future__ import annotations

from core.report.document import Document, Heading, Paragraph, Table
from core.society.attention import FULL, STRESS_OFF, UNREAD
from core.society.attention_verdict import AttentionResult
from core.society.dose_response import INVERTED_U, SATURATING, Estimate

ARM_WORDS = {FULL: "as it stands", STRESS_OFF: "stress changes nothing", UNREAD: "nobody reads"}
MEANS = {
    SATURATING: "Sales rise with posts, and less so at high doses; that they fall at any dose is not shown.",
    INVERTED_U: "Sales rise with posts up to a point and fall beyond it: both lines hold.",
}


def attention_document(result: AttentionResult) -> Document:
    """The verdict first, then the curve, what takes part in it, and what days alone would have said."""
    top, paired, placebos, spread = result.dose[-1], result.ablation, result.placebos, result.dispersion
    echo = result.echo.unread_share
    return Document(
        f"Do posts about {result.place} sell?",
        (
            Paragraph(
                f"Verdict: {result.verdict}. {MEANS.get(result.verdict, 'No shape can be told from chance.')} At "
                f"{top.posts_per_hour:g} posts an hour it sells {top.relative_sales:.2f} times what it sells without "
                f"({top.low:.2f} to {top.high:.2f}).", "answer",
            ),
            Table(
                ("Posts an hour", "Sales relative to none", "95% interval", "Own posts a day", "Mean valence", "Dispersion",
                 "Turned away a day"),
                tuple(
                    (f"{item.posts_per_hour:g}", item.relative_sales, span(item.low, item.high), item.posts, item.mean_valence,
                     item.dispersion, item.turned_away)
                    for item in result.arms[FULL].doses
                ),
                f"{result.seeds} seeds from {result.first_seed}, {result.days} days, {result.households:,} households; a seed's "
                "doses share every draw.",
            ),
            Heading("What takes part in it"),
            Table(
                ("Arm", "a (bend)", "95% interval", "b (rise)", "95% interval", "Verdict"),
                tuple(
                    (ARM_WORDS[name], arm.a, span(arm.a_low, arm.a_high), arm.b, span(arm.b_low, arm.b_high),
                     "no sale changed" if arm.constant else arm.verdict)
                    for name, arm in result.arms.items()
                ),
                "Quadratic of standardised sales on the standardised dose, by seed.", digits=3,
            ),
            Paragraph(
                f"Two lines part at {result.arms[FULL].two_lines.breakpoint:.3g} posts an hour: the first has the slope "
                f"{told(result.arms[FULL].two_lines.rising, 4)}, the second {told(result.arms[FULL].two_lines.falling, 4)}."
            ),
            Paragraph(
                f"Stress bends the curve by {told(paired.difference)} (a with stress less a without, same seeds; below 0 in "
                f"{paired.share_below:.0%} of them): {'as' if paired.as_expected else 'not as'} registered."
            ),
            Heading("What must change nothing"),
            Paragraph(
                ("Where nobody reads, no dose changed a bit of any world. " if placebos.unread_zero else
                 "A dose changed worlds where nobody reads: a defect. ")
                + f"Sales of {placebos.other_place}, the restaurant farthest away: b {told(placebos.other_b)}, "
                f"{'as' if placebos.other_as_expected else 'not as'} registered. With doses shuffled within seeds b lies between "
                f"{placebos.shuffled_b.low:.3f} and {placebos.shuffled_b.high:.3f}; the true one is {result.arms[FULL].b:.3f}."
            ),
            Heading("Echo: what days alone would have said"),
            Table(
                ("Days of", "Arm", "Campaign's posts", "a", "95% interval", "b", "95% interval"),
                tuple(
                    (item.worlds, ARM_WORDS[item.arm], "counted" if item.campaign_posts else "left out", item.a.mean,
                     span(item.a.low, item.a.high), item.b.mean, span(item.b.low, item.b.high))
                    for item in result.echo.fits
                ),
                "Posts and sales by day, all seeds together; intervals of a bootstrap of whole seeds.", digits=3,
            ),
            Paragraph(
                "Without any campaign " + (
                    "days show no such relation." if echo is None else
                    f"{echo:.0%} of the relation of posts and sales by day is there when nobody reads: people post about where "
                    "they ate. It tests nothing."
                ), "caution",
            ),
            Paragraph(
                f"Dispersion (Gini's mean difference) goes with the number of posts by r = {told(spread.without_dose, 2)} "
                f"without a dose and {told(spread.all_doses, 2)} over all doses; {spread.steps_as_registered} of {spread.steps} "
                f"steps from dose to dose moved as registered. Elasticity of sales at the low doses: "
                f"{told(result.elasticity, 2)} (published .10 to .35)."
            ),
            Paragraph(
                f"As registered (plan {result.plan_sha256[:12]})." if not result.departures else
                f"Not the registered run: other {', '.join(result.departures)} (plan {result.plan_sha256[:12]}).",
            ),
        ),
    )  # fmt: skip


def told(value: Estimate | None, digits: int = 3) -> str:
    """A mean with its interval."""
    if value is None:
        return "unknown"
    return f"{value.mean:.{digits}f} ({span(value.low, value.high, digits)})"


def span(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval; what it is where there is none."""
    return "no interval" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"
