"""Where new objects stand: beside what one works on, in rows, as tall as one wants."""

from __future__ import annotations

import bpy
from harness import Bench, quick


@quick
def check_objects_stand_in_rows_and_never_far_away(bench: Bench) -> None:
    place = bench.module("scene.place")
    made = [bench.generate() for _ in range(14)]
    bpy.context.view_layer.update()
    boxes = [place.box_of(ob) for ob in made]
    assert not any(a.meets(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert max(box.high[0] for box in boxes) - boxes[0].low[0] <= place.ROW
    rows = {round(ob.location.y, 3) for ob in made}
    assert len(rows) == 3 and min(rows) == 0, "the next row begins behind the last"
    assert all(ob.location.z == 0 for ob in made)


@quick
def check_new_object_stands_beside_the_one_that_is_selected(bench: Bench) -> None:
    place = bench.module("scene.place")
    bench.generate()
    bpy.ops.mesh.primitive_cube_add(size=1, location=(20, 5, 3.5))
    table = bpy.context.object
    first, second = bench.generate(), bench.generate()
    bpy.context.view_layer.update()
    for ob in (first, second):
        assert (ob.location - table.location).length < 4, "where one looks"
        assert ob.location.y == 5 and abs(ob.location.z - 3) < 1e-6, "on the floor of its neighbour"
        assert not place.box_of(ob).meets(place.box_of(table))
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.scene.cursor.location = (-7, 1, 0)
    assert bench.generate().location[:] == (-7, 1, 0), "else at the cursor"


@quick
def check_height_is_in_metres_and_its_own_where_it_is_zero(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    own = bench.generate().dimensions.z
    assert abs(own - 1) < 1e-6
    settings.height = 1.8
    tall = bench.generate()
    bpy.context.view_layer.update()
    assert abs(tall.dimensions.z - 1.8) < 1e-5
    assert len(set(tall.scale)) == 1, "its proportions stay"
    assert bpy.ops.att3d.regenerate() == {"FINISHED"}
    bpy.context.view_layer.update()
    assert abs(tall.dimensions.z - 1.8) < 1e-5
    settings.height = 0
    assert bpy.ops.att3d.variant(prompt="a lion") == {"FINISHED"}
    bpy.context.view_layer.update()
    assert abs(bpy.context.object.dimensions.z - 1.8) < 1e-5, "as its neighbour"


@quick
def check_collection_that_is_off_in_the_outliner_is_named(bench: Bench) -> None:
    bench.generate()
    layer = bpy.context.view_layer.layer_collection.children["ATT3D"]
    layer.exclude = True
    bpy.ops.att3d.generate(prompt="a lion")
    ob = bpy.data.objects["a lion"]
    why_hidden = bench.module("scene.collection").why_hidden
    said = why_hidden(bpy.context, ob)
    assert "“ATT3D”" in said and "Outliner" in said and "mode" not in said
    layer.exclude = False
    layer.hide_viewport = True
    assert "hidden" in why_hidden(bpy.context, ob)
    layer.hide_viewport = False
    assert why_hidden(bpy.context, ob) == ""
    ob.select_set(True)
    bpy.context.view_layer.objects.active = ob
    bpy.ops.object.mode_set(mode="EDIT")
    assert "mode" in why_hidden(bpy.context, ob)


def check_rows_go_around_what_is_there(bench: Bench) -> None:
    place = bench.module("scene.place")
    size = place.Box((-0.5, -0.5, 0), (0.5, 0.5, 1))
    wall = place.Box((-9, -1, 0), (9, 1, 3))
    x, y, z = place.spot_in_rows(size, [wall], (0, 0, 0))
    assert (x, z) == (0, 0) and not size.moved(x, y, z).meets(wall), "behind a wall, not beyond it"
    assert place.spot_in_rows(size, [], (3, 4, 5)) == (3, 4, 5)
    wide = place.Box((-10, -0.5, 0), (10, 0.5, 1))
    assert place.spot_in_rows(wide, [], (0, 0, 0)) == (0, 0, 0), "also what is wider than a row"


@quick
def check_vertex_groups_are_taken_over_and_the_rest_is_said(bench: Bench) -> None:
    """Regenerating gives a new mesh: weights come from the nearest old vertices."""
    ob = bench.generate()
    top = ob.vertex_groups.new(name="Top")
    high = [vertex.index for vertex in ob.data.vertices if vertex.co.z > 0.5]
    top.add(high, 0.75, "REPLACE")
    ob.data.color_attributes.new("Paint", "BYTE_COLOR", "POINT")
    ob.shape_key_add(name="Basis")
    ob.shape_key_add(name="Smile")
    assert bpy.ops.att3d.regenerate() == {"FINISHED"}
    (group,) = ob.vertex_groups
    assert group.name == "Top"
    for vertex in ob.data.vertices:
        weights = [g.weight for g in vertex.groups]
        assert weights == ([0.75] if vertex.co.z > 0.5 else []), vertex.co
    said = " ".join(bench.session.notes)
    assert "“Top”" in said and "“Smile”" in said and "“Paint”" in said
    bench.generate("a lion")
    assert bpy.ops.att3d.regenerate() == {"FINISHED"}
    assert not bench.session.notes, "where nothing was added there is nothing to say"
