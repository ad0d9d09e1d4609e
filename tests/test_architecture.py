"""Who may import whom, and what no module may have: held by walking the source, not by reading it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tornadochat"
ON_THE_WIRE = ("models", "events", "errors", "protocol", "contract")
FLOOR = (*ON_THE_WIRE, "config", "logs", "metrics", "interpreter", "turns", "addresses", "capacity", "places")
LAYERS = ("admin", "delivery", "http", "service", "store", "torture", "transports")
ROOT = ("app", "__main__")
LONGEST = 350


class Module:
    """One source file: its dotted name within the package, and what it imports."""

    def __init__(self, path: Path) -> None:
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "__init__"
        self.package = parts[:-1]
        self.text = path.read_text()
        self.tree = ast.parse(self.text)
        self.imports = frozenset(self._imports())

    @property
    def layer(self) -> str:
        """The first part of the name; the files of one floor module, as in config_rules, count as it."""
        first = self.name.partition(".")[0]
        return next((floor for floor in FLOOR if first == floor or first.startswith(f"{floor}_")), first)

    def uses(self, *names: str) -> set[str]:
        """Which of its imports are one of these modules, or inside one."""
        return {i for i in self.imports if any(i == name or i.startswith(f"{name}.") for name in names)}

    def _imports(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    yield from (alias.name for alias in names)
                case ast.ImportFrom(module=module, names=names, level=level):
                    up = self.package[: len(self.package) - level + 1] if level else ()
                    base = ".".join(
                        (*(("tornadochat", *up) if level else ()), *((module,) if module else ()))
                    )
                    yield base
                    yield from (f"{base}.{alias.name}" for alias in names)


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]


def of(layer: str) -> list[Module]:
    return [module for module in MODULES if module.layer == layer]


def ours(*names: str) -> tuple[str, ...]:
    return tuple(f"tornadochat.{name}" for name in names)


def offences(modules: list[Module], *forbidden: str) -> dict[str, set[str]]:
    return {module.name: used for module in modules if (used := module.uses(*forbidden))}


def test_every_module_has_a_place_in_the_house() -> None:
    assert {module.layer for module in MODULES} <= {*FLOOR, *LAYERS, *ROOT, "__init__"}
    assert {*LAYERS, "models", "events", "errors", "protocol", "config", "contract"} <= {
        m.layer for m in MODULES
    }


@pytest.mark.parametrize("floor", FLOOR)
def test_the_floor_stands_on_nothing_but_the_floor(floor: str) -> None:
    assert not offences(of(floor), *ours(*LAYERS, *ROOT))


def test_the_protocol_does_no_io_and_knows_no_transport() -> None:
    pure = [module for name in ON_THE_WIRE for module in of(name)]
    io = (
        "asyncio",
        "tornado",
        "socketio",
        "engineio",
        "socket",
        "ssl",
        "sqlite3",
        "sqlalchemy",
        "os",
        "pathlib",
    )
    assert not offences(pure, *io, "io", "logging", "threading", "time")
    assert not [m.name for m in pure if any(isinstance(n, ast.AsyncFunctionDef) for n in ast.walk(m.tree))]
    calls = [
        n.func.id
        for m in pure
        for n in ast.walk(m.tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    ]
    assert not {"open", "print", "input"} & set(calls)


def test_services_know_no_transport_no_wire_format_and_no_database() -> None:
    libraries = ("tornado", "socketio", "engineio", "json", "sqlalchemy", "sqlite3", "alembic")
    assert not offences(of("service"), *libraries, *ours("transports", "http"))


def test_the_store_knows_nobody_above_it() -> None:
    assert not offences(
        of("store"), *ours("service", "delivery", "transports", "http"), "tornado", "socketio"
    )


def test_delivery_knows_neither_store_nor_services_nor_transports() -> None:
    assert not offences(
        of("delivery"), *ours("store", "service", "transports", "http"), "tornado", "socketio"
    )


def test_transports_do_not_know_the_store() -> None:
    assert not offences(of("transports"), *ours("store", "http"))


def test_pages_and_probes_know_neither_store_nor_services() -> None:
    assert not offences(of("http"), *ours("store", "service", "delivery", "transports"))


def test_the_torture_knows_the_server_by_its_doors_alone() -> None:
    inside = [layer for layer in LAYERS if layer != "torture"]
    assert not offences(of("torture"), *ours(*FLOOR, *inside, *ROOT), "socketio", "engineio", "sqlalchemy")


def test_only_the_command_line_knows_of_the_torture() -> None:
    others = [module for module in MODULES if module.layer not in ("torture", "__main__")]
    assert not offences(others, *ours("torture"))


def test_the_judge_does_no_io() -> None:
    pure = [
        module for module in of("torture") if module.name.endswith((".judge", ".ledger", ".view", ".plan"))
    ]
    assert len(pure) == 4
    assert not offences(pure, "asyncio", "tornado", "socket", "os", "pathlib", "time", "logging", "io")


def test_only_one_package_knows_socket_io() -> None:
    others = [module for module in MODULES if not f"{module.name}.".startswith("transports.sio.")]
    assert not offences(others, "socketio", "engineio")


def test_only_the_framing_may_know_picows() -> None:
    parser = "transports.fastframing.parser"
    assert not offences([module for module in MODULES if module.name != parser], "picows", "aiofastnet")


def test_only_the_root_joins_the_boxes() -> None:
    assert not offences([module for module in MODULES if module.layer not in ROOT], *ours(*ROOT))


def test_the_store_is_used_by_its_front_door() -> None:
    others = [module for module in MODULES if module.layer not in {"store", "admin"}]
    inside = {f"tornadochat.{module.name}" for module in of("store")} - {"tornadochat.store"}
    assert not offences(others, *inside)
    assert not offences(of("admin"), *(inside - {"tornadochat.store.upkeep"}))


def test_what_is_done_from_outside_knows_nothing_of_what_serves() -> None:
    assert not offences(
        of("admin"), *ours("service", "delivery", "transports", "http"), "tornado", "socketio"
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_module_keeps_growing(module: Module) -> None:
    assert module.text.count("\n") < LONGEST


# State

FREEZES = {"MappingProxyType", "frozenset", "tuple"}
MUTABLE = {"list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter"}
MUTABLE |= {"WeakSet", "WeakKeyDictionary", "WeakValueDictionary"}


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def mutable(value: ast.expr) -> bool:
    """Whether what an expression evaluates to is, or holds, a list, dict or set."""
    match value:
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return True
        case ast.Call(func=func) if name_of(func) in FREEZES:
            return False
        case ast.Call(func=func):
            return name_of(func) in MUTABLE
        case ast.Tuple(elts=parts):
            return any(mutable(part) for part in parts)
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            return mutable(one) or mutable(other)
        case ast.BoolOp(values=parts):
            return any(mutable(part) for part in parts)
        case ast.NamedExpr(value=inner):
            return mutable(inner)
    return False


def states(body: list[ast.stmt]) -> Iterator[int]:
    """The lines on which a module makes state of its own; those of the `if`, `for`, `try` at its top too."""
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                pass  # a list by custom
            case (
                ast.Assign(value=value)
                | ast.AnnAssign(value=ast.expr() as value)
                | ast.AugAssign(value=value)
            ):
                if mutable(value):
                    yield statement.lineno
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                pass
            case _:
                for field in ("body", "orelse", "finalbody"):
                    yield from states(getattr(statement, field, []))
                for handler in getattr(statement, "handlers", []):
                    yield from states(handler.body)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_module_has_mutable_state(module: Module) -> None:
    assert not [f"{module.name}:{line}" for line in states(module.tree.body)]
    statements = [node for node in ast.walk(module.tree) if isinstance(node, ast.Global)]
    assert not [f"{module.name}:{node.lineno}: global" for node in statements]


@pytest.mark.parametrize(
    "source",
    [
        "A = []",
        "A: Final = {}",
        "A = {1, 2}",
        "A = [x for x in y]",
        "A = dict(a=1)",
        "A = collections.defaultdict(list)",
        "A = (1, [2])",
        "if x:\n    A = []",
        "try:\n    pass\nexcept E:\n    A = {}",
        "A = [1] * 5",
    ],
)
def test_state_is_recognised(source: str) -> None:
    assert list(states(ast.parse(source).body))


@pytest.mark.parametrize(
    "source",
    [
        "A = MappingProxyType({1: 2})",
        "A = types.MappingProxyType({})",
        "A = frozenset({1})",
        "A = tuple([1])",
        "A = (1, 2)",
        "A = Callable[[int], None]",
        "A = f([1])",
        "__all__ = ['a']",
        "def f():\n    a = []",
    ],
)
def test_what_is_no_state_is_not_mistaken_for_it(source: str) -> None:
    assert not list(states(ast.parse(source).body))


def test_imports_of_every_form_are_seen() -> None:
    module = next(module for module in MODULES if module.name == "service.log")
    assert module.uses("tornadochat.delivery.hub", "tornadochat.store")
    assert "tornadochat.delivery.hub.Hub" in module.imports
    assert not module.uses("tornadochat.deliver")
