"""What is done to a server from outside it: `doctor`, `backup`, `restore`."""


class AdminError(Exception):
    """A command cannot do what it was asked; the text says why, in one line."""
