"""What a prompt leaves in the .blend."""

from __future__ import annotations

import json

import bpy
import numpy as np
from harness import PACKAGE, PROMPT, Bench


def check_new_object_is_active_selected_and_in_its_collection(bench: Bench) -> None:
    ob = bench.generate()
    assert ob.name == PROMPT
    assert ob.type == "MESH"
    assert bpy.context.view_layer.objects.active == ob
    assert bpy.context.selected_objects == [ob]
    assert [c.name for c in ob.users_collection] == ["ATT3D"]
    assert ob.users_collection[0].name in bpy.context.scene.collection.children


def check_prompt_of_the_scene_is_used_when_none_is_given(bench: Bench) -> None:
    bpy.context.scene.att3d.prompt = "a lion"
    assert bpy.data.objects.get("a lion") is None, "assigning the prompt must not generate"
    bpy.ops.att3d.generate()
    assert bpy.context.object.name == "a lion"


def check_mesh_respects_the_face_budget(bench: Bench) -> None:
    assert 20 < len(bench.generate(faces=400).data.polygons) <= 400
    assert 400 < len(bench.generate(faces=2000).data.polygons) <= 2000


def check_mesh_is_sound_smooth_and_stands_on_the_floor(bench: Bench) -> None:
    mesh = bench.generate().data
    positions = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", positions)
    positions = positions.reshape(-1, 3)
    assert np.isfinite(positions).all()
    assert abs(positions[:, 2].min()) < 1e-6
    assert np.abs(positions[:, :2]).max() < 1.1, "inside the unit ball, seen from above"
    assert all(len(polygon.vertices) == 3 for polygon in mesh.polygons)
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    assert not mesh.has_custom_normals
    assert not mesh.validate(), "Blender found something to repair"


def check_seams_are_where_the_texture_is_cut(bench: Bench) -> None:
    mesh = bench.generate(faces=400).data
    uv = mesh.uv_layers[0].uv
    sides: dict[tuple[int, int], set] = {}
    for polygon in mesh.polygons:
        loops = list(polygon.loop_indices)
        for one, other in zip(loops, [*loops[1:], loops[0]], strict=True):
            ends = sorted((mesh.loops[i].vertex_index, tuple(uv[i].vector)) for i in (one, other))
            sides.setdefault((ends[0][0], ends[1][0]), set()).add((ends[0][1], ends[1][1]))
    for edge in mesh.edges:
        assert edge.use_seam == (len(sides[tuple(sorted(edge.vertices))]) > 1)
    assert any(edge.use_seam for edge in mesh.edges)


def check_quads_subdivide_and_take_automatic_weights(bench: Bench) -> None:
    ob = bench.generate(faces=800, topology="quads")
    mesh = ob.data
    assert {len(polygon.vertices) for polygon in mesh.polygons} == {4}
    assert 100 < len(mesh.polygons) <= 400
    assert not mesh.validate(), "Blender found something to repair"
    ob.modifiers.new("Subdivision", "SUBSURF").levels = 1
    finer = ob.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    assert len(finer.polygons) == 4 * len(mesh.polygons)
    ob.modifiers.clear()

    top = max(vertex.co.z for vertex in mesh.vertices)
    bpy.ops.object.armature_add(location=ob.location)
    rig = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    lower = rig.data.edit_bones[0]
    lower.head, lower.tail = (0, 0, 0.05 * top), (0, 0, 0.5 * top)
    upper = rig.data.edit_bones.new("Upper")
    upper.head, upper.tail, upper.parent = lower.tail, (0, 0, 0.95 * top), lower
    bpy.ops.object.mode_set(mode="OBJECT")
    ob.select_set(True)
    assert bpy.ops.object.parent_set(type="ARMATURE_AUTO") == {"FINISHED"}
    assert len(ob.vertex_groups) == 2
    weights = np.array([sum(group.weight for group in v.groups) for v in mesh.vertices])
    # Blender gives none where no bone is seen from.
    assert (np.abs(weights - 1.0) < 0.05).mean() > 0.9, np.sort(weights)


def check_metal_and_roughness_reach_the_material(bench: Bench) -> None:
    arrays, material = bench.module("scene.arrays"), bench.module("scene.material")
    together = bench.module("scene.data_blocks").Together
    picture = np.zeros((8, 8, 3), np.uint8)
    mesh = (np.zeros((3, 3)), np.zeros((1, 3)), np.zeros((1, 3, 2)), picture, None)
    with together() as keep:
        plain = material.make_material("plain", arrays.MeshArrays(*mesh), keep)
        gold = material.make_material("gold", arrays.MeshArrays(*mesh, (1.0, 0.25)), keep)
        parts = material.make_material("p", arrays.MeshArrays(*mesh, (0.0, 0.6), picture), keep)
    found = [material.principled(made).inputs for made in (plain, gold, parts)]
    values = [(i["Metallic"].default_value, i["Roughness"].default_value) for i in found]
    assert np.allclose(values[:2], [(0.0, 0.6), (1.0, 0.25)]), values
    assert not found[1]["Metallic"].is_linked
    for name, channel in (("Metallic", "Blue"), ("Roughness", "Green")):
        link = found[2][name].links[0]
        assert link.from_socket.name == channel
        image = link.from_node.inputs["Color"].links[0].from_node.image
        assert image.colorspace_settings.name == "Non-Color" and image.packed_file is not None


def check_faces_point_outwards(bench: Bench) -> None:
    """The test checkpoint's object is a ball."""
    mesh = bench.generate().data
    middle = sum((v.co for v in mesh.vertices), mesh.vertices[0].co * 0) / len(mesh.vertices)
    outwards = sum(p.normal.dot(p.center - middle) > 0 for p in mesh.polygons)
    assert outwards > 0.98 * len(mesh.polygons), (outwards, len(mesh.polygons))


def check_uvs_lie_inside_the_texture(bench: Bench) -> None:
    mesh = bench.generate().data
    assert [layer.name for layer in mesh.uv_layers] == ["UVMap"]
    assert mesh.uv_layers.active.active_render
    uvs = np.empty(2 * len(mesh.loops), np.float32)
    mesh.uv_layers[0].uv.foreach_get("vector", uvs)
    assert uvs.min() >= 0 and uvs.max() <= 1
    assert uvs.std() > 0.1


def check_material_is_one_principled_shader_with_a_packed_texture(bench: Bench) -> None:
    ob = bench.generate(texture_size=256)
    assert len(ob.material_slots) == 1
    nodes = ob.material_slots[0].material.node_tree.nodes
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    output = next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
    assert output.inputs["Surface"].links[0].from_node == shader
    texture = shader.inputs["Base Color"].links[0].from_node
    assert texture.type == "TEX_IMAGE" and nodes.active == texture
    image = texture.image
    assert tuple(image.size) == (256, 256)
    assert image.packed_file is not None
    assert image.colorspace_settings.name == "sRGB"
    assert not shader.inputs["Normal"].is_linked


def check_normal_map_is_data_and_wired_through_a_normal_map_node(bench: Bench) -> None:
    ob = bench.generate(normal_map=True)
    nodes = ob.material_slots[0].material.node_tree.nodes
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    tangent = shader.inputs["Normal"].links[0].from_node
    assert tangent.type == "NORMAL_MAP"
    image = tangent.inputs["Color"].links[0].from_node.image
    assert image.colorspace_settings.name == "Non-Color"
    assert image.packed_file is not None


def check_first_row_of_a_texture_is_its_top(bench: Bench) -> None:
    """The backend's images start with the top row, Blender's with the lowest; bytes stay exact."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    for color in (True, False):
        png = bench.module("scene.textures").png_bytes(pixels)
        image = bench.module("scene.material").packed_image("rows", png, lambda x: x, color=color)
        held = np.array(image.pixels[:]).reshape(8, 8, 4)
        assert np.array_equal(np.round(held[::-1, :, :3] * 255), pixels)


def check_object_remembers_where_it_came_from(bench: Bench) -> None:
    ob = bench.generate("  a PIG\twearing a tophat ", faces=700)
    assert ob["att3d_prompt"].lower() == PROMPT
    assert ob["att3d_checkpoint"] == bench.checkpoint.stem
    assert len(ob["att3d_checkpoint_hash"]) >= 12
    assert ob["att3d_version"] == ob["att3d_backend_version"] == "0.1.0"
    options = json.loads(ob["att3d_options"])
    assert options == {
        "faces": 700, "texture_size": 128, "resolution": 48, "normal_map": False, "unwrap": "own",
        "size": "unit", "topology": "triangles"
    }  # fmt: skip


def check_words_that_were_never_seen_are_noted(bench: Bench) -> None:
    ob = bench.generate("a zeppelin wearing a tophat")
    assert "zeppelin" in ob["att3d_notes"]
    assert any("zeppelin" in note for note in bench.session.notes)
    bench.generate(PROMPT)
    assert not bench.session.notes


def check_long_prompt_names_are_cut_at_a_word(bench: Bench) -> None:
    """A name has room for 63 bytes; the property keeps the whole prompt."""
    prompt = "a pig wearing a tophat and a lion holding a blue balloon, on a chair " + "ü" * 40
    ob = bench.generate(prompt)
    assert ob["att3d_prompt"] == prompt
    for block in (ob, ob.data, ob.material_slots[0].material):
        assert block.name == "a pig wearing a tophat and a lion holding a blue balloon, on a"


def check_names_are_cut_after_the_last_word_or_letter_that_fits(bench: Bench) -> None:
    data_name = bench.module("scene.data_blocks").data_name
    assert data_name("ü" * 40) == "ü" * 31, "one long word: whole letters"
    assert data_name("a" * 63) == "a" * 63 and data_name("a" * 64) == "a" * 63
    assert data_name("word " * 20) == ("word " * 12).strip()
    assert data_name("x" * 60 + ", and more") == "x" * 60
    assert data_name("word " * 20, " normal") == ("word " * 11).strip() + " normal"
    assert data_name(" \n\t ") == "ATT3D object"


def check_unusual_prompts_are_answered(bench: Bench) -> None:
    for prompt in ("a pig 🐷 wearing a 🎩", "خنزير يرتدي قبعة", "a\x07 pig\x1b on a chair"):
        ob = bench.generate(prompt)
        assert ob["att3d_prompt"].isprintable()
        assert ob.name.isprintable() and ob.name


def check_same_prompt_gives_the_same_object(bench: Bench) -> None:
    first, second = bench.generate(), bench.generate()
    assert first is not second and len(first.data.vertices) == len(second.data.vertices)
    pairs = zip(first.data.vertices, second.data.vertices, strict=True)
    assert all((a.co - b.co).length < 1e-6 for a, b in pairs)


def check_objects_stand_side_by_side(bench: Bench) -> None:
    box_of = bench.module("scene.place").box_of
    first, second, third = (bench.generate() for _ in range(3))
    bpy.context.view_layer.update()
    assert first.location[:] == (0, 0, 0)
    assert not box_of(first).meets(box_of(second))
    assert not box_of(second).meets(box_of(third))
    assert third.location.y == third.location.z == 0


def check_ground_and_rooms_do_not_push_objects_away(bench: Bench) -> None:
    bpy.ops.mesh.primitive_plane_add(size=5)
    bpy.ops.mesh.primitive_cube_add(size=40)
    assert bench.generate().location.length == 0


def check_objects_can_be_placed_at_the_cursor_or_the_origin(bench: Bench) -> None:
    bpy.context.scene.cursor.location = (1, 2, 3)
    bpy.context.scene.att3d.place = "CURSOR"
    assert bench.generate().location[:] == (1, 2, 3)
    bpy.context.scene.att3d.place = "ORIGIN"
    bench.generate()
    assert bench.generate().location[:] == (0, 0, 0)


def check_edit_mode_is_not_disturbed(bench: Bench) -> None:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.att3d.generate(prompt=PROMPT)
    assert bpy.context.object == cube and cube.mode == "EDIT"
    assert PROMPT in bpy.data.objects


def check_undo_takes_it_away_and_redo_brings_it_back(bench: Bench) -> None:
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.att3d.generate("EXEC_DEFAULT", True, prompt=PROMPT) == {"FINISHED"}
    faces = len(bpy.context.object.data.polygons)
    bpy.ops.ed.undo()
    assert PROMPT not in bpy.data.objects
    bpy.ops.ed.redo()
    assert len(bpy.data.objects[PROMPT].data.polygons) == faces
    assert bpy.data.objects[PROMPT].material_slots[0].material is not None


def check_saved_file_keeps_everything_without_the_extension(bench: Bench) -> None:
    ob = bench.generate(normal_map=True)
    faces, keys = len(ob.data.polygons), sorted(ob.keys())
    path = str(bench.folder / "ünïcode name.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.wm.open_mainfile(filepath=path)
    ob = bpy.data.objects[PROMPT]
    assert len(ob.data.polygons) == faces and sorted(ob.keys()) == keys
    images = [i for i in bpy.data.images if i.packed_file is not None]
    assert len(images) == 2 and all(len(set(i.pixels[:4000])) > 1 for i in images)


def check_settings_are_saved_with_the_file(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    settings.prompt, settings.faces, settings.place = "a lion", 1234, "CURSOR"
    path = str(bench.folder / "settings.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    assert bpy.context.scene.att3d.faces == 8000
    bpy.ops.wm.open_mainfile(filepath=path)
    settings = bpy.context.scene.att3d
    assert (settings.prompt, settings.faces, settings.place) == ("a lion", 1234, "CURSOR")
    assert settings.checkpoint == str(bench.checkpoint)


def check_prompt_of_an_object_can_be_used_again(bench: Bench) -> None:
    bench.generate("a lion", faces=900)
    bpy.ops.att3d.use_prompt()
    settings = bpy.context.scene.att3d
    assert (settings.prompt, settings.faces) == ("a lion", 900)
