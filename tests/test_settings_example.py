"""`.env.example` says of every setting what it is, and its default."""

from pathlib import Path

from settings import Settings


def test_the_example_names_every_setting_with_its_default() -> None:
    expected = ["# Every setting with its default; copy the lines to change into .env, or set them in the environment."]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        expected += [f"# {field.description}", f"#{name.upper()}={default}"]
    example = Path(__file__).parent.parent / ".env.example"
    assert example.read_text(encoding="utf-8").splitlines() == expected


def test_what_is_copied_from_the_example_changes_nothing(tmp_path: Path) -> None:
    example = (Path(__file__).parent.parent / ".env.example").read_text(encoding="utf-8")
    copied = tmp_path / ".env"
    copied.write_text("\n".join(line.removeprefix("#") for line in example.splitlines() if not line.startswith("# ")))
    assert Settings(_env_file=copied) == Settings()
