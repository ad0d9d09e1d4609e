from hypothesis import given
from hypothesis import strategies as st

from tornadochat.store import folded
from tornadochat.store.folding import end_of_prefix

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
EDGES = st.text(st.sampled_from(["a", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]), max_size=4)


def test_names_are_compared_without_case_and_compatibility_forms() -> None:
    assert folded("Straße") == folded("STRASSE") == "strasse"
    assert folded("\ufb01n") == "fin"
    assert folded("E\u0301va") == folded("\u00e9VA")


@given(TEXT | EDGES, TEXT | EDGES)
def test_what_starts_with_a_prefix_is_below_its_end_and_all_else_is_not_between(stem: str, text: str) -> None:
    end = end_of_prefix(stem)
    assert end is None or stem + text < end
    between = stem <= text and (end is None or text < end)
    assert between == text.startswith(stem)


def test_nothing_is_above_the_empty_prefix_and_the_last_character() -> None:
    assert end_of_prefix("") is None
    assert end_of_prefix("\U0010ffff") is None
    assert end_of_prefix("a\U0010ffff") == "b"
    assert end_of_prefix("\ud7ff") == "\ue000"
