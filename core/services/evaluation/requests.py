"""What may be asked of evaluations. Nothing heavy is imported: the command line shows these as options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from core.errors import InputError, in_range, one_of
from core.options import option
from core.services.studies.origins import PERSONAS, checked
from core.services.studies.requests import RunRequest

#: What the shipped backtest was asked, and the files it reads in the folder of observations.
ORIGINS = (date(2020, 6, 30), date(2020, 9, 30), date(2020, 12, 31), date(2021, 3, 31))
HORIZONS = (30, 90, 180)
FILES = ("google_mobility_national.parquet", "oxcgrt_national.parquet", "cases_deaths_jhu.parquet")
#: Worlds of each kind, people of each twin, and trials of its search.
SEEDS, TRIALS = 12, 16
DAYS = "YYYY-MM-DD,…"


@dataclass(frozen=True)
class BacktestRequest:
    """Rolling origins over the places of tables of observations: last days of training, and days ahead. No `countries`: all.

    Origins and horizons are taken once and in order. Raises InputError for none, and for a horizon that makes no sense.
    """

    mobility: Path = option("observed mobility by country")
    policy: Path = option("measures in force by country")
    origins: tuple[date, ...] = option("last days of training", word=DAYS)
    horizons: tuple[int, ...] = option("days ahead", HORIZONS, word="N,N,…")
    cases: Path | None = option("reported cases by country", None)
    countries: tuple[str, ...] | None = option("ISO-3 codes (default: all)", None, word="A,B,…")
    seed: int = option("of the people", 0)

    def __post_init__(self) -> None:
        origins, horizons = checked(self.origins, self.horizons, "backtest")
        object.__setattr__(self, "origins", origins)
        object.__setattr__(self, "horizons", horizons)

    @classmethod
    def shipped(cls, folder: Path = Path()) -> BacktestRequest:
        """The shipped measurement again on this folder's files, which need not be there."""
        mobility, policy, cases = (folder / name for name in FILES)
        return cls(mobility, policy, ORIGINS, HORIZONS, cases)

    @classmethod
    def of_folder(cls, folder: Path) -> BacktestRequest | None:
        """The same; None where one of the files is not there."""
        asked = cls.shipped(folder)
        return asked if all(path.is_file() for path in asked.files().values()) else None

    def with_files_in(self, folder: str = "DIR") -> BacktestRequest:
        """The same with the files in `folder`, for lines that name no path of this machine."""
        return replace(self, **{name: Path(folder) / path.name for name, path in self.files().items()})  # type: ignore[arg-type]

    def files(self) -> dict[str, Path]:
        """The files by what is in them."""
        files = {"mobility": self.mobility, "policy": self.policy, "cases": self.cases}
        return {name: path for name, path in files.items() if path is not None}


@dataclass(frozen=True)
class PanelBacktestRequest:
    """Rolling origins over the places of a study's panel: first days of the last periods of training, and periods ahead.

    `places` is all, or a file with a name in each line; pooled forecasts, trends and intervals learn from the places of `pool`,
    another folder with such tables (None: from those of `data`). `personas` (None: the study's).
    """

    study: str = option("a study with a panel; without, the countries of --mobility and --policy", positional=True)
    origins: tuple[date, ...] = option("last periods of training", word="PERIOD,…")
    horizons: tuple[int, ...] = option("periods ahead", (1,), word="N,N,…")
    data: Path | None = option("folder of the study's tables", None, word="DIR")
    places: str = option("all (default), or a file with the name of a place in each line", "all", word="all|FILE")
    pool: Path | None = option(
        "folder of tables of places to learn from (default: those asked about)", None, word="DIR"
    )
    personas: int | None = option("of each place (default: the study's)", None)
    seed: int = option("of the people", 0)

    def __post_init__(self) -> None:
        origins, horizons = checked(self.origins, self.horizons, "backtest")
        object.__setattr__(self, "origins", origins)
        object.__setattr__(self, "horizons", horizons)

    def wanted(self) -> tuple[str, ...] | None:
        """The places asked about; None for all. InputError for a file that cannot be read or names none."""
        if self.places == "all":
            return None
        try:
            lines = Path(self.places).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as wrong:
            raise InputError(
                f"cannot be read ({wrong})", where=f"--places {self.places}", allowed="all, or a file"
            ) from None
        names = [line.split(",")[0].strip().strip('"') for line in lines]
        found = tuple(dict.fromkeys(name for name in names if name and name != "place"))
        if not found:
            raise InputError("names no place", where=self.places, allowed="the name of a place in each line")
        return found


@dataclass(frozen=True)
class LearnRequest:
    """Learning from many places up to each day of `until`, into tables in the folder `to`."""

    mobility: Path = option("observed mobility by country")
    policy: Path = option("measures in force by country")
    until: tuple[date, ...] = option("days to learn up to", word=DAYS)
    to: Path = option("folder for the tables (CSV)", word="DIRECTORY")

    def __post_init__(self) -> None:
        if not self.until:
            raise InputError("no day is given", where="learn", allowed="one or more days to learn up to")


@dataclass(frozen=True)
class PanelLearnRequest:
    """Learning from the places of a study's panel, up to each period of `until` (None: as often as origins of the past lie
    apart), into tables in the folder `to`."""

    study: str = option("a study with a panel; without, the countries of --mobility and --policy", positional=True)
    to: Path = option("folder for the tables (CSV)", word="DIRECTORY")
    data: Path | None = option("folder of the study's tables", None, word="DIR")
    until: tuple[date, ...] | None = option("periods to learn up to (of a panel: all)", None, word="PERIOD,…")
    personas: int = option(f"of each place (default {PERSONAS})", PERSONAS)


@dataclass(frozen=True)
class WorldsRequest:
    """`seeds` worlds of each of `kinds` (None: all), each with a twin of `personas` people and a search of `trials` (0: the
    engine's table as it is). Raises InputError for an unknown kind or a number out of range."""

    kinds: tuple[str, ...] | None = option("kinds of world (default: all)", None, word="A,B,…")
    seeds: int = option(f"worlds of each kind (default {SEEDS})", SEEDS)
    personas: int = option(f"people of each twin (default {PERSONAS})", PERSONAS)
    trials: int = option(f"Optuna trials of each twin (default {TRIALS})", TRIALS)

    def __post_init__(self) -> None:
        if self.kinds is not None:
            from core.synthetic.worlds import KINDS, MERIDIA, ORLO

            every, where = (*KINDS, MERIDIA, ORLO), "known worlds"
            chosen = dict.fromkeys(one_of(item, every, what="kind of world", where=where) for item in self.kinds)
            if not chosen:
                raise InputError("no kind of world is given", where=where, allowed=", ".join(every))
            if ORLO in chosen and len(chosen) > 1:
                raise InputError(
                    f"{ORLO} with {', '.join(name for name in chosen if name != ORLO)}", where=where,
                    allowed=f"{ORLO} alone: points of another domain do not add up with these",
                )  # fmt: skip
            object.__setattr__(self, "kinds", tuple(chosen))
        for name, low, high in (("seeds", 1, 100), ("personas", 1, 10_000), ("trials", 0, 500)):
            in_range(getattr(self, name), low, high, f"{getattr(self, name)} {name}", where="known worlds")


@dataclass(frozen=True)
class AblateRequest:
    """What each part of a run's twin is worth; `only` some parts by name (None: all)."""

    run: RunRequest
    only: tuple[str, ...] | None = option("some ablations by name (default: all)", None, word="A,B,…")


@dataclass(frozen=True)
class FiguresRequest:
    """The figures that README and pages quote: `only` some measurements (None: all), on the observations in `data`, into
    the folder `to`."""

    data: Path | None = option("folder of observations", None, word="DIR")
    only: tuple[str, ...] | None = option("some measurements by name (default: all)", None, word="A,B,…")
    to: Path | None = option("folder of the files (default: data/validation)", None, word="DIRECTORY")
