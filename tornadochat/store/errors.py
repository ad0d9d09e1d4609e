"""What goes wrong with a store."""


class StoreError(Exception):
    """The store cannot be opened; the text says why, in one line, for the person who starts the server."""
