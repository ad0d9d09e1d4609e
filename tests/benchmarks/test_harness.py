"""The harness on the product itself, for a moment."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.profile import report
from benchmarks.scenarios import ALL
from benchmarks.scenarios.scenario import Effort, Scenario
from benchmarks.servers import Server, Variant, configuration

EFFORT = Effort(turns=1, seconds=0.2, warm_up=0.05, levels=(1, 4), scale=0.04)
RAW = next(scenario for scenario in ALL if scenario.name == "private-raw-durable")
SOCKETIO = next(scenario for scenario in ALL if scenario.name == "private-socketio-durable")


def only_product(scenario: Scenario, server: Server | None = None) -> Scenario:
    product = scenario.contenders["product"]
    product = replace(product, server=server or product.server)
    return replace(scenario, contenders={"product": product})


def measured(scenario: Scenario) -> harness.Measured:
    core = min(os.sched_getaffinity(0))
    return harness.measure(scenario, EFFORT, Variant(), core, lambda _line: None)


@pytest.mark.parametrize("scenario", [RAW, SOCKETIO], ids=lambda scenario: scenario.name)
def test_the_product_is_measured_and_makes_no_mistakes(scenario: Scenario) -> None:
    found = measured(only_product(scenario))
    assert found.problems == {"product": []}
    assert len(found.turns["product"]) == EFFORT.turns
    for sample in found.turns["product"]:
        for level in EFFORT.levels:
            assert sample[f"rate@{level}"] > 0
            assert 0 < sample[f"p50@{level}"] <= sample[f"p99@{level}"]
            assert sample[f"cpu@{level}"] >= 0


def test_a_server_that_cannot_be_started_is_not_supported_and_stops_nothing() -> None:
    broken = replace(RAW.contenders["product"].server, settings={"store.durability": "none at all"})
    found = measured(only_product(RAW, broken))
    assert found.turns["product"] == [{}]
    assert all(problem.startswith("not supported: ") for problem in found.problems["product"])
    assert "store.durability" in found.problems["product"][0]


def test_everyone_takes_turns_but_what_is_only_for_comparison_fewer() -> None:
    absent = replace(RAW.contenders["node"], server=Server("absent", "python", "absent"))
    contenders = {"one": absent, "other": replace(absent, beside=True)}
    effort = replace(EFFORT, turns=harness.BESIDE_TURNS + 1)
    said: list[str] = []
    core = min(os.sched_getaffinity(0))
    found = harness.measure(replace(RAW, contenders=contenders), effort, Variant(), core, said.append)
    assert [line.split()[1] for line in said] == ["1", "1", "2", "2", "3"]
    assert {key: len(turns) for key, turns in found.turns.items()} == {"one": 3, "other": 2}


def test_the_product_is_configured_by_sections() -> None:
    server = Server("one", "tornadochat", settings={"store.durability": "normal", "limits.in_flight": 9})
    assert configuration(server, 80) == {
        "server": {"port": 80},
        "store": {"url": "sqlite:///chat.db", "durability": "normal"},
        "limits": {"in_flight": 9},
    }


def test_the_tree_that_is_measured_is_this_one() -> None:
    assert Variant().tree == Path(__file__).resolve().parent.parent.parent


def test_a_profile_counts_what_a_function_does_itself_and_what_it_calls() -> None:
    text = report(
        ["MainThread;serve;read 30", "MainThread;serve 10", "writer;wait 4", "writer;commit 1", "idle;wait 9"]
    )
    assert "MainThread, 40 samples" in text
    assert " 75.0%  read" in text
    assert "100.0%  serve" in text
    assert "writer, 5 samples" in text
    assert "idle" not in text
