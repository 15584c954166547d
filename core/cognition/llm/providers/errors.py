"""Providers' errors as ours: what a status means for the run, how long to wait, and messages without keys."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from core.cognition.llm.fenced import one_line
from core.cognition.llm.secret_text import secret_values, without_secrets
from core.cognition.llm.types import Denied, ProviderError, QuotaExhausted, RateLimited, Rejected, Unavailable

#: Characters of a server's message that are worth keeping, and that are looked at.
LONGEST_MESSAGE, LONGEST_READ = 300, 20_000
#: Statuses of a server that is busy or broken, besides 5xx: request timeout, conflict, too early.
_FOR_NOW = (408, 409, 425)
#: Statuses with which servers say that nothing is left; 402 never means anything else.
_PAYMENT, _NOTHING_LEFT = 402, (402, 403, 429)
_BAD_KEY = re.compile(r"api[ _-]?key", re.IGNORECASE)
_SECONDS = re.compile(r"^(\d{1,12}(?:\.\d{1,9})?)s$")
#: Codes and words of a quota that waiting does not renew. Google says "check your plan and billing" of a minute's limit too,
#: and then how long to wait, so these words count only where nothing says how long.
_USED_UP = re.compile(
    r"insufficient[ _](?:quota|funds|credits?|balance)|out of credits|credit balance|no credits?\b|billing[ _](?:hard|not)"
    r"|quota[ _]exhausted|spend(?:ing)?[ _]limit",
    re.IGNORECASE,
)
_BY_THE_DAY = re.compile(r"per[ _-]?(?:day|week|month)|\b[RT]PD\b|\bdaily\b|\bmonthly\b", re.IGNORECASE)
_PLAN = re.compile(r"exceeded your current quota|plan and billing", re.IGNORECASE)


def error_of(
    status: int, message: object, retry_after: float | None = None, *, code: object = None, details: Any = None
) -> ProviderError:
    """The error that an HTTP status stands for; `code` and `details` are of the error in the body, as they came.

    A key that is not valid comes as 400 from Gemini, and a model nobody knows as 404: asking on is useless there too, and
    where the quota of a day or the money is used up.
    """
    told = said(message)
    if status in _NOTHING_LEFT and _is_used_up(status, f"{str(message)[:LONGEST_READ]} {code}", retry_after, details):
        return QuotaExhausted(
            f"the provider's quota for this key is used up ({status}): {told.rstrip('.')}. Nothing more was asked; what was "
            "answered is kept, and the same run goes on from there once there is quota again"
        )
    if status == 429:
        return RateLimited(f"too many calls for now (429): {told}", retry_after)
    if status in (401, 403) or (status == 400 and _BAD_KEY.search(told)):
        return Denied(f"the provider refuses the key ({status}): {told}")
    if status == 404:
        return Denied(f"the provider does not know the model or the address (404): {told}")
    if status >= 500 or status in _FOR_NOW:
        return Unavailable(f"the server failed ({status}): {told}", retry_after)
    return Rejected(f"the provider rejects the question ({status}): {told}")


def _is_used_up(status: int, told: str, retry_after: float | None, details: Any) -> bool:
    """Whether waiting for a minute or so cannot help."""
    if status == _PAYMENT or _USED_UP.search(told):
        return True
    quotas = _violations(details)
    if quotas:
        return any(
            _BY_THE_DAY.search(f"{item.get('quotaId')} {item.get('quotaMetric')}") or str(item.get("quotaValue")) == "0"
            for item in quotas
        )
    return status == 429 and bool(_BY_THE_DAY.search(told) or (retry_after is None and _PLAN.search(told)))


def _violations(details: Any) -> list[Mapping[str, Any]]:
    """The quotas that Google's error details say are exceeded."""
    items = details if isinstance(details, list) else []
    lists = [item.get("violations") for item in items if isinstance(item, Mapping)]
    return [found for listed in lists if isinstance(listed, list) for found in listed if isinstance(found, Mapping)]


def said(message: object) -> str:
    """What a library or a server says, on one line, cut to length, and without keys."""
    secrets = secret_values()
    # Once more on the line: what cannot be seen may have stood inside of a key.
    text = without_secrets(one_line(without_secrets(str(message)[:LONGEST_READ], secrets)), secrets)
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"


def wait_of(headers: Mapping[str, str] | None, details: Any = None) -> float | None:
    """Seconds that the server asks to wait: in `retry-after-ms`, `retry-after` (seconds or a date), or in the
    `retryDelay` of Google's error `details`; None where it says nothing that can be read."""
    headers = {} if headers is None else {name.lower(): value for name, value in headers.items()}
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after")
    seconds = _number(after)
    if seconds is None and after is not None:
        try:
            moment = parsedate_to_datetime(after)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = max(0.0, (moment - datetime.now(UTC)).total_seconds())
        except (ValueError, OverflowError, TypeError, IndexError):
            seconds = None
    if seconds is None and isinstance(details, list):
        delays = [str(item["retryDelay"]) for item in details if isinstance(item, Mapping) and "retryDelay" in item]
        found = _SECONDS.match(delays[0]) if delays else None
        seconds = float(found.group(1)) if found else None
    return seconds


def is_this_machine(url: str) -> bool:
    """Whether an address is a loopback one."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
