"""The decision of a call, from request to answer: pure functions, values and one generator.

Standard library only; no I/O, no clock and no chance of its own (`effects.py`). Nothing in this
package may import an HTTP library, a store, a dialect or the catalog.
"""
