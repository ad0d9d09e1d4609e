"""What a person may be called."""

import unicodedata

from tornadochat.errors import ChatError, Code

# Cc control, Cs surrogates, Co private use, Cn unassigned, Zl and Zp line and paragraph separators.
FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
# Cf holds the marks that turn the direction of text, which can make one name look like another;
# of that category only the two joiners are needed to write names.
JOINERS = frozenset("\u200c\u200d")


def username(raw: str, longest: int) -> str:
    """The name as it is kept: NFKC-normalised, trimmed, inner white space single.

    Raises ChatError `invalid_username` with what was expected; `longest` is in characters.
    """
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise _invalid("no unpaired surrogates") from None
    if len(raw) > 4 * longest:
        raise _invalid(f"at most {longest} characters")
    if any(_forbidden(character) for character in raw.strip()):
        raise _invalid("no control, direction or unassigned characters")
    name = " ".join(unicodedata.normalize("NFKC", raw).split())
    if len(name) > longest:
        raise _invalid(f"at most {longest} characters")
    if not any(_visible(character) for character in name):
        raise _invalid("at least one visible character")
    return name


def _forbidden(character: str) -> bool:
    category = unicodedata.category(character)
    return category in FORBIDDEN_CATEGORIES or (category == "Cf" and character not in JOINERS)


def _visible(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNPS" and character not in "\u3164\u115f\u1160\uffa0\u2800"


def _invalid(expected: str) -> ChatError:
    return ChatError(Code.invalid_username, field="username", expected=expected)
