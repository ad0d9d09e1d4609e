"""The figures of reliability, each a module that runs by itself: `python -m benchmarks.reliability.NAME`."""
