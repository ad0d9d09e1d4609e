"""The browser client: the files that the build of `web/` left in the package, served from memory."""

import gzip
import mimetypes
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from tornadochat.http.handlers import Front, PlainHandler

STATIC: Final = Path(__file__).resolve().parent.parent / "static"
INDEX: Final = "index.html"
PACKED: Final = frozenset({".css", ".html", ".js", ".json", ".svg"})
YEAR: Final = 365 * 24 * 3600

# What the page may do: run and fetch what lies beside it, nothing of anyone else.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)


class File(NamedTuple):
    """A file ready to be sent; `packed` is its gzip form, where that is worth it."""

    body: bytes
    packed: bytes | None
    kind: str
    etag: str


Files = Mapping[str, File]


def load_pages(folder: Path = STATIC) -> Files:
    """Every file of the client by its path below `folder`; nothing where it was never built."""
    if not (folder / INDEX).is_file():
        return MappingProxyType({})
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return MappingProxyType({path.relative_to(folder).as_posix(): _load(path) for path in paths})


def _load(path: Path) -> File:
    body = path.read_bytes()
    packed = gzip.compress(body, mtime=0) if path.suffix in PACKED else None
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/javascript":
        kind = f"{kind}; charset=utf-8"
    return File(body, packed, kind, f'"{sha256(body).hexdigest()[:32]}"')


class Asset(PlainHandler):
    """What the page is made of. The names of `assets/` change with their content: kept for a year."""

    def initialize(self, files: Files) -> None:
        """`files`: see `load_pages`."""
        self._files = files

    def get(self, path: str) -> None:
        """The file, or 404."""
        file = self._files.get(path)
        if file is None or path == INDEX:
            self.send_error(404)
            return
        lasting = path.startswith("assets/")
        self.set_header("Cache-Control", f"public, max-age={YEAR}, immutable" if lasting else "no-cache")
        send(self, file)

    def head(self, path: str) -> None:
        """As `get`; Tornado leaves the body out."""
        self.get(path)


class Page(Front):
    """`/`: the client for browsers; a few lines of text for everything else that asks."""

    def initialize(self, files: Files, ancestors: Sequence[str]) -> None:
        """`ancestors`: the origins whose pages may show this one in a frame."""
        self._files = files
        self._ancestors = " ".join(ancestors) or "'none'"

    def get(self) -> None:
        """The page itself is never kept, so that a new version is there with the next visit."""
        self.set_header("Vary", "Accept")
        file = self._files.get(INDEX)
        if file is None or "text/html" not in self.request.headers.get("Accept", ""):
            super().get()
            return
        self.set_header("Content-Security-Policy", POLICY.format(ancestors=self._ancestors))
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        send(self, file)

    def head(self) -> None:
        """As `get`; Tornado leaves the body out."""
        self.get()


def send(handler: PlainHandler, file: File) -> None:
    """Finishes with the file, packed if the client takes that, or with 304 if the client has it."""
    handler.set_header("ETag", file.etag)
    handler.add_header("Vary", "Accept-Encoding")
    if handler.check_etag_header():
        handler.set_status(304)
        handler.finish()
        return
    handler.set_header("Content-Type", file.kind)
    if file.packed is not None and "gzip" in handler.request.headers.get("Accept-Encoding", ""):
        handler.set_header("Content-Encoding", "gzip")
        handler.finish(file.packed)
    else:
        handler.finish(file.body)
