"""docs/CONFIGURATION.md, config.yaml and the model say the same."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tornadochat.config import Config, load, rules, value_of
from tornadochat.config_rules import Rule

ROOT = Path(__file__).resolve().parent.parent
DOCS = (ROOT / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z_]+(?:\.[a-z_]+)+)` \| ([^|]+) \| `([^|]+)` \|([^|]*)\|$", re.MULTILINE)
ROWS = {row[1]: (row[2].strip(), row[3].strip(), row[4].strip()) for row in ROW.finditer(DOCS)}


def default(key: str) -> object:
    value: object = value_of(Config(), key)
    return value


def flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@pytest.mark.parametrize(("key", "rule"), rules().items())
def test_a_setting_is_documented_with_its_type_default_and_range(key: str, rule: Rule) -> None:
    assert ROWS[key] == (rule.kind, rule.show(default(key)), rule.span)


@pytest.mark.parametrize("key", rules())
def test_a_setting_is_explained_in_the_text_of_its_section(key: str) -> None:
    section = DOCS.split(f"\n## {key.partition('.')[0]}\n")[1].split("\n## ")[0]
    prose = [line for line in section.splitlines() if not line.startswith("|")]
    assert any(f"`{key}`" in line for line in prose)


def test_nothing_is_documented_that_does_not_exist() -> None:
    assert list(ROWS) == list(rules())
    sections = re.findall(r"^## (\S+)$", DOCS, re.MULTILINE)
    assert sections == list(Config.model_fields)


def test_config_yaml_writes_every_setting_with_its_default() -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    tree = yaml.load(text, Loader=yaml.BaseLoader)  # every scalar as it is written
    written = dict(flat(tree))
    shown = {key: rule.show(default(key)) for key, rule in rules().items()}
    assert {key: str(value) for key, value in written.items()} == shown


def test_config_yaml_is_the_defaults() -> None:
    loaded, defaults = load(ROOT / "config.yaml", environ={}).model_dump(), Config().model_dump()
    assert loaded["store"].pop("url") == f"sqlite:///{ROOT / 'tornadochat.db'}"
    assert defaults["store"].pop("url") == "sqlite:///tornadochat.db"
    assert loaded == defaults


def test_every_setting_in_config_yaml_is_under_a_comment() -> None:
    lines = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if re.match(r" +[a-z]", line) and not re.match(r" +[#a-z]", before)
    ]
    assert bare == []


def test_the_docs_name_the_variable_prefix() -> None:
    assert "`TORNADOCHAT_SERVER__PORT=9000` is `server.port`" in DOCS
