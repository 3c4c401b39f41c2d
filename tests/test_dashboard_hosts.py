"""Which names are the dashboard's own, and which requests come from elsewhere."""

import pytest

from yolact_temporal.dashboards.hosts import (
    Place,
    is_every_address,
    is_loopback,
    own_places,
    read_place,
    refusal,
    resolve,
)
from yolact_temporal.errors import UsageError

OWN = own_places("127.0.0.1", "127.0.0.1", 8501, [])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:8501", Place("127.0.0.1", 8501)),
        ("LocalHost:8501", Place("localhost", 8501)),
        ("localhost.:8501", Place("localhost", 8501)),
        ("localhost", Place("localhost", None)),
        ("[::1]:8501", Place("::1", 8501)),
        ("[0:0:0:0:0:0:0:1]:8501", Place("::1", 8501)),
        ("[2001:DB8::00A]", Place("2001:db8::a", None)),
        ("lab_server-2.example.org:80", Place("lab_server-2.example.org", 80)),
        ("", None),
        (":8501", None),
        (".", None),
        ("localhost..", None),
        ("localhost:", None),
        ("localhost:0", None),
        ("localhost:65536", None),
        ("localhost:+85", None),
        ("localhost:\u0668\u0665", None),
        ("localhost:8501:8501", None),
        ("local host", None),
        (" localhost", None),
        ("localhost\n", None),
        ("localhost, evil.example", None),
        ("me@localhost:8501", None),
        ("me:word@localhost:8501", None),
        ("localhost:8501@evil.example", None),
        ("localhost/", None),
        ("localhost?x", None),
        ("localhost#x", None),
        ("localhost\\x", None),
        ("http://localhost:8501", None),
        ("::1", None),
        ("[::1", None),
        ("[::1]x", None),
        ("[1.2.3.4]", None),
        ("[fe80::1%25eth0]", None),
        ("localh\u00f6st", None),
        ("\uff4cocalhost", None),
        ("*", None),
    ],
)
def test_a_place_is_a_plain_name_with_or_without_a_port(text, place):
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("numbers", "own", "every"),
    [
        ("127.0.0.1", True, False),
        ("127.3.2.1", True, False),
        ("::1", True, False),
        ("::ffff:127.0.0.1", True, False),
        ("10.0.0.1", False, False),
        ("2001:db8::1", False, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("::ffff:0.0.0.0", False, True),
    ],
)
def test_loopback_and_all_addresses_are_known(numbers, own, every):
    assert (is_loopback(numbers), is_every_address(numbers)) == (own, every)


@pytest.mark.parametrize("address", ["0", "0.0", "0x0", "0.0.0.0"])
def test_an_address_is_what_it_resolves_to(address):
    assert is_every_address(resolve(address))
    with pytest.raises(UsageError, match="expected --allow-host"):
        own_places(address, resolve(address), 8501, [])


@pytest.mark.parametrize("address", ["", "no such host", "x" * 300, "\u00fc" * 80])
def test_an_address_that_leads_nowhere_is_refused(address):
    with pytest.raises(UsageError, match="expected an address of this machine"):
        resolve(address)


@pytest.mark.parametrize(
    ("address", "allowed", "places"),
    [
        ("127.0.0.1", [], ["127.0.0.1:80", "[::1]:80", "localhost:80"]),
        ("::1", [], ["[::1]:80", "127.0.0.1:80", "localhost:80"]),
        ("127.0.0.2", [], ["127.0.0.2:80", "127.0.0.1:80", "[::1]:80", "localhost:80"]),
        ("10.1.2.3", [], ["10.1.2.3:80"]),
        ("10.1.2.3", ["Lab"], ["10.1.2.3:80", "lab:80"]),
        ("2001:DB8::0", [], ["[2001:db8::]:80"]),
        ("127.0.0.1", ["localhost:9000"], ["127.0.0.1:80", "[::1]:80", "localhost:80", "localhost:9000"]),
        (
            "0.0.0.0",
            ["lab", "10.1.2.3"],
            ["lab:80", "10.1.2.3:80", "127.0.0.1:80", "[::1]:80", "localhost:80"],
        ),
        ("::", ["2001:db8::1"], ["[2001:db8::1]:80", "127.0.0.1:80", "[::1]:80", "localhost:80"]),
        ("0.0.0.0", ["localhost"], ["localhost:80", "127.0.0.1:80", "[::1]:80"]),
    ],
)
def test_a_dashboards_own_places_follow_from_where_it_is_served(address, allowed, places):
    assert [str(place) for place in own_places(address, resolve(address), 80, allowed)] == places


@pytest.mark.parametrize(
    "name", ["", "*", "0.0.0.0", "::", "[::]:80", "http://lab", "lab/x", "a b", "lab:0", "l\u00e4b"]
)
def test_a_name_that_no_browser_asks_for_is_refused(name):
    with pytest.raises(UsageError, match="expected a name or address that browsers ask for"):
        own_places("0.0.0.0", "0.0.0.0", 8501, ["lab", name])


def judged(places=OWN, websocket=False, **headers):
    """The status of a request, 200 where it is answered; a header is one value or several."""
    given = {
        name.replace("_", "-"): [value] if isinstance(value, str) else value
        for name, value in headers.items()
    }
    found = refusal(given, places, websocket=websocket)
    if found is None:
        return 200
    assert found[1].startswith("expected ")
    assert "\n" not in found[1]
    return found[0]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8501", 200),
        ("localhost:8501", 200),
        ("LOCALHOST:8501", 200),
        ("localhost.:8501", 200),
        ("[::1]:8501", 200),
        ([], 400),
        ("", 400),
        (["127.0.0.1:8501", "127.0.0.1:8501"], 400),
        (["127.0.0.1:8501", "evil.example"], 400),
        ("me@127.0.0.1:8501", 400),
        ("127.0.0.1:8501/..", 400),
        ("evil.example\r\nx: y", 400),
        ("evil.example", 403),
        ("evil.example:8501", 403),
        ("127.0.0.1", 403),
        ("127.0.0.1:80", 403),
        ("127.0.0.1:18501", 403),
        ("127.0.0.1.evil.example:8501", 403),
        ("localhost.evil.example:8501", 403),
        ("evil-localhost:8501", 403),
        ("127.0.0.2:8501", 403),
        ("0.0.0.0:8501", 403),
        ("2130706433:8501", 403),
        ("0x7f.1:8501", 403),
        ("[::]:8501", 403),
        ("[::ffff:127.0.0.1]:8501", 403),
    ],
)
def test_a_request_names_the_dashboard(host, status):
    assert judged(host=host) == status
    place = host if isinstance(host, str) else "127.0.0.1:8501"
    assert judged(host=host, origin=f"http://{place}", websocket=True) == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8501", 200),
        ("HTTP://127.0.0.1:8501", 200),
        ("https://127.0.0.1:8501", 200),  # behind a proxy that speaks TLS
        ("null", 403),
        ("", 403),
        ("http://evil.example", 403),
        ("http://evil.example:8501", 403),
        ("http://127.0.0.1", 403),
        ("http://127.0.0.1:3000", 403),
        ("http://localhost:8501", 403),  # own too, but not the page that asked
        ("http://127.0.0.1:8501@evil.example", 403),
        ("http://evil.example@127.0.0.1:8501", 403),
        ("http://127.0.0.1:8501/", 403),
        ("http://127.0.0.1:8501.evil.example", 403),
        ("ws://127.0.0.1:8501", 403),
        ("file://", 403),
        ("//127.0.0.1:8501", 403),
        ("127.0.0.1:8501", 403),
        ("http://127.0.0.1:8501 http://evil.example", 403),
        (["http://127.0.0.1:8501", "http://evil.example"], 403),
        (["http://127.0.0.1:8501", "http://127.0.0.1:8501"], 403),
    ],
)
@pytest.mark.parametrize("websocket", [False, True])
def test_a_request_of_a_page_is_one_of_the_dashboards_pages(origin, status, websocket):
    assert judged(host="127.0.0.1:8501", origin=origin, websocket=websocket) == status


def test_only_what_is_no_websocket_may_come_without_an_origin():
    assert judged(host="127.0.0.1:8501") == 200
    assert judged(host="127.0.0.1:8501", websocket=True) == 403


@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("none", "navigate", "document", 200),  # typed into the address bar
        ("same-origin", "no-cors", "image", 200),
        ("cross-site", "navigate", "document", 200),  # a link
        ("same-site", "navigate", "document", 200),
        ("cross-site", "no-cors", "image", 403),
        ("cross-site", "no-cors", "video", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "navigate", "object", 403),
        ("same-site", "no-cors", "script", 403),
        ("same-site", "cors", "empty", 403),
        ("unheard-of", "no-cors", "image", 403),
        (["same-origin", "cross-site"], "no-cors", "image", 403),
    ],
)
def test_what_another_page_embeds_is_refused_and_a_link_is_not(site, mode, dest, status):
    assert (
        judged(host="127.0.0.1:8501", sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=dest) == status
    )


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("lab.example:443", "https://lab.example", 200),
        ("lab.example", "https://lab.example", 200),
        ("lab.example", "https://lab.example:443", 200),
        ("lab.example", "http://lab.example:443", 403),
        ("lab.example:8501", "http://lab.example:8501", 403),
        ("other.example", "https://other.example", 403),
    ],
)
def test_a_proxys_default_port_need_not_be_said(host, origin, status):
    places = own_places("127.0.0.1", "127.0.0.1", 8501, ["lab.example:443"])
    assert judged(places, host=host, origin=origin, websocket=True) == status
