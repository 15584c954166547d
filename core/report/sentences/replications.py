"""What replicating people's answers means, in sentences."""

from __future__ import annotations

from core.report.document import Block, Details, Document, Heading, Items, Paragraph, Table, sentences
from core.services.evaluation.replication_results import ENGINES, AnswersReplication
from core.validity.people_parity import FEWEST_IN_GROUP, PeopleParity

NO_MODEL = "No language model was asked: `memory` is a ridge and the nearest people of a panel."


def answers_document(result: AnswersReplication) -> Document:
    """Who answers how well for people that were not learned from, and whom it serves less."""
    asked, mode, retest = result.engines[result.engine], result.engines["mode"], result.retest
    assert asked.lead is not None
    ahead = asked.lead.low > 0
    return Document(
        f"How well does {result.engine} answer for {result.people} people it has not met?",
        (
            Paragraph(
                f"{result.engine} gives people's own answer {_percent(asked.exact)} of the time; people asked again give it "
                f"{_percent(retest.exact)}. That is {asked.normalised.exact:.3f} of their own retest ({result.level}% interval "
                f"{asked.low:.3f} to {asked.high:.3f}); the commonest answer of a panel, which needs to know nobody, reaches "
                f"{mode.normalised.exact:.3f}.", "good" if ahead else "caution",
            ),
            Paragraph(
                f"Over the mode it gains {asked.lead.value:.3f} ({asked.lead.low:.3f} to {asked.lead.high:.3f}), "
                f"{_percent(asked.band)} of what lies between the mode and people themselves."
                if ahead else
                f"It cannot be told from the mode, or loses to it: {asked.lead.value:.3f} ({asked.lead.low:.3f} to "
                f"{asked.lead.high:.3f}). What it knows of people is worth nothing here."
            ),
            Table(
                ("Who answers", "Same answer", "Of own retest", f"{result.level}% interval", "Nearness, of own retest",
                 "Correlation, of own retest", "Spread"),
                tuple(
                    (ENGINES.get(name, name), item.exact, item.normalised.exact, f"{item.low:.3f} to {item.high:.3f}",
                     item.normalised.partial, item.normalised.correlation, item.variance_ratio)
                    for name, item in sorted(result.engines.items(), key=lambda pair: -pair[1].exact)
                ),
                "Nearness is 1 − |difference| / (choices − 1); spread is the variance of its answers over people, as a share of "
                "theirs (median item). Who answers alike for everybody has no correlation.",
                digits=3, strong=frozenset(
                    place for place, (name, _) in enumerate(sorted(result.engines.items(), key=lambda pair: -pair[1].exact))
                    if name in (result.engine, "mode")
                ),
            ),
            Paragraph(
                f"{result.panel} other people were learned from, by {result.items} items of {result.instruments} instruments; of "
                f"a person only answers to other instruments were known{_copies(result)}. " + NO_MODEL
            ),
            Paragraph(
                f"One draw from what memory holds possible spreads {result.spread.variance_ratio:.2f} times as far as people do; "
                f"it holds what they said more probable than their shares do (log score {result.spread.log_score:.3f}, shares "
                f"{result.spread.log_score_of_shares:.3f})."
                if result.spread.log_score < result.spread.log_score_of_shares else
                f"What memory holds possible tells no more than the panel's shares (log score {result.spread.log_score:.3f}, "
                f"shares {result.spread.log_score_of_shares:.3f})."
            ),
            *_structure(result),
            Heading("Does it serve everybody alike?"),
            *_parity(result),
            *(
                (Details("What was left out", (Items(tuple(
                    f"{number} {why}" for why, number in result.left_out.items()
                )),)),) if result.left_out else ()
            ),
        ),
        run_id=result.run_id,
    )  # fmt: skip


def _copies(result: AnswersReplication) -> str:
    many = result.near_copies != 1
    return (
        f", less {result.near_copies} pair{'s' * many} of items that ask the same there" if result.near_copies else ""
    )


def _structure(result: AnswersReplication) -> tuple[Block, ...]:
    found = result.spread.structure
    if (
        found.agents is None
        or found.people is None
        or found.first_axis_agents is None
        or found.first_axis_people is None
    ):
        return ()
    return sentences(
        f"Its probabilities are off by {_percent(result.spread.calibration_error)} on average (calibration error). Items of its "
        f"drawn answers hang together as people's do with a cosine of {found.agents:.2f}; two halves of these people, "
        f"which are fewer and so noisier, reach {found.people:.2f}. "
        f"{_percent(found.first_axis_agents)} of what varies lies on one axis, of people's own answers "
        f"{_percent(found.first_axis_people)}."
    )


def _parity(result: AnswersReplication) -> tuple[Block, ...]:
    rows = tuple(
        (name, item.difference, f"{item.low:.3f} to {item.high:.3f}", item.chance, item.p, item.worst, item.worst_normalised,
         result.mode_parity[name].difference, result.mode_parity[name].worst_normalised)
        for name, item in result.parity.items() if item.difference is not None
    )  # fmt: skip
    if not rows:
        return sentences(f"No attribute has two groups of {FEWEST_IN_GROUP} people or more.")
    clear = [name for name, item in result.parity.items() if item.p is not None and item.p < 0.05]
    return (
        Paragraph(
            f"Groups differ by more than chance in {', '.join(clear)}." if clear
            else "In no attribute do groups differ by more than chance gives.", "caution" if clear else "plain",
        ),
        Table(
            ("Attribute", "Best less worst", "Interval", "By chance", "p", "Worst group", "Its level", "Mode: difference",
             "Mode: worst level"),
            rows, "Each group by its own retest; chance is the mean difference of shuffled labels. A bad engine may differ "
            "little: read the level of the worst group with it.", digits=3,
        ),
        *(
            Details(f"Groups: {name}", (Table(
                ("Group", "People", "Same answer", "Own retest", "Of own retest"),
                tuple((group.level, group.people, group.exact, group.retest, group.normalised) for group in item.groups),
                _small(item), digits=3,
            ),))
            for name, item in result.parity.items() if item.groups
        ),
    )  # fmt: skip


def _small(item: PeopleParity) -> str:
    few = ", ".join(f"{name} ({people})" for name, people in item.small.items())
    return f"Too few to compare: {few}." if few else ""


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"
