"""Makes docs/screenshots/*.png from a running server: `python -m tests.browser.screenshots`."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.browser.house import Server, Tab, Visitors

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screenshots"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "device_scale_factor": 2}
MORNING = 9
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}

TALK = (
    ("Jonas", "Morning! Did the backup run through last night?"),
    ("Nora", "It did 🎉 4 minutes, and the restore test was fine too."),
    ("Nora", "The notes are at https://wiki.example.org/backup"),
    ("Jonas", "Great, thanks. One more thing: the sensor in the cellar reports by itself now."),
    ("Jonas", "wscat -c 'wss://chat.example.org/ws?username=cellar'\n< 19.4 °C, humidity 58 %"),
    ("Nora", "Lovely, then I can stop going down there every evening 🌱"),
    ("Nora", "Lunch at twelve?"),
)


def where_it_is_morning() -> str:
    """The time zone in which people speak of lunch now, whenever the pictures are taken."""
    ahead = (MORNING - datetime.now(UTC).hour + 12) % 24 - 12
    # In these names the sign is that of the way back to Greenwich.
    return f"Etc/GMT{-ahead:+}"


def play(visitors: Visitors) -> Tab:
    """A morning in a small office."""
    nora = visitors.enter("Nora", timezone_id=where_it_is_morning(), **DESKTOP)
    names = ("Jonas", "Mei", "Oskar", "Amira", "cellar", "Tomás")
    peers = {name: visitors.peer(name) for name in names}
    me = peers["Jonas"].id_of("Nora")
    peers["Oskar"].write(me, "I have put the keys back.")
    peers["cellar"].write(me, "19.4 °C, humidity 58 %")
    nora.open("Jonas")
    for count, (name, text) in enumerate(TALK, start=1):
        if name == "Nora":
            nora.write(text)
        else:
            peers[name].write(me, text)
        expect(nora.bubbles).to_have_count(count)
    expect(nora.page.locator("[data-state=sending]")).to_have_count(0)
    peers["Mei"].write(me, "The slides are ready.", "Do you want to see them before the meeting?")
    # Behind by one message: the last is delivered, the others are read.
    peers["Jonas"].command("read", {"with": me, "seq": len(TALK) - 1})
    peers["Jonas"].command("received", {"with": me, "seq": len(TALK)})
    peers["Tomás"].close()
    expect(nora.page.locator("[data-state=delivered]")).to_have_count(1)
    expect(nora.person("Tomás")).to_contain_text("offline")
    return nora


def shoot(nora: Tab, name: str) -> None:
    """One picture."""
    nora.page.wait_for_timeout(300)
    nora.page.screenshot(path=FOLDER / f"{name}.png")


def main() -> None:
    """Light and dark on a desktop, and a phone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder))
        server.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visitors = Visitors(browser, server)
        nora = play(visitors)
        shoot(nora, "desktop-light")
        nora.page.emulate_media(color_scheme="dark")
        shoot(nora, "desktop-dark")
        nora.page.set_viewport_size(PHONE["viewport"])
        nora.page.emulate_media(color_scheme="light")
        shoot(nora, "phone")
        visitors.leave()
        server.stop()


if __name__ == "__main__":
    main()
