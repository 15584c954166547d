"""Levers and shocks of the society in words: their kinds, their keys, and one of them in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS: Mapping[str, str] = {
    "voucher": "Voucher for places to eat",
    "transfer": "Cash from the government",
    "sales_tax": "Sales tax",
    "subsidy": "Subsidy on prices",
    "price_cap": "Highest price",
    "price_floor": "Lowest price",
    "wage": "Wages",
    "opening_hours": "Opening hours",
    "capacity_limit": "Limit of guests",
    "travel_limit": "Limit of ways",
    "transit_fare": "Fare a kilometre",
    "speed": "Speed of travel",
    "new_place": "A place opens",
    "close_place": "A place closes",
    "campaign": "Campaign of posts",
    "advert_ban": "Limit of adverts",
    "moderation": "Moderation of posts",
    "feed_ranking": "Ranking of the feed",
    "label_false": "Label on false posts",
    "follow_cap": "Limit of follows",
    "supply_cut": "Deliveries fail",
    "price_shock": "Prices jump",
    "income_shock": "Incomes change",
    "rumour": "A false rumour",
    "outage": "The network is down",
    "heat": "Heat",
    "festival": "Festival",
}
KEYS: Mapping[str, str] = {
    "start": "From",
    "end": "Until",
    "places": "Places (none: all it may concern)",
    "place": "Place",
    "cents": "Cents",
    "weekly": "Every week",
    "days_valid": "Days it is valid",
    "rate": "Share of the price",
    "factor": "Times as much",
    "share": "Share",
    "max_km": "Longest way (km)",
    "hours": "Hours",
    "cents_per_km": "Cents a kilometre",
    "posts_per_hour": "Posts an hour",
    "valence": "Tone (−1 bad to 1 good)",
    "reach": "Share of households each post reaches",
    "false": "False posts",
    "advert": "An advert",
    "below": "Tone below which posts are removed",
    "lag_hours": "Hours until it is removed",
    "ranking": "Ranking",
    "most": "At most",
    "believers": "Share who believe it",
    "income_quartile": "Income quartiles (none: everybody)",
    "district": "Districts (none: everywhere)",
}
_SILENT = ("kind", "id", "start", "end", "who")


def _several(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def lever_line(lever: Mapping[str, Any]) -> str:
    """A lever as written, in a line: what, with which numbers, for whom, when."""
    parts = []
    for name, value in lever.items():
        if name in _SILENT or value in (None, [], (), False):
            continue
        shown = _several(value)
        parts.append(KEYS.get(name, name).lower() if value is True else f"{KEYS.get(name, name).lower()} {shown}")
    who = {name: value for name, value in (lever.get("who") or {}).items() if value not in (None, [], (), 1.0)}
    whom = "; ".join(f"{KEYS.get(name, name).split(' (')[0].lower()} {_several(value)}" for name, value in who.items())
    when = f"from {lever['start']}" + (f" until {lever['end']}" if lever.get("end") else "")
    text = (
        f"{KINDS[str(lever['kind'])]} {when}"
        + (f": {'; '.join(parts)}" if parts else "")
        + (f" ({whom})" if whom else "")
    )
    return text.replace("_", " ")
