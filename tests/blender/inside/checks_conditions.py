"""Sliders for what a checkpoint amortizes over beside the prompt (A31)."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import bpy
from chain_bench import animate
from checks_interface import drawn
from harness import Bench, quick, refused

CONDITIONS = [
    {"name": "guidance_weight", "low": 5.0, "high": 100.0, "default": 20.0, "logarithmic": True},
    {"name": "albedo", "low": 0.0, "high": 1.0, "default": 0.5, "logarithmic": False},
    {"name": "broken", "low": 1.0, "high": 0.0, "default": "none"},
]
DEFAULTS = {"guidance_weight": 20.0, "albedo": 0.5}


def conditioned(bench: Bench) -> Path:
    """The tiny checkpoint, whose file says that it has conditions."""
    data = bench.checkpoint.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    said = json.loads(header["__metadata__"]["metadata"])
    said["config"]["conditions"] = CONDITIONS
    header["__metadata__"]["metadata"] = json.dumps(said)
    text = json.dumps(header).encode()
    path = bench.folder / "conditioned.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return path


def choose(bench: Bench) -> bpy.types.PropertyGroup:
    """Choose that checkpoint; returns the sliders."""
    settings = bpy.context.scene.att3d
    settings.checkpoint = str(conditioned(bench))
    return settings.condition_values


def asked(ob: bpy.types.Object) -> dict[str, float]:
    """The conditions that the backend was asked for; the scripted one says them in a note."""
    return json.loads(ob.get("att3d_notes", "{}"))


def sliders(bench: Bench) -> list[str]:
    """The names on the sliders that the panel shows."""
    names = [str(condition["name"]).replace("_", " ").title() for condition in CONDITIONS]
    return [text for text in drawn("ATT3D_PT_create", bench) if text in names]


@quick
def check_a_checkpoint_with_conditions_has_sliders_in_their_ranges(bench: Bench) -> None:
    assert not sliders(bench), "the tiny checkpoint has none"
    values = choose(bench)
    assert sliders(bench) == ["Guidance Weight", "Albedo"], "broken ones are left out"
    assert {name: values[name] for name in DEFAULTS} == DEFAULTS
    facts = values.id_properties_ui("guidance_weight").as_dict()
    assert (facts["min"], facts["max"], facts["default"]) == (5.0, 100.0, 20.0)
    assert facts["description"] == "The model was trained for values from 5 to 100"
    assert "broken" not in values
    bpy.context.scene.att3d.checkpoint = str(bench.checkpoint)
    assert not sliders(bench), "another checkpoint is chosen"


@quick
def check_sliders_that_are_missing_are_made_after_the_panel_is_drawn(bench: Bench) -> None:
    """The default's file may have conditions, and nobody has chosen it; drawing writes nothing."""
    values = choose(bench)
    del values["albedo"]
    assert sliders(bench) == ["Guidance Weight"] and "albedo" not in values
    make = bench.module("checkpoints.conditions")._make_missing
    assert bpy.app.timers.is_registered(make)
    bpy.app.timers.unregister(make)
    make()
    assert sliders(bench) == ["Guidance Weight", "Albedo"] and values["albedo"] == 0.5


@quick
def check_conditions_reach_the_backend_the_object_the_history_and_regenerate(bench: Bench) -> None:
    values = choose(bench)
    values["guidance_weight"] = 40.0
    moved = DEFAULTS | {"guidance_weight": 40.0}
    ob = bench.generate("a cube")
    assert asked(ob) == moved
    assert json.loads(json.loads(ob["att3d_options"])["conditions"]) == moved
    entry = bench.module("history.record").history().entries()[0]
    assert json.loads(entry.options["conditions"]) == moved

    values["guidance_weight"] = 70.0
    ob["att3d_checkpoint"] = str(bpy.context.scene.att3d.checkpoint)
    assert bpy.ops.att3d.regenerate() == {"FINISHED"}
    assert asked(ob) == moved, "the object's own, not the sliders'"
    assert bpy.ops.att3d.regenerate(conditions='{"albedo": 1}') == {"FINISHED"}
    assert asked(ob) == {"albedo": 1.0}

    assert bpy.ops.att3d.history_use(identifier=entry.identifier) == {"FINISHED"}
    assert values["guidance_weight"] == 40.0, "the sliders show the result's"
    values["guidance_weight"] = 5.0
    del ob["att3d_notes"]
    ob["att3d_options"] = json.dumps({"conditions": json.dumps(moved)})
    assert bpy.ops.att3d.use_prompt() == {"FINISHED"}
    assert values["guidance_weight"] == 40.0


@quick
def check_an_object_without_conditions_is_regenerated_without(bench: Bench) -> None:
    ob = bench.generate("a cube")
    assert "conditions" not in json.loads(ob["att3d_options"]) and not asked(ob)
    choose(bench)
    assert bpy.ops.att3d.regenerate() == {"FINISHED"}
    assert not asked(ob)


@quick
def check_values_out_of_range_are_drawn_into_it_by_the_panel_only(bench: Bench) -> None:
    """A script's own are the backend's to judge; what is no JSON is refused before."""
    settings = bpy.context.scene.att3d
    values = choose(bench)
    values["albedo"] = 7.0
    assert json.loads(settings.conditions)["albedo"] == 1.0
    ob = bench.generate("a cube", conditions='{"albedo": 7}')
    assert asked(ob) == {"albedo": 7.0}
    for wrong in ("albedo=1", "[1]", '{"albedo": true}', '{"albedo": NaN}'):
        assert "JSON" in str(bench.fails("a cube", conditions=wrong))
    assert "JSON" in refused(bpy.ops.att3d.generate, prompt="a cube", conditions="{")


@quick
def check_batches_and_chains_take_the_sliders_values_too(bench: Bench) -> None:
    choose(bench)["guidance_weight"] = 40.0
    moved = DEFAULTS | {"guidance_weight": 40.0}
    assert bpy.ops.att3d.batch(prompts="a cube\na ball") == {"FINISHED"}
    assert [asked(ob) for ob in bpy.data.objects] == [moved, moved]

    ob = animate(bench)
    assert json.loads(ob["att3d_notes"].splitlines()[1]) == moved
    assert json.loads(json.loads(ob["att3d_options"])["conditions"]) == moved

    session, said = bench.session, []
    ask = session.ask
    session.ask = lambda launch, method, params: (said.append(params), ask(launch, method, params))[
        1
    ]
    try:
        assert bpy.ops.att3d.slider_start() == {"FINISHED"}
        bench.module("chain.live").live.stop()
    finally:
        del session.ask
    assert said and all(params.conditions == moved for params in said)
