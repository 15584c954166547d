"""What was measured once and is quoted since: a file per measurement in `data/validation`, with what it came from.

`policytwin figures` writes them. Whatever quotes a measured figure reads it from here and nowhere else, and only where it
applies: a measurement belongs to a domain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from core.errors import InputError
from core.files_out import written_whole
from core.settings import shipped_data
from core.study import Study
from core.validity.stylised_facts import BaselineFact, MiddleHalf
from core.validity.world_scores import WorldScores

DIGITS = 4


class Strict:
    """A key too many or too few in a file is an error."""

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Header(Strict):
    """Where a measurement comes from: the command that makes it again, the code and day that made it, the domain it is
    about, the SHA-256 of each file of observations by the file's name, and how long it took."""

    command: str
    code_version: str
    made_at: date
    domain: str
    data: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Split(Strict):
    """A run's errors on its held-out days: `macro` is the RMSE by forecaster, mean over the behaviours, in points; the
    other two are by the level of the intervals, in percent: share of values inside and mean width in points."""

    train_end: date
    test_end: date
    macro: Mapping[str, float]
    coverage: Mapping[int, float]
    width: Mapping[int, float]


@dataclass(frozen=True)
class StudyScores(Strict):
    """A study's splits."""

    header: Header
    study: str
    personas: int
    splits: tuple[Split, ...]

    def split(self, train_end: date) -> Split:
        """The split with this end of training. KeyError where there is none."""
        return next(item for item in self.splits if item.train_end == train_end)


@dataclass(frozen=True)
class Price(Strict):
    """What the macro RMSE grows by, in points, without a part of the twin, with its interval; `apart` says whether that can
    be told from chance."""

    ablation: str
    label: str
    personas: int
    price: float
    low: float
    high: float
    apart: bool


@dataclass(frozen=True)
class AblationPrices(Strict):
    """Every part's price on one split. `interval` is the level of the prices' intervals in percent, and `chance` the range
    over which the error moves when nothing is left out and the search begun anew."""

    header: Header
    study: str
    train_end: date
    test_end: date
    interval: int
    chance: float
    prices: tuple[Price, ...]

    def price(self, ablation: str) -> Price | None:
        return next((item for item in self.prices if item.ablation == ablation), None)


@dataclass(frozen=True)
class ShownResult(Strict):
    """A whole result about a study's own run, as `--json` prints it, which pages show until the user has measured it; the run's
    names in it mean nothing elsewhere, and are left out."""

    header: Header
    kind: str
    study: str
    result: Mapping[str, Any]


@dataclass(frozen=True)
class KnownWorlds(Strict):
    """Contrasts in generated worlds: over all true effects of measures, by kind of world, by distance to training, and of
    moved working weeks."""

    header: Header
    kinds: tuple[str, ...]
    seeds: int
    engine: str
    clear_effect: float
    overall: WorldScores
    by_world: Mapping[str, WorldScores]
    by_distance: Mapping[str, WorldScores]
    working_week: Mapping[str, WorldScores]


@dataclass(frozen=True)
class AskingCosts(Strict):
    """What asking a language model would take: one estimate, as `--json` prints it, and the calls of some ways of asking."""

    header: Header
    estimate: Mapping[str, Any]
    calls: Mapping[str, int]


@dataclass(frozen=True)
class CrowdChecks(Strict):
    """What the persona audit found, asked of so many `personas`: agreement of repeated samples (ICC) and the share of variance
    between people, the spread between them over that of the rules engine's, how many other wordings moved the answers, and how
    many cues. None where a figure is not defined."""

    personas: int
    questions: int
    samples_agree: float | None
    between_people: float | None
    spread_to_rules: float | None
    wordings: int
    wordings_moved: int
    cues: int
    cues_moved: int


@dataclass(frozen=True)
class AskedSplit(Strict):
    """A run of a language model beside the rules engine's, of the same people on the same days: errors by forecaster as in
    `Split`, and the share of comparisons in which a stricter policy moves a behaviour as expected. `answered` of the
    `questions` have an answer, those about each of the `situations` from `fewest` personas or more."""

    study: str
    train_end: date
    test_end: date
    personas: int
    situations: int
    questions: int
    answered: int
    fewest: int
    repairs: int
    model: Mapping[str, float]
    rules: Mapping[str, float]
    model_as_expected: float | None
    rules_as_expected: float | None


@dataclass(frozen=True)
class AskedScores(Strict):
    """What a model's answers, which ship, come to: its `splits`, the checks of its personas, and the mean answer to each
    canary with how many of the canaries' replies were valid at the first try."""

    header: Header
    model: str
    splits: tuple[AskedSplit, ...]
    checks: CrowdChecks | None
    canaries: Mapping[str, float]
    canaries_asked: int
    canaries_valid: int

    def of_study(self, study: str) -> AskedSplit | None:
        return next((item for item in self.splits if item.study == study), None)


@dataclass(frozen=True)
class StylisedFacts(Strict):
    """How the baselines' errors compare with each other over `places` real countries that `train_end` splits: by baseline,
    between what the middle half of them lies, and in how many it is the `best`; how policy went (`POLICY_FACTS`), likewise;
    and the same facts of the embedded country, whose own split has the same share of training days."""

    header: Header
    places: int
    train_end: date
    test_end: date
    baselines: Mapping[str, MiddleHalf]
    best: Mapping[str, int]
    embedded: Mapping[str, BaselineFact]
    policy: Mapping[str, tuple[float, float]]
    embedded_policy: Mapping[str, float]


@dataclass(frozen=True)
class TwinSet(Strict):
    """Mean correlations of one pair of tables by method (raw, trivial, …), an undefined one as 0, with standard errors, the means
    over those that are defined, and CPU seconds."""

    name: str
    target: str
    people: int
    questions: int
    means: Mapping[str, float]
    errors: Mapping[str, float]
    defined: Mapping[str, float | None]
    cpu_seconds: Mapping[str, float]


@dataclass(frozen=True)
class TwinShares(Strict):
    """The seven discrepancies by way of predicting shares; KS, ℓ1 and ℓ2 over all options too, as published; standard errors."""

    name: str
    objective: str
    scores: Mapping[str, Mapping[str, float]]
    all_options: Mapping[str, Mapping[str, float]]
    errors: Mapping[str, Mapping[str, float]]
    variance_ratio: Mapping[str, float]


@dataclass(frozen=True)
class TwinScores(Strict):
    """Calibrated twins on real pairs of people and twins."""

    header: Header
    sets: tuple[TwinSet, ...]
    shares: tuple[TwinShares, ...]


@dataclass(frozen=True)
class TwinVerdict(Strict):
    """Of one pair of tables: how often it was right to say of a question, from the others alone, that calibrating is likely to
    help (or not), and what the same word for all would have reached; of how many questions help was promised."""

    name: str
    questions: int
    promised: int
    hit_rate: float
    base_rate: float


@dataclass(frozen=True)
class TwinCorrection(Strict):
    """Shares of a question from `twins` drawn at random and `known` questions, over `draws`: the mean total variation from
    people's shares of the corrected ones, twins as they are and the mean of the known, and how many shares the intervals of
    `level` percent held."""

    name: str
    twins: int
    known: int
    draws: int
    missed: Mapping[str, float]
    level: int
    held: float


@dataclass(frozen=True)
class TwinVerdicts(Strict):
    """What was said beforehand held against people's answers; `accuracy` and `normalised` by method on one pair, with the
    `parity_difference` of right answers by attribute of twins as they are and of the stack."""

    header: Header
    verdicts: tuple[TwinVerdict, ...]
    corrections: tuple[TwinCorrection, ...]
    accuracy_of: str
    accuracy: Mapping[str, float]
    normalised: Mapping[str, float]
    parity_difference: Mapping[str, Mapping[str, float]]


Kind = TypeVar("Kind", bound=Strict)


def domain_of(study: Study) -> str:
    """The domain that a study's behaviours belong to: its table of coefficients is that of the domain."""
    return study.coefficients_file.stem


def measured_folder() -> Path:
    """Where the measurements lie that ship."""
    return shipped_data() / "validation"


def measured_path(name: str, folder: Path | None = None) -> Path:
    return (folder or measured_folder()) / f"{name}.json"


def read_measured(kind: type[Kind], name: str, folder: Path | None = None) -> Kind | None:
    """The measurement of this name, or None where none was made. InputError for a file that is none."""
    path = measured_path(name, folder)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror or wrong})", where=str(path)) from None
    its_class: Any = kind
    found: Kind = _parsed(its_class, text, path.name)
    return found


@lru_cache(maxsize=64)
def _parsed(kind: Any, text: bytes, file: str) -> Any:
    """The same bytes are checked once: pages read these files on every visit."""
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"is no {kind.__name__} ({key or 'file'}: {first['msg'][:1].lower()}{first['msg'][1:]})",
            where=file,
            allowed="what `policytwin figures` writes",
        ) from None


def write_measured(measured: Any, name: str, folder: Path | None = None) -> Path:
    """Write a measurement, floats to four decimals. InputError where it cannot be written."""
    path = measured_path(name, folder)
    adapter: TypeAdapter[Any] = TypeAdapter(type(measured))
    rounded = _rounded(adapter.dump_python(measured, mode="json"))
    text = json.dumps(rounded, allow_nan=False, ensure_ascii=False, indent=1)
    with written_whole(path, "a measurement", _is_measurement) as place:
        place.write_text(text + "\n", encoding="utf-8")
    return path


def _is_measurement(path: Path) -> bool:
    try:
        return "header" in json.loads(path.read_bytes())
    except ValueError:
        return False


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
