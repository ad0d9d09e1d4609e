"""What the documents say is what the code does: the contract, names, files, links, commands, examples."""

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.support.house import House
from tornadochat import __version__
from tornadochat.config import Config, rules, value_of
from tornadochat.config_rates import RateLimits
from tornadochat.contract import contract
from tornadochat.protocol import COMMANDS, EVENTS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tornadochat"
DOCS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
SHAPES = ("MessageData", "Entry", "Person", "SessionInfo", "ErrorData")
CONTRACT = contract({}, RateLimits())
SCHEMAS: dict[str, Any] = CONTRACT["schemas"]

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")

Rows = dict[str, list[str]]
"""A table by its first column; the other cells in their order."""


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_document = pytest.mark.parametrize("path", DOCS, ids=name)


# docs/PROTOCOL.md and the contract


def sections(markdown: str, level: int) -> dict[str, str]:
    """The text under each heading of a level, by the heading without backticks."""
    parts = re.split(rf"^{'#' * level} (.+)$", markdown, flags=re.MULTILINE)
    bodies = [re.split(rf"^#{{1,{level}}} ", body, flags=re.MULTILINE)[0] for body in parts[2::2]]
    return dict(zip([title.replace("`", "") for title in parts[1::2]], bodies, strict=True))


PROTOCOL = sections(text(ROOT / "docs" / "PROTOCOL.md"), 2)


def table(section: str, first: str) -> Rows:
    """The table whose first column has this title."""
    found = re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\|\n)*)", section, re.MULTILINE)
    assert len(found) == 1, f"{len(found)} tables of {first}"
    rows: Rows = {}
    for line in found[0].splitlines():
        key, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        key = key.strip("`")
        assert key not in rows, f"{key} twice"
        rows[key] = cells
    return rows


def words(schema: dict[str, Any]) -> str:
    """A JSON Schema as the document words it."""
    if "anyOf" in schema:
        return " or ".join(words(part) for part in schema["anyOf"])
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "enum" in schema:
        *most, last = [f"`{json.dumps(value).strip(chr(34))}`" for value in schema["enum"]]
        return f"{', '.join(most)} or {last}" if most else last
    match schema["type"]:
        case "array":
            return f"list of {words(schema['items'])}"
        case "string":
            return "string" + length(schema.get("minLength"), schema.get("maxLength"))
        case "integer" if "maximum" in schema:
            return f"integer, {schema['minimum']} to {schema['maximum']}"
        case kind:
            return str(kind)


def length(least: int | None, most: int | None) -> str:
    match least, most:
        case None, None:
            return ""
        case 1, None:
            return ", at least 1 character"
        case None, _:
            return f", at most {most} characters"
        case _:
            return f", {least} to {most} characters"


def fields(schema_name: str) -> list[tuple[str, str]]:
    """The fields of a schema in their order, each with its type as the document words it."""
    schema = SCHEMAS[schema_name]
    worded: list[tuple[str, str]] = []
    for field, part in schema["properties"].items():
        kind = words(part)
        if field not in schema["required"]:
            default = part.get("default")
            end = ", optional" if default is None else f", default {default}"
            kind = kind.removesuffix(" or null") + end
        worded.append((field, kind))
    return worded


def says(section: str, label: str, schema: dict[str, Any]) -> None:
    """Compares a schema with a table titled by the label in small letters, or with a line `Label: type`."""
    line = re.search(rf"^{label}: (.+)$", section, re.MULTILINE)
    if "$ref" in schema and SCHEMAS[schema["$ref"].rpartition("/")[2]]["properties"]:
        assert line is None
        first = "field" if label == "Data" else label.lower()
        documented = [(field, cells[0]) for field, cells in table(section, first).items()]
        assert documented == fields(schema["$ref"].rpartition("/")[2])
    else:
        assert line is not None
        assert line[1] == ("`{}`" if "$ref" in schema else words(schema))


def test_the_document_has_every_command_and_no_other() -> None:
    assert list(sections(PROTOCOL["Commands"], 3)) == list(CONTRACT["commands"])


@pytest.mark.parametrize("command", CONTRACT["commands"])
def test_a_command_is_documented_as_it_is(command: str) -> None:
    section, is_ = sections(PROTOCOL["Commands"], 3)[command], CONTRACT["commands"][command]
    says(section, "Sent", is_["data"])
    says(section, "Replied", is_["reply"])
    flat = " ".join(section.split())
    assert ("The reply may be left unasked." in flat) is is_["reply_optional"]
    assert ("The reply must be asked for." in flat) is not is_["reply_optional"]


def test_the_document_has_every_event_and_no_other() -> None:
    durable = {event: cells == ["yes"] for event, cells in table(PROTOCOL["Events"], "event").items()}
    assert durable == {event: is_["durable"] for event, is_ in CONTRACT["events"].items()}
    assert list(sections(PROTOCOL["Events"], 3)) == [f"Event {event}" for event in CONTRACT["events"]]


@pytest.mark.parametrize("event", CONTRACT["events"])
def test_an_event_is_documented_as_it_is(event: str) -> None:
    says(sections(PROTOCOL["Events"], 3)[f"Event {event}"], "Data", CONTRACT["events"][event]["data"])


def test_the_shapes_are_documented_as_they_are() -> None:
    documented = {
        shape: [(field, cells[0]) for field, cells in table(section, "field").items()]
        for shape, section in sections(PROTOCOL["Shapes"], 3).items()
    }
    assert documented == {shape: fields(shape) for shape in SHAPES}


def test_nothing_of_the_contract_is_left_out() -> None:
    under = {"ConnectData", *SHAPES}
    for part in (*CONTRACT["commands"].values(), *CONTRACT["events"].values()):
        for schema in (part["data"], part.get("reply", {})):
            under.add(schema.get("$ref", "").rpartition("/")[2])
    assert set(SCHEMAS) <= under


def test_the_sign_in_is_documented_as_it_is() -> None:
    documented = [(field, cells[0]) for field, cells in table(PROTOCOL["Signing in"], "field").items()]
    assert documented == fields("ConnectData")


def yes(value: bool) -> str:
    return "yes" if value else "no"


def test_the_errors_are_documented_as_they_are() -> None:
    documented = {code: cells[:2] for code, cells in table(PROTOCOL["Errors"], "code").items()}
    assert documented == {
        code: [is_["message"], yes(is_["retryable"])] for code, is_ in CONTRACT["errors"].items()
    }


def test_the_closes_are_documented_as_they_are() -> None:
    documented = {close: cells[:2] for close, cells in table(PROTOCOL["Closes"], "close").items()}
    assert documented == {
        close: [f"`{is_['name']}`", yes(is_["come_back"])] for close, is_ in CONTRACT["closes"].items()
    }


def test_the_reasons_of_a_reset_are_documented() -> None:
    assert list(table(PROTOCOL["Resuming"], "reason")) == CONTRACT["reset_reasons"]


@pytest.mark.gen_test
async def test_the_limits_are_documented_with_what_a_server_with_the_defaults_serves(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.start()
    served = json.loads((await AsyncHTTPClient().fetch(f"{house.url}/protocol.json")).body)
    await house.close()
    documented = {limit: int(cells[0]) for limit, cells in table(PROTOCOL["Limits"], "limit").items()}
    assert documented == served.pop("limits")
    assert served == json.loads(json.dumps({key: CONTRACT[key] for key in CONTRACT if key != "limits"}))


def test_the_rates_are_documented_as_they_are_without_a_configuration() -> None:
    documented = {rate: cells[0] for rate, cells in table(PROTOCOL["Rates"], "rate").items()}
    own = "limits.rates."
    rates = {name: rule for name, rule in rules().items() if name.startswith(own)}
    assert documented == {
        name.removeprefix(own): rule.show(value_of(Config(), name)) for name, rule in rates.items()
    }
    assert list(documented) == list(CONTRACT["rates"])


# Examples


def frames(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Direction, name and data of every frame written out in a document."""
    raw = re.findall(r'^([<>]) (\{"event.*\})$', text(path), re.MULTILINE)
    for direction, frame in raw:
        value = json.loads(frame)
        yield direction, value["event"], value.get("data", {})
    for direction, arguments in re.findall(r"^([<>]) 42\d*(\[.*\])$", text(path), re.MULTILINE):
        event, data = json.loads(arguments)
        yield direction, event, data


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "docs" / "PROTOCOL.md"], ids=name)
def test_frames_written_out_are_frames_of_the_protocol(path: Path) -> None:
    sent = {command.name: command.data for command in COMMANDS}
    heard = {event.name: event.data for event in EVENTS}
    seen = set()
    for direction, event, data in frames(path):
        kind: Any = heard[event] if direction == "<" else sent.get(event, dict)
        msgspec.convert(data, kind)
        seen.add(event)
    assert {"session", "users", "ready", "private message"} <= seen


def test_the_readmes_python_compiles() -> None:
    blocks = FENCED.findall(text(ROOT / "README.md"))
    programs = [program for language, program in blocks if language == "python"]
    assert programs
    for program in programs:
        compile(program, "README.md", "exec")


# Links, commands, options, version


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", text(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@every_document
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(FENCED.sub("", text(path))):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file), link


def test_the_readme_leads_to_every_document() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall(text(ROOT / "README.md"))}
    wanted = {path for path in DOCS if path.parent != ROOT / "docs" / "decisions"} - {ROOT / "README.md"}
    assert wanted <= linked
    decisions = set((ROOT / "docs" / "decisions").glob("*.md"))
    architecture = ROOT / "docs" / "ARCHITECTURE.md"
    assert decisions == {
        file
        for link in LINK.findall(text(architecture))
        if (file := (architecture.parent / link.partition("#")[0]).resolve()) in decisions
    }


@every_document
def test_commands_of_make_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:`|^|\$ )make ([a-z]+)", text(path), re.MULTILINE)
    assert set(named) <= targets
    assert path.name != "README.md" or {"run", "test"} <= set(named)


def help_of(*words: str) -> str:
    """What `--help` says of the command, or of a subcommand."""
    return subprocess.run(
        [sys.executable, "-m", "tornadochat", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout


@pytest.fixture(scope="module")
def helps() -> dict[str, str]:
    """The help of every subcommand by its name, that of the command itself under nothing."""
    whole = help_of()
    names = re.findall(r"^    ([a-z]+) ", whole.partition("commands:")[2], re.MULTILINE)
    return {"": whole} | {name: help_of(name) for name in names}


@every_document
def test_subcommands_and_options_that_are_named_exist(path: Path, helps: dict[str, str]) -> None:
    for line in re.findall(r"-m tornadochat(.*?)(?:`|$)", text(path), re.MULTILINE):
        words = line.split()
        name = words[0] if words and re.fullmatch("[a-z]+", words[0]) else ""
        assert name in helps, line
        assert set(re.findall(r"--[a-z]+", line)) <= set(re.findall(r"--[a-z]+", helps[name])), line


def test_the_readme_names_options_that_there_are(helps: dict[str, str]) -> None:
    named = set(re.findall(r"`(--[a-z]+)", text(ROOT / "README.md")))
    assert {"--set", "--check"} <= named
    assert named <= set(re.findall(r"--[a-z]+", helps[""]))


def test_the_changelog_is_of_this_version() -> None:
    versions = re.findall(r"^## \[(.+?)\]", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert versions[1] == __version__


# Names


def defined() -> Iterator[str]:
    """The name of every class and function of the package; of members also with that of their class."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name
            if isinstance(node, ast.ClassDef):
                yield from (f"{node.name}.{member}" for member in members(node))


def members(class_: ast.ClassDef) -> Iterator[str]:
    for node in class_.body:
        match node:
            case ast.FunctionDef(name=member) | ast.AsyncFunctionDef(name=member):
                yield member
            case ast.AnnAssign(target=ast.Name(id=member)):
                yield member


DEFINED = frozenset(defined())


def known_file(token: str) -> bool:
    return any((base / token).exists() for base in (ROOT, PACKAGE, ROOT / "docs"))


def known_name(dotted: str) -> bool:
    """Whether a dotted name is a setting, or leads to something in this package or in another."""
    if dotted in DEFINED or any(f"{rule}.".startswith(f"{dotted}.") for rule in rules()):
        return True
    return any(leads(f"{prefix}{dotted}") for prefix in ("tornadochat.", ""))


def leads(dotted: str) -> bool:
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part) and part not in get_type_hints(found):
                return False
            found = getattr(found, part, None)
        return True
    return False


@every_document
def test_files_and_names_in_backticks_exist(path: Path) -> None:
    unknown = []
    for token in SPAN.findall(FENCED.sub("", text(path))):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/|([\w.-]+/)*[\w-]+\.(py|md|yaml|toml|mjs)", token):
            known = known_file(token)
        elif re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+(\(\))?", token) and not token.endswith((".db", ".json")):
            known = known_name(token.removesuffix("()"))
        elif re.fullmatch(r"_*[A-Z][a-z]\w*|[a-z_]\w*\(\)", token):
            known = token.removesuffix("()") in DEFINED
        else:
            continue
        if not known:
            unknown.append(token)
    assert unknown == []
