"""What calibrated twins mean, in sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.report.document import Block, Details, Document, Heading, Paragraph, Table
from core.report.sentences.corrections import share_blocks
from core.report.sentences.left_out import left_out_items
from core.services.surveys.calibration_results import CalibrationResult, PredictionResult, method_label
from core.services.surveys.distribution import DistributionResult
from core.survey.calibration.accuracy import DEMOGRAPHICS, MODE
from core.survey.calibration.diagnostics import TwinDiagnostics
from core.survey.calibration.discrepancies import DISCREPANCIES
from core.survey.calibration.scores import MethodScore
from core.survey.calibration.verdicts import QuestionVerdicts

#: A lead of fewer standard errors than this is not told apart from chance.
CLEAR = 2.0
BASELINE_WORDS = {
    "question": "a person's own mean over other questions",
    "user": "the mean of the other people's answers",
}
RULE = (
    "Each row predicts every {unit} as if people had not answered {it}, and is scored by Pearson's correlation with what they "
    "said. The mean counts an undefined correlation, where a prediction is the same for everybody, as 0; “where defined” "
    "leaves those out. Intervals of means are over {unit}s drawn anew (bootstrap), those of each {unit} over its {rows}."
)


def rule(target: str) -> str:
    """How a board's rows are scored."""
    return RULE.format(
        unit=target,
        it="it" if target == "question" else "anything",
        rows="people" if target == "question" else "questions",
    )


def verdict(result: CalibrationResult) -> Paragraph:
    """Which is best, and whether twins were needed for it."""
    rows = result.rows()
    best = rows[~rows["method"].isin(["raw", "trivial"])].iloc[0] if result.methods else None
    raw, trivial = result.raw.mean_correlation, result.trivial.mean_correlation
    baseline = BASELINE_WORDS[result.target]
    if best is None:
        return Paragraph(f"Twins as they are reach {raw:.3f}; {baseline}, which needs no twin, {trivial:.3f}.")
    value = float(best["mean_correlation"])
    text = f"{best['label']} reaches {value:.3f}, twins as they are {raw:.3f}."
    if trivial >= value:
        return Paragraph(
            f"{text} The trivial baseline wins: {baseline} reaches {trivial:.3f}, without any twin.", "caution"
        )
    clear = value - raw > CLEAR * float(best["standard_error"])
    return Paragraph(f"{text} The trivial baseline, {baseline}, reaches {trivial:.3f}.", "good" if clear else "plain")


def board_table(result: CalibrationResult) -> Table:
    """Raw twins, the trivial baseline and every method, best first."""
    rows = result.rows()
    units, interval = result.raw.units, f"{result.raw.level}% interval"
    ends = {name: _between(item) for name, item in result.scores().items()}
    return Table(
        ("Method", "Mean correlation", interval, "Standard error", "Where defined", "Defined", "CPU seconds"),
        tuple(
            (row.label, row.mean_correlation, ends[str(row.method)], row.standard_error, row.mean_correlation_defined,
             f"{row.defined} of {units}",
             f"{row.cpu_seconds:.1f}" if row.method in result.methods else "")
            for row in rows.itertuples()
        ),
        digits=3,
        strong=frozenset(int(place) for place in rows.index[rows["method"].isin(["raw", "trivial"])]),
    )  # fmt: skip


def _between(item: MethodScore) -> str:
    return "" if item.lower is None else f"{item.lower:.3f} to {item.upper:.3f}"


def calibration_document(result: CalibrationResult) -> Document:
    """The board and what it rests on."""
    which = f", {result.construction}" if result.construction else ""
    return Document(
        f"Do calibrated twins predict a new {result.target}?",
        (
            *diagnostics_blocks(result.diagnostics, result.verdicts, result.names),
            verdict(result),
            board_table(result),
            *accuracy_blocks(result),
            *[block for attribute in result.groups for block in _group_part(result, attribute)],
            Paragraph(rule(result.target)),
            Paragraph(
                f"{result.people:,} people and {result.questions} questions of {result.human}, twins of {result.twin}{which}; "
                f"{100 * result.missing:.0f}% of the people's cells are empty."
                + (f" {result.unmatched:,} ids are in one table only." if result.unmatched else "")
                + (
                    f" {result.blanked:,} answers have no twin's beside them and are not scored."
                    if result.blanked
                    else ""
                )
            ),
            *left_out_items(result.left_out),
        ),
        source=f"{result.human} and {result.twin}",
    )


def _group_part(result: CalibrationResult, attribute: str) -> tuple[Block, ...]:
    best = next((str(name) for name in result.rows()["method"] if name in result.methods), "raw")
    return (Details(f"By {attribute}".replace("_", " "), group_blocks(result, attribute, best)),)


def accuracy_blocks(result: CalibrationResult) -> tuple[Block, ...]:
    """How often predicted answers are people's own, beside what needs no twin; nothing where nothing is known of the people."""
    if not result.accuracy:
        return ()
    rows = sorted(result.accuracy.items(), key=lambda item: -item[1].accuracy)
    best = next((item for item in rows if item[0] not in (MODE, DEMOGRAPHICS)), rows[0])
    mode, known = result.accuracy[MODE], best[1].normalised is not None
    ahead = mode.accuracy >= best[1].accuracy
    text = f"{method_label(best[0])} gives {100 * best[1].accuracy:.0f}% of people's answers exactly"
    if best[1].normalised is not None:
        text += f", {100 * best[1].normalised:.0f}% of how often people repeat their own"
    text += f"; naming the most frequent answer of each question gives {100 * mode.accuracy:.0f}%."
    return (
        Heading("How often is the answer right?"),
        Paragraph(text, "caution" if ahead else "plain"),
        Table(
            ("Predicted by", "Right, %", *(("Of people's own retest, %",) if known else ())),
            tuple(
                (method_label(name), 100 * item.accuracy, *((100 * (item.normalised or 0.0),) if known else ()))
                for name, item in rows
            ),
            "A prediction counts as the nearest answer that people give. The most frequent answer and the ridge on demographics "
            "use people's answers to the question itself, which methods do not see.",
            digits=1,
        ),
    )  # fmt: skip


def group_blocks(result: CalibrationResult, attribute: str, method: str) -> tuple[Block, ...]:
    """Who is predicted well, by the groups of an attribute: accuracy, the difference between groups, and correlations."""
    found = result.groups[attribute]
    names = [name for name in dict.fromkeys(("raw", "trivial", method)) if name in found.accuracy]
    groups = list(found.people)

    def table(values: Mapping[str, Mapping[str, float]], factor: float, digits: int, caption: str) -> Table:
        rows = tuple(
            (f"{name} ({count:,})", *(factor * values[way][name] for way in names))
            for name, count in found.people.items()
        )  # fmt: skip
        gaps = tuple(factor * (max(values[way].values()) - min(values[way].values())) for way in names)
        head = (attribute.replace("_", " "), *(method_label(way) for way in names))
        return Table(head, (*rows, ("Best less worst", *gaps)), caption, digits, strong=frozenset({len(groups)}))

    gap = found.parity_difference(method) if method in found.accuracy else 0.0
    best, worst = (pick(groups, key=lambda name: found.accuracy[method][name]) for pick in (max, min))
    return (
        Paragraph(
            f"{method_label(method)} is right most often for {best} and least for {worst}: {100 * gap:.1f} points apart (twins "
            f"as they are: {100 * found.parity_difference('raw'):.1f}). A small difference is no merit by itself."
        ),
        table(found.accuracy, 100, 1, "Right answers, %; the last row is the demographic parity difference."),
        Details("Correlations by group", (table(found.correlation, 1, 3, "Mean correlation with people's within each group."),)),
    )  # fmt: skip


def distribution_document(result: DistributionResult) -> Document:
    """The seven scores by way of predicting."""
    rows = result.rows()
    own, trivial = (item.scores[result.objective] for item in (result.calibrated, result.trivial_mean))
    what = DISCREPANCIES[result.objective].label
    raw = result.uniform.scores[result.objective]
    said = f"Weighted twins miss people's shares by {own:.3f} ({what}), twins as they are by {raw:.3f}"
    if trivial <= own:
        lead = Paragraph(
            f"{said}. The trivial baseline wins: the mean of the other questions' shares misses by {trivial:.3f}.",
            "caution",
        )
    else:
        lead = Paragraph(f"{said}, the mean of the other questions' shares by {trivial:.3f}.", "good")
    splits = f"{result.seeds} splits" if result.seeds > 1 else "one split"
    left = (
        f" {_listed(result.unordered)} has no place on the scale: KS, ℓ1 and ℓ2 leave it out."
        if result.unordered
        else ""
    )
    gaps = ", ".join(f"{label.lower()} {item.gap:.4f}" for label, item in rows.items() if item.gap is not None)
    return Document(
        "How do people's answers to a new question spread?",
        (
            lead,
            Table(
                ("Predicted by", *DISCREPANCIES, "variance ratio"),
                tuple(
                    (label, *(item.scores[name] for name in DISCREPANCIES), item.variance_ratio)
                    for label, item in rows.items()
                ),
                "Means over questions that were kept out of the weights; lower is better, a variance ratio of 1 is right.",
                digits=3,
            ),
            Table(
                ("Standard error", *DISCREPANCIES),
                tuple((label, *(item.standard_error[name] for name in DISCREPANCIES)) for label, item in rows.items()),
                digits=3,
            ),
            Paragraph(
                f"{result.questions} questions, {result.twins:,} twins, {splits}: four fifths train, one fifth judges.{left} "
                f"Mirror descent ended at most this far above the best objective: {gaps}."
            ),
            *left_out_items(result.left_out),
        ),
        source=f"{result.answers} and {result.targets}",
    )


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f"“{name}”" for name in names)


def diagnostics_blocks(
    found: TwinDiagnostics | None, verdicts: QuestionVerdicts | None = None, names: Sequence[str] = ()
) -> tuple[Block, ...]:
    """Whether calibrating is likely to help, in plain words, with the figures behind it for who asks."""
    if found is None:
        return ()
    own, users = found.questions, found.users
    lead = (
        "Calibration is likely to help. Twins tie these questions to each other as people do. Where people who say one thing "
        "tend to say another too, so do their twins, and that is what calibrating carries over."
    )
    if not found.helps:
        lead = (
            "Calibration is not likely to help. Twins do not tie these questions to each other as people do, so that there is "
            "nothing to carry over."
        )
    figures: list[Block] = [Paragraph(
        f"{found.rank} directions of the people's answers stand above noise. Between the leading ones of people and twins, over "
        f"questions: cosines {', '.join(f'{value:.2f}' for value in own.cosines)}; distance {own.distance:.2f} (0: the same, 1: "
        f"nothing in common), where shuffled answers give {own.shuffled_distance:.2f} and random ones {own.random_distance:.2f}. "
        f"Over users: {users.distance:.2f}, shuffled {users.shuffled_distance:.2f}."
    )]  # fmt: skip
    blocks: list[Block] = [Paragraph(lead, "good" if found.helps else "caution")]
    if verdicts is not None:
        known = [right for right in verdicts.right if right is not None]
        blocks.append(Paragraph(
            f"Question by question: for {sum(verdicts.helps)} of {len(verdicts.chance)} it is likely to help, for the others "
            "twins are better left as they are. That is said from the other questions alone; held against people's, it is "
            f"right for {sum(known)} of {len(known)} (the same word for all would be right for "
            f"{verdicts.base_rate * len(known):.0f})."
        ))  # fmt: skip
        said = {True: "yes", False: "no", None: ""}
        figures.append(Table(
            ("Question", "Likely to help", "Chance", "Twins' own fit, R²", "Came true", "Structural part", "Estimation part"),
            tuple(
                (name, said[helps], chance, fit, said[right], structural, estimation)
                for name, helps, chance, fit, right, structural, estimation in zip(
                    names, verdicts.helps, verdicts.chance, verdicts.fit, verdicts.right, verdicts.structural,
                    verdicts.estimation, strict=True,
                )
            ),
            "Helps: ridge follows people better than twins as they are. The two parts bound what it may miss by (theorem 4.1): "
            "how far the twins' weights are from people's own, which needs their answers, and how far more twins would move it.",
        ))  # fmt: skip
    return (*blocks, Details("The figures behind this", tuple(figures)))


def prediction_document(result: PredictionResult) -> Document:
    """What people would answer on average, how sure that is, and what the method reached on questions with answers."""
    spread: tuple[Block, ...] = ()
    if result.shares is not None:
        shares = share_blocks(result.shares, " and ".join(dict.fromkeys((result.human, result.twin))))
        spread = (Heading("How people's answers would spread"), *shares)
    return Document(
        f"What would people answer to “{result.question}”?",
        (
            Paragraph(
                f"On average {result.mean:.2f} ({result.level}% interval {result.lower:.2f} to {result.upper:.2f}); their twins "
                f"say {result.twin_mean:.2f}. {method_label(result.method)}, {result.people:,} people."
            ),
            Paragraph(
                f"On the {result.questions} questions that people did answer, each hidden in turn, its predictions correlate "
                f"with theirs by {result.correlation:.2f} on average ({result.level}% of questions: "
                f"{result.correlation_lower:.2f} to {result.correlation_upper:.2f}). The interval of the mean is as wide as "
                f"{result.level}% of those means needed."
            ),
            *spread,
            *left_out_items(result.left_out),
        ),
    )
