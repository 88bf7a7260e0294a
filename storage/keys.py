"""Where a task's files lie. A role comes from the request, never from a file's name."""

import re
import unicodedata
from pathlib import PurePosixPath

LONGEST_NAME = 150
LONGEST_NAME_BYTES = 200
LONGEST_SUFFIX = 20

_UNWANTED = re.compile(r"[<>:\"|?*%#{}`^~]")
_SPACE = re.compile(r"\s+")
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def task_prefix(user_id: str, task_id: str) -> str:
    """The folder of everything that one task has."""
    return f"users/{user_id}/tasks/{task_id}"


def inputs_prefix(user_id: str, task_id: str) -> str:
    """The folder of the files that the user sent."""
    return f"{task_prefix(user_id, task_id)}/inputs"


def input_key(user_id: str, task_id: str, role: str, filename: str) -> str:
    """Where the input of one role lies, under a safe form of its own name."""
    return f"{inputs_prefix(user_id, task_id)}/{role}/{safe_filename(filename)}"


def parameters_key(user_id: str, task_id: str) -> str:
    """Where an uploaded parameters.json lies."""
    return f"{inputs_prefix(user_id, task_id)}/parameters.json"


def attempts_prefix(user_id: str, task_id: str) -> str:
    """The folder of everything that attempts have made."""
    return f"{task_prefix(user_id, task_id)}/attempts"


def attempt_prefix(user_id: str, task_id: str, number: int) -> str:
    """The folder of one attempt; its number is never used twice, so nothing in it is ever overwritten."""
    return f"{attempts_prefix(user_id, task_id)}/{number}"


def checkpoint_prefix(user_id: str, task_id: str, number: int, position: int, agent_id: str) -> str:
    """The folder of what one agent of one attempt left."""
    return f"{attempt_prefix(user_id, task_id, number)}/{position:02d}-{agent_id}"


def outputs_prefix(user_id: str, task_id: str, number: int) -> str:
    """The folder of the results of one attempt."""
    return f"{attempt_prefix(user_id, task_id, number)}/outputs"


def output_key(user_id: str, task_id: str, number: int, filename: str) -> str:
    """Where one result of one attempt lies."""
    return f"{outputs_prefix(user_id, task_id, number)}/{filename}"


def dataset_prefix(user_id: str, name: str) -> str:
    """The folder of everything that a dataset keeps."""
    return f"users/{user_id}/datasets/{name}"


def dataset_version_prefix(user_id: str, name: str, version: int, task_id: str, number: int) -> str:
    """The folder of the state that one attempt leaves; named after it too, so that two never write into one."""
    return f"{dataset_prefix(user_id, name)}/{version:06d}-{task_id}-{number}"


def safe_filename(filename: str) -> str:
    """The last part of a client's file name, fit for every file system, S3 and a header; never empty."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", filename)[-1])
    name = _SPACE.sub(" ", _UNWANTED.sub("_", name))
    name = "".join(filter(str.isprintable, name)).strip(". ")
    name = _shortened(name) or "file"
    return f"_{name}" if _WINDOWS_DEVICE.fullmatch(name) else name


def _shortened(name: str) -> str:
    """Cut the stem, so that the suffix, which says what the file is, stays."""
    suffix = "".join(PurePosixPath(name).suffixes[-2:])
    suffix = suffix if len(suffix) <= LONGEST_SUFFIX else ""
    stem = name.removesuffix(suffix)[: LONGEST_NAME - len(suffix)]
    room = LONGEST_NAME_BYTES - len(suffix.encode())
    return stem.encode()[:room].decode(errors="ignore").strip(". ") + suffix
