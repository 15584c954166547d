"""What a model costs: a dated table that ships with the project, and the user's own, which goes first.

No price is ever guessed. A model that is in neither table has an unknown cost, and a server on this machine has none.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from core.cognition.llm.types import ModelSpec
from core.cognition.registry import ENGINES, replays
from core.errors import InputError, one_of
from core.inputs.checking import WrittenModel, checked, choice_of, wrong
from core.inputs.files import read_text
from core.inputs.kinds import Day, Line
from core.printable import quoted
from core.settings import shipped_data

#: Names a file of the user's own prices, in the form of the shipped one.
PRICES_VARIABLE = "POLICYTWIN_PRICES"
COLUMNS = ("model", "engine", "input_per_million", "output_per_million", "currency", "date", "source")

#: Where an engine's own models are served: the shipped list prices hold there and nowhere else.
HOME_HOSTS: Mapping[str, str] = {"gemini": "generativelanguage.googleapis.com", "openai": "api.openai.com"}

_MILLION = 1_000_000
#: Per million tokens, in any currency.
HIGHEST_PRICE = 1_000_000_000


@dataclass(frozen=True)
class Price:
    """What a million tokens cost. `model` is a name or a pattern (`*`, `?`), without regard to case.

    `as_of` is the day on which the price was read at `source`. `own` says that it is from the user's table.
    """

    model: str
    engine: str
    input_per_million: float
    output_per_million: float
    currency: str
    as_of: date
    source: str
    own: bool = False

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        """In `currency`."""
        return (tokens_in * self.input_per_million + tokens_out * self.output_per_million) / _MILLION


def load_prices(own: str | Path | None = None) -> list[Price]:
    """The user's prices (of `own`, else of the file that POLICYTWIN_PRICES names) and then the shipped ones.

    Raises InputError, with file and line, for a file that is absent or no table of prices.
    """
    named = own if own is not None else os.environ.get(PRICES_VARIABLE) or None
    mine = [] if named is None else read_prices(Path(named), own=True)
    return mine + read_prices(shipped_data() / "prices.csv")


def read_prices(path: Path, *, own: bool = False) -> list[Price]:
    """The prices of one CSV file with the columns `COLUMNS`. Raises InputError as `load_prices` does."""
    text = read_text(path)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        names = list(reader.fieldnames or ())
        for name in names:
            one_of(str(name), COLUMNS, what="column", where=str(path))
            if names.count(name) > 1:
                raise InputError(f"column '{name}' is given twice", where=str(path), allowed="each once")
        absent = [name for name in COLUMNS if name not in names]
        if absent:
            raise InputError(f"column '{absent[0]}' is absent", where=str(path), allowed=", ".join(COLUMNS))
        prices = [_price(row, f"{path}, line {reader.line_num}", own) for row in reader]
    except csv.Error as wrong:
        raise InputError(f"is no CSV text ({wrong})", where=str(path), allowed="a CSV file in UTF-8") from None
    seen: set[tuple[str, str, date]] = set()
    for price in prices:
        key = (price.model.lower(), price.engine, price.as_of)
        if key in seen:
            problem = f"the price of {price.model} ({price.engine}) on {price.as_of} is given twice"
            raise InputError(problem, where=str(path), allowed="each once")
        seen.add(key)
    return prices


def price_of(spec: ModelSpec, prices: Sequence[Price]) -> tuple[Price | None, str]:
    """The price that holds for a model, and why: a sentence for people, also where there is none.

    Among matching rows the user's come before the shipped ones, longer patterns before shorter ones, and of equal ones
    the newest. A model name
    with a date or "latest" behind it matches only a pattern that says so. Shipped prices hold for the engine's own
    service only: through another address the cost is unknown. A server on this machine or network has no price,
    unless the user's table gives one.
    """
    fits = [price for price in prices if _matches(price, spec)]
    own = max((price for price in fits if price.own), key=_specific, default=None)
    if own is not None:
        return own, f"your price of {own.as_of:%Y-%m-%d} ({own.source})"
    host = urlsplit(spec.base_url).hostname if spec.base_url else None
    if replays(spec.engine):
        return None, "replayed answers cost nothing"
    if spec.engine in ENGINES and ENGINES[spec.engine].here:
        return None, "a model on this machine has no price"
    if host is not None and is_local(host):
        return None, "a server on this machine or network has no price"
    if host is not None and host != HOME_HOSTS.get(spec.engine):
        return (
            None,
            f"cost unknown: no price of {spec.model} at {host} is known; add one to the file in {PRICES_VARIABLE}",
        )
    shipped = max((price for price in fits if not price.own), key=_specific, default=None)
    if shipped is None:
        return None, f"cost unknown: no price of {spec.model} is known; add one to the file in {PRICES_VARIABLE}"
    return shipped, f"price of {shipped.as_of:%Y-%m-%d}: {shipped.source}"


def is_local(host: str) -> bool:
    """Whether a host is this machine or on a private network, as far as its name or address tells."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith((".localhost", ".local", ".internal", ".lan")):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "." not in name  # a bare name is looked up on the own network only
    return address.is_loopback or address.is_private or address.is_link_local


def _matches(price: Price, spec: ModelSpec) -> bool:
    # Google's clients also take "models/NAME".
    model = spec.model.lower().removeprefix("models/")
    return price.engine in (spec.engine, "*") and fnmatchcase(model, price.model.lower())


def _specific(price: Price) -> tuple[bool, int, date]:
    wild = any(sign in price.model for sign in "*?[")
    return not wild, len(price.model), price.as_of


def _amount(value: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        amount = math.nan
    if not 0 <= amount <= HIGHEST_PRICE:
        raise wrong(f"is {quoted(value)}", f"a number from 0 to {HIGHEST_PRICE:,}, per million tokens")
    return amount


def _engine(value: str) -> str:
    return choice_of(value, (*HOME_HOSTS, "*"), "engine")


class WrittenPrice(WrittenModel):
    """A row of a table of prices; every cell is text."""

    model: Line
    engine: Annotated[str, AfterValidator(_engine)]
    input_per_million: Annotated[float, BeforeValidator(_amount)]
    output_per_million: Annotated[float, BeforeValidator(_amount)]
    currency: Line
    date: Day
    source: Line


def _price(row: Mapping[str | None, Any], where: str, own: bool) -> Price:
    if None in row:
        raise InputError("has more cells than columns", where=where, allowed=", ".join(COLUMNS))
    said = checked(WrittenPrice, {name: (cell or "").strip() for name, cell in row.items()}, where)
    return Price(**said.model_dump(exclude={"date"}), as_of=said.date, own=own)
