"""What the words on the pages mean, said once: pages link to these lines."""

from __future__ import annotations

import re
from collections.abc import Callable

#: Each term as it stands in a sentence, and what it means.
GLOSSARY: dict[str, str] = {
    "ablation": (
        "The twin with one part left out and everything else fitted anew. What the error grows by is what the part is "
        "worth."
    ),
    "anchoring": "A forecast starts from where people last were, and not from where the model alone would put them.",
    "backtest": "Forecasts made again from days of the past with what was known by then, and held against what came.",
    "baseline": (
        "A simple forecast, such as the last value or last week's mean, that is told the same as the twin and that the "
        "twin has to beat."
    ),
    "behaviour": "Something people do that a study observes and forecasts; each has a unit and a metric that shows it.",
    "calibration": (
        "Fitting a line per behaviour, and a few parameters for all, so that simulated activity agrees with what was "
        "observed in training."
    ),
    "conformal": "A way of making intervals from the errors of earlier forecasts, without assuming a distribution.",
    "context": (
        "What a person can know in a period: the policy, the kind of period, how long restrictions have lasted. Periods "
        "that are alike are simulated once."
    ),
    "coverage": "The share of observed values that lie inside an interval. An 80% interval should hold 80% of them.",
    "donor": "Another place whose course, weighted with others', stands for a place without its own policy.",
    "effect interval": (
        "The range in which the difference between two policies lies. It holds calibration, sampling of people, and how "
        "far such effects were off elsewhere; not the noise of single periods."
    ),
    "engine": "What answers for the people: rules with documented numbers, or a language model that is asked.",
    "forecast interval": (
        "The range in which a forecast's observed values should lie, single periods with their noise included."
    ),
    "hold-out": "The periods after the end of training. They are used for nothing but the test.",
    "interval score": (
        "The width of an interval plus a price for each value outside it; lower is better (Gneiting and Raftery, 2007)."
    ),
    "lever": "Something a policy sets: a level of a measure, or an amount such as a price.",
    "log-odds": "The scale on which effects add: the logarithm of the chance to do something over the chance not to.",
    "MAE": "Mean absolute error: the mean of how far a forecast missed, in points of the metric.",
    "marginal": "A published table of how many people are of each kind, which the synthetic people are made to match.",
    "measurement model": "What turns simulated activity into the number that the provider would have published.",
    "origin": "The last period that a forecast knows. Nothing observed after it may count.",
    "persona": "A synthetic person: attributes, traits and a weight, and a text that says who it is. Nobody real.",
    "placebo": "The same calculation where nothing happened. What it finds is what chance makes.",
    "prior": (
        "What was learned from other places up to the origin: recovery, season, and how much of a simulated effect to "
        "follow."
    ),
    "raking": "Adjusting weights until the synthetic people match all tables at once.",
    "residual": "What was observed minus what was forecast.",
    "RMSE": "Root mean squared error: like a mean of how far a forecast missed, in which large misses count more.",
    "rung": (
        "How far a result may be believed: the code ran, agents behaved coherently, a pattern was reproduced, the "
        "mechanism is valid for the place. The last is never claimed by itself."
    ),
    "scenario": "A policy of one's own: edits of another policy, with a name.",
    "skill": "How much smaller the twin's error is than that of the baseline it is set against.",
    "stringency": (
        "An index from 0 to 100 of how strict all measures together are; other studies have an index of their own."
    ),
    "synthetic control": (
        "A place made of other places that together followed it before a day; what they do after it stands for the "
        "place without its own policy."
    ),
    "trial": "One set of parameters that the search tried, with its error on forecasts inside training.",
    "twin": "The calibrated simulation of a place: its synthetic people, engine, lines and forecast.",
}
#: Words that everybody meets on every page: a link at each would hide the others.
UNLINKED = frozenset(
    {"behaviour", "calibration", "context", "donor", "engine", "lever", "persona", "prior", "scenario", "trial", "twin"}
)
_ANY = "|".join(sorted(map(re.escape, set(GLOSSARY) - UNLINKED), key=len, reverse=True))
_FIND = re.compile(rf"(?<![\w-])({_ANY})(s?)(?![\w-])", re.IGNORECASE)
_BY_LOWER = {name.lower(): name for name in GLOSSARY}


def with_terms(text: str, link: Callable[[str, str], str], seen: set[str]) -> str:
    """The text with the first appearance of each term that was not `seen` as `link(term, words as they stand there)`."""

    def replace(found: re.Match[str]) -> str:
        name = _BY_LOWER[found[1].lower()]
        if name in seen:
            return found[0]
        seen.add(name)
        return link(name, found[0])

    return _FIND.sub(replace, text)
