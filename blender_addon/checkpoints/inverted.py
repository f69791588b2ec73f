"""Inverted models of a scene: the names that stand for them in prompts, and their codes.

They are saved in the .blend, so a chain with "mine" in it can be built again on another machine.
Every request that has prompts carries the codes of those that its prompts name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import bpy
from bpy.props import FloatProperty, StringProperty

from ...backend.protocol.messages import InvertResult, ObjectCode

if TYPE_CHECKING:
    from bpy.types import Scene


class InvertedModel(bpy.types.PropertyGroup):
    """One inverted model; its ``name`` stands for it in prompts."""

    code: StringProperty(name="Code", description="Its numbers, as JSON")
    checkpoint: StringProperty(
        name="Model", description="Identifier of the model (checkpoint); empty: Automatic"
    )
    checkpoint_hash: StringProperty(
        name="Model Fingerprint", description="Fingerprint (SHA-256) of its model"
    )
    psnr: FloatProperty(name="PSNR", description="How like the object it looks, in dB")
    iou: FloatProperty(name="Overlap", description="How much the silhouettes have in common")


def remember(scene: Scene, result: InvertResult, checkpoint: str) -> None:
    """Keep an inverted model in the scene; one of the same name is replaced.

    Args:
        scene: that keeps it.
        result: of the inversion.
        checkpoint: identifier of the checkpoint that was chosen.
    """
    models = scene.att3d.inverted
    forget(scene, result.name)
    model = models.add()
    model.name = result.name
    model.code = json.dumps(result.object.code)
    model.checkpoint = checkpoint
    model.checkpoint_hash = result.object.checkpoint_hash
    model.psnr, model.iou = result.psnr, result.iou


def forget(scene: Scene, name: str) -> None:
    """Take the models of a name out of the scene."""
    models = scene.att3d.inverted
    for index in reversed(range(len(models))):
        if models[index].name.casefold() == name.casefold():
            models.remove(index)


def objects_named(scene: Scene, prompts: Iterable[str]) -> dict[str, ObjectCode]:
    """The inverted models that some prompts name, for a request."""
    wanted = {" ".join(prompt.split()).casefold() for prompt in prompts}
    found = {}
    for model in scene.att3d.inverted:
        if model.name.casefold() in wanted:
            code = ObjectCode(
                code=[float(number) for number in json.loads(model.code)],
                checkpoint_hash=model.checkpoint_hash,
            )
            found[model.name] = code
    return found


def is_own(scene: Scene, prompt: str) -> bool:
    """Whether a prompt is the name of an inverted model: no word of it has to be known."""
    said = " ".join(prompt.split()).casefold()
    return any(model.name.casefold() == said for model in scene.att3d.inverted)


def own_names(scene: Scene, text: str) -> list[str]:
    """The names of inverted models with words that begin as all those of ``text`` do."""
    typed = text.casefold().split()
    return [
        model.name
        for model in scene.att3d.inverted
        if all(any(w.startswith(t) for w in model.name.casefold().split()) for t in typed)
    ]


def own_checkpoint(scene: Scene, prompts: Iterable[str]) -> str:
    """The checkpoint of the first inverted model that some prompts name; empty: there is none."""
    named = objects_named(scene, prompts)
    found = (model.checkpoint for model in scene.att3d.inverted if model.name in named)
    return next(found, "")
