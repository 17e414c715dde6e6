"""Both drivers: they end a flow the way it ends, and never leave one half run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from failover.core.drive import drive, drive_async
from failover.core.effects import Effect, ReadHealth, Sleep

if TYPE_CHECKING:
    from collections.abc import Callable

    from failover.core.effects import Flow


class Stopped(BaseException):
    """Stands for a cancellation or a key press."""


class Trace:
    """A flow that notes how it ends."""

    def __init__(self) -> None:
        self.ended = ""

    def flow(self, effects: int = 2) -> Flow[str]:
        heard: list[object] = []
        try:
            for _ in range(effects):
                answer = yield Sleep(0.1)
                heard.append(answer)
            self.ended = "returned"
        except GeneratorExit:
            self.ended = "closed"
            raise
        finally:
            self.ended += ", cleaned up"
        return f"heard {heard}"


def _sync(flow: Flow[str], perform: Callable[[Effect], Any]) -> str:
    return drive(flow, perform)


def _async(flow: Flow[str], perform: Callable[[Effect], Any]) -> str:
    async def performing(effect: Effect) -> Any:
        await asyncio.sleep(0)
        return perform(effect)

    return asyncio.run(drive_async(flow, performing))


BOTH = pytest.mark.parametrize("driver", [_sync, _async], ids=["blocking", "async"])


@BOTH
def test_the_flows_value_is_returned(driver: Callable[..., str]) -> None:
    trace, answers = Trace(), iter([1, 2])
    assert driver(trace.flow(), lambda _: next(answers)) == "heard [1, 2]"
    assert trace.ended == "returned, cleaned up"


@BOTH
def test_a_flow_without_effects_performs_nothing(driver: Callable[..., str]) -> None:
    assert driver(Trace().flow(0), lambda _: pytest.fail("nothing to do")) == "heard []"


@BOTH
@pytest.mark.parametrize("error", [ValueError("broken"), Stopped("now"), StopAsyncIteration()])
def test_what_a_performer_raises_comes_through_and_the_flow_is_closed(
    driver: Callable[..., str], error: BaseException
) -> None:
    def perform(_: Effect) -> None:
        raise error

    trace = Trace()
    with pytest.raises(type(error)) as caught:
        driver(trace.flow(), perform)
    assert caught.value is error
    assert trace.ended == "closed, cleaned up"


@BOTH
def test_what_a_flow_raises_comes_through(driver: Callable[..., str]) -> None:
    def broken() -> Flow[str]:
        yield ReadHealth()
        raise LookupError("a defect")

    with pytest.raises(LookupError, match="a defect"):
        driver(broken(), lambda _: None)


def test_a_stop_iteration_of_a_performer_is_not_the_end_of_the_flow() -> None:
    def perform(_: Effect) -> None:
        raise StopIteration("not the flow's")

    trace = Trace()
    with pytest.raises(StopIteration, match="not the flow's"):
        drive(trace.flow(), perform)
    assert trace.ended == "closed, cleaned up"


def test_a_cancelled_task_closes_its_flow() -> None:
    trace = Trace()

    async def main() -> None:
        waiting = asyncio.Event()

        async def perform(_: Effect) -> None:
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(drive_async(trace.flow(), perform))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert trace.ended == "closed, cleaned up"
