"""The two drivers that step a flow: one for blocking code, one for coroutines.

Both close the flow whatever happens, so that a cancelled call runs the flow's `finally` blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from failover.core.effects import Effect, Flow

T = TypeVar("T")


def drive(flow: Flow[T], perform: Callable[[Effect], Any]) -> T:
    """Run a flow to its end, performing each effect in turn.

    Args:
        flow: a fresh generator.
        perform: does one effect and returns its answer.

    Returns:
        What the flow returns.
    """
    answer: Any = None
    try:
        while True:
            try:
                effect = flow.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # a generator's value is untyped here
            answer = perform(effect)
    finally:
        flow.close()


async def drive_async(flow: Flow[T], perform: Callable[[Effect], Awaitable[Any]]) -> T:
    """Run a flow to its end, awaiting each effect in turn.

    Args:
        flow: a fresh generator.
        perform: does one effect and returns its answer.

    Returns:
        What the flow returns.
    """
    answer: Any = None
    try:
        while True:
            try:
                effect = flow.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # a generator's value is untyped here
            answer = await perform(effect)
    finally:
        flow.close()
