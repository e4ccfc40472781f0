"""Addresses: the rule that keeps redirections out of the network that the bot runs in.

A hostile GitLab could name an address that only this process reaches, such as that of Lambda's
runtime API. This module performs no I/O.

https://www.iana.org/assignments/iana-ipv4-special-registry/
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def literal(host: str) -> Address | None:
    """Return the address that a URL's host is, in any spelling that resolvers accept.

    Args:
        host: A host name or an address, without brackets.

    Returns:
        The address; that of the loopback interface for "localhost", and `None` for another name.
    """
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # "127.1", "0x7f000001"
    except OSError:
        return None


def is_private(address: Address) -> bool:
    """Return whether the internet does not route to an address."""
    return not _reached(address).is_global


def is_permitted(address: Address, *, private: bool) -> bool:
    """Return whether a host that GitLab named may have an address.

    Args:
        address: The address.
        private: Whether private addresses are permitted, because GitLab has one.
    """
    reached = _reached(address)
    if reached.is_loopback or reached.is_link_local or reached.is_unspecified:
        return False
    if reached.is_multicast or reached.is_reserved:
        return False
    return private or reached.is_global


def _reached(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address contains, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
