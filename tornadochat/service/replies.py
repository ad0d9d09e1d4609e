"""What a command is answered with."""

from collections.abc import Callable
from typing import Any

Reply = Callable[[Any], None]
"""Takes the one answer to a command: the reply's data, or a ChatError. Called exactly once."""
