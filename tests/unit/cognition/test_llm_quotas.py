"""Used-up quotas, limits per minute and waits: told apart, said, and obeyed."""

from __future__ import annotations

from typing import Any

import pytest
from llm_servers import Step, gemini_answer, gemini_error, openai_answer, script
from reply_cases import ANSWER, KINDS, SHAPE, outcome, provider_of, question, serve, spec_of

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import Limits
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.providers.errors import error_of, wait_of
from core.cognition.llm.types import Denied, ProviderError, QuotaExhausted, RateLimited


def violation(**fields: str) -> list[dict[str, Any]]:
    return [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [fields]}]


RETRY = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "32.5s"}]
PLAN = "You exceeded your current quota, please check your plan and billing details."
DAY = violation(quotaId="GenerateRequestsPerDayPerProjectPerModel-FreeTier", quotaValue="200")
MINUTE = violation(quotaId="GenerateRequestsPerMinutePerProjectPerModel-FreeTier", quotaValue="15")
NONE = violation(quotaId="GenerateRequestsPerMinutePerProjectPerModel-FreeTier", quotaValue="0")


@pytest.mark.parametrize(
    ("status", "message", "wait", "code", "details", "wanted"),
    [
        (429, PLAN, None, "insufficient_quota", None, QuotaExhausted),
        (429, PLAN, None, None, None, QuotaExhausted),
        (429, PLAN, 30.0, None, None, RateLimited),
        (429, PLAN, 32.5, None, [*MINUTE, *RETRY], RateLimited),
        (429, PLAN, None, None, MINUTE, RateLimited),
        (429, PLAN, 32.5, None, [*DAY, *RETRY], QuotaExhausted),
        (429, PLAN, 32.5, None, [*MINUTE, *DAY], QuotaExhausted),
        (429, PLAN, 5.0, None, NONE, QuotaExhausted),
        (
            429,
            "Rate limit reached for m on requests per day (RPD): Limit 200, Used 200.",
            432.0,
            "x",
            None,
            QuotaExhausted,
        ),
        (429, "Rate limit reached for m on tokens per min (TPM): Limit 200.", 6.0, "x", None, RateLimited),
        (402, "Payment required", None, None, None, QuotaExhausted),
        (403, "billing_not_active", None, None, None, QuotaExhausted),
        (403, "Insufficient permissions", None, None, None, Denied),
        (429, "slow down", None, None, None, RateLimited),
        (429, "slow down", None, None, [3, {"violations": 4}, {"violations": [5]}], RateLimited),
    ],
)
def test_a_used_up_quota_is_told_from_a_limit_per_minute(
    status: int, message: str, wait: float | None, code: str | None, details: Any, wanted: type[ProviderError]
) -> None:
    assert type(error_of(status, message, wait, code=code, details=details)) is wanted


def good_and_spent(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An answer, and the error of a used-up quota."""
    if kind == "openai":
        spent = {"error": {"message": PLAN, "type": "insufficient_quota", "code": "insufficient_quota"}}
        return openai_answer(ANSWER), spent
    return gemini_answer(ANSWER), gemini_error(429, PLAN, [*DAY, *RETRY])


@pytest.mark.parametrize("kind", KINDS)
def test_a_used_up_quota_ends_the_run_at_once_and_says_so(kind: str) -> None:
    good, body = good_and_spent(kind)
    with (
        serve(kind, lambda request, number: Step(200, {}, good) if number < 5 else Step(429, {}, body)) as url,
        AnswerCache() as cache,
    ):
        spec = spec_of(kind, url)
        with pytest.raises(QuotaExhausted, match="quota for this key is used up"):
            asked = [question(sample) for sample in range(60)]
            ask_all(asked, provider_of(kind, spec), spec, SHAPE.parse, cache, Limits(concurrency=4))
        rows = cache.store.read("llm_calls")
        assert (rows["status"] == "ok").sum() == 5 and len(url.seen) <= 9
        # Whatever was asked is on record, answered or not.
        assert 6 <= rows["attempts"].sum() <= len(url.seen)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_on_its_way_when_a_quota_is_used_up_is_paid_for_and_kept(kind: str) -> None:
    good, body = good_and_spent(kind)
    slow, busy = Step(200, {}, good, 1.0), Step(503, {}, {"error": {"code": 503, "message": "busy"}}, 1.0)
    # The quota ends for the third call, whose error is there long before the replies to the first two and the fourth.
    replies = [slow, slow, Step(429, {}, body, 0.3), busy]
    with serve(kind, lambda request, number: replies[number]) as url, AnswerCache() as cache:
        spec = spec_of(kind, url)
        with pytest.raises(QuotaExhausted):
            asked = [question(sample) for sample in range(60)]
            ask_all(asked, provider_of(kind, spec), spec, SHAPE.parse, cache, Limits(concurrency=4, backoff_base=90.0))
        rows = cache.store.read("llm_calls")
        assert (
            sorted(rows["status"]) == ["failed", "failed", "ok", "ok"] and len(url.seen) == rows["attempts"].sum() == 4
        )


def test_odd_waits_are_read_or_left() -> None:
    for odd in ("-3", "nan", "inf", "1e999", "soon", "Mon, 99 Foo 2020", "Wed, 21 Oct 99999 07:28:00 GMT", "", "٣"):
        found = wait_of({"Retry-After": odd})
        assert found is None or found >= 0
    assert wait_of({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, None) or 0 > 1e9
    assert wait_of({}, [{"retryDelay": "9" * 400 + "s"}]) is None


def test_a_wait_beyond_reason_is_said_and_not_waited() -> None:
    far = Step(429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, {"error": {"message": "slow down"}})
    with pytest.raises(RateLimited, match=r"more than 300 s|asks to wait .* more than the 300 s"):
        outcome("openai", script(far))
