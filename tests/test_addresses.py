"""One client, one count."""

import pytest

from tornadochat.addresses import household


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("0.0.0.0", "0.0.0.0"),
        ("not: an address", "not: an address"),
        ("", ""),
    ],
)
def test_an_address_is_counted_with_those_of_the_same_line(address: str, counted: str) -> None:
    assert household(address) == counted
