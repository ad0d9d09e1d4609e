import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadochat.store.keys import key_of, keys_of, new_key, public_id


@given(st.integers(0, 2**63 - 1))
def test_a_public_id_leads_back_to_its_key(key: int) -> None:
    assert key_of(public_id(key)) == key


def test_new_keys_fit_into_an_sqlite_integer() -> None:
    assert all(0 <= new_key() < 2**63 for _ in range(1_000))


@pytest.mark.parametrize(
    "text",
    ["", "0", "0" * 15, "0" * 17, "0X00000000000000", "000000000000000A", " " + "0" * 15, "0" * 15 + "\n",
     "0_00000000000000", "f" * 16, "8" + "0" * 15, "\u0661" * 16],
)  # fmt: skip
def test_anything_else_is_nobodys_name(text: str) -> None:
    assert key_of(text) is None


def test_of_several_names_only_real_ones_have_keys() -> None:
    assert keys_of(["x", public_id(7), "", public_id(8)]) == [7, 8]
