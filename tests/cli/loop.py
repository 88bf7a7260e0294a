"""The command line again and again in one process: arguments come as JSON lines, what was said goes back as such."""

import json
import sys

from typer.testing import CliRunner

from cli.app import app

for line in sys.stdin:
    ended = CliRunner().invoke(app, json.loads(line))
    unexpected = repr(ended.exception) if ended.exception and not isinstance(ended.exception, SystemExit) else ""
    said = {"status": ended.exit_code, "stdout": ended.stdout, "stderr": ended.stderr + unexpected}
    sys.__stdout__.write(json.dumps(said) + "\n")
    sys.__stdout__.flush()
