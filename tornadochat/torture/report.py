"""What is printed: how far it is, and what came of it."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TextIO

from tornadochat.torture.conductor import Conductor
from tornadochat.torture.judge import KINDS, Evidence, Kind, Violation

TERMINAL_SECONDS: Final = 1.0
FILE_SECONDS: Final = 10.0
SHOWN: Final = 20
MIB: Final = 1 << 20

LABELS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "lost": "lost",
        "doubled": "doubled",
        "reordered": "reordered, or with a gap",
        "altered": "altered",
        "leaked": "leaked to a stranger",
        "presence": "presence not converged",
        "diverged": "snapshot + events ≠ fresh snapshot",
        "memory": "memory not back to base",
        "server": "other faults of the server",
    }
)


class Progress:
    """A line each second on a terminal, each ten seconds elsewhere."""

    def __init__(self, conductor: Conductor, out: TextIO = sys.stdout) -> None:
        self._conductor = conductor
        self._out = out
        self._began = time.monotonic()
        self.interval = TERMINAL_SECONDS if out.isatty() else FILE_SECONDS

    def line(self) -> None:
        """Prints where things stand."""
        run, ledger = self._conductor, self._conductor.ledger
        devices = run.cast.devices
        here = sum(device.here for device in devices)
        parts = [
            f"{time.monotonic() - self._began:5.0f} s  {run.stage:<10}",
            f"{here}/{len(devices)} connected",
            f"{ledger.acknowledged} of {len(ledger.drafts)} acknowledged",
            f"{ledger.resent} sent again",
            f"{sum(run.faults.values())} faults",
        ]
        if memory := run.memory:
            parts.append(f"{memory / MIB:.0f} MiB")
        print("  ".join(parts), file=self._out, flush=True)


def print_report(
    run: Conductor, evidence: Evidence, violations: Sequence[Violation], *, verbose: bool, out: TextIO
) -> None:
    """The figures, then each violation; all of them if `verbose`."""
    ledger, faults = run.ledger, run.faults
    counts = Counter(violation.kind for violation in violations)
    counts["leaked"] = max(counts["leaked"], ledger.leaked)
    rows: list[tuple[str, object]] = [
        ("users, devices", f"{len(run.cast.accounts)}, {len(run.cast.devices)}"),
        ("written", len(ledger.drafts)),
        ("acknowledged", ledger.acknowledged),
        ("sent again", ledger.resent),
        ("events", ledger.events),
        ("signed in", sum(device.arrivals for device in run.cast.devices)),
        ("hostile attempts", run.cast.strangers.attempts),
        ("faults", ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items()))),
        ("histories compared", sum(len(told.histories) for told in evidence.fresh)),
        ("memory", f"{run.base / MIB:.0f} MiB, then {run.after / MIB:.0f} MiB" if run.base else "not seen"),
        *((LABELS[kind], counts[kind]) for kind in KINDS),
    ]
    width = max(len(name) for name, _ in rows)
    print(file=out)
    for name, value in rows:
        print(f"{name:<{width}}  {value}", file=out)
    shown = violations if verbose else violations[:SHOWN]
    for violation in shown:
        print(f"{violation.kind}: {violation.text}", file=out)
    if len(violations) > len(shown):
        print(f"… and {len(violations) - len(shown)} more: see them with --verbose", file=out)
    print("FAILED" if violations else "passed", file=out, flush=True)
