"""The rules of the house that no tool checks: docs/decisions.md says why each is there."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"agents", "api", "billing", "celery_queue", "cli", "db", "storage", "transformers"}
FIXED = PACKAGES | {
    "tests",
    "main.py",
    "settings.py",
    "errors.py",
    "logs.py",
    "requirements.txt",
    "Procfile",
    "README.md",
}
ALLOWED = FIXED | {
    *("web", "docs", "examples", "benchmarks", ".ci"),
    *("requirements.in", "requirements-dev.in", "requirements-dev.txt", "pyproject.toml", "Makefile", "alembic.ini"),
    *("Dockerfile", ".dockerignore", "compose.yaml", ".env.example", ".gitignore", ".gitattributes", "LICENSE"),
}
# Written so that they don't match themselves.
ADDRESSES = re.compile(r"pypi[.]org|pythonhosted[.]org|--(extra-)?index-url|--find[-]links|https?://\S+[.]whl\b")


@cache
def files() -> list[Path]:
    """What git keeps, or would keep, relative to the root."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [Path(name) for name in names if name and (ROOT / name).is_file()]


@cache
def modules() -> dict[Path, ast.Module]:
    """The program's own Python, parsed; tests aren't part of it."""
    own = [path for path in files() if path.suffix == ".py" and path.parts[0] != "tests"]
    return {path: ast.parse((ROOT / path).read_text(encoding="utf-8")) for path in own}


def places(matches: Callable[[ast.AST], bool], *, but: tuple[str, ...] = ()) -> list[str]:
    """Where the program does something, as `file:line`, outside of the files and folders in `but`."""
    return [
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        if path.parts[0] not in but
        for node in ast.walk(tree)
        if matches(node)
    ]


def reads_environment(node: ast.AST) -> bool:
    names = {"environ", "environb", "getenv", "putenv"}
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(alias.name in names for alias in node.names)
    return isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os"


def prints(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def swallows_anything(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)} if node.type else {"Exception"}
    return bool(caught & {"Exception", "BaseException"}) and not isinstance(node.body[-1], ast.Raise)


def folders_of_scripts() -> Iterator[Path]:
    """The root, and every folder with a file that can be run, which Python then searches first."""
    yield Path()
    for path in modules():
        if '__name__ == "__main__"' in (ROOT / path).read_text(encoding="utf-8"):
            yield path.parent


def test_no_requirement_claims_our_package_names() -> None:
    installed = packages_distributions()
    assert {name: installed[name] for name in PACKAGES & installed.keys()} == {}


def test_no_module_hides_one_of_the_standard_library() -> None:
    folders = set(folders_of_scripts())
    hiding = {path for path in modules() if path.parent in folders and path.stem in sys.stdlib_module_names}
    hiding |= {path for path in modules() if path.parts[0] in sys.stdlib_module_names}
    assert hiding == set()


def test_the_tree_is_the_architecture() -> None:
    found = {path.parts[0] for path in files()}
    assert found - ALLOWED == set(), "a new place at the top needs a reason and a line here"
    assert FIXED - found == set()


def test_no_file_names_a_package_registry() -> None:
    naming = []
    for path in files():
        text = (ROOT / path).read_bytes().decode("utf-8", errors="replace")
        naming += [f"{path}: {found[0]}" for found in ADDRESSES.finditer(text)]
    assert naming == []


def test_only_settings_reads_the_environment() -> None:
    # A benchmark sets it for the processes it starts, as a test does.
    assert places(reads_environment, but=("settings.py", "benchmarks")) == []


def test_only_the_command_line_prints() -> None:
    assert places(prints, but=("main.py", "cli", "benchmarks")) == []


def test_one_place_catches_anything() -> None:
    found = places(swallows_anything)
    assert len(found) <= 1
    assert all(place.startswith("transformers/pipeline.py:") for place in found)


@pytest.mark.parametrize("source", ["import os\nos.environ['A']", "from os import getenv", "import os\nos.getenv('A')"])
def test_the_check_of_the_environment_can_fail(source: str) -> None:
    assert any(reads_environment(node) for node in ast.walk(ast.parse(source)))


@pytest.mark.parametrize("caught", ["except Exception", "except", "except (ValueError, BaseException)"])
def test_the_check_of_broad_handlers_can_fail(caught: str) -> None:
    tree = ast.parse(f"try:\n    pass\n{caught}:\n    pass")
    assert any(swallows_anything(node) for node in ast.walk(tree))


def test_every_module_says_what_it_is() -> None:
    assert [path for path, tree in modules().items() if tree.body and not ast.get_docstring(tree)] == []
