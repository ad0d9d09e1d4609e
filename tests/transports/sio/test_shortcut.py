"""The short way takes what the long way would take, as the long way takes it, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tornadochat.protocol import COMMANDS, Logout, PrivateMessage
from tornadochat.transports.payloads import parse
from tornadochat.transports.sio.packet import TextPacket
from tornadochat.transports.sio.shortcut import read_command

TYPES = {command.name: command.data for command in COMMANDS}


def test_a_command_comes_with_its_data_decoded_and_its_ack_id() -> None:
    data = PrivateMessage(to="a", content="é", clientID="c")
    text = '["private message",{"to":"a","content":"é","clientID":"c"}]'
    assert read_command("42" + text) == ("private message", data, None)
    assert read_command("4217" + text) == ("private message", data, 17)
    assert read_command('420["logout", {}]') == ("logout", Logout(), 0)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "2",
        "3",
        "42",
        "421",
        "40",
        "41",
        '43["logout",{}]',
        "42[]",
        '42["logout"]',
        '42["logout",{},{}]',
        '42["logout",{"x":1}]',
        '42["logout",null]',
        '42["connect",{}]',
        '42["disconnect",{}]',
        '42["no command",{}]',
        '42/chat,["logout",{}]',
        '42/chat,1["logout",{}]',
        '421-["logout",{}]',
        '42-1["logout",{}]',
        '42 1["logout",{}]',
        '42\u0661["logout",{}]',
        '42\u00b2["logout",{}]',
        '429007199254740993["logout",{}]',
        '4299999999999999999999["logout",{}]',
        '42["logout",{}] x',
        '42["logout",{}',
        '42["private message",{"to":"a","content":"\\ud800"}]',
        '42["private message",{"to":"a","content":"\ud800"}]',
        '42["private message",{"to":"a","content":NaN}]',
        '42["private message",{"to":"a","content":""}]',
        '42["received",{"with":"a","seq":1e999}]',
        '42["logout",' + "[" * 100_000,
        '42["logout",' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "]",
    ],
)
def test_everything_else_goes_the_long_way(frame: str) -> None:
    assert read_command(frame) is None


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
data = st.fixed_dictionaries(
    {},
    optional={
        "to": st.text(max_size=3) | values,
        "with": st.text(max_size=3) | values,
        "content": st.text() | values,
        "clientID": st.text(max_size=3) | values,
        "seq": st.integers() | st.floats() | values,
    },
)
commands = st.tuples(st.sampled_from(sorted(TYPES)), data).map(json.dumps)


@given(text=commands, ack=st.none() | st.integers(0, 2**54))
@example(text='["received",{"with":"a","seq":1.0}]', ack=None)
@example(text='["received",{"with":"a","seq":1,"seq":2}]', ack=1)
@example(text='["received",{"with":"a","seq":-0}]', ack=1)
def test_what_it_takes_is_what_the_long_way_would_have_taken(text: str, ack: int | None) -> None:
    frame = f"2{'' if ack is None else ack}{text}"
    command = read_command("4" + frame)
    if command is None:
        return
    packet = TextPacket(encoded_packet=frame)
    name, data, tag = command
    assert (name, tag) == (packet.data[0], packet.id)
    assert data == parse(TYPES[name], packet.data[1])
