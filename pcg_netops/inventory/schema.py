"""JSON Schema of every file, for editors. It knows each file, not what holds between files."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from pcg_netops.errors import InputError
from pcg_netops.inventory.yamlfile import did_you_mean
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.hosts import Entries, Entry
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services
from pcg_netops.model.waivers import Waivers

# Kind of file -> what it must be. `cutover` is for each file in cutovers/.
KINDS: dict[str, type[BaseModel]] = {
    "network": Network,
    "services": Services,
    "cutover": Cutover,
    "hosts": Entries,
    "groups": Entries,
    "defaults": Entry,
    "waivers": Waivers,
}


def schema_of(kind: str) -> str:
    """The schema of one kind of file, as JSON text. Raises InputError for any other kind."""
    if kind not in KINDS:
        raise InputError(f"no kind of file {kind!r:.40}", remedy=did_you_mean(kind[:40], KINDS))
    schema = _closed(KINDS[kind].model_json_schema())
    text = {"$schema": "http://json-schema.org/draft-07/schema#"} | schema
    return json.dumps(text, indent=2, ensure_ascii=False) + "\n"


def _closed(part: Any) -> Any:
    """The same schema, refusing names that match no pattern: pydantic leaves those open."""
    if isinstance(part, list):
        return [_closed(value) for value in part]
    if not isinstance(part, dict):
        return part
    closed = {key: _closed(value) for key, value in part.items()}
    return closed | ({"additionalProperties": False} if "patternProperties" in part else {})


def schema_file(kind: str) -> str:
    """The name of the file that holds the schema of a kind."""
    return f"{kind}.schema.json"
