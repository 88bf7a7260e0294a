"""The commands of `python main.py`."""

from __future__ import annotations

import typer

from cli import accounts, audit, background, endpoints, maintenance, run, services, show, smoke, watch

app = typer.Typer(
    help="Agensium turns tables nobody trusts into tables people can act on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("tools")(show.tools)
app.command("settings")(show.settings)
app.command("api")(endpoints.endpoints)
app.command("make-admin")(accounts.make_admin)
app.command("serve")(services.serve)
app.command("worker", context_settings=services.PASS_ON)(services.worker)
app.command("beat", context_settings=services.PASS_ON)(services.beat)
app.command("flower", context_settings=services.PASS_ON)(services.flower)
app.command("start", context_settings=services.PASS_ON)(background.start)
app.command("stop")(background.stop)
app.command("migrate")(services.migrate)
app.command("watch")(watch.watch)
app.command("smoke")(smoke.smoke)
app.command("audit")(audit.audit)
app.command("maintenance")(maintenance.maintenance)
