"""The bill of materials of the image (CycloneDX 1.6): what requirements.run.lock names, with licences. `make sbom` prints it.

The same lock gives the same bytes. Hashes stand in the lock, where pip checks them; where a package came from stands nowhere.
"""

import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import Any
from uuid import UUID

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

LOCK = Path(__file__).parents[1] / "requirements.run.lock"
NAMED = re.compile(r"^([a-z0-9][\w.-]*)(?:\[\S+\])?==(\S+)", re.MULTILINE)
# How packages from before License-Expression say it, in `License` or a classifier
SAID = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
}


def locked() -> list[tuple[str, str]]:
    """Names and versions."""
    return NAMED.findall(LOCK.read_text())


def licence(name: str) -> str | None:
    """An SPDX expression; None for a package that this machine does not have, being for another system, or that does not say."""
    try:
        said = metadata(name).json
    except PackageNotFoundError:
        return None
    return next(_said(said.get("license_expression"), said.get("license"), said.get("classifier") or []), None)


def _said(expression: Any, words: Any, classifiers: Any) -> Iterator[str]:
    if expression:
        yield expression
    if words and len(words) < 40:
        yield SAID.get(words, words)
    yield from (
        SAID[last] for last in (each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")) if last in SAID
    )


def bill() -> str:
    known = LicenseFactory()
    jiafang = Component(
        name="jiafang",
        version=version("jiafang"),
        type=ComponentType.APPLICATION,
        bom_ref="jiafang",
        licenses=[known.make_from_string("Apache-2.0")],
    )
    bom = Bom(serial_number=UUID(bytes=sha256(LOCK.read_bytes()).digest()[:16], version=4))
    bom.metadata.component = jiafang
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the time would be another at each call; CycloneDX needs none
    for name, number in locked():
        said = licence(name)
        purl = PackageURL("pypi", name=name, version=number)
        bom.components.add(
            Component(name=name, version=number, purl=purl, bom_ref=str(purl), licenses=[known.make_from_string(said)] if said else [])
        )
    bom.register_dependency(jiafang, bom.components)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)


if __name__ == "__main__":
    sys.stdout.write(bill() + "\n")
