"""The three places that a setting can come from, each read into one flat layer.

Nothing here judges a value: a layer holds what was written and where, by the setting's full name
(`server.port`), so that an error can say both. What is no setting at all is refused here.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from tornadochat.config_rules import Rule

PREFIX: Final = "TORNADOCHAT_"

# What is given by mistake may be a secret, or a file that is none of ours: errors repeat little of it.
_NAME: Final = re.compile(r"[A-Za-z0-9_.<-]{0,64}", re.ASCII)
_QUOTED_BY_YAML: Final = re.compile(r"(alias|anchor|tag|tag handle|directive) ['\"].*", re.DOTALL)
_KIND: Final = r"\1"
_NO_NAME: Final = "(what is no name)"


class Found(NamedTuple):
    """A value as one source gave it; `source` is how an error names the place."""

    source: str
    value: object


Layer = dict[str, Found]
"""What one source says, by the full name of the setting."""


def variable(key: str) -> str:
    """The environment variable of a setting: `server.port` is `TORNADOCHAT_SERVER__PORT`."""
    return PREFIX + key.replace(".", "__").upper()


def from_environment(environ: Mapping[str, str], known: Mapping[str, Rule], errors: list[str]) -> Layer:
    """Read every variable that begins with the prefix; what is no setting becomes an error."""
    keys = {variable(key): key for key in known}
    layer: Layer = {}
    for name in sorted(environ):
        if name in keys:
            layer[keys[name]] = Found(name, known[keys[name]].from_text(environ[name]))
        elif name.upper().startswith(PREFIX):
            close = _closest(name.upper().removeprefix(PREFIX).replace("__", ".").lower(), known)
            errors.append(_unknown("environment", name, variable(close) if close else None))
    return layer


def from_sets(sets: Sequence[str], known: Mapping[str, Rule], errors: list[str]) -> Layer:
    """Read `KEY=VALUE` pairs; of two for the same key the later wins."""
    layer: Layer = {}
    for item in sets:
        key, equals, text = item.partition("=")
        if not equals:
            errors.append(f"--set: {_name(item)}: expected KEY=VALUE")
        elif key not in known:
            errors.append(_unknown("--set", key, _closest(key, known)))
        else:
            layer[key] = Found("--set", known[key].from_text(text))
    return layer


def from_file(path: Path, known: Mapping[str, Rule], errors: list[str]) -> Layer:
    """Read a YAML file of sections; raises nothing, whatever the file holds."""
    try:
        return _File(path, known, errors).read()
    except yaml.MarkedYAMLError as error:
        errors.append(_syntax(path, error))
    except yaml.reader.ReaderError as error:
        errors.append(f"{path}: not a text file: {error.reason} at position {error.position}")
    except OSError as error:
        errors.append(f"{path}: {error.strerror}")
    return {}


class _File:
    """One reading of one file. Nodes are walked instead of values, for their line numbers."""

    def __init__(self, path: Path, known: Mapping[str, Rule], errors: list[str]) -> None:
        self.path, self.known, self.errors = path, known, errors
        self.sections = {key[:end] for key in known for end in range(len(key)) if key[end] == "."}
        self.loader = yaml.SafeLoader(path.read_bytes())
        self.layer: Layer = {}

    def read(self) -> Layer:
        top = self.loader.get_single_node()
        for place, name, node in self._pairs(top, "") if top else ():
            if name in self.sections:
                self._section(name, node)
            else:
                self.errors.append(_unknown(place, name, _closest(name, [*self.sections, *self.known])))
        return self.layer

    def _section(self, section: str, node: yaml.Node) -> None:
        for place, key, value in self._pairs(node, section):
            name = f"{section}.{key}"
            if name in self.sections:
                self._section(name, value)
                continue
            if name not in self.known:
                self.errors.append(_unknown(place, name, _closest(name, self.known)))
                continue
            try:
                self.layer[name] = Found(place, self._value(value))
            except yaml.MarkedYAMLError as error:
                self.errors.append(_syntax(self.path, error))

    def _pairs(self, node: yaml.Node, section: str) -> Iterator[tuple[str, str, yaml.Node]]:
        """Yield place, name and value of each entry of a mapping, the first of each name."""
        prefix, lines = f"{section}: " if section else "", dict[str, int]()
        if not isinstance(node, yaml.MappingNode):
            if node.tag != "tag:yaml.org,2002:null":  # a section whose settings are all commented out
                found = "a list" if isinstance(node, yaml.SequenceNode) else "other text"
                self.errors.append(
                    f"{self._place(node)}: {prefix}expected lines `name: value`, found {found}"
                )
            return
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else _NO_NAME
            place, line = self._place(key), key.start_mark.line + 1
            if name in lines:
                full = f"{section}.{name}" if section else name
                self.errors.append(f"{place}: {_name(full)}: given twice, first in line {lines[name]}")
            else:
                lines[name] = line
                yield place, name, value

    def _place(self, node: yaml.Node) -> str:
        return f"{self.path}:{node.start_mark.line + 1}"

    def _value(self, node: yaml.Node) -> object:
        try:
            return self.loader.construct_object(node, deep=True)
        except ValueError:  # what looks like a date and is none: leave it to the setting's rule
            return node.value


def _syntax(path: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    problem = error.problem or error.context or "no YAML"
    return f"{place}: {_QUOTED_BY_YAML.sub(_KIND, problem)}"


def _unknown(source: str, name: str, hint: str | None) -> str:
    return f"{source}: {_name(name)}: there is no such setting" + (f"; did you mean {hint}?" if hint else "")


def _name(text: str) -> str:
    """The text, if it could be somebody's idea of a setting's name."""
    return text if _NAME.fullmatch(text) else _NO_NAME


def _closest(name: str, known: Iterable[str]) -> str | None:
    """What `name` was most likely meant to be, if anything is close: misspelt, or in another section."""
    candidates = list(known)
    close = difflib.get_close_matches(name, sorted(candidates), n=1, cutoff=0.8)
    # In the order of the sections: a bare `port` is that of the server.
    elsewhere = [key for key in candidates if key.partition(".")[2] == name.rpartition(".")[2]]
    return next(iter([*close, *elsewhere]), None)
