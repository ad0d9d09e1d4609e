"""What a person may be called, and what not."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tornadochat.errors import ChatError, Code
from tornadochat.service.usernames import FORBIDDEN_CATEGORIES, JOINERS, username

ZWNJ, ZWJ = "\u200c", "\u200d"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("bob", "bob"),
        ("  bob \t\n", "bob"),
        ("Mary   Ann", "Mary Ann"),
        ("Mary\u00a0Ann", "Mary Ann"),
        ("\uff22\uff4f\uff42", "Bob"),
        ("e\u0301ric", "\u00e9ric"),
        ("\ufb01ona", "fiona"),
        (
            "\u0646\u0627\u0645\u0647" + ZWNJ + "\u0627\u06cc",
            "\u0646\u0627\u0645\u0647" + ZWNJ + "\u0627\u06cc",
        ),
        ("\U0001f469" + ZWJ + "\U0001f4bb", "\U0001f469" + ZWJ + "\U0001f4bb"),
        ("\u5c71\u7530 \u592a\u90ce", "\u5c71\u7530 \u592a\u90ce"),
        ("<b>&", "<b>&"),
    ],
)
def test_a_name_is_kept_normalised_trimmed_and_with_single_spaces(raw: str, kept: str) -> None:
    assert username(raw, 20) == kept


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "   ",
        "\n",
        "\u200d",
        "\u3164",
        "\u2800\u2800",
        "\u0301",
        "a\0b",
        "a\nb",
        "a\tb",
        "a\x7fb",
        "a\u0085b",
        "\u202ebob",
        "bob\u200f",
        "b\u2066ob",
        "b\u061cob",
        "a\u2028b",
        "\ufeffbob",
        "b\u00adob",
        "bob\ue000",
        "bob\uffff",
        "bob\ud800",
        "\udc00",
    ],
)
def test_a_name_that_shows_nothing_or_more_than_it_seems_is_refused(raw: str) -> None:
    with pytest.raises(ChatError) as refusal:
        username(raw, 20)
    assert refusal.value.code is Code.invalid_username
    assert refusal.value.message == "invalid username"
    assert refusal.value.field == "username"
    assert refusal.value.expected


def test_a_name_is_bounded_in_characters_as_it_is_kept() -> None:
    assert username("x" * 20, 20) == "x" * 20
    assert username(" " * 30 + "x" * 20 + " " * 30, 20) == "x" * 20
    assert username("e\u0301" * 20, 20) == "\u00e9" * 20
    for raw in ("x" * 21, "\ufdfa" * 2, "x" * 1_000_000):
        with pytest.raises(ChatError, match="invalid username") as refusal:
            username(raw, 20)
        assert refusal.value.expected == "at most 20 characters"


names = st.text(st.characters(), max_size=30) | st.text(
    st.sampled_from(
        "ab \t\u00a0\u00a8\u00b4\u3000\u0301\u0308\u1100\u1161\uac00\uff9e\u2003\u200c\u200d\u202e\0\ufdfa"
    ),
    max_size=30,
)


@given(names, st.integers(1, 30))
@example("a\u00a8", 5)
@example("\u00a8a", 5)
@example("\u1100 \u1161", 5)
def test_a_name_that_is_kept_stays_as_it_is_and_within_its_bounds(raw: str, longest: int) -> None:
    try:
        name = username(raw, longest)
    except ChatError as refusal:
        assert (refusal.code, refusal.field) == (Code.invalid_username, "username")
        assert refusal.expected
        return
    assert username(name, longest) == name
    assert 1 <= len(name) <= longest
    assert name == name.strip() == unicodedata.normalize("NFKC", name)
    assert "  " not in name
    for character in name:
        category = unicodedata.category(character)
        assert category not in FORBIDDEN_CATEGORIES
        assert category != "Cf" or character in JOINERS
        assert character == " " or not character.isspace()


def test_normalising_makes_no_character_that_is_forbidden() -> None:
    changing = [c for c in map(chr, range(0x110000)) if not unicodedata.is_normalized("NFKC", c)]
    assert len(changing) > 4000
    for character in changing:
        try:
            name = username(f"a{character}a", 64)
        except ChatError:
            continue
        assert not {unicodedata.category(part) for part in name} & FORBIDDEN_CATEGORIES, hex(ord(character))
