"""`doctor`: everything that can be seen to be wrong with a server before people notice it."""

import resource
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tornadochat import capacity
from tornadochat.admin.network_checks import check_metrics, check_network
from tornadochat.admin.progress import Progress
from tornadochat.admin.report import DEFAULT, Finding, Setting
from tornadochat.admin.store_checks import IN_USE, UNUSED, check_store
from tornadochat.config import Config, ConfigError, load_with_sources, rules, value_of
from tornadochat.store.upkeep import StoreError, path_of

FEW_FILES: Final = 1024


class Examined(NamedTuple):
    """What was found, that of the configuration first, and every setting if it could be read."""

    findings: list[Finding]
    settings: list[Setting]


def examine(path: Path, sets: Sequence[str], environ: Mapping[str, str], progress: Progress) -> Examined:
    """Make every check that is possible. Changes nothing, and raises nothing."""
    try:
        config, sources = load_with_sources(path, sets, environ)
    except ConfigError as error:
        return Examined([Finding("fault", "configuration", line) for line in str(error).splitlines()], [])
    settings = _settings(config, sources)
    given = sum(setting.source != DEFAULT for setting in settings)
    read = Finding("ok", "configuration", f"{path}; {given} of {len(settings)} settings are given")
    return Examined([read, *_checks(config, progress)], settings)


def _settings(config: Config, sources: Mapping[str, str]) -> list[Setting]:
    found = []
    for name, rule in rules().items():
        value = rule.show(value_of(config, name))
        found.append(Setting(name, value, sources.get(name, DEFAULT)))
    return found


def unusual(settings: Sequence[Setting]) -> list[Setting]:
    """Those that are not as they would be had nobody given anything."""
    usual = {name: value for name, value, _ in _settings(Config(), {})}
    return [setting for setting in settings if setting.value != usual[setting.name]]


def _checks(config: Config, progress: Progress) -> Iterator[Finding]:
    if config.store.path is None:
        stored = [Finding("ok", "store", "in memory: nothing is kept when the server ends")]
    else:
        try:
            stored = list(check_store(path_of(config.store.url), progress))
        except StoreError as error:
            stored = [Finding("fault", "store", str(error))]
    yield from stored
    yield descriptors(*resource.getrlimit(resource.RLIMIT_NOFILE), config.limits.connections)
    network = list(check_network(config.server.address, config.server.port))
    yield from network
    yield from _together(stored, network)
    if config.metrics.enabled:
        chat = config.server.address, config.server.port
        yield check_metrics(config.metrics.address, config.metrics.port, chat=chat)


def descriptors(soft: int, hard: int, wanted: int = 0) -> Finding:
    """What a limit of open files means: every connection is one, and the server raises it to the hard one.

    `wanted`: as in `limits.connections`.
    """
    unlimited = hard == resource.RLIM_INFINITY
    most = "without limit" if unlimited else f"to {hard}"
    room = capacity.MOST if unlimited else capacity.room(hard)
    text = f"{soft} open files" + ("" if soft == hard else f", raised {most} at the start")
    text += f": room for {room} connections"
    if wanted > room and not unlimited:
        return Finding("warning", "descriptors", f"{text}, fewer than limits.connections, {wanted}")
    if not unlimited and hard <= FEW_FILES:
        return Finding("warning", "descriptors", f"{text}, which is little")
    return Finding("ok", "descriptors", text)


def _together(stored: Sequence[Finding], network: Sequence[Finding]) -> Iterator[Finding]:
    """A server here and a store that no server has, or the reverse, are two halves of a mistake."""
    answers = any(finding.check == "ready" for finding in network)
    if IN_USE in stored and not answers:
        yield Finding("warning", "use", "the server that has the store does not answer on this port")
    if UNUSED in stored and answers:
        yield Finding("warning", "use", "the server on this port has another store")
