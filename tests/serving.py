"""The server as a user starts it: a process of its own on a free port, with everything under a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prove.service import wait_until_ready


def start(var: Path, port: int, **settings: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "JIAFANG_VAR": str(var), "JIAFANG_PORT": str(port), **settings}
    command = [sys.executable, "-m", "api.cli", "run"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextmanager
def serving(var: Path, port: int, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    process = start(var, port, **settings)
    try:
        wait_until_ready(process, port)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
