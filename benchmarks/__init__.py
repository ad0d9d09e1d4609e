"""tornadochat beside its peers: `python -m benchmarks`, see docs/PERFORMANCE.md."""
