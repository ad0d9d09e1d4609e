"""Strict packets: what is decoded, and what is refused before anybody sees it."""

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import Packet

from tornadochat.transports.sio.packet import StrictJSON, StrictPacket, TextPacket, Violation, decode_payload

ONE = '{"_placeholder":true,"num":0}'
TWO = '{"_placeholder":true,"num":1}'

BROKEN = [
    *("a", "7", "9[]", "x2[]", "-2[]", "٢[]"),
    *("2", "2{}", "2[]", "2[1]", "2[[]]", "2[{}]", "2[null]", '2"a"', "2{", "2[[[[", '2["a"', '2["a"]x'),
    *('2abc["a"]', '2-1["a"]', '29007199254740993["a"]', '212345678901234567["a"]', '21x["a"]', '2٢["a"]'),
    *('2["a",NaN]', '2["a",Infinity]', '2["a",-Infinity]', '2["a",1e999]', '2["a",-1e999]'),
    *(f'2["{name}"]' for name in ("connect", "connect_error", "disconnect", "disconnecting")),
    *('2["newListener"]', '2["removeListener"]'),
    *("0[]", "0null1", '0"token"', "01{}", "0true", "01"),
    *("1[]", "1{}", "11"),
    *("3[]", "3", "31", "31{}", '31"a"'),
    *("4", "4{}", '4{"message":"x"}', "5", "6"),
    f"5[{ONE}]",
    f'5["a",{ONE}]',
    '50-["a"]',
    f'51-["a",{ONE},{TWO}]',
    f'52-["a",{ONE}]',
    f'52-["a",{ONE},{ONE}]',
    '51-["a",{"_placeholder":true,"num":1}]',
    '51-["a",{"_placeholder":true,"num":-1}]',
    '51-["a",{"_placeholder":true,"num":true}]',
    '51-["a",{"_placeholder":true,"num":"0"}]',
    '517-["a"]',
    '59999999999-["a"]',
    f'21-["a",{ONE}]',
    "61-[" + ONE + "]",
    '2["a",' + "[" * 64 + "]" * 64 + "]",
    '2["a",' + '{"a":' * 64 + "1" + "}" * 64 + "]",
    '2["a",' + "[" * 100_000,
    "0/" + "n" * 300 + ",",
]


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:40])
def test_what_the_protocol_does_not_allow_is_a_violation(text: str) -> None:
    with pytest.raises(Violation) as violation:
        StrictPacket(encoded_packet=text)
    assert len(str(violation.value)) < 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (0, "/", None, None)),
        ('0{"token":"1"}', (0, "/", None, {"token": "1"})),
        ("0/custom,", (0, "/custom", None, None)),
        ("0/custom", (0, "/custom", None, None)),
        ("0/custom?a=b,{}", (0, "/custom", None, {})),
        ("1/custom,", (1, "/custom", None, None)),
        ('2["a"]', (2, "/", None, ["a"])),
        ('2["",1.5,null]', (2, "/", None, ["", 1.5, None])),
        ('20["a"]', (2, "/", 0, ["a"])),
        ('2/custom,9007199254740992["a"]', (2, "/custom", 2**53, ["a"])),
        ('2["a","\\ud800"]', (2, "/", None, ["a", "\ud800"])),
        (f'2["a",{ONE}]', (2, "/", None, ["a", json.loads(ONE)])),
        ("312[]", (3, "/", 12, [])),
        ('2["a",' + "[" * 63 + "]" * 63 + "]", None),
        ('2["a"' + ",[]" * 500 + "]", None),
    ],
)
def test_what_it_allows_is_decoded(text: str, expected: tuple[Any, ...] | None) -> None:
    packet = StrictPacket(encoded_packet=text)
    if expected is not None:
        assert (packet.packet_type, packet.namespace, packet.id, packet.data) == expected


def test_attachments_are_put_in_their_places() -> None:
    packet = StrictPacket(encoded_packet=f'52-/custom,7["a",{{"deep":[{TWO}]}},{ONE}]')
    assert not packet.add_attachment(b"first")
    assert packet.add_attachment(b"second")
    assert packet.data == ["a", {"deep": [b"second"]}, b"first"]
    assert (packet.id, packet.namespace) == (7, "/custom")


def test_a_text_packet_takes_and_makes_nothing_binary() -> None:
    for text in (f'51-["a",{ONE}]', f"61-1[{ONE}]"):
        with pytest.raises(Violation):
            TextPacket(encoded_packet=text)
    with pytest.raises(TypeError):
        TextPacket(data=["a", b"x"]).encode()


def test_nan_is_not_sent_either() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        StrictPacket(data=["a", float("nan")]).encode()


def test_the_json_of_other_packets_in_the_process_is_not_touched() -> None:
    assert Packet.json is not StrictJSON


@given(st.text(), st.sampled_from(["", "2", "0", '2["a",', "51-", "31", "2/x,"]))
def test_any_text_is_a_packet_or_a_violation(text: str, head: str) -> None:
    if head + text:
        with contextlib.suppress(Violation):
            StrictPacket(encoded_packet=head + text)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.none() | st.integers(0, 2**53),
)
def test_what_is_encoded_is_decoded_again(value: Any, ack: int | None) -> None:
    encoded = StrictPacket(data=["event", value], namespace="/custom", id=ack).encode()
    packet = StrictPacket(encoded_packet=encoded)
    assert (packet.data, packet.namespace, packet.id) == (["event", value], "/custom", ack)


@given(st.binary())
def test_any_body_is_a_payload_or_a_violation(body: bytes) -> None:
    try:
        packets = decode_payload(body)
    except Violation:
        return
    assert packets


@pytest.mark.parametrize("part", ["0,", "{},", "[[]],", '{"a":[]},', "-1e-300,", '"\\u0041",'])
def test_the_worst_json_of_a_frame_is_read_before_anybody_notices(part: str) -> None:
    text = '2["a",[' + part * (131_000 // len(part)) + "0]]"

    def seconds() -> float:
        began = time.process_time()
        TextPacket(encoded_packet=text)
        return time.process_time() - began

    assert min(seconds() for _ in range(3)) < 0.1
