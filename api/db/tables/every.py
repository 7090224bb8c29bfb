"""Every table, also of what is no kind: a table that nobody imported would be missing in a migration, and in the tests of the house."""

from importlib import import_module
from pathlib import Path

from sqlmodel import SQLModel

for _file in sorted(Path(__file__).parent.glob("[a-z]*.py")):
    import_module(f"api.db.tables.{_file.stem}")
METADATA = SQLModel.metadata
