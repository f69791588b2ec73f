"""Prompts that wait while another is being made; and a text that undo leaves alone."""

from __future__ import annotations

import bpy
from checks_interface import drawn
from harness import Bench, quick
from modal import Modal


def names() -> list[str]:
    return sorted(ob.name for ob in bpy.data.objects)


@quick
def check_prompts_typed_meanwhile_are_made_in_their_order(bench: Bench) -> None:
    settings, queue = bpy.context.scene.att3d, bench.module("generate.queue").queue
    confirmed = bench.module("generate.settings")._generate_from_field
    making = Modal(bench, "slow snail")
    for prompt, faces in (("a lion", 500), ("a cow", 600), ("a horse", 700)):
        settings.fill_in({"prompt": prompt, "faces": faces})
        confirmed()
    assert [waiting.prompt for waiting in queue.waiting] == ["a lion", "a cow", "a horse"]
    texts = drawn("ATT3D_PT_create", bench)
    assert {"3 waiting", "a lion", "a cow", "a horse"} <= set(texts)
    assert bpy.ops.att3d.queue_remove(index=1) == {"FINISHED"}
    assert queue.tick() is not None and not names(), "one after another"
    making.event("ESC", "PRESS")
    while not making.ended:
        making.event()
    while queue.tick() is not None:
        pass
    assert names() == ["a horse", "a lion"] and not queue.waiting
    assert '"faces": 500' in bpy.data.objects["a lion"]["att3d_options"], "as it was typed"
    assert "0 waiting" not in drawn("ATT3D_PT_create", bench)
    assert not bpy.ops.att3d.queue_remove.poll()


@quick
def check_what_cannot_be_made_waits_until_it_is_tried_again_or_removed(bench: Bench) -> None:
    settings, queue = bpy.context.scene.att3d, bench.module("generate.queue").queue
    for prompt in ("broken vase", "a lion"):
        settings.fill_in({"prompt": prompt, "checkpoint": ""})
        assert bpy.ops.att3d.queue_add() == {"FINISHED"}
    while queue.tick() is not None:
        pass
    assert queue.stopped and [waiting.prompt for waiting in queue.waiting][-1] == "a lion"
    assert bench.session.error is not None and not names()
    bpy.ops.att3d.queue_go_on()
    while queue.tick() is not None:
        pass
    assert queue.stopped and len(queue.waiting) == 2, "tried again, and the same came of it"
    bpy.ops.att3d.queue_remove(index=0)
    bpy.ops.att3d.queue_go_on()
    while queue.tick() is not None:
        pass
    assert names() == ["a lion"] and not queue.stopped


@quick
def check_another_file_has_no_queue(bench: Bench) -> None:
    settings, queue = bpy.context.scene.att3d, bench.module("generate.queue").queue
    settings.fill_in({"prompt": "a lion"})
    bpy.ops.att3d.queue_add()
    assert queue.waiting
    bpy.ops.wm.read_homefile(use_empty=True)
    assert not queue.waiting
    assert not bpy.ops.att3d.queue_add.poll(), "an empty prompt is none"


@quick
def check_undo_takes_the_object_and_leaves_the_text(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    bpy.ops.ed.undo_push(message="start")
    settings.fill_in({"prompt": "a lion"})
    bench.generate("a lion")
    bpy.ops.ed.undo_push(message="Generate")
    bpy.ops.ed.undo()
    settings = bpy.context.scene.att3d
    assert names() == [] and settings.prompt == "a lion"
    settings.fill_in({"prompt": "a cow"})
    bpy.ops.ed.redo()
    assert names() == ["a lion"] and bpy.context.scene.att3d.prompt == "a cow"


@quick
def check_step_that_is_only_about_the_text_can_be_undone(bench: Bench) -> None:
    for prompt in ("a lion", "a cow"):
        bpy.context.scene.att3d.fill_in({"prompt": prompt})
        bpy.ops.ed.undo_push(message=prompt)
    bpy.ops.ed.undo()
    assert bpy.context.scene.att3d.prompt == "a lion"


@quick
def check_what_was_said_of_the_last_prompt_goes_with_the_next(bench: Bench) -> None:
    bench.generate("noted owl")
    assert "a note" in drawn("ATT3D_PT_create", bench)
    bpy.context.scene.att3d.prompt = "a lion"
    assert "a note" not in drawn("ATT3D_PT_create", bench)
