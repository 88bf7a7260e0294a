"""The web process (`uvicorn main:app`) and the command line (`python main.py`): it composes, and decides nothing."""

if __name__ == "__main__":
    from cli.app import app as command_line

    command_line()
else:
    from api.app import create_app

    app = create_app()
