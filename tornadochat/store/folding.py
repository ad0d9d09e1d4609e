"""How names are compared and ordered."""

import unicodedata


def folded(name: str) -> str:
    """The name as it is searched and ordered by: compatibility-normalised, without case."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def end_of_prefix(prefix: str) -> str | None:
    """The least text above everything that starts with `prefix`; None when nothing is above.

    The database orders text by its UTF-8 bytes, which is the order of code points, and so does
    Python.
    """
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    # The code points from D800 to DFFF are surrogates: no text in the database has them.
    last = 0xE000 if stem[-1] == "\ud7ff" else ord(stem[-1]) + 1
    return stem[:-1] + chr(last)
