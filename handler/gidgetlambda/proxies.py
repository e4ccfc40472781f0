"""Proxies: the proxy that each host is reached through, from the usual environment variables.

`settings` reads the variables. They mean what they mean to httpx. This module performs no I/O.

https://www.python-httpx.org/environment_variables/#proxies
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

Addresses: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = {"http": 80, "https": 443}
NAME = re.compile(r"\*?\.?[\w-]+(?:\.[\w-]+)*\.?")


@dataclass(frozen=True)
class Exclusion:
    """An entry of `NO_PROXY`.

    Attributes:
        name: A host and, unless the entry begins with a dot, its subdomains; empty for addresses.
        subdomains_only: Whether the host itself has a proxy.
        addresses: The excluded addresses.
        port: The only excluded port; `None` for all of them.
    """

    name: str
    subdomains_only: bool = False
    addresses: Addresses | None = None
    port: int | None = None

    def covers(self, host: str, port: int | None) -> bool:
        """Return whether no proxy is used for a host and port."""
        if self.port is not None and self.port != port:
            return False
        if self.addresses is not None:
            address = _address(host)
            return address is not None and address in self.addresses
        subdomain = host.endswith(f".{self.name}")
        return subdomain or (host == self.name and not self.subdomains_only)


@dataclass(frozen=True)
class Proxies:
    """The proxies for each scheme. Their URLs can contain passwords.

    Attributes:
        http: The proxy's URL for http, `None` for none.
        https: The proxy's URL for https, `None` for none.
        excluded: The hosts that are reached without a proxy.
    """

    http: str | None = field(default=None, repr=False)
    https: str | None = field(default=None, repr=False)
    excluded: tuple[Exclusion, ...] = ()

    @property
    def hosts(self) -> set[str]:
        """The hosts of the proxies."""
        return {urlsplit(url).hostname or "" for url in (self.http, self.https) if url}

    def for_host(self, scheme: str, host: str, port: int | None) -> str | None:
        """Return the URL of the proxy for a host; `None` to connect to it.

        Args:
            scheme: "http" or "https".
            host: The host, without brackets.
            port: The port; `None` for the scheme's own.
        """
        proxy = self.https if scheme == "https" else self.http
        if proxy is None:
            return None
        port = port or PORTS.get(scheme)
        covered = any(excluded.covers(host.lower(), port) for excluded in self.excluded)
        return None if covered else proxy


def parse_proxy(text: str) -> str:
    """Return the URL of a proxy; a host and port without a scheme mean http.

    Raises:
        ValueError: It is not the URL of an HTTP proxy. The message does not quote it.
    """
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:  # its message quotes the URL
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise ValueError("must be the URL of an HTTP proxy, like http://proxy.example.com:3128")
    return url


def parse_exclusions(text: str) -> tuple[Exclusion, ...] | None:
    """Return the entries of `NO_PROXY`, which commas separate; `None` if they cover every host.

    Raises:
        ValueError: An entry is neither a host, an address nor a network.
    """
    entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
    return None if "*" in entries else tuple(_exclusion(entry) for entry in entries)


def _exclusion(entry: str) -> Exclusion:
    host = entry.partition("://")[2] or entry
    try:
        return Exclusion("", addresses=ipaddress.ip_network(_unbracketed(host), strict=False))
    except ValueError:
        pass
    name, colon, port = host.rpartition(":") if ":" in host else (host, "", "")
    if colon and not (port.isascii() and port.isdigit()):
        raise _invalid(entry)
    number = int(port[:6]) if colon else None
    if (address := _address(_unbracketed(name))) is not None:
        return Exclusion("", addresses=ipaddress.ip_network(address), port=number)
    if not NAME.fullmatch(name):
        raise _invalid(entry)
    bare = name.lstrip("*").strip(".")
    return Exclusion(bare, subdomains_only=name.lstrip("*").startswith("."), port=number)


def _unbracketed(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _invalid(entry: str) -> ValueError:
    return ValueError(
        f"contains {entry!r}, which is not a host, an address or a network: separate entries by "
        "commas"
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
