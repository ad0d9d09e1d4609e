"""The peers' npm packages: installed when they are missing, and which versions they are."""

import os
import subprocess
from pathlib import Path

import msgspec

from benchmarks.servers import PEERS, ServerError, node, redis

_PACKAGES = ("socket.io", "@socket.io/redis-adapter", "@socket.io/bun-engine", "ioredis", "ws", "bun")


def install() -> None:
    """What `package-lock.json` says, if that has not been done since it was changed."""
    done = PEERS / "node_modules" / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= (PEERS / "package-lock.json").stat().st_mtime:
        return
    binary = node()
    # npm's own children call "node".
    path = f"{binary.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    scripts = sorted(binary.parent.parent.glob("**/npm/bin/npm-cli.js"))
    command = [str(binary), str(scripts[0])] if scripts else ["npm"]
    options = ["--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run([*command, "ci", *options], cwd=PEERS, env=os.environ | {"PATH": path}, check=True)
    # The one script that is needed: it puts the binary for this machine in its place.
    subprocess.run([str(binary), "install.js"], cwd=PEERS / "node_modules" / "bun", check=True)
    done.touch()


def versions() -> dict[str, str]:
    """Of the runtime and of every package that a peer imports."""
    said = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True).stdout
    found = {"Node": said.strip().removeprefix("v")}
    for name in _PACKAGES:
        file: Path = PEERS / "node_modules" / name / "package.json"
        if file.exists():
            found[name] = msgspec.json.decode(file.read_bytes())["version"]
    try:
        said = subprocess.run([redis(), "--version"], capture_output=True, text=True, check=True).stdout
        found["Redis"] = said.partition("v=")[2].split()[0]
    except ServerError:  # scenario 2 says so
        pass
    return found
