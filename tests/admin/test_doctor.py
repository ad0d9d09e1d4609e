"""`doctor` as a whole: everything at once, each setting with its source, halves of a mistake."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.admin.house import unseen
from tests.support.house import House
from tests.support.process import free_port
from tornadochat.admin.doctor import Examined, descriptors, examine, unusual
from tornadochat.admin.report import DEFAULT, Finding, Setting, as_json, as_text, has_fault
from tornadochat.config import rules
from tornadochat.store.upkeep import Claim


def look(folder: Path, *sets: str, text: str = "", **environ: str) -> Examined:
    file = folder / "config.yaml"
    file.write_text(text)
    return examine(file, [f"server.port={free_port()}", *sets], environ, unseen())


def test_every_mistake_in_the_configuration_is_a_fault(tmp_path: Path) -> None:
    found = look(tmp_path, "roster.limit=-1", text="server: {prot: 1}\nlog: {level: loud}\n")
    assert found.settings == []
    assert {finding.check for finding in found.findings} == {"configuration"}
    assert [finding.text.partition(": ")[0] for finding in found.findings] == [
        f"{tmp_path}/config.yaml:1",
        "--set",
        f"{tmp_path}/config.yaml:2",
    ]
    assert has_fault(found.findings)


def test_every_setting_is_told_with_its_source(tmp_path: Path) -> None:
    environ = {"TORNADOCHAT_LOG__LEVEL": "error"}
    found = look(tmp_path, "presence.grace=90s", text="roster:\n  limit: 10\n", **environ)
    settings = {name: (value, source) for name, value, source in found.settings}
    assert list(settings) == list(rules())
    assert settings["roster.limit"] == ("10", f"{tmp_path}/config.yaml:2")
    assert settings["log.level"] == ("error", "TORNADOCHAT_LOG__LEVEL")
    assert settings["presence.grace"] == ("90s", "--set")
    assert settings["limits.frame_bytes"] == ("128KiB", DEFAULT)
    assert settings["store.url"] == (f"sqlite:///{tmp_path}/tornadochat.db", DEFAULT)
    assert found.findings[0].text == f"{tmp_path}/config.yaml; 4 of {len(rules())} settings are given"
    changed = {setting.name for setting in unusual(found.settings)}
    assert changed == {"server.port", "roster.limit", "log.level", "presence.grace", "store.url"}


def test_a_machine_in_good_order_has_no_fault(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert not has_fault(found.findings)
    checks = [finding.check for finding in found.findings]
    assert checks == ["configuration", "store", "disk", "use", "descriptors", "port"]


def test_a_store_in_memory_is_as_it_should_be(tmp_path: Path) -> None:
    found = look(tmp_path, "store.url=memory:")
    assert [finding.check for finding in found.findings] == ["configuration", "store", "descriptors", "port"]
    assert found.findings[1] == Finding("ok", "store", "in memory: nothing is kept when the server ends")
    assert Setting("store.url", "memory:", "--set") in unusual(found.settings)


def test_a_server_elsewhere_that_has_the_store_is_told(tmp_path: Path) -> None:
    claim = Claim(tmp_path / "tornadochat.db")
    found = look(tmp_path)
    claim.release()
    text = "the server that has the store does not answer on this port"
    assert found.findings[-1] == Finding("warning", "use", text)


@pytest.mark.gen_test
async def test_a_server_on_the_port_with_another_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    house = House(tmp_path / "other")
    await house.start()
    found = await asyncio.to_thread(look, tmp_path, f"server.port={house.app.port}")
    assert found.findings[-1] == Finding("warning", "use", "the server on this port has another store")
    assert not has_fault(found.findings)
    await house.close()


def test_a_limit_of_open_files_is_told_with_what_it_can_become() -> None:
    text = "1024 open files, raised to 524288 at the start: room for 65536 connections"
    assert descriptors(1024, 524288) == Finding("ok", "descriptors", text)
    text = "1024 open files, raised without limit at the start: room for 65536 connections"
    assert descriptors(1024, -1, 100_000) == Finding("ok", "descriptors", text)
    text = "4096 open files: room for 3968 connections"
    assert descriptors(4096, 4096) == Finding("ok", "descriptors", text)
    text = "256 open files, raised to 1024 at the start: room for 896 connections, which is little"
    assert descriptors(256, 1024) == Finding("warning", "descriptors", text)


def test_more_connections_than_open_files_are_a_warning() -> None:
    text = "4096 open files: room for 3968 connections, fewer than limits.connections, 3969"
    assert descriptors(4096, 4096, 3969) == Finding("warning", "descriptors", text)
    assert descriptors(4096, 4096, 3968).level == "ok"


FINDINGS = [Finding("ok", "configuration", "c.yaml"), Finding("fault", "disk", "1 MiB free")]
SETTINGS = [Setting("server.port", "1", "--set")]


def test_a_line_for_each_check() -> None:
    assert as_text(FINDINGS, SETTINGS).splitlines() == [
        "ok      configuration: c.yaml",
        "          server.port = 1 (--set)",
        "fault   disk: 1 MiB free",
    ]


def test_the_same_for_machines() -> None:
    report = json.loads(as_json(FINDINGS, SETTINGS))
    assert report == {
        "ok": False,
        "checks": [
            {"level": "ok", "check": "configuration", "text": "c.yaml"},
            {"level": "fault", "check": "disk", "text": "1 MiB free"},
        ],
        "settings": {"server.port": {"value": "1", "source": "--set"}},
    }
