"""Delivery: the live connections of this process and what each of them is owed."""
