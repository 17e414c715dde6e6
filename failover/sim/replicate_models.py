"""Replicate's models: which exist, which are official, their versions, and deployments.

An official model is run by its name; a community model by the id of a version. No published table
tells the two apart, so companies' own accounts count as official, with the known exceptions.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from failover.sim.http1 import Reply
from failover.sim.provider import Route
from failover.sim.replicate_errors import error_reply
from failover.sim.schemas import Schemas, product_of

if TYPE_CHECKING:
    from failover.sim.provider import Incoming

OFFICIAL_OWNERS: Final = frozenset(
    {
        "alibaba",
        "black-forest-labs",
        "bria",
        "bytedance",
        "character-ai",
        "elevenlabs",
        "google",
        "ideogram-ai",
        "inworld",
        "krea",
        "kwaivgi",
        "leonardoai",
        "lightricks",
        "luma",
        "meta",
        "minimax",
        "nvidia",
        "openai",
        "pixverse",
        "prunaai",
        "qwen",
        "recraft-ai",
        "resemble-ai",
        "reve",
        "runwayml",
        "stability-ai",
        "sync",
        "tencent",
        "topazlabs",
        "vidu",
        "wan-video",
        "xai",
    }
)
COMMUNITY: Final = frozenset(
    {
        "bytedance/bagel",
        "bytedance/flux-pulid",
        "bytedance/latentsync",
        "bytedance/pulid",
        "bytedance/sdxl-lightning-4step",
        "stability-ai/sdxl",
    }
)
CREATED: Final = "2026-01-05T10:00:00.000000Z"
HEX64: Final = re.compile(r"[0-9a-f]{64}")


class ReplicateModels:
    """Answer for models, versions and deployments.

    Attributes:
        schemas: The models' schemas.
        official: The models that are run by name; change it to change them.
        deployments: Deployment name to model name.
    """

    def __init__(self) -> None:
        self.schemas = Schemas("replicate", null_unset=False)
        self.official = {
            name
            for name in self.schemas
            if (name.split("/")[0] in OFFICIAL_OWNERS and name not in COMMUNITY)
            or "version" not in self.schemas.entry(name)
        }
        self.deployments: dict[str, str] = {}
        self._by_version = {self.version_of(name): name for name in self.schemas}

    def version_of(self, name: str) -> str:
        """Return the id of a model's only version: the known one, or one made from its name."""
        known = self.schemas.entry(name).get("version")
        return str(known or hashlib.sha256(name.encode()).hexdigest())

    def named(self, reference: str) -> str | None:
        """Return the model that the ``version`` of a request body stands for.

        Args:
            reference: A version id, ``owner/name:id``, or an official model's ``owner/name``.
        """
        name, _, version = reference.rpartition(":")
        if HEX64.fullmatch(version):
            found = self._by_version.get(version)
            return found if name in {"", found} else None
        return reference if reference in self.official else None

    def routes(self) -> list[Route]:
        """List the routes about models and deployments."""
        model = r"/v1/models/(?P<endpoint>[^/]+/[^/]+)"
        table = [
            (model, self._model),
            (model + r"/versions", self._versions),
            (model + r"/versions/(?P<version>[^/]+)", self._version),
            (r"/v1/deployments/(?P<deployment>[^/]+/[^/]+)", self._deployment),
            (r"/v1/deployments", self._deployments),
            (r"/v1/hardware", self._hardware),
        ]
        return [Route("GET", "api", re.compile(p), ("other",), handler) for p, handler in table]

    def _model(self, incoming: Incoming) -> Reply:
        name = incoming.params["endpoint"]
        if name not in self.schemas:
            return error_reply(404, None)
        owner, _, short = name.partition("/")
        body = {
            "url": f"https://replicate.com/{name}",
            "owner": owner,
            "name": short,
            "description": None,
            "visibility": "public",
            "is_official": name in self.official,
            "github_url": None,
            "paper_url": None,
            "license_url": None,
            "run_count": self.schemas.entry(name).get("run_count", 0),
            "cover_image_url": None,
            "default_example": None,
            "latest_version": self.version_object(name),
        }
        return Reply.of_json(200, body)

    def version_object(self, name: str) -> dict[str, Any]:
        """Return a version with the schemas of its input and output."""
        output = dict(self.schemas.output(name))
        if output.get("type") == "array" and product_of("replicate", name) == "text":
            output |= {"x-cog-array-type": "iterator", "x-cog-array-display": "concatenate"}
        components = {
            "Input": {"type": "object", "title": "Input", **self.schemas.input(name)},
            "Output": {"title": "Output", **output},
        }
        return {
            "id": self.version_of(name),
            "created_at": CREATED,
            "cog_version": "0.13.6",
            "openapi_schema": {
                "openapi": "3.0.2",
                "info": {"title": "Cog", "version": "0.1.0"},
                "paths": {},
                "components": {"schemas": components},
            },
        }

    def _versions(self, incoming: Incoming) -> Reply:
        name = incoming.params["endpoint"]
        if name not in self.schemas or name in self.official:
            return error_reply(404, None)
        results = [self.version_object(name)]
        return Reply.of_json(200, {"next": None, "previous": None, "results": results})

    def _version(self, incoming: Incoming) -> Reply:
        name, version = incoming.params["endpoint"], incoming.params["version"]
        if self._by_version.get(version) != name:
            return error_reply(404, None)
        return Reply.of_json(200, self.version_object(name))

    def _deployment_object(self, name: str) -> dict[str, Any]:
        owner, _, short = name.partition("/")
        model = self.deployments[name]
        account = {"type": "organization", "username": owner, "name": owner, "github_url": None}
        settings = {"hardware": "gpu-t4", "min_instances": 0, "max_instances": 1}
        release = {
            "number": 1,
            "model": model,
            "version": self.version_of(model),
            "created_at": CREATED,
            "created_by": account,
            "configuration": {**settings, "scaling": None},
        }
        return {"owner": owner, "name": short, "current_release": release}

    def _deployment(self, incoming: Incoming) -> Reply:
        name = incoming.params["deployment"]
        if name not in self.deployments:
            return error_reply(404, None)
        return Reply.of_json(200, self._deployment_object(name))

    def _deployments(self, _incoming: Incoming) -> Reply:
        results = [self._deployment_object(name) for name in self.deployments]
        return Reply.of_json(200, {"next": None, "previous": None, "results": results})

    def _hardware(self, _incoming: Incoming) -> Reply:
        return Reply.of_json(200, [{"sku": "gpu-t4", "name": "Nvidia T4 GPU"}])
