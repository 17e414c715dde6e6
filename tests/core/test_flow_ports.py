"""The ports of the flow, and everything that stands behind them: real parts and fakes alike."""

from __future__ import annotations

import inspect

import pytest
from fakes import DictHealth, TinyCatalog, TinyMemory, World

from failover._health_view import HealthView
from failover._memory import Memory
from failover._runtime import Runtime
from failover.core import ports
from failover.dialects.fal import Fal
from failover.dialects.replicate import Replicate

IMPLEMENTED = [
    (ports.Inbound, Fal),
    (ports.Inbound, Replicate),
    (ports.Health, HealthView),
    (ports.Health, DictHealth),
    (ports.Memory, Memory),
    (ports.Memory, TinyMemory),
    (ports.Catalog, TinyCatalog),
    (ports.Context, Runtime),
    (ports.Context, World),
]


def _members(port: type) -> dict[str, object]:
    every = {name: member for base in port.__mro__[::-1] for name, member in vars(base).items()}
    return {name: member for name, member in every.items() if not name.startswith("_")}


@pytest.mark.parametrize(
    ("port", "part"), IMPLEMENTED, ids=lambda cls: cls.__name__ if isinstance(cls, type) else ""
)
def test_a_part_has_what_its_port_asks(port: type, part: type) -> None:
    wanted = _members(port)
    assert wanted
    source = inspect.getsource(part)
    for name, member in wanted.items():
        had = getattr(part, name, None)
        if callable(member):
            assert callable(had), name
            asked, given = inspect.signature(member), inspect.signature(had)
            assert list(asked.parameters) == list(given.parameters), name
        else:
            assert had is not None or f"self.{name}" in source, name
