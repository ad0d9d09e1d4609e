"""Plain HTTP: probes for machines, the contract for programs, a first page for people."""
