"""The commands of `python main.py`, each imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

# What follows on the line is another program's.
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

_COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "run": ("cli.run.run", {}),
    "tools": ("cli.show.tools", {}),
    "settings": ("cli.show.settings", {}),
    "api": ("cli.endpoints.endpoints", {}),
    "make-admin": ("cli.accounts.make_admin", {}),
    "serve": ("cli.services.serve", {}),
    "worker": ("cli.services.worker", _PASS_ON),
    "beat": ("cli.services.beat", _PASS_ON),
    "flower": ("cli.services.flower", _PASS_ON),
    "start": ("cli.background.start", _PASS_ON),
    "stop": ("cli.background.stop", {}),
    "migrate": ("cli.services.migrate", {}),
    "watch": ("cli.watch.watch", {}),
    "smoke": ("cli.smoke.smoke", {}),
    "audit": ("cli.audit.audit", {}),
    "maintenance": ("cli.maintenance.maintenance", {}),
}
"""Where each command's function is, and its context settings."""


class _Commands(TyperGroup):
    """Imports no command but the one that is asked for: all of them take longer than a small run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's form
        """Their names, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's form
        """The command of that name; for a wrong one all are imported, so that typer can suggest one of them."""
        for name in [cmd_name] if cmd_name in _COMMANDS else _COMMANDS:
            if name not in self.commands:
                self.add_command(_imported(name), name)
        return self.commands.get(cmd_name)


def _imported(name: str) -> Any:
    place, context_settings = _COMMANDS[name]
    module, _, function = place.rpartition(".")
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, context_settings=context_settings)(getattr(importlib.import_module(module), function))
    return typer.main.get_command(alone)


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def agensium() -> None:
    """Agensium turns tables nobody trusts into tables people can act on."""
