"""The server as a user starts it: a process of its own on a free port, with everything under a folder of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(var: Path, port: int, **settings: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "JIAFANG_VAR": str(var), "JIAFANG_PORT": str(port), **settings}
    command = [sys.executable, "-m", "api.cli", "run"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_until_ready(process: "subprocess.Popen[str]", port: int, seconds: int = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"it ended: {process.stdout.read() if process.stdout else ''}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError("it did not become ready")


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
