"""What `doctor` has found: a line for each check, or JSON."""

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Level = Literal["ok", "warning", "fault"]
"""`fault`: the server cannot run like this, or what it keeps is in danger."""


class Finding(NamedTuple):
    """What came of one check."""

    level: Level
    check: str
    text: str


class Setting(NamedTuple):
    """A setting's value as a person writes it, and where it came from."""

    name: str
    value: str
    source: str


DEFAULT = "default"
"""The source of a setting that nobody gave."""


def has_fault(findings: Sequence[Finding]) -> bool:
    """Whether something must be mended."""
    return any(finding.level == "fault" for finding in findings)


def as_text(findings: Sequence[Finding], settings: Sequence[Setting]) -> str:
    """A line for each finding; under that of the configuration, the settings that somebody gave."""
    lines = []
    for index, finding in enumerate(findings):
        lines.append(f"{finding.level:<8}{finding.check}: {finding.text}")
        if index == 0:
            lines += [f"{'':8}  {name} = {value} ({source})" for name, value, source in settings]
    return "\n".join(lines)


def as_json(findings: Sequence[Finding], settings: Sequence[Setting]) -> str:
    """The same for machines, with every setting."""
    report: dict[str, Any] = {
        "ok": not has_fault(findings),
        "checks": [finding._asdict() for finding in findings],
        "settings": {
            setting.name: {"value": setting.value, "source": setting.source} for setting in settings
        },
    }
    return json.dumps(report, indent=2)
