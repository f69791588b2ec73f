"""``att3d generate``: prompts become mesh files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..export.formats import check_output, write_mesh
from ..inversion.object_file import objects_among
from ..progress import ProgressCallback
from ..prompts.normalize import normalize_prompt
from ..protocol.foreign_text import one_line
from ..protocol.options import MeshOptions
from .names import output_paths


@dataclass(frozen=True)
class PromptReport:
    """One prompt's result."""

    prompt: str
    files: list[str]
    vertices: int
    faces: int
    notes: list[str]
    checkpoint: str
    """The name of the one that answered."""
    timings: dict[str, float]
    """Seconds by stage, ``write`` included."""


@dataclass
class GenerateReport:
    """What came of a ``generate``: what ``--json`` prints."""

    results: list[PromptReport]
    checkpoint: str
    """The path of the first prompt's."""
    checkpoint_hash: str
    device: str
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by stage over all prompts, with ``load`` (imports included) and ``total``."""


def as_text(report: GenerateReport) -> str:
    """Where every object went, its notes, and how long it all took, as lines for a person."""
    lines = []
    for made in report.results:
        files = ", ".join(made.files)
        lines.append(f"{files}: {made.faces} faces, by {one_line(made.checkpoint)}")
        lines += [f"  note: {note}" for note in made.notes]
    total, load = report.timings["total"], report.timings["load"]
    return "\n".join([*lines, f"{total:.1f} s, {load:.1f} s of it loading"])


def generate(
    prompts: Sequence[str],
    output: str,
    options: MeshOptions,
    conditions: Mapping[str, float],
    checkpoint: Path | None,
    device: str,
    accelerator: str,
    progress: ProgressCallback,
    started: float,
) -> GenerateReport:
    """Everything that can be refused is refused before the model is loaded.

    Without a named checkpoint the words of each prompt choose one.

    Args:
        conditions: values of what the checkpoint amortizes over (A31).
        started: ``time.perf_counter()`` when the command began.

    Raises:
        Att3dError: see ``Engine.generate`` and ``write_mesh``. Files of earlier prompts stay.
    """
    said, objects = objects_among(list(prompts))
    prompts = [normalize_prompt(prompt) for prompt in said]
    paths = output_paths(output, prompts, ".glb")
    for path in paths:
        check_output(path, normal_map=options.normal_map)
    progress(0.0, "load")
    from ..engine import Engine
    from .automatic import candidates, choose

    if checkpoint is None:
        listed = candidates()
        chosen = [choose(listed, prompt, objects).path for prompt in prompts]
    else:
        chosen = [checkpoint] * len(prompts)
    engines = {path: Engine(path, device, accelerator) for path in dict.fromkeys(chosen)}
    loaded = time.perf_counter()
    first = engines[chosen[0]]
    report = GenerateReport(
        results=[],
        checkpoint=str(first.checkpoint.path),
        checkpoint_hash=first.checkpoint.sha256,
        device=str(first.device),
    )
    total = {"load": loaded - started}
    for index, (prompt, path) in enumerate(zip(prompts, paths, strict=True)):
        engine = engines[chosen[index]]

        def report_progress(fraction: float, stage: str, done: int = index) -> None:
            progress((done + 0.95 * fraction) / len(prompts), stage)

        mesh = engine.generate(prompt, options, report_progress, None, conditions, objects)
        writing = time.perf_counter()
        progress((index + 0.95) / len(prompts), "write")
        files = write_mesh(mesh, path)
        timings = mesh.timings | {"write": time.perf_counter() - writing}
        report.results.append(
            PromptReport(
                prompt=prompt,
                files=[str(file) for file in files],
                vertices=len(mesh.vertices),
                faces=len(mesh.faces),
                notes=mesh.notes,
                checkpoint=engine.checkpoint.metadata.name,
                timings=timings,
            )
        )
        for stage, seconds in timings.items():
            total[stage] = total.get(stage, 0.0) + seconds
    report.timings = total | {"total": time.perf_counter() - started}
    progress(1.0, "done")
    return report
