"""The guide's server written down for python-socketio, for either of the ways to run it."""

import os
import secrets
from typing import Any

import socketio


def guide(async_mode: str) -> socketio.AsyncServer:
    """As `guide.js` in memory; nothing tuned."""
    with_list = os.environ.get("USER_LIST") != "0"
    sio = socketio.AsyncServer(async_mode=async_mode)
    sessions: dict[str, dict[str, Any]] = {}
    messages: list[dict[str, str]] = []

    async def connect(sid: str, _environ: dict[str, Any], auth: dict[str, str] | None) -> None:
        auth = auth or {}
        session = sessions.get(auth.get("sessionID", ""))
        if session is None:
            if not auth.get("username"):
                raise socketio.exceptions.ConnectionRefusedError("invalid username")
            session = {name: secrets.token_hex(8) for name in ("sessionID", "userID")}
            session["username"] = auth["username"]
        session["connected"] = True
        sessions[session["sessionID"]] = session
        await sio.save_session(sid, session)
        await sio.emit("session", {name: session[name] for name in ("sessionID", "userID")}, to=sid)
        await sio.enter_room(sid, session["userID"])
        await sio.emit("users", users(session["userID"]) if with_list else [], to=sid)
        if with_list:
            await sio.emit("user connected", person(session) | {"messages": []}, skip_sid=sid)

    def users(user_id: str) -> list[dict[str, Any]]:
        by_user: dict[str, list[dict[str, str]]] = {}
        for message in messages:
            if user_id in (message["from"], message["to"]):
                other = message["to"] if message["from"] == user_id else message["from"]
                by_user.setdefault(other, []).append(message)
        return [
            person(session) | {"messages": by_user.get(session["userID"], [])}
            for session in sessions.values()
        ]

    async def private_message(sid: str, data: dict[str, str]) -> None:
        sender = (await sio.get_session(sid))["userID"]
        message = {"content": data["content"], "from": sender, "to": data["to"]}
        await sio.emit("private message", message, to=[data["to"], sender], skip_sid=sid)
        messages.append(message)

    async def disconnect(sid: str, _reason: str) -> None:
        session = await sio.get_session(sid)
        if any(True for _ in sio.manager.get_participants("/", session["userID"])):
            return
        session["connected"] = False
        if with_list:
            await sio.emit("user disconnected", session["userID"], skip_sid=sid)

    sio.on("connect", connect)
    sio.on("private message", private_message)
    sio.on("disconnect", disconnect)
    return sio


def person(session: dict[str, Any]) -> dict[str, Any]:
    return {name: session[name] for name in ("userID", "username", "connected")}
