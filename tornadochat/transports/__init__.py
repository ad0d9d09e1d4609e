"""Bytes ↔ commands and events: one module or package for each kind of link."""
