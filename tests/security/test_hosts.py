"""S5, S6: a request is a provider's if and only if it is dialled at the exact origin."""

from __future__ import annotations

from typing import Any

import pytest
from doors.stage import DOWN, FAL_AUTH, PROMPT, Canned, Door, Network, make

from failover._sites import Sites
from failover.events import CallMatched, Event

HOSTS = ("fal.run", "queue.fal.run", "falrun.com", "api.replicate.com")
TEMPLATES = (
    # somewhere else in the URL
    "https://evil.example/{h}{p}",
    "https://evil.example/https://{h}{p}",
    "https://evil.example{p}?u=https://{h}{p}",
    "https://evil.example{p}#{h}",
    "https://evil.example{p};{h}",
    "https://evil.example/%2f%2f{h}{p}",
    # before and after
    "https://{h}.evil.example{p}",
    "https://{h}-evil.example{p}",
    "https://evil-{h}{p}",
    "https://evil{h}{p}",
    "https://www.{h}{p}",
    "https://a.b.{h}{p}",
    "https://{h}x{p}",
    "https://{h}.{p}",
    "https://{h}..{p}",
    "https://.{h}{p}",
    # user information
    "https://user@{h}{p}",
    "https://user:password@{h}{p}",
    "https://{h}@evil.example{p}",
    "https://{h}:443@evil.example{p}",
    "https://{h}:x@evil.example{p}",
    "https://evil.example@{h}{p}",
    "https://evil.example%40{h}{p}",
    "https://a@b@{h}{p}",
    "https://@{h}{p}",
    # other ports and schemes
    "https://{h}:80{p}",
    "https://{h}:444{p}",
    "https://{h}:8443{p}",
    "https://{h}:1{p}",
    "https://{h}:65535{p}",
    "https://{h}:443443{p}",
    "https://{h}:-443{p}",
    "https://{h}:443x{p}",
    "http://{h}{p}",
    "http://{h}:443{p}",
    "http://{h}:80{p}",
    "ws://{h}{p}",
    "wss://{h}{p}",
    "ftp://{h}{p}",
    "file://{h}{p}",
    # backslashes, dots and blanks that parsers read differently
    "https://evil.example\\@{h}{p}",
    "https://evil.example\\{h}{p}",
    "https://{h}\\@evil.example{p}",
    "https://{h}\\.evil.example{p}",
    "https:\\\\{h}{p}",
    "https://{h}%2eevil.example{p}",
    "https://{h}%2e{p}",
    "https://{h}%00{p}",
    "https://{h}%00.evil.example{p}",
    "https://{h}%20{p}",
    "https://{h}%09{p}",
    "https://{h}%2f@evil.example{p}",
    "https://{h}%5c.evil.example{p}",
    "https://{h} .evil.example{p}",
    "https://{h}\x00{p}",
    "https://{h}\x00.evil.example{p}",
    "https://{h}\t.evil.example{p}",
    "https://{h}\n.evil.example{p}",
    "https://evil.example\t@{h}{p}",
    # international look-alikes
    "https://{wide}{p}",
    "https://{cyrillic}{p}",
    "https://{dotted}{p}",
    "https://{soft}{p}",
    "https://{joined}{p}",
    "https://{puny}{p}",
    "https://{circled}{p}",
    # addresses
    "https://[::ffff:127.0.0.1]{p}",
    "https://2130706433{p}",
    "https://0x7f.1{p}",
    "https://[{h}]{p}",
    "https://{h}:443:443{p}",
    # not the path of a generation
    "https://{h}{p}/../../admin",
    "https://{h}/%2e%2e{p}",
    "https://{h}/{p}",
)


def corpus() -> list[str]:
    """Every hostile URL."""
    urls = []
    for host in HOSTS:
        path = "/v1/models/acme/style/predictions" if "replicate" in host else "/acme/style"
        names = {
            "h": host,
            "p": path,
            "wide": "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in host),
            "cyrillic": host.replace("a", "\u0430"),
            "dotted": host.replace(".", "\u3002"),
            "soft": f"{host[0]}\u00ad{host[1:]}",
            "joined": f"{host[0]}\u200d{host[1:]}",
            "puny": host.replace("a", "\u0430").encode("idna").decode(),
            "circled": f"\u24d5{host[1:]}",
        }
        urls += [template.format_map(names) for template in TEMPLATES]
    return urls


CORPUS = corpus()


def test_s6_the_corpus_is_large_enough() -> None:
    assert len(set(CORPUS)) >= 200


def plain(door: Door, url: str) -> str | None:
    """The URL as the library will dial it; None when it refuses it."""
    try:
        if door.name == "requests":
            return door.lib.Request("POST", url).prepare().url
        return str(door.lib.Request("POST", url).url)
    except Exception:
        return None


def is_plainly_the_providers(url: str) -> bool:
    """Whether a URL, as dialled, is one of our hosts' with nothing odd about it."""
    starts = [f"https://{host}/" for host in HOSTS]
    return url.startswith(tuple(starts)) and ".." not in url and "%" not in url


def test_s6_no_hostile_url_matches(door: Door) -> None:
    events: list[Event] = []
    fo = make(on_event=events.append)
    matched, dialled, refused = [], 0, 0
    for url in CORPUS:
        network = Network(dict.fromkeys([*HOSTS, ""], DOWN))
        events.clear()
        try:
            door.send(fo, network, "POST", url, json=PROMPT, headers=FAL_AUTH)
        except Exception:
            refused += 1  # by the library itself
        dialled += bool(network.seen)
        hit = any(isinstance(event, CallMatched) for event in events) or len(network.seen) > 1
        if hit and not is_plainly_the_providers(plain(door, url) or ""):
            matched.append(url)
    assert matched == []
    assert dialled > 50
    assert dialled + refused >= len(CORPUS)


def test_s6_what_matches_is_what_the_library_itself_made_plain(door: Door) -> None:
    fo = make()
    for url in CORPUS:
        network = Network(dict.fromkeys(HOSTS, DOWN))
        try:
            door.send(fo, network, "POST", url, json=PROMPT, headers=FAL_AUTH)
        except Exception:
            continue
        for hop in network.seen[1:]:
            assert network.seen[0].host in HOSTS
            assert network.seen[0].url == plain(door, url), (url, hop)


def test_s6_no_key_goes_to_a_hostile_url(door: Door) -> None:
    fo = make()
    for url in CORPUS:
        network = Network(dict.fromkeys(HOSTS, Canned(200, b"{}")))
        try:
            door.send(fo, network, "GET", url, headers=FAL_AUTH)
        except Exception:
            continue
        for seen in network.seen:
            kept = "authorization" in seen.headers and seen.headers == {
                **seen.headers,
                **FAL_AUTH,
            }
            if kept:
                assert seen.host in ("fal.run", "queue.fal.run", "falrun.com", "queue.falrun.com")
                assert seen.url.startswith("https://"), url


def test_s5_the_exact_origins_match(door: Door) -> None:
    for host in ("fal.run", "falrun.com", "FAL.RUN", "fal.run:443"):
        events: list[Event] = []
        network = Network()
        fo = make(on_event=events.append)
        door.send(fo, network, "POST", f"https://{host}/acme/style", json=PROMPT)
        assert any(isinstance(event, CallMatched) for event in events), host


@pytest.mark.parametrize(
    ("scheme", "host", "port", "path", "found"),
    [
        ("https", "fal.run", 443, "/a/b", True),
        ("http", "fal.run", 443, "/a/b", False),
        ("http", "fal.run", 80, "/a/b", False),
        ("https", "fal.run", 80, "/a/b", False),
        ("https", "FAL.RUN", 443, "/a/b", False),
        ("https", "fal.run.", 443, "/a/b", False),
        ("https", "rest.fal.ai", 443, "/a/b", False),
    ],
)
def test_s5_sites_look_for_the_exact_origin(
    scheme: str, host: str, port: int, path: str, found: bool
) -> None:
    assert (Sites({}, {}).inbound(scheme, host, port, path) is not None) is found


def test_s5_the_longest_prefix_wins() -> None:
    urls: dict[str, Any] = {
        "fal": {"fal.run": "https://proxy.example", "queue.fal.run": "https://proxy.example/queue"}
    }
    sites = Sites(urls, {})
    assert sites.inbound("https", "proxy.example", 443, "/queue/a/b").canonical.endswith(
        "queue.fal.run"
    )  # type: ignore[union-attr]
    assert sites.inbound("https", "proxy.example", 443, "/queues/a").canonical.endswith("/fal.run")  # type: ignore[union-attr]


def test_s5_the_sdks_own_variables_move_a_host() -> None:
    sites = Sites(
        {}, {"FAL_RUN_HOST": "fal.internal", "REPLICATE_BASE_URL": "https://r.internal/x"}
    )
    assert sites.outbound("https://fal.run").base == "https://fal.internal"
    assert sites.outbound("https://queue.fal.run").base == "https://queue.fal.internal"
    assert sites.outbound("https://api.replicate.com").base == "https://r.internal/x"
    assert sites.may_carry("fal", "https", "fal.internal", 443)
    assert not sites.may_carry("replicate", "https", "fal.internal", 443)
