"""By which names the dashboard may be asked for, and which requests come from a page of its own.

A page of another site can be given a name that leads to this machine. What its browser then sends still says which name
was asked for (`Host`) and whose page asks (`Origin`), and that is compared with the names that are the dashboard's own.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from yolact_temporal.errors import UsageError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""The names that lead to this machine on every machine."""

_PLACE = re.compile(
    r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)\.?)(?::([0-9]{1,5}))?", re.ASCII
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Place:
    """A name and a port, as a browser asks for them.

    Attributes:
        name: in lower case, an address in its shortest form, without brackets.
        port: None where none was said: 80 or 443.
    """

    name: str
    port: int | None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


def read_place(text: str) -> Place | None:
    """Return what a `Host` header names; None where it is no plain name with or without a port.

    Letters may be upper case and one dot may end a name, as DNS has it. A user, a path, spaces, or an address that is
    none make it no place.
    """
    found = _PLACE.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    address, name, port = found.groups()
    if address is not None:
        try:
            name = str(ipaddress.IPv6Address(address))
        except ValueError:
            return None
    if port is not None and not 0 < int(port) < 65536:
        return None
    return Place(name, None if port is None else int(port))


def resolve(address: str) -> str:
    """Return the numbers of an address to serve at.

    Raises:
        UsageError: if it leads nowhere.
    """
    try:
        return str(socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"expected an address of this machine, got {address!r}: pass --address 127.0.0.1"
        ) from error


def is_loopback(numbers: str) -> bool:
    """Say whether only this machine can reach an address, given in numbers."""
    return _address(numbers).is_loopback


def is_every_address(numbers: str) -> bool:
    """Say whether an address, given in numbers, stands for all that the machine has."""
    return _address(numbers).is_unspecified


def own_places(address: str, numbers: str, port: int, allowed: Sequence[str]) -> list[Place]:
    """Return the places that a dashboard is asked for by, the one to tell a person first.

    Args:
        address: where it is served, as it was passed.
        numbers: the same, resolved.
        port: where it is served.
        allowed: further names that are its own, with a port where it is not the one served at (behind a proxy or a
            tunnel).

    Raises:
        UsageError: if one of the names is none, or no name is given and the address is none that a browser could ask
            for.
    """
    given = [_allowed_place(text, port) for text in allowed]
    every = is_every_address(numbers)
    spoken = None if every else read_place(f"[{address}]" if ":" in address else address)
    if spoken is None and not given:
        raise UsageError(
            f"expected --allow-host with --address {address}, got none: name each host that browsers will ask for, as "
            f"in --allow-host lab-server"
        )
    names = [] if spoken is None else [spoken.name, numbers]
    names += LOOPBACK if every or is_loopback(numbers) else ()
    own = [Place(name, port) for name in names]
    return list(dict.fromkeys(given + own if every else own + given))


def refusal(
    headers: Mapping[str, Sequence[str]], places: Collection[Place], *, websocket: bool
) -> tuple[int, str] | None:
    """Return why a request is not answered, as an HTTP status and a sentence; None where it is.

    Args:
        headers: all values of each header, names in lower case. `host`, `origin` and `sec-fetch-*` are looked at.
        places: the dashboard's own.
        websocket: whether it asks for a websocket. Every browser says whose page asks for one; what does not is
            refused.
    """
    hosts, origins = headers.get("host", ()), headers.get("origin", ())
    host = read_place(hosts[0]) if len(hosts) == 1 else None
    if host is None:
        return 400, f"expected one Host header that names this dashboard, got {_shown(hosts)}"
    if not _among(host, places):
        return 403, (
            f"expected one of this dashboard's own names, got {_shown(hosts)}: open the address that it printed; other "
            f"names and ports that lead to it are passed to --allow-host when it is started"
        )
    if not origins and websocket:
        return (
            403,
            "expected the Origin of a page of this dashboard, got none: open the dashboard in a browser",
        )
    if origins and not (len(origins) == 1 and _same_origin(origins[0], host)):
        return 403, (
            f"expected a request of a page at {host}, got one of {_shown(origins)}: open the dashboard itself"
        )
    if _asked_by_another_page(headers):
        return (
            403,
            "expected a request of a page of this dashboard, got one of another page: open the dashboard itself",
        )
    return None


def _among(host: Place, places: Collection[Place]) -> bool:
    if host.port is not None:
        return host in places
    return any(Place(host.name, port) in places for port in _DEFAULT_PORTS.values())


def _same_origin(origin: str, host: Place) -> bool:
    scheme, _, rest = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme.lower())
    place = read_place(rest)
    if port is None or place is None:
        return False
    return (place.name, place.port or port) == (host.name, host.port or port)


def _asked_by_another_page(headers: Mapping[str, Sequence[str]]) -> bool:
    """Tell what another page embeds or fetches, which needs no Origin; a link to the dashboard may be anywhere."""

    def said(name: str) -> str:
        """Return what the browser says of where the request comes from."""
        return ",".join(headers.get(f"sec-fetch-{name}", ()))

    if said("site") in ("", "none", "same-origin"):
        return False
    return (said("mode"), said("dest")) != ("navigate", "document")


def _allowed_place(text: str, port: int) -> Place:
    place = read_place(text) or read_place(f"[{text}]")
    if place is None or _is_number(place.name, "is_unspecified"):
        raise UsageError(
            f"expected a name or address that browsers ask for, with or without a port, got --allow-host {text!r}: "
            f"pass it as in lab-server or lab-server:8080"
        )
    return place if place.port is not None else Place(place.name, port)


def _is_number(name: str, kind: str) -> bool:
    try:
        return bool(getattr(_address(name), kind))
    except ValueError:
        return False


def _address(numbers: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address; one of version 4 that is written as one of version 6 as what it is."""
    address = ipaddress.ip_address(numbers)
    return getattr(address, "ipv4_mapped", None) or address


def _shown(values: Sequence[str]) -> str:
    return " and ".join(ascii(value[:80]) for value in values[:3]) or "none"
