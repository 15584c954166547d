"""What an analyst can set, and what can befall the society: dated, with places and people it concerns.

Each kind is one written model with its own keys; `POLICIES` are levers, `SHOCKS` are not anybody's decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from core.inputs.checking import WrittenModel
from core.inputs.kinds import Day, Share

Hour = Annotated[int, Field(ge=0, le=24)]


class Written(WrittenModel):
    """A table of a scenario: lists are kept as tuples, for nobody changes them."""

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, raw: Any) -> Any:
        return {key: _tuples(value) for key, value in raw.items()} if isinstance(raw, dict) else raw


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


class Who(Written):
    """The households concerned: all conditions hold; none written means everybody."""

    income_quartile: tuple[int, ...] = ()
    district: tuple[str, ...] = ()
    employed: bool | None = None
    share: Share = 1.0


class Lever(Written):
    """What all have: from the first to the last day, both included; the end of the scenario where `end` is left out."""

    kind: str
    id: str = ""
    start: Day
    end: Day | None = None


class _Placed(Lever):
    places: tuple[str, ...] = ()


class Voucher(_Placed):
    """Money for these places alone (restaurants, where none is named), paid by the government when it is spent."""

    kind: Literal["voucher"]
    cents: Annotated[int, Field(ge=0, le=1_000_000)]
    weekly: bool = True
    days_valid: Annotated[int, Field(ge=1, le=365)] = 14
    who: Who = Who()


class Transfer(Lever):
    """Cash from the government, once at `start`, or each week."""

    kind: Literal["transfer"]
    cents: Annotated[int, Field(ge=0, le=10_000_000)]
    weekly: bool = False
    who: Who = Who()


class SalesTax(_Placed):
    kind: Literal["sales_tax"]
    rate: Annotated[float, Field(ge=0, le=2)]


class Subsidy(_Placed):
    """A share of the price that the government pays."""

    kind: Literal["subsidy"]
    rate: Share


class PriceCap(_Placed):
    kind: Literal["price_cap"]
    cents: Annotated[int, Field(ge=1)]


class PriceFloor(_Placed):
    kind: Literal["price_floor"]
    cents: Annotated[int, Field(ge=1)]


class Wage(Lever):
    """Wages times this."""

    kind: Literal["wage"]
    factor: Annotated[float, Field(ge=0, le=5)]
    who: Who = Who()


class OpeningHours(_Placed):
    """Open from the first hour until the second; equal hours close the place."""

    kind: Literal["opening_hours"]
    hours: tuple[Hour, Hour]


class CapacityLimit(_Placed):
    kind: Literal["capacity_limit"]
    share: Share


class TravelLimit(Lever):
    """No way out longer than this, none into these cells, and none outside these hours."""

    kind: Literal["travel_limit"]
    max_km: Annotated[float, Field(ge=0)] | None = None
    closed_cells: tuple[tuple[int, int], ...] = ()
    hours: tuple[Hour, Hour] = (0, 24)
    who: Who = Who()


class TransitFare(Lever):
    kind: Literal["transit_fare"]
    cents_per_km: Annotated[int, Field(ge=0, le=10_000)]


class Speed(Lever):
    kind: Literal["speed"]
    factor: Annotated[float, Field(gt=0, le=20)]


class NewPlace(_Placed):
    """Places that are closed before."""

    kind: Literal["new_place"]


class ClosePlace(_Placed):
    kind: Literal["close_place"]


class Campaign(Lever):
    """Posts about a place that reach so large a share of the households, drawn for each post."""

    kind: Literal["campaign"]
    place: str
    posts_per_hour: Annotated[float, Field(ge=0, le=1_000)]
    valence: Annotated[float, Field(ge=-1, le=1)] = 0.5
    reach: Share = 0.02
    hours: tuple[Hour, Hour] = (0, 24)
    false: bool = False
    advert: bool = False


class AdvertBan(Lever):
    """At most so many adverts an hour of all places together."""

    kind: Literal["advert_ban"]
    posts_per_hour: Annotated[float, Field(ge=0)] = 0.0


class Moderation(Lever):
    """A share of the posts below a valence, and of false ones, is removed: before anybody reads it, or with a lag, so
    that it is read but not passed on."""

    kind: Literal["moderation"]
    share: Share = 1.0
    below: Annotated[float, Field(ge=-1, le=1)] = -1.0
    false: bool = True
    lag_hours: Annotated[int, Field(ge=0, le=24)] = 0


class FeedRanking(Lever):
    kind: Literal["feed_ranking"]
    ranking: Literal["engagement", "chronological"]


class LabelFalse(Lever):
    """False posts carry a label, which takes part of the trust in them."""

    kind: Literal["label_false"]


class FollowCap(Lever):
    """Nobody begins to follow more accounts than this."""

    kind: Literal["follow_cap"]
    most: Annotated[int, Field(ge=0)]


class SupplyCut(_Placed):
    kind: Literal["supply_cut"]
    share: Share


class PriceShock(_Placed):
    kind: Literal["price_shock"]
    factor: Annotated[float, Field(gt=0, le=10)]


class IncomeShock(Lever):
    """Wages and benefits times this."""

    kind: Literal["income_shock"]
    factor: Annotated[float, Field(ge=0, le=5)]
    who: Who = Who()


class Rumour(Lever):
    """At `start` so large a share of the households posts something false about a place, and believes it."""

    kind: Literal["rumour"]
    place: str
    believers: Share = 0.01
    valence: Annotated[float, Field(ge=-1, le=1)] = -0.9


class Outage(Lever):
    """The network delivers nothing."""

    kind: Literal["outage"]


class Heat(Lever):
    """Each kilometre costs so many times more."""

    kind: Literal["heat"]
    factor: Annotated[float, Field(ge=1, le=10)]


class Festival(_Placed):
    """Capacity and deliveries times this."""

    kind: Literal["festival"]
    factor: Annotated[float, Field(ge=0, le=20)]


Policy = (
    Voucher | Transfer | SalesTax | Subsidy | PriceCap | PriceFloor | Wage | OpeningHours | CapacityLimit | TravelLimit
    | TransitFare | Speed | NewPlace | ClosePlace | Campaign | AdvertBan | Moderation | FeedRanking | LabelFalse | FollowCap
)  # fmt: skip
Shock = SupplyCut | PriceShock | IncomeShock | Rumour | Outage | Heat | Festival


def kinds(union: object) -> dict[str, type[Lever]]:
    """The models of a union by their kind."""
    return {get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(union)}


POLICIES, SHOCKS = kinds(Policy), kinds(Shock)


def lasting(levers: Sequence[Lever], day: date) -> list[Lever]:
    """Those in force on a day, in their order."""
    return [lever for lever in levers if lever.start <= day and (lever.end is None or day <= lever.end)]
