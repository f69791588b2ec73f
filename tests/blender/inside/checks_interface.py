"""What a person sees: every panel draws in every state, and everything explains itself."""

from __future__ import annotations

import ast
import importlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import bpy
from harness import PACKAGE, Bench, quick


class Properties:
    """Takes what an operator's button may set."""

    def __init__(self, kind: bpy.types.Struct) -> None:
        object.__setattr__(self, "kind", kind)

    def __setattr__(self, name: str, value: object) -> None:
        assert name in self.kind.properties, name


class Layout:
    """Takes every call that Blender's layouts take; keeps texts, and names of
    properties and operators."""

    def __init__(self, above: Layout | None = None) -> None:
        object.__setattr__(self, "texts", [] if above is None else above.texts)
        object.__setattr__(self, "properties", [] if above is None else above.properties)
        object.__setattr__(self, "operators", [] if above is None else above.operators)

    def __setattr__(self, name: str, value: object) -> None:
        assert hasattr(bpy.types.UILayout, name) or name in bpy.types.UILayout.bl_rna.properties

    def __getattr__(self, name: str):
        assert name in bpy.types.UILayout.bl_rna.functions, f"no layout has {name}"
        known = bpy.types.UILayout.bl_rna.functions[name].parameters

        def call(*arguments: object, **options: object) -> object:
            unknown = [key for key in options if key not in known]
            assert not unknown, (name, unknown)
            if "icon" in options:
                icons = bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
                assert options["icon"] in icons, options["icon"]
            if isinstance(options.get("text"), str):
                self.texts.append(options["text"])
            if name == "operator":
                self.operators.append(arguments[0])
                group, _, operator = arguments[0].partition(".")
                assert hasattr(getattr(bpy.ops, group), operator)
                return Properties(getattr(getattr(bpy.ops, group), operator).get_rna_type())
            if name == "prop":
                custom = arguments[1].startswith('["') and arguments[1][2:-2] in arguments[0]
                assert custom or arguments[1] in arguments[0].bl_rna.properties, arguments[1]
                self.properties.append(arguments[1])
            if name == "panel":
                return Layout(self), Layout(self)
            return Layout(self)

        return call


def drawn(panel: str, bench: Bench, width: int = 300) -> list[str]:
    """The texts that a panel shows now."""
    kind = getattr(bpy.types, panel)
    layout = Layout()
    context = SimpleNamespace(
        scene=bpy.context.scene,
        active_object=bpy.context.object,
        region=SimpleNamespace(width=width),
        window_manager=bpy.context.window_manager,
        preferences=bpy.context.preferences,
    )
    kind.draw(SimpleNamespace(layout=layout), context)
    return layout.texts


@quick
def check_panel_draws_in_every_state(bench: Bench) -> None:
    session = bench.session
    session.close()
    assert "Starts with the first prompt" in drawn("ATT3D_PT_create", bench)
    job = session.submit(
        bench.preferences.launch, "info", bench.module("generate.operators").InfoParams()
    )
    assert session.busy
    assert "Starting the engine" in drawn("ATT3D_PT_create", bench)
    session.wait(job)
    session.succeed()
    bench.generate()
    assert any(text.startswith("Ready (") for text in drawn("ATT3D_PT_create", bench))


@quick
def check_missing_python_is_shown_before_anything_is_tried(bench: Bench) -> None:
    bench.session.close()
    del os.environ["ATT3D_PYTHON"]
    texts = drawn("ATT3D_PT_create", bench)
    assert "Not set up" in texts
    bench.preferences.backend_python = bench.quick_python
    assert "Starts with the first prompt" in drawn("ATT3D_PT_create", bench)


def check_error_and_remedy_are_drawn_as_wrapped_text(bench: Bench) -> None:
    error = bench.fails("")
    for width in (120, 300, 2000):
        text = " ".join(drawn("ATT3D_PT_create", bench, width))
        assert "Failed" in text
        for part in (error.message, error.remedy):
            assert part.replace(" ", "") in text.replace(" ", ""), (part, text)


def check_notes_are_drawn(bench: Bench) -> None:
    bench.generate("a zeppelin wearing a tophat")
    assert "zeppelin" in " ".join(drawn("ATT3D_PT_create", bench))


def check_other_panels_draw(bench: Bench) -> None:
    drawn("ATT3D_PT_mesh", bench)
    assert not bpy.types.ATT3D_PT_object.poll(bpy.context)
    bench.generate()
    assert bpy.types.ATT3D_PT_object.poll(bpy.context)
    assert "pig wearing a tophat" in " ".join(drawn("ATT3D_PT_object", bench))


@quick
def check_manual_comes_with_the_extension(bench: Bench) -> None:
    page = bench.module("ui.help").manual()
    assert page is not None and page.suffix == ".html"
    text = page.read_text(encoding="utf-8")
    assert "The first object" in text and "When something is wrong" in text
    assert bpy.ops.att3d.manual() == {"FINISHED"}
    header = Layout()
    bpy.types.ATT3D_PT_create.draw_header_preset(
        SimpleNamespace(layout=header, use_pin=True), bpy.context
    )
    assert header.operators == ["att3d.manual"]


def check_wrapped_text_loses_no_letter(bench: Bench) -> None:
    wrap = bench.module("ui.status_text").wrap
    text = "No Python at /a/very/long/path/without/any/space/in/it/so/that/it/must/be/broken here"
    for width in (5, 60, 200, 5000):
        assert "".join(wrap(text, width)).replace(" ", "") == text.replace(" ", "")
    assert wrap("", 100) == []


def check_long_text_on_a_button_keeps_both_its_ends(bench: Bench) -> None:
    words = bench.module("ui.status_text")
    text = "a bear holding a balloon wearing a backpack"
    words.blf.size(0, 11.0)
    cut = words.without_middle(text, 120.0)
    start, _, end = cut.partition("…")
    assert start and end and text.startswith(start) and text.endswith(end)
    assert words.fits(cut, 120.0) and not words.fits(text, 120.0)
    assert words.without_middle(text, 1e6) == text


def settings_shown(bench: Bench) -> list[bpy.types.Struct]:
    """All groups of settings that the extension has registered, with those inside them."""
    window = bpy.context.window_manager
    groups = [bpy.context.scene.att3d, bench.preferences, window.att3d_history, window.att3d_ask]
    kinds = [group.bl_rna for group in groups]
    for kind in kinds:
        for prop in kind.properties:
            inner = getattr(prop, "fixed_type", None)
            ours = inner is not None and inner.base and inner.base.identifier == "PropertyGroup"
            if ours and inner not in kinds:
                kinds.append(inner)
    return kinds


def check_everything_has_a_tooltip(bench: Bench) -> None:
    operators = [name for name in dir(bpy.ops.att3d) if not name.startswith("_")]
    kinds = settings_shown(bench)
    assert {"ChainRow", "SetupSettings"} <= {kind.identifier for kind in kinds}
    for name in operators:
        kind = getattr(bpy.ops.att3d, name).get_rna_type()
        assert kind.name and kind.description, name
        assert not kind.description.endswith("."), "Blender adds the full stop"
        kinds.append(kind)
    assert len(operators) >= 30
    for kind in kinds:
        for prop in kind.properties:
            if prop.identifier in ("rna_type", "name", "bl_idname") or prop.is_hidden:
                continue
            assert prop.name and prop.description, (kind.identifier, prop.identifier)
            assert not prop.description.endswith("."), prop.description
            for item in getattr(prop, "enum_items_static", ()):
                assert item.name and item.description, (kind.identifier, item.identifier)


def check_generate_is_refused_with_a_reason_while_busy(bench: Bench) -> None:
    session = bench.session
    job = session.submit(
        bench.preferences.launch, "info", bench.module("generate.operators").InfoParams()
    )
    assert not bpy.ops.att3d.generate.poll()
    assert bpy.ops.att3d.cancel.poll()
    session.wait(job)
    session.succeed()
    assert bpy.ops.att3d.generate.poll()
    assert not bpy.ops.att3d.cancel.poll()


def check_checkpoints_of_the_folder_are_offered(bench: Bench) -> None:
    checkpoints = bench.module("checkpoints.catalog")
    folder = bench.preferences.checkpoint_folder_path
    offered = {choice.identifier: choice for choice in checkpoints.choices(folder)}
    assert offered[str(bench.checkpoint)].label == "tiny", "the name is read from its metadata"
    settings = bpy.context.scene.att3d
    assert settings.checkpoint_choice == str(bench.checkpoint)
    settings.checkpoint = ""
    assert checkpoints.path_of(settings.checkpoint, folder) is None, "the backend's default"
    settings.checkpoint_choice = str(bench.checkpoint)
    assert settings.checkpoint == str(bench.checkpoint)


def check_checkpoint_of_another_machine_is_kept(bench: Bench) -> None:
    """A file that is not here now stays chosen: the error says so, nothing else is used."""
    settings = bpy.context.scene.att3d
    settings.checkpoint = "/elsewhere/mine.safetensors"
    assert settings.checkpoint_choice == "/elsewhere/mine.safetensors"
    assert "/elsewhere/mine.safetensors" in bench.fails().message


def check_a_prompt_is_suggested_from_those_the_checkpoint_knows(bench: Bench) -> None:
    bpy.ops.att3d.suggest()
    choice = bench.module("checkpoints.catalog").choices(str(bench.checkpoint.parent))[-1]
    assert bpy.context.scene.att3d.prompt in choice.prompts
    assert bpy.data.objects[:] == []


def check_everything_is_in_a_menu_so_that_f3_finds_it(bench: Bench) -> None:
    """Blender's search looks through the menus; what is in none is found by nobody."""
    found: list[str] = []

    class Menu(Layout):
        def __getattr__(self, name: str):
            if name == "operator":
                found.append("")
                return self.noted
            return super().__getattr__(name)

        def noted(self, *arguments: str, **options: object) -> object:
            found[-1] = arguments[0].removeprefix("att3d.")
            return super().__getattr__("operator")(*arguments, **options)

    for name in ("ATT3D_MT_add", "ATT3D_MT_object"):
        getattr(bpy.types, name).draw(SimpleNamespace(layout=Menu()), bpy.context)
    wanted = {"ask_prompt", "animate", "batch", "history_restore", "regenerate", "variant"}
    wanted |= {"use_prompt", "mark_asset", "slider_start", "chain_load", "bake_for_export"}
    wanted |= {"export_animation", "history_compare", "checkpoint_card", "open_checkpoint"}
    wanted |= {"set_up", "restart_backend", "open_preferences"}
    assert wanted <= set(found), wanted - set(found)
    for name in ("VIEW3D_MT_add", "VIEW3D_MT_object"):
        drawers = getattr(bpy.types, name).draw._draw_funcs
        assert sum("ATT3D" in str(f.__code__.co_consts) for f in drawers) == 1, name


@quick
def check_prompt_can_be_given_in_a_pop_up(bench: Bench) -> None:
    """One field; Enter in it puts the prompt into the panel and generates it."""
    asked, settings = bpy.context.window_manager.att3d_ask, bpy.context.scene.att3d
    layout = Layout()
    bpy.types.ATT3D_PT_ask.draw(SimpleNamespace(layout=layout), bpy.context)
    generate = bench.module("generate.settings")._generate_from_field
    with bench.module("generate.settings").quietly():
        asked.prompt = "a pig"
    assert settings.prompt == "" and not bpy.app.timers.is_registered(generate)
    asked.prompt = "  "
    assert settings.prompt == "" and not bpy.app.timers.is_registered(generate)
    asked.prompt = "a lion"
    assert settings.prompt == "a lion" and bpy.app.timers.is_registered(generate)
    bpy.app.timers.unregister(generate)
    assert bpy.ops.att3d.ask_prompt(prompt="a pig") == {"FINISHED"}
    assert bpy.context.object.name == settings.prompt == "a pig"


def check_every_refusal_gives_its_reason(bench: Bench) -> None:
    """A button that is disabled says why; Python cannot read it, so the source is looked at."""
    folder = Path(bench.module("generate.panel").__file__).parents[1]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    says = re.compile(
        r"\.poll\b|poll_message_set|"
        + "|".join(
            rf"\b{node.name}\(cls\b"
            for node in nodes
            if isinstance(node, ast.FunctionDef)
            and node.name != "poll"
            and "poll_message_set" in ast.unparse(node)
        )
    )
    silent = [
        kind.name
        for kind in nodes
        if isinstance(kind, ast.ClassDef) and "_OT_" in kind.name
        for node in kind.body
        if isinstance(node, ast.FunctionDef)
        and node.name == "poll"
        and not says.search(ast.unparse(node))
    ]
    assert not silent, silent


def check_every_option_is_offered_with_the_range_that_the_backend_accepts(bench: Bench) -> None:
    """In the panel with its range; at every operator without, so that the backend can say why."""
    options = importlib.import_module(f"{PACKAGE}.backend.protocol.options")
    mesh = options.options_of(options.MeshOptions)
    chain = options.options_of(options.ChainOptions)
    preview = options.options_of(options.PreviewOptions)
    shared = {option.name for option in mesh}
    panel = [(option, option.name) for option in mesh]
    panel += [(option, f"chain_{option.name}") for option in chain if option.name not in shared]
    panel += [(option, f"preview_{option.name}") for option in preview]
    settings = bpy.context.scene.att3d.bl_rna.properties
    for option, name in panel:
        prop = settings[name]
        assert (prop.name, prop.description) == (option.label, option.help)
        assert prop.default == option.default
        if option.minimum is not None:
            assert (prop.hard_min, prop.hard_max) == (option.minimum, option.maximum), name
            assert (prop.soft_min, prop.soft_max) == (option.usual_minimum, option.usual_maximum)
    operators = dict.fromkeys(("generate", "regenerate", "variant", "batch"), mesh)
    for name, wanted in {**operators, "slider_keep": mesh, "animate": chain}.items():
        properties = getattr(bpy.ops.att3d, name).get_rna_type().properties
        for option in wanted:
            prop = properties[option.name]
            assert (prop.name, prop.default) == (option.label, option.default)
            if option.maximum is not None:
                assert prop.hard_max > option.maximum, "the backend says what is wrong"
    layout = Layout()
    bpy.types.ATT3D_PT_mesh.draw(SimpleNamespace(layout=layout), bpy.context)
    assert shared <= set(layout.properties), "and all are drawn"


def check_a_new_option_becomes_a_property_by_its_declaration_alone(bench: Bench) -> None:
    """So a new option is a line in the protocol, the place that obeys it, and its translation."""
    options = importlib.import_module(f"{PACKAGE}.backend.protocol.options")
    properties = bench.module("ui.option_properties")

    @dataclass(frozen=True)
    class More(options.MeshOptions):
        sharp: float = options.option(0.5, "Sharp", "How sharp edges stay", (0, 1), (0.1, 0.9))

    declared = options.options_of(More)

    @properties.settings_of(declared, prefix="new_")
    class ATT3D_PG_new(bpy.types.PropertyGroup):
        pass

    @properties.operator_options(declared)
    class ATT3D_OT_new(bpy.types.Operator):
        bl_idname, bl_label = "att3d.new", "New"

    for cls in (ATT3D_PG_new, ATT3D_OT_new):
        bpy.utils.register_class(cls)
    panel = ATT3D_PG_new.bl_rna.properties["new_sharp"]
    operator = bpy.ops.att3d.new.get_rna_type().properties["sharp"]
    for prop in (panel, operator):
        assert (prop.name, prop.description, prop.default) == ("Sharp", "How sharp edges stay", 0.5)
        assert abs(prop.soft_max - 0.9) < 1e-6
    assert (panel.hard_min, panel.hard_max) == (0, 1) and operator.hard_max > 1
    for cls in (ATT3D_OT_new, ATT3D_PG_new):
        bpy.utils.unregister_class(cls)
