"""The document as one role reads it: the calls it may make, and what these need.

A convenience of reading and no secret: the whole document stands at the same address, and what a role may do is decided at each call.
"""

import re
from typing import Any

import orjson

from api.rules.caller import Role

Json = dict[str, Any]


def for_role(document: Json, role: Role) -> Json:
    paths = {}
    for path, operations in document["paths"].items():
        kept = {method: says for method, says in operations.items() if {role, "anybody"} & {*says["x-roles"]}}
        if kept:
            paths[path] = kept
    tags = {tag for operations in paths.values() for says in operations.values() for tag in says["tags"]}
    needed, found = set(), _named(paths)
    while found:
        needed |= found
        found = {other for of, name in found for other in _named(document["components"][of][name])} - needed
    return {
        **document,
        "tags": [tag for tag in document["tags"] if tag["name"] in tags],
        "paths": paths,
        "components": {
            of: {name: part for name, part in parts.items() if of == "securitySchemes" or (of, name) in needed}
            for of, parts in document["components"].items()
        },
    }


def _named(part: Json) -> set[tuple[str, str]]:
    """The components that it names."""
    return set(re.findall(r"#/components/(\w+)/([\w-]+)", orjson.dumps(part).decode()))
