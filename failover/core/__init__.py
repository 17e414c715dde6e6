"""The decision of a call, from request to answer: standard library only, no I/O, no clock of its own.

Everything here is a pure function, a frozen value or a generator that yields effects (`effects.py`).
Nothing in this package may import an HTTP library, a store, a dialect or the catalog.
"""
