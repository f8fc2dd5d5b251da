"""What a suite's tools do and tell, in the guard's words: plans of calls, and labelled parts of results.

Everything that is known of a tool is in tools.json; nothing here decides.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

# Where nobody speaks but the owner and whom the owner let in.
_OWN = ("own-files", "paired")

_MAP = json.loads(Path(__file__).with_name("tools.json").read_text())


def is_known(tool: str) -> bool:
    return tool in _MAP["tools"]


def _at(value: Any, path: list[str]) -> Iterator[str]:
    """The values at a path, through lists, as text."""
    if isinstance(value, list):
        for one in value:
            yield from _at(one, path)
    elif isinstance(value, dict):
        if path:
            yield from _at(value.get(path[0]), path[1:])
        else:
            yield from value.keys()
    elif value is not None and not path:
        yield str(value)


def _all_text(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _all_text(one)
    elif value is not None:
        yield str(value)


def plan(tool: str, arguments: dict) -> dict:
    """What a call would do."""
    known = _MAP["tools"][tool]
    targets = []
    for name, kind in known.get("targets", {}).items():
        targets += [{"kind": kind, "value": value} for value in _at(arguments, name.split("."))]
    content = []
    for name in known.get("content", []):
        first, *rest = name.split(".")
        for part in arguments.get(first) or [] if rest else [arguments.get(first)]:
            content += _all_text(part.get(rest[0]) if rest else part)
    return {
        "effect": known["effect"],
        "manner": known.get("manner", "changes"),
        "detail": tool,
        "targets": targets,
        "content": content,
    }


def _correspondent(address: str) -> dict:
    """Somebody to whom the owner wrote, who goes by what stands before the @."""
    values = [{"kind": "recipient", "value": address}]
    return {"values": values, "names": [address.split("@")[0]], "own": True, "person": True}


def result(tool: str, arguments: dict, answer: Any) -> dict:
    """What a tool's answer tells, field by field: what its server vouches for, and what others wrote."""
    known = _MAP["tools"][tool]
    visibility = known.get("visibility", "private")
    records = answer if isinstance(answer, list) else [answer]
    texts, items = [], []
    for record in records:
        if isinstance(record, BaseModel):
            kind = _MAP["records"][type(record).__name__]
            fields = record.model_dump(mode="json")
            values = [
                {"kind": as_kind, "value": value}
                for field, kinds in kind["values"].items()
                for value in _at(fields[field], [])
                for as_kind in kinds
            ]
            names = known.get("names", kind.get("names", []))
            source = known.get("from", kind["from"])
            # What the owner's own account made, and nobody else's could.
            is_mine = fields.get(kind.get("own")) == _MAP["account"]
            items.append({
                "values": values,
                "names": [fields[name] for name in names],
                "own": is_mine or source in _OWN,
                "person": kind.get("person", False),
                "givenBy": fields.get(kind.get("given_by")),
            })
            if is_mine and fields.get("status") == "sent":
                items += [_correspondent(address) for name in kind.get("wrote_to", []) for address in fields[name]]
            others = [text for field, value in fields.items() if field not in kind["values"] for text in _all_text(value)]
            texts.append({"text": "\n".join(others), "from": source, "visibility": visibility})
        elif "each" in known:
            items.append({
                "values": [{"kind": kind, "value": record} for kind in known["each"]],
                "names": [record],
                "own": known.get("own", known["from"] in _OWN),
                "person": known.get("person", False),
            })
            texts.append({"text": record, "from": known["from"], "visibility": visibility})
        elif record is not None:
            # An answer that is not mapped is from outside, but for the receipt of what was asked to be done.
            is_receipt = known["effect"] not in ("reads-own", "reads-private", "reads-outside")
            source = known.get("from", "program" if is_receipt else "outside")
            texts.append({"text": "\n".join(_all_text(record)), "from": source, "visibility": visibility})
    if len(records) == 1 and items:
        asked = [arguments[name] for name in known.get("search", []) if arguments.get(name)]
        items[0]["soleAnswerTo"] = asked
    written = plan(tool, arguments)["content"]
    for item in items:
        item["holds"] = written
    if known.get("manner") == "adds":
        for item in items:
            item["standsAlone"] = True
    made = plan(tool, arguments)["targets"]
    if any(target["kind"] == "amount" for target in made):
        items.append({"values": made})
    return {"texts": texts, "items": items}
