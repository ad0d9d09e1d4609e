"""A place is held as long as a descriptor is."""

import os
import socket

import pytest

from tornadochat.http.seated import Seated
from tornadochat.places import Places


def seated(places: Places) -> tuple[Seated, socket.socket]:
    one, other = socket.socketpair()
    return Seated(places, "203.0.113.1", one), other


def test_closing_gives_the_place_back_once() -> None:
    places = Places()
    sock, other = seated(places)
    assert places.taken == 1
    sock.close()
    sock.close()
    other.close()
    assert places.taken == 0


def test_a_duplicate_lives_on() -> None:
    places = Places()
    sock, other = seated(places)
    sock.setblocking(False)
    twin = sock.dup()
    sock.close()
    assert (places.taken, twin.gettimeout()) == (1, 0.0)
    other.sendall(b"still there")
    assert twin.recv(100) == b"still there"
    twin.close()
    other.close()
    assert places.taken == 0


def test_a_descriptor_given_away_is_not_counted() -> None:
    places = Places()
    sock, other = seated(places)
    os.close(sock.detach())
    sock.close()
    other.close()
    assert places.taken == 0


def test_it_is_the_connection_that_was_accepted() -> None:
    one, other = socket.socketpair()
    sock = Seated(Places(), "", one)
    with pytest.raises(OSError, match="Bad file descriptor"):
        one.send(b"x")
    sock.sendall(b"hello")
    assert other.recv(100) == b"hello"
    sock.close()
    other.close()
