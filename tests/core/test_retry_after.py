"""What servers say about coming back, and what they must not get away with."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from failover.core.retry_after import retry_after

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"

SECONDS = [
    ("17", 17.0),
    ("1", 1.0),
    ("0", 1.0),
    ("0.2", 1.0),
    ("1.5", 1.5),
    ("1.", None),
    (".5", None),
    ("30 ", 30.0),
    ("\t30", 30.0),
    ("007", 7.0),
    ("3600", 3600.0),
    ("3601", 3600.0),
    ("86400", 3600.0),
    ("999999999", 3600.0),
    ("1000000000", None),
    ("99999999999999999999", None),
    ("1.0000000001", None),
    ("", None),
    (" ", None),
    ("-5", None),
    ("-0", None),
    ("+5", None),
    ("nan", None),
    ("NaN", None),
    ("inf", None),
    ("Infinity", None),
    ("-inf", None),
    ("1e3", None),
    ("1E3", None),
    ("0x10", None),
    ("1_000", None),
    ("1,5", None),
    ("1, 2", None),
    ("5;q=1", None),
    ("5s", None),
    ("five", None),
    ("1.2.3", None),
    ("5\x00", None),
    ("5\n", None),
    ("5\r\nx: y", None),
    ("\u0661\u0662", None),
    ("\uff15", None),
    ("\u00b2", None),
    ("\u00a05", None),
    ("true", None),
    ("[5]", None),
]


@pytest.mark.parametrize(("value", "seconds"), SECONDS)
def test_seconds(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds


DATES = [
    ("Sun, 06 Nov 1994 08:49:54 GMT", DATE, 17.0),
    ("Sun, 06 Nov 1994 08:49:37 GMT", DATE, 1.0),
    ("Mon, 07 Nov 1994 08:49:37 GMT", DATE, 3600.0),
    ("Fri, 31 Dec 9999 23:59:59 GMT", DATE, 3600.0),
    ("Sun, 06 Nov 1994 08:49:36 GMT", DATE, None),
    ("Sun, 06 Nov 1994 08:49:54 GMT", None, None),
    ("Sun, 06 Nov 1994 08:49:54 GMT", "yesterday", None),
    ("Sun, 31 Feb 1994 08:49:54 GMT", DATE, None),
    ("Sun, 06 Nov 0000 08:49:54 GMT", DATE, None),
    ("Sun, 06 Nov 1994 25:49:54 GMT", DATE, None),
    ("Sun, 06 Nov 1994 08:49:54 +0100", DATE, None),
    ("Sun, 06 Nov 1994 08:49:54", DATE, None),
    ("Sunday, 06-Nov-94 08:49:54 GMT", DATE, None),
    ("Sun Nov  6 08:49:54 1994", DATE, None),
    ("1994-11-06T08:49:54Z", DATE, None),
    ("sun, 06 nov 1994 08:49:54 gmt", DATE, None),
    ("Sun, \u0660\u0666 Nov 1994 08:49:54 GMT", DATE, None),
]


@pytest.mark.parametrize(("value", "date", "seconds"), DATES)
def test_a_date_is_measured_against_the_replys_own(
    value: str, date: str | None, seconds: float | None
) -> None:
    headers = {"retry-after": value} | ({"date": date} if date else {})
    assert retry_after(headers) == seconds


RESETS = [
    ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
    ({"x-ratelimit-reset-requests": "1s"}, 1.0),
    ({"x-ratelimit-reset-tokens": "1h2m3s"}, 3600.0),
    ({"x-ratelimit-reset-tokens": "1m2.5s"}, 62.5),
    ({"x-ratelimit-reset-tokens": "1s500ms"}, 1.5),
    ({"x-ratelimit-reset-tokens": "20ms"}, 1.0),
    ({"x-ratelimit-reset-tokens": "1d"}, 3600.0),
    ({"x-ratelimit-reset-requests": "12"}, 12.0),
    ({"x-ratelimit-reset": "12"}, 12.0),
    ({"ratelimit-reset": "9"}, 9.0),
    ({"X-RateLimit-Reset-Requests": "7s"}, 7.0),
    ({"x-ratelimit-reset-requests": "5s", "x-ratelimit-reset-tokens": "8s"}, 8.0),
    ({"x-ratelimit-reset-requests": ""}, None),
    ({"x-ratelimit-reset-requests": "-6m"}, None),
    ({"x-ratelimit-reset-requests": "6m 0s"}, None),
    ({"x-ratelimit-reset-requests": "0s6m"}, None),
    ({"x-ratelimit-reset-requests": "6M"}, None),
    ({"x-ratelimit-reset": "1794873600"}, None),
    ({"x-ratelimit-reset-requests": "2026-11-21T00:00:00Z"}, None),
    ({"x-ratelimit-reset-requests": "\u0666m"}, None),
    ({"not-x-ratelimit-reset": "5"}, None),
    ({"x-ratelimit-limit-requests": "5"}, None),
    ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "4999"}, None),
    ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360.0),
    ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "9"}, 360.0),
    (
        {
            "x-ratelimit-reset-requests": "6m0s",
            "x-ratelimit-remaining-requests": "1",
            "x-ratelimit-reset-tokens": "8s",
            "x-ratelimit-remaining-tokens": "0",
        },
        8.0,
    ),
    ({"ratelimit-reset": "9", "ratelimit-remaining": "599"}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), RESETS)
def test_reset_of_a_limit_that_is_used_up(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


THROTTLED = "Request was throttled. Your rate limit resets in ~30s."
BODIES = [
    (json.dumps({"detail": THROTTLED}), 30.0),
    (json.dumps({"detail": THROTTLED, "status": 429, "retry_after": 5}), 5.0),
    (json.dumps({"detail": "Expected available in 1 second."}), 1.0),
    (json.dumps({"detail": "Expected available in 12 seconds."}), 12.0),
    (json.dumps({"detail": "Please try again in 2.5s"}), 2.5),
    (json.dumps({"retry_after": 7}), 7.0),
    (json.dumps({"retry_after": 7.25}), 7.25),
    (json.dumps({"retry_after": "7"}), 7.0),
    (json.dumps({"retry_after": 0}), 1.0),
    (json.dumps({"retry_after": 86400}), 3600.0),
    (json.dumps({"retry_after": -7}), None),
    (json.dumps({"retry_after": True}), None),
    (json.dumps({"retry_after": None}), None),
    (json.dumps({"retry_after": [7]}), None),
    (json.dumps({"retry_after": {"seconds": 7}}), None),
    (json.dumps({"retry_after": 10**12}), None),
    (json.dumps({"retry_after": float("nan")}), None),
    (json.dumps({"retry_after": float("inf")}), None),
    ('{"retry_after": 1e400}', None),
    ('{"retry_after": 1e3}', 1000.0),
    ('{"retry_after": ' + "9" * 5000 + "}", None),
    (json.dumps({"retry_after": "soon", "detail": THROTTLED}), 30.0),
    (json.dumps({"detail": "the film resets in 30 chapters"}), None),
    (json.dumps({"detail": "resets in ~-30s"}), None),
    (json.dumps({"detail": "resets in ~1234567890s"}), None),
    (json.dumps({"detail": [{"msg": THROTTLED}]}), None),
    (json.dumps({"input": {"prompt": THROTTLED, "retry_after": 9}}), None),
    (json.dumps([{"retry_after": 9}]), None),
    (THROTTLED, None),
    ("", None),
    ("{", None),
    ("null", None),
    ('{"a":' * 50_000, None),
    ('{"a":' + "[" * 60_000, None),
    (json.dumps({"retry_after": 5, "pad": "x" * 70_000}), None),
]


@pytest.mark.parametrize(("body", "seconds"), BODIES)
def test_hint_in_the_body(body: str, seconds: float | None) -> None:
    assert retry_after({}, body.encode()) == seconds


def test_a_body_that_is_not_text() -> None:
    assert retry_after({}, b'{"retry_after": \xff\xfe}') is None


ORDER = {
    "retry-after-ms": "2500",
    "retry-after": "17",
    "x-ratelimit-reset-requests": "40s",
    "date": DATE,
}


def test_the_first_usable_source_wins() -> None:
    headers, body = dict(ORDER), json.dumps({"retry_after": 50}).encode()
    said = []
    for name in ORDER:
        said.append(retry_after(headers, body))
        del headers[name]
    assert said == [2.5, 17.0, 40.0, 50.0]


@pytest.mark.parametrize("rubbish", ["-1", "nan", "soon", ""])
def test_a_source_that_is_rubbish_makes_way_for_the_next(rubbish: str) -> None:
    headers = {**ORDER, "retry-after-ms": rubbish}
    assert retry_after(headers) == 17.0
    assert retry_after({**headers, "retry-after": rubbish}) == 40.0


def test_milliseconds() -> None:
    assert retry_after({"retry-after-ms": "1500.5"}) == 1.5005
    assert retry_after({"retry-after-ms": "1"}) == 1.0
    assert retry_after({"retry-after-ms": "999999999"}) == 3600.0


NAMES = st.sampled_from(
    ["retry-after-ms", "retry-after", "date", "x-ratelimit-reset-tokens", "ratelimit-reset"]
)
VALUES = (
    st.text(max_size=40)
    | st.integers().map(str)
    | st.floats().map(str)
    | st.from_regex(r"[0-9]{0,12}[dhms]?[0-9]{0,12}(ms|s)?", fullmatch=True)
    | st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
HINTS = st.fixed_dictionaries({}, optional={"retry_after": JSON, "detail": JSON}).map(
    lambda value: json.dumps(value).encode()
)


@given(
    headers=st.dictionaries(NAMES | st.text(max_size=30), VALUES),
    body=st.binary(max_size=200) | HINTS,
)
@example(headers={"retry-after": DATE, "date": DATE}, body=b"")
def test_it_never_raises_and_stays_within_bounds(headers: dict[str, str], body: bytes) -> None:
    seconds = retry_after(headers, body)
    assert seconds is None or 1.0 <= seconds <= 3600.0
