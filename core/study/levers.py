"""What a policy can set: the levers of a study, how much of the whole each level is, and how the effect follows in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import one_of

if TYPE_CHECKING:  # not for `--help`
    import numpy as np

#: How the intensity of an amount follows from it; see `Indicator.sub_index`.
SHARE_OF_RANGE, LOG_RATIO = "share_of_range", "log_ratio"
LINKS = (SHARE_OF_RANGE, LOG_RATIO)


def later(default: Any) -> Any:
    """A field that studies of before have not heard of: it counts in hashes only where it is not its default."""
    return field(default=default, metadata={"later": True})


@dataclass(frozen=True)
class Amount:
    """What a lever that is set to an amount can be, in its `unit`: from `reference`, which is no measure, to `limit`, which is
    the measure in full, and `least` to `most` at all; `notch` is what one step of tightening changes.
    With the link `log_ratio` the amount counts together with what it is `added_to`, as a tax with the price without it."""

    unit: str
    least: float
    most: float
    reference: float
    limit: float
    link: str
    notch: float
    added_to: float = later(0.0)


@dataclass(frozen=True)
class Indicator:
    """One lever of policy, set to an `amount`, or else to an ordinal level 0..`maximum`, and a flag (0 targeted, 1 general)
    where `has_flag`. `shares` is how much of the whole each level is where it does not rise in equal steps, `weight` what the
    lever counts in its indices."""

    code: str
    name: str
    maximum: int
    has_flag: bool
    flag_meaning: str
    levels: tuple[str, ...]
    indices: tuple[str, ...]
    amount: Amount | None = later(None)
    shares: tuple[float, ...] = later(())
    weight: float = later(1.0)

    @property
    def none(self) -> float:
        """The level that is no measure."""
        return 0 if self.amount is None else self.amount.reference

    @property
    def full(self) -> float:
        """The level that is the measure in full."""
        return self.maximum if self.amount is None else self.amount.limit

    def steps(self) -> tuple[float, ...]:
        """The levels from no measure to the measure in full, in even steps."""
        if self.amount is None:
            return tuple(range(self.maximum + 1))
        count = max(round(abs(self.full - self.none) / self.amount.notch), 1)
        stride = (self.full - self.none) / count
        return (*(round(self.none + stride * place, 9) for place in range(count)), self.full)

    def sub_index(self, level: np.ndarray, flag: np.ndarray | None = None) -> np.ndarray:
        """How much of the whole lever a level is, in points: 0 for no measure, 100 for it in full, negative for an amount on the
        other side of the reference; NaN where the level, or the flag of a measure, is not known.

        A flag that says targeted takes half a level off. An amount counts by its share of the way from reference to limit,
        or, with the link `log_ratio`, by that of their logarithms, as prices do.
        """
        import numpy as np

        if self.amount is not None:
            value, none, full = level, self.none, self.full
            if self.amount.link == LOG_RATIO:
                beside = self.amount.added_to
                value, none, full = np.log(level + beside), float(np.log(none + beside)), float(np.log(full + beside))
            return np.asarray(100.0 * (value - none) / (full - none))
        score = level if flag is None else level - 0.5 * (1.0 - flag)
        if self.shares:
            points = 100.0 * np.interp(score, np.arange(self.maximum + 1), self.shares)
        else:
            points = 100.0 * score / self.maximum
        return np.where(level == 0, 0.0, points)


@dataclass(frozen=True)
class EffectDynamics:
    """How the effect of a lever follows its level in time: half-lives, in the study's step, with which it builds up to what the
    level says (`builds_up`) and wears away from it once the level is lower (`persists`); 0 is at once. While the level stays, the
    effect wears off to the share `stays` of it with the half-life `wears_off` (0: not at all), and comes back as fast once it was
    gone. A level that rises is felt from `announced_before` periods before it is in force, when people were told of it. `source`
    says where the numbers are from."""

    lever: str
    builds_up: float
    persists: float
    source: str
    announced_before: int = later(0)
    wears_off: float = later(0.0)
    stays: float = later(0.0)


@dataclass(frozen=True)
class Codebook:
    """All indicators of a policy tracker and the indices made of them (name -> codes). Source in `source`."""

    indicators: tuple[Indicator, ...]
    indices: Mapping[str, tuple[str, ...]]
    source: str

    @classmethod
    def of(cls, indicators: Sequence[Indicator], source: str = "") -> Codebook:
        """The codebook of these levers, with the indices that they name."""
        names = sorted({name for item in indicators for name in item.indices})
        members = {name: tuple(item.code for item in indicators if name in item.indices) for name in names}
        return cls(tuple(indicators), members, source)

    def indicator(self, code: str) -> Indicator:
        one_of(code, [item.code for item in self.indicators], what="policy indicator", where="codebook")
        return next(item for item in self.indicators if item.code == code)
