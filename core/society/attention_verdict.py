"""What the doses say, by the registered rules: verdict, ablation, placebos, the paper's own fit as an echo, dispersion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.errors import InputError
from core.result import Result
from core.society.attention import FULL, STRESS_OFF, UNREAD, Design, DoseRuns, Plan
from core.society.dose_response import (
    Estimate,
    Floats,
    TwoLines,
    Verdict,
    correlations,
    fisher_mean,
    log_slopes,
    mean_over_seeds,
    pooled_quadratic,
    quadratic,
    shuffled,
    two_lines,
    verdict_of,
)


@dataclass(frozen=True, kw_only=True)
class Dose:
    """Sales at a dose relative to none, with the interval of their mean over seeds."""

    posts_per_hour: float
    relative_sales: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ArmDose(Dose):
    """Also households' own posts about the place a day, their mean valence and its dispersion (Gini's mean difference), the
    guests turned away and those served a day; None where nobody posted."""

    posts: float
    mean_valence: float | None
    dispersion: float | None
    turned_away: float
    served: float


@dataclass(frozen=True, kw_only=True)
class Window:
    """The same fit to some of the days, from the first to before the last."""

    first_day: int
    end_day: int
    a: Estimate
    b: Estimate
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The quadratic of one arm, means over seeds with intervals; `constant` where no dose changed any sale, and `identical` where
    every dose left the very state of the first, to the bit."""

    a: float
    a_low: float
    a_high: float
    b: float
    b_low: float
    b_high: float
    constant: bool
    identical: bool
    verdict: Verdict
    two_lines: TwoLines
    doses: tuple[ArmDose, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, kw_only=True)
class Echo:
    """The paper's observational fit over days: of which worlds, in which arm, and whether the campaign's posts were counted."""

    worlds: str
    arm: str
    campaign_posts: bool
    a: Estimate
    b: Estimate


@dataclass(frozen=True, kw_only=True)
class EchoTest:
    """`unread_share` is b where nobody reads over b as the scenario stands, both without any dose; None where the latter is 0."""

    fits: tuple[Echo, ...]
    unread_share: float | None


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """a with stress less a without, of the same seeds, and the share of seeds in which that is below 0."""

    difference: Estimate
    share_below: float
    as_expected: bool


@dataclass(frozen=True, kw_only=True)
class Placebos:
    """`unread_zero`: no dose changed a bit where nobody reads. The fit to another place's sales; and the range of b when the
    doses of each seed change places."""

    unread_zero: bool
    other_place: str
    other_a: Estimate
    other_b: Estimate
    other_as_expected: bool
    shuffled_b: Estimate
    shuffled_as_expected: bool


@dataclass(frozen=True, kw_only=True)
class Dispersion:
    """How dispersion goes with the number of households' posts by day, without a dose and over all doses; in how many of the
    steps from dose to dose it moved as registered."""

    without_dose: Estimate | None
    all_doses: Estimate | None
    steps: int
    steps_as_registered: int


@dataclass(frozen=True, kw_only=True)
class AttentionResult(Result, kind="society", what="attention"):
    """The test of one place. `dose` is of the scenario as it stands; `departures` is where the run is not the registered one."""

    scenario: str
    place: str
    seeds: int
    first_seed: int
    days: int
    households: int
    dose: tuple[Dose, ...]
    arms: Mapping[str, Arm]
    verdict: Verdict
    echo: EchoTest
    ablation: Ablation
    placebos: Placebos
    dispersion: Dispersion
    elasticity: Estimate | None
    plan_sha256: str
    departures: tuple[str, ...]


def judge(design: Design, runs: Mapping[str, DoseRuns], plan: Plan) -> AttentionResult:
    """The result of runs of all arms. InputError where the place sold nothing without a dose in some seed."""
    x, level = np.array(design.doses), plan.level
    windows = [(0, design.days), *(tuple(part) for part in plan.fit["windows"][1:] if part[1] <= design.days)]
    arms = {name: _arm(design, name, found, windows, level) for name, found in runs.items()}
    relative = {name: _relative(design, name, found.series["sales_cents"]) for name, found in runs.items()}
    curves = {name: quadratic(x, y)[0] for name, y in relative.items()}
    difference, full = curves[FULL] - curves[STRESS_OFF], arms[FULL]
    paired = mean_over_seeds(difference, level)
    return AttentionResult(
        scenario=design.scenario.id,
        place=design.place,
        seeds=design.seeds,
        first_seed=design.first_seed,
        days=design.days,
        households=design.households,
        dose=tuple(
            Dose(posts_per_hour=item.posts_per_hour, relative_sales=item.relative_sales, low=item.low, high=item.high)
            for item in full.doses
        ),
        arms=arms,
        verdict=full.verdict,
        echo=_echo(design, runs, plan),
        ablation=Ablation(difference=paired, share_below=float((difference < 0).mean()), as_expected=paired.below),
        placebos=_placebos(design, runs[FULL], relative[FULL], arms, plan),
        dispersion=_dispersion(full, runs[FULL], level),
        elasticity=_elasticity(design, runs[FULL], plan),
        plan_sha256=plan.sha256,
        departures=_departures(design, plan),
    )


def _relative(design: Design, arm: str, sales: Floats) -> Floats:
    """Sales over all days relative to those of the first dose, (R, D)."""
    total = sales.sum(axis=2)
    if (total[:, 0] == 0).any():
        seed = design.first_seed + int((total[:, 0] == 0).argmax())
        raise InputError(
            f"{design.place} sold nothing without posts in seed {seed} ({arm})",
            where=f"scenario {design.scenario.id}",
            allowed="more households or days, or a place that sells",
        )
    return total / total[:, :1]


def _arm(design: Design, name: str, runs: DoseRuns, windows: list[tuple[int, int]], level: float) -> Arm:
    sales, x = runs.series["sales_cents"], np.array(design.doses)
    fits = [_fit(x, _relative(design, name, sales[:, :, first:end]), level) for first, end in windows]
    a, b, lines, verdict = fits[0]
    y = _relative(design, name, sales)
    return Arm(
        a=a.mean,
        a_low=_end(a.low),
        a_high=_end(a.high),
        b=b.mean,
        b_low=_end(b.low),
        b_high=_end(b.high),
        constant=bool((sales == sales[:, :1]).all()),
        identical=bool((runs.hashes == runs.hashes[:, :1]).all()),
        verdict=verdict,
        two_lines=lines,
        doses=tuple(_dose(at, dose, y, runs, level) for at, dose in enumerate(design.doses)),
        windows=tuple(
            Window(first_day=first, end_day=end, a=fit[0], b=fit[1], verdict=fit[3])
            for (first, end), fit in zip(windows[1:], fits[1:], strict=True)
        ),
    )


def _fit(x: Floats, y: Floats, level: float) -> tuple[Estimate, Estimate, TwoLines, Verdict]:
    a, b = (mean_over_seeds(part, level) for part in quadratic(x, y))
    lines = two_lines(x, y, level)
    return a, b, lines, verdict_of(a, b, lines)


def _dose(at: int, dose: float, y: Floats, runs: DoseRuns, level: float) -> ArmDose:
    sales = mean_over_seeds(y[:, at], level)
    by = {name: series[:, at] for name, series in runs.series.items()}
    return ArmDose(
        posts_per_hour=dose,
        relative_sales=sales.mean,
        low=_end(sales.low),
        high=_end(sales.high),
        posts=float(by["posts"].mean()),
        mean_valence=_known_mean(by["mean_valence"]),
        dispersion=_known_mean(by["dispersion"]),
        turned_away=float(by["turned_away"].mean()),
        served=float(by["served"].mean()),
    )


def _end(value: float | None) -> float:
    assert value is not None  # two seeds or more
    return value


def _known_mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _echo(design: Design, runs: Mapping[str, DoseRuns], plan: Plan) -> EchoTest:
    """As the paper fits it: days of all seeds together, z-scored, with the campaign's posts or without."""
    paid = np.array(design.doses)[None, :, None] * 24.0
    fits = []
    for arm, found in runs.items():
        posts, sales = found.series["posts"], found.series["sales_cents"]
        for worlds, x, y, counted in (
            ("dose 0", posts[:, 0], sales[:, 0], False),
            ("all doses", posts, sales, False),
            ("all doses", posts + paid, sales, True),
        ):
            a, b = pooled_quadratic(
                x.reshape(len(x), -1), y.reshape(len(y), -1), plan.echo["draws"], plan.level, design.first_seed
            )
            fits.append(Echo(worlds=worlds, arm=arm, campaign_posts=counted, a=a, b=b))
    plain = {item.arm: item.b.mean for item in fits if item.worlds == "dose 0"}
    share = plain[UNREAD] / plain[FULL] if plain[FULL] else None
    return EchoTest(fits=tuple(fits), unread_share=share)


def _placebos(design: Design, runs: DoseRuns, relative: Floats, arms: Mapping[str, Arm], plan: Plan) -> Placebos:
    x, level = np.array(design.doses), plan.level
    a, b = (mean_over_seeds(part, level) for part in quadratic(x, runs.other_sales.sum(axis=2)))
    mixed = shuffled(x, relative, plan.placebos["shuffles"], level, design.first_seed)
    assert mixed.low is not None and mixed.high is not None
    return Placebos(
        unread_zero=arms[UNREAD].identical,
        other_place=design.other,
        other_a=a,
        other_b=b,
        other_as_expected=not b.above,
        shuffled_b=mixed,
        shuffled_as_expected=not mixed.low <= arms[FULL].b <= mixed.high,
    )


def _dispersion(full: Arm, runs: DoseRuns, level: float) -> Dispersion:
    posts, spread = runs.series["posts"], runs.series["dispersion"]
    known = [item for item in full.doses if item.dispersion is not None and item.mean_valence is not None]
    moves = [
        (after.dispersion > before.dispersion) == (after.mean_valence > 0)  # type: ignore[operator]
        for before, after in pairwise(known)
    ]
    return Dispersion(
        without_dose=fisher_mean(correlations(posts[:, 0], spread[:, 0]), level),
        all_doses=fisher_mean(correlations(posts, spread), level),
        steps=len(moves),
        steps_as_registered=sum(moves),
    )


def _elasticity(design: Design, runs: DoseRuns, plan: Plan) -> Estimate | None:
    """Of sales on all posts a day about the place, at the registered doses among those of the run."""
    at = [index for index, dose in enumerate(design.doses) if dose in plan.elasticity["doses"]]
    paid = np.array(design.doses)[at] * 24.0
    volume = runs.series["posts"][:, at].mean(axis=2) + paid
    slopes = log_slopes(volume, runs.series["sales_cents"][:, at].sum(axis=2))
    return mean_over_seeds(slopes, plan.level) if np.isfinite(slopes).any() else None


def _departures(design: Design, plan: Plan) -> tuple[str, ...]:
    """Which of the registered numbers this run has not."""
    taken = {"scenario": design.scenario.id, "doses": list(design.doses)}
    taken |= {name: getattr(design, name) for name in ("place", "days", "first_seed", "seeds", "reach", "valence")}
    names = [name for name, value in taken.items() if plan.raw[name] != value]
    return (*names, *(["households"] if design.households != design.scenario.households.number else []))
