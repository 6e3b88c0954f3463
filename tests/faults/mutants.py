"""Files with random mutations: each is read, or refused with a message that names it."""

import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from faults import programs, table
from faults import scene as scene_lib
from synthetic.scene import render_street

_PNG = b"\x89PNG\r\n\x1a\n"

MOST_GROWTH = 1 << 30
"""Bytes that reading one file may add to the memory of a process, at most."""

_WORKER = "tests/faults/mutant_worker.py"

_TOKENS = (
    b"-1", b"0", b"1e999", b"nan", b"99999999999999999999", b"null", b"[]", b"{}", b'""', b"true",
    b"&a [*a, *a]", b"[" * 3000, b"{" * 3000, b"!!python/object/apply:os.abort []", b"\xff\xfe",
    b"\0", b"- ", b": ", b"\t", b"2026-99-99", b"../../x", b"*", b"'", b"0x10", b".inf", b"1_000",
)  # fmt: skip
"""What is put into text files."""


_PICTURE_NAMES = {
    "image, PNG": "x.png",
    "image, JPEG": "x.jpg",
    "instance image, PNG": "x.png",
    "mask of a result, PNG": "x_0000.png",
}


class Seed(NamedTuple):
    """A file before it is mutated.

    Attributes:
      kind: Name for the table and for `mutant_worker`, which knows how it is read.
      name: Its name.
      content: Its bytes.
      is_text: Whether tokens are put into it beside bytes.
    """

    kind: str
    name: str
    content: bytes
    is_text: bool


def seeds(scene: scene_lib.Scene, fingerprint: str) -> list[Seed]:
    """Returns a file of every kind.

    Args:
      scene: Holds the preset.
      fingerprint: The file of a folder of predictions.
    """
    pictures = seeds_of_pictures()
    table_file = os.path.join(scene.checkpoint, "semantic", "class_table.yaml")
    return [
        *(Seed(kind, _PICTURE_NAMES[kind], content, False) for kind, content in pictures.items()),
        Seed("list of a result", "x_pred.txt", b"masks/x_0000.png 26 0.5\n" * 3, True),
        Seed("preset, YAML", "x.yaml", _read(scene.preset), True),
        Seed("class table, YAML", "x.yaml", _read(table_file), True),
        Seed("fingerprint, JSON", "fingerprint.json", _read(fingerprint), True),
    ]


def seeds_of_pictures() -> dict[str, bytes]:
    """Returns a picture file of every kind."""
    street = render_street(64, 128, np.random.default_rng(1))
    bgr = cv2.cvtColor(street.image, cv2.COLOR_RGB2BGR)
    mask = np.where(street.instance_ids >= 1000, 255, 0).astype(np.uint8)
    pixels = dict(zip(_PICTURE_NAMES, (bgr, bgr, street.instance_ids, mask), strict=True))
    return {
        kind: cv2.imencode(os.path.splitext(name)[1], pixels[kind])[1].tobytes()
        for kind, name in _PICTURE_NAMES.items()
    }


def mutate(content: bytes, is_text: bool, rng: np.random.Generator) -> bytes:
    """Returns `content` with one to three random changes.

    Half of the PNG files get the checksums that their changed chunks need, so that the changes
    come through to the decoders.
    """
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at, length = (int(rng.integers(0, len(changed) + 1)) for _ in range(2))
        length = 1 + length % 64
        choice = int(rng.integers(0, 6))
        if is_text and rng.random() < 0.7:
            changed[at : at + length % 8] = _TOKENS[int(rng.integers(0, len(_TOKENS)))]
        elif choice == 0 and changed:  # bits
            changed[at % len(changed)] ^= 1 << int(rng.integers(0, 8))
        elif choice == 1:  # extreme numbers
            changed[at : at + 4] = rng.choice([b"\0\0\0\0", b"\xff" * 4, b"\x7f\xff\xff\xff"])
        elif choice == 2:  # cut off
            del changed[at:]
        elif choice == 3:  # a part lost
            del changed[at : at + length]
        elif choice == 4:  # a part twice
            changed[at:at] = changed[at : at + length]
        else:  # noise
            changed[at : at + length] = rng.bytes(length)
    if content.startswith(_PNG) and rng.random() < 0.5:
        _repair_png(changed)
    return bytes(changed)


def _repair_png(content: bytearray) -> None:
    """Writes the checksums of a PNG's chunks anew, as far as its lengths make sense."""
    at = len(_PNG)
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        if end + 4 > len(content):
            return
        content[end : end + 4] = zlib.crc32(content[at + 4 : end]).to_bytes(4)
        at = end + 4


def read_all(seed_file: Seed, scratch: str, count: int, seed: int) -> table.Row:
    """Reads mutants of a file, each in a process that may die of it.

    Args:
      seed_file: The file.
      scratch: Folder for the mutants.
      count: How many.
      seed: Of the mutations; mutant i takes the seed and i.
    """
    lost, unnamed, message, problems = 0, 0, "", []
    folder = os.path.join(scratch, seed_file.kind.replace(" ", "_").replace(",", ""))
    for number in range(count):
        path = os.path.join(folder, f"{number:04}", seed_file.name)
        os.makedirs(os.path.dirname(path))
        with open(path, "wb") as file:
            rng = np.random.default_rng([seed, number])
            file.write(mutate(seed_file.content, seed_file.is_text, rng))
    refused = 0
    for number, outcome in enumerate(_outcomes(seed_file.kind, folder, count)):
        path = os.path.join(folder, f"{number:04}", seed_file.name)
        what = f"{seed_file.kind}, mutant {number}"
        if outcome.get("error"):
            refused += 1
            if outcome["is_ours"] and path in outcome["error"]:
                message = outcome["error"]
            else:
                unnamed += 1
                problems.append(f"{what}: {outcome['error'][-800:]}")
        if outcome.get("growth", 0) > MOST_GROWTH:
            lost += 1
            problems.append(f"{what}: takes {outcome['growth'] >> 20} MB")
    shutil.rmtree(folder)
    shown = f"{refused} refused, e.g. {table.shown(message, folder)}"
    return table.Row(f"mutants: {seed_file.kind}", count, lost, 0, unnamed, shown, tuple(problems))


def _outcomes(kind: str, folder: str, count: int) -> Iterator[dict[str, object]]:
    """Yields what became of each mutant; a new process reads on where one has died."""
    report = os.path.join(folder, "report.jsonl")
    done = 0
    while done < count:
        open(report, "w", encoding="utf-8").close()
        process = programs.start(_WORKER, kind, folder, str(done), str(count), report)
        ended = programs.wait(process, timeout=60 + count)
        with open(report, encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        yield from found
        done += len(found)
        if done < count:
            died = "hangs" if ended.status is None else f"ends with status {ended.status}"
            yield {"error": f"the process {died}: {ended.text[-600:]}", "is_ours": False}
            done += 1


def flags(arguments: Sequence[str], scratch: str, count: int, seed: int) -> table.Row:
    """Runs `affinity_seg merge` with mutated values of its flags but that of the output.

    Args:
      arguments: Flags that work; one of them is mutated.
      scratch: Folder that the program may write into.
      count: How many.
      seed: Of the mutations.
    """
    unnamed, refused, message, problems = 0, 0, "", []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        given = list(arguments)
        at = int(rng.integers(0, len(given)))
        name, _, value = given[at].partition("=")
        changed = mutate(value.encode(), True, rng).replace(b"\0", b"")
        given[at] = f"{name}={os.fsdecode(changed)}"
        output = os.path.join(scratch, f"flags_{number:04}")
        start = time.monotonic()
        ended = programs.run("affinity_seg merge", *given, f"--output_dir={output}")
        refused += ended.status != 0
        if ended.status not in (0, 1, 3) or "Traceback" in ended.text:
            unnamed += 1
            problems.append(f"{given[at]!r}: status {ended.status}: {ended.text[-800:]}")
        elif ended.status == 1 and not _is_named(name, value, given[at], ended.text):
            unnamed += 1
            problems.append(f"{given[at]!r}: names no flag: {ended.text[-800:]}")
        elif ended.status == 1:
            message = ended.message()
        if time.monotonic() - start > 60:
            problems.append(f"{given[at]!r}: took {time.monotonic() - start:.0f} s")
        shutil.rmtree(output, ignore_errors=True)
    shown = f"{refused} refused, e.g. {table.shown(message, scratch)}"
    return table.Row("mutants: flags", count, 0, 0, unnamed, shown, tuple(problems))


def _is_named(name: str, value: str, given: str, text: str) -> bool:
    """Returns whether a message names a flag, the field that it sets, or the file that it is.

    Programs print a message on one line: white space of any kind, even in a name, is a blank.
    """
    printed = given.partition("=")[2].encode(errors="backslashreplace").decode()
    parts = name.lstrip("-"), value.partition("=")[0], printed
    line = " ".join(text.split())
    return any(part and " ".join(part.split()) in line for part in parts)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
