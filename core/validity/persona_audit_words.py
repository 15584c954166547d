"""What the figures of a persona audit say, in sentences: each follows from an interval, and none from a threshold."""

from __future__ import annotations

import numpy as np

from core.validity.persona_audit import ROUNDING, Agreement, Change, Estimate, Spread


def spread_verdict(spread: Spread, reference: str) -> str:
    """How the spread between personas compares with that of `reference`."""
    ratio = spread.ratio
    if not np.isfinite(ratio.value):
        return f"The personas of {reference} do not differ, so that there is nothing to compare with."
    said = (
        f"Between people, answers differ {ratio.value:.2f} times as much as those of {reference}{_interval(ratio, 2)}"
    )
    if not np.isfinite(ratio.lower):
        return f"{said}; with so few people, how sure that is cannot be said."
    if not ratio.leaves_out(1.0):
        return f"{said}: no difference that could be told from the choice of people."
    return f"{said}: its people are {'more alike' if ratio.value < 1 else 'more diverse'}."


def is_collapsed(between: Estimate, distinct: float, people: int) -> bool:
    """Whether it makes no difference, as far as can be told, who is asked."""
    if people > 1 and distinct <= 1.0 + ROUNDING:
        return True
    return bool(np.isfinite(between.lower) and between.lower <= 0.0)


def collapse_verdict(between: Estimate, distinct: float, kish: float, people: int) -> str:
    """Whether the personas are different people; `between` is the share of variance between them, without sampling."""
    said = f"{distinct:.1f} distinct personas in effect, of {kish:.1f} that the weights allow"
    if people > 1 and distinct <= 1.0 + ROUNDING:
        return f"{said}: all answer alike, so that who is asked makes no difference."
    if not np.isfinite(between.value):
        return f"{said}."
    shown = _share(between)
    percent = f"{100 * shown.value:.0f}%{_interval(shown, 0, 100)}"
    share = f"{percent} of the variance of answers on one situation lies between people"
    if is_collapsed(between, distinct, people):
        return f"{said}; {share}: that it matters who is asked cannot be told from sampling."
    return f"{said}; {share}: it matters who is asked."


def agreement_verdict(found: Agreement, error: np.ndarray) -> str:
    """How far repeated samples agree; `error` (behaviours,) is what sampling leaves in the population's mean."""
    if found.identical:
        return "Repeated samples of a question give the same answer: sampling adds nothing."
    share = _share(Estimate(1 - found.overall.value, 1 - found.overall.upper, 1 - found.overall.lower))
    noise = 100 * float(np.sqrt(np.mean(found.noise**2)))
    said = f"An answer lies {noise:.1f} points around the mean of its question (standard deviation)"
    if not np.isfinite(share.value):
        return f"{said}."
    more = (
        f"{said}; sampling makes {100 * share.value:.0f}% of the difference between people's answers"
        f"{_interval(share, 0, 100)}, and moves the population's mean by {100 * float(error.mean()):.1f} points"
    )
    if mostly_sampling(found):
        return f"{more}: a single answer says more about chance than about the person."
    return f"{more}."


def mostly_sampling(found: Agreement) -> bool:
    """Whether the interval says that most of the difference between people's answers is due to sampling."""
    return bool(np.isfinite(found.overall.upper) and found.overall.upper < 0.5)


def moves(change: Change, *, leading: bool) -> bool:
    """Whether wording or a cue moves answers beyond what sampling and the choice of people explain.

    A leading cue is judged by the shift in the direction that it hopes for, any other sentence by both figures.
    """
    return change.shift.leaves_out(0.0) or (not leading and bool(change.excess.lower > ROUNDING))


def wording_verdict(change: Change) -> str:
    """What other words for the same question do."""
    return _beyond(change, "Other words for the same question change", "That the words matter")


def irrelevant_verdict(change: Change, label: str) -> str:
    """What a sentence without bearing on the question does."""
    return _beyond(change, f"A sentence on {label} changes", "That such a sentence matters")


def leading_verdict(shift: Estimate, label: str) -> str:
    """What a sentence on what the asker hopes for does; `shift` is in the direction hoped for, on the answers' scale."""
    said = f"Told that {label}, it answers {100 * shift.value:+.1f} points in that direction{_interval(shift, 1, 100)}"
    if not np.isfinite(shift.lower):
        return f"{said}; how sure that is cannot be said."
    if not shift.leaves_out(0.0):
        return f"{said}: that it follows the asker cannot be told from chance."
    return f"{said}: it {'follows the asker' if shift.value > 0 else 'goes against the asker'}."


def opposed_verdict(shift: Estimate) -> str:
    """What the two opposite hopes do between them."""
    moved = f"{100 * shift.value:+.1f} points each way{_interval(shift, 1, 100)}"
    said = f"Between opposite hopes of the asker, answers move by {moved}"
    if not np.isfinite(shift.lower):
        return f"{said}; how sure that is cannot be said."
    if shift.lower > ROUNDING:
        return f"{said}: the model is sycophantic by that much."
    if shift.upper < -ROUNDING:
        return f"{said}: the model goes against the asker."
    return f"{said}: no sycophancy that could be told from chance."


def _beyond(change: Change, begin: str, doubt: str) -> str:
    said = f"{begin} an answer by {100 * change.difference:.1f} points on average"
    if np.isfinite(change.noise):
        beyond = f"{100 * change.excess.value:+.1f}{_interval(change.excess, 1, 100)}"
        said += f", where asking again changes it by {100 * change.noise:.1f} (beyond that {beyond})"
    said += (
        f"; the shift towards going out less is {100 * change.shift.value:+.1f} points{_interval(change.shift, 1, 100)}"
    )
    if not (np.isfinite(change.excess.lower) or np.isfinite(change.shift.lower)):
        return f"{said}; how sure that is cannot be said."
    if moves(change, leading=False):
        return f"{said}: more than sampling explains."
    return f"{said}. {doubt} cannot be told from chance."


def _share(estimate: Estimate) -> Estimate:
    """Held between 0 and 1: estimates of components of variance can be a little outside."""
    value, lower, upper = np.clip([estimate.value, estimate.lower, estimate.upper], 0.0, 1.0)
    return Estimate(float(value), float(lower), float(upper))


def _interval(estimate: Estimate, digits: int, scale: float = 1.0) -> str:
    if not np.isfinite(estimate.lower):
        return ""
    # A rounded zero has no sign.
    low, high = (round(scale * item, digits) + 0.0 for item in (estimate.lower, estimate.upper))
    return f" (95% interval {low:.{digits}f} to {high:.{digits}f})"
