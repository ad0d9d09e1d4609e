"""Whom an IP address stands for, where one client must not take what is there for many."""

import ipaddress

HOUSEHOLD_BITS = 64
"""Of an IPv6 address. Behind that a single line has addresses without end."""


def household(address: str) -> str:
    """What is counted as one: an IPv4 address, or the /64 of an IPv6 address.

    What is no address, as the peer of a Unix socket, is counted as it is.
    """
    if ":" not in address:
        return address
    try:
        whole = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if whole.ipv4_mapped is not None:
        return str(whole.ipv4_mapped)
    network = int(whole) >> (128 - HOUSEHOLD_BITS) << (128 - HOUSEHOLD_BITS)
    return f"{ipaddress.IPv6Address(network)}/{HOUSEHOLD_BITS}"
