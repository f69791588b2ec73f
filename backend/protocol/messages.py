"""Parameters and results of every method and notification; :data:`METHODS` lists them.

:mod:`.jsonrpc` has the envelopes around them, and docs/protocol.md tells the story. A chain has N
prompts at alpha 0, 1 .. N-1; between two neighbours the text embedding is blended linearly (A27).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .chain_quality import AlphaQuality, TopologyChange
from .jsonrpc import Id
from .options import ChainOptions, MeshOptions, PreviewOptions
from .schema import ranged

PROTOCOL_VERSION = 3
"""Both ends must have the same one; it grows with any change of the messages below."""

State: TypeAlias = Literal["starting", "loading", "ready", "busy", "failed"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, kw_only=True)
class InitializeParams:
    """The first request. The server answers at once and loads the model in the meantime."""

    protocol_version: int
    client: str
    """Name and version, for the log."""
    session_folder: str | None = None
    """A private folder that the client made for results; None: the server makes one."""
    session_token: str | None = None
    """What the file ``token`` in it holds: proof that both ends see the same disk."""
    checkpoint: str | None = None
    """What to load first; None: the bundled default."""
    device: str = "auto"
    preload: bool = True
    """Load the model now rather than with the first request."""


@dataclass(frozen=True, kw_only=True)
class InitializeResult:
    protocol_version: int
    server: str
    """Version of the backend."""
    python: str
    platform: str
    pid: int
    session_folder: str
    """Where result files will be. Outside the client's folder: use ``fetch`` to get them."""


@dataclass(frozen=True, kw_only=True)
class ObjectCode:
    """An inverted model, as a checkpoint makes it: numbers in the place of a text embedding."""

    code: list[float]
    checkpoint_hash: str
    """SHA-256 of the checkpoint that they belong to."""


@dataclass(frozen=True, kw_only=True)
class CheckpointRequest:
    """What every request has that a checkpoint answers."""

    checkpoint: str | None = None
    """Path of a checkpoint; None: the one that ``initialize`` named."""


@dataclass(frozen=True, kw_only=True)
class PromptRequest(CheckpointRequest):
    """What every request has that is about prompts."""

    conditions: dict[str, float] = field(default_factory=dict)
    """Values of what the checkpoint amortizes over beside the prompt, by name; the others have
    their defaults (A31)."""
    objects: dict[str, ObjectCode] = field(default_factory=dict)
    """Inverted models by the names that stand for them in the prompts."""


@dataclass(frozen=True, kw_only=True)
class CheckpointAnswer:
    """What every answer has that a checkpoint gave."""

    timings: dict[str, float]
    """Seconds by stage, and ``total``."""
    notes: list[str]
    """What a person should know: unknown words, nearest known prompts."""
    checkpoint: str
    checkpoint_hash: str


@dataclass(frozen=True, kw_only=True)
class GenerateParams(MeshOptions, PromptRequest):
    """A prompt becomes a textured mesh."""

    prompt: str
    """Empty when ``chain`` says what to make."""
    chain: list[str] = field(default_factory=list)
    """Instead of a prompt: the object at ``alpha`` of these, as ``preview`` shows it."""
    alpha: float = 0.0
    weights: list[float] = field(default_factory=list)
    """Instead of ``alpha``: the share of each prompt of ``chain``; they add up to one."""


@dataclass(frozen=True, kw_only=True)
class GenerateResult(CheckpointAnswer):
    mesh: str
    """Path of a .safetensors file: vertices, faces, uvs, texture and perhaps normal_map."""
    prompt: str
    """As normalised; of a chain, the prompts around the object with their shares."""
    vertices: int
    faces: int
    version: str
    """Version of the backend."""


@dataclass(frozen=True, kw_only=True)
class RenderParams(PromptRequest):
    """Volume-rendered views of a prompt, evenly around the object, side by side in one PNG."""

    prompt: str
    views: int = ranged(1, 1, 64)
    size: int = ranged(256, 16, 2048)
    """Pixels along each view's edge."""


@dataclass(frozen=True, kw_only=True)
class RenderResult(CheckpointAnswer):
    image: str
    """Path of a .png file, ``views * size`` wide and ``size`` high."""
    prompt: str


@dataclass(frozen=True, kw_only=True)
class InterpolateParams(ChainOptions, PromptRequest):
    """A chain of prompts becomes one mesh: a topology and UV layout for all, keys that differ in
    the vertices' positions and in the texture.

    When the keys are shown is not asked: alpha is driven by whoever animates.
    """

    prompts: list[str]
    """2 to 16; neighbours differ."""
    weights: list[list[float]] = field(default_factory=list)
    """Instead of the prompts one after the other, a path between them: at each of its stops the
    share of every prompt, which add up to one."""


@dataclass(frozen=True, kw_only=True)
class InterpolatedKey:
    alpha: float
    name: str
    """Readable, unique in its chain, at most 60 bytes: "01 oak chair", "01.50 oak chair - stone
    throne"."""
    prompt: str
    """Empty for a key between two prompts."""


@dataclass(frozen=True, kw_only=True)
class InterpolateResult(CheckpointAnswer):
    mesh: str
    """Path of a .safetensors file: faces i32[F,3] (i32[F,4] with ``topology`` "quads"), uvs
    f32[F,3,2] (per corner; 4 of a quad), positions f32[K,V,3], alphas f32[K] (rising, from 0 to
    N-1), textures u8[T,S,S,3] at texture_alphas f32[T], which are some of alphas."""
    prompts: list[str]
    """The prompts as normalised."""
    keys: list[InterpolatedKey]
    """The keys, in the order of ``positions``."""
    vertices: int
    faces: int
    quality: list[AlphaQuality]
    """Quality at every key; empty when not asked for."""
    between: list[AlphaQuality]
    """Quality between the keys, which are blended linearly there; empty when not asked for."""
    drift_pct: float
    """Mean tangential travel, from prompt to prompt, of vertices where the surface stays."""
    changes: list[TopologyChange]
    version: str
    """Version of the backend."""


@dataclass(frozen=True, kw_only=True)
class PreviewParams(PreviewOptions, PromptRequest):
    """The true object at one alpha, quick and untextured, for a slider.

    The latest wins: a request that still waits when the next one comes is answered with
    ``cancelled``.
    """

    prompts: list[str]
    """1 to 16; neighbours may be equal."""
    alpha: float = 0.0
    """Place in the chain, 0 to N-1."""
    weights: list[float] = field(default_factory=list)
    """Instead of ``alpha``: the share of each prompt; they add up to one."""


@dataclass(frozen=True, kw_only=True)
class PreviewResult(CheckpointAnswer):
    mesh: str
    """Path of a .safetensors file: vertices f32[V,3], faces i32[F,3], colors u8[V,3] (sRGB). No
    faces where the object has no surface."""
    alpha: float
    vertices: int
    faces: int


@dataclass(frozen=True, kw_only=True)
class InvertParams(CheckpointRequest):
    """A model of the person's own becomes an object that the checkpoint can make."""

    name: str
    """What will stand for it in prompts."""
    path: str = ""
    """A .glb or .obj file that the backend can read ..."""
    data: str = ""
    """... or the content of a .glb file, Base64: for a client on another machine."""
    turn: float | None = None
    """Degrees about the vertical by which the model is turned; None: what fits best."""


@dataclass(frozen=True, kw_only=True)
class InvertResult(CheckpointAnswer):
    name: str
    """The name as normalised."""
    object: ObjectCode
    psnr: float
    """PSNR of pictures of the model and of what was found, dB."""
    iou: float
    """Overlap of their silhouettes; 1 is equal."""
    nearest: str
    """The known prompt whose object was nearest before the fit."""
    far: bool
    """Whether the checkpoint's world is too far away for the result to be called the model."""


@dataclass(frozen=True, kw_only=True)
class CheckpointsParams:
    folders: list[str] = field(default_factory=list)
    """Where to look besides the bundled ones."""


@dataclass(frozen=True, kw_only=True)
class ConditionEntry:
    """A number that a checkpoint amortizes over beside the prompt: a slider (A31)."""

    name: str
    minimum: float
    maximum: float
    default: float
    logarithmic: bool = False
    """Whether equal factors, rather than equal steps, are equally far apart."""


@dataclass(frozen=True, kw_only=True)
class CheckpointEntry:
    path: str
    name: str
    bytes: int
    bundled: bool
    default: bool
    problem: str = ""
    """Why it cannot be used; empty when it can."""
    conditions: list[ConditionEntry] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CheckpointsResult:
    checkpoints: list[CheckpointEntry]


@dataclass(frozen=True, kw_only=True)
class InfoParams:
    pass


@dataclass(frozen=True, kw_only=True)
class InfoResult:
    server: str
    state: State
    queued: int
    """Jobs that wait or run."""
    memory_bytes: int | None
    """Resident memory of the process; None where the system does not say."""
    engine: dict[str, object]
    """What the loaded engine says about itself (device, checkpoint ...); empty before it is."""


@dataclass(frozen=True, kw_only=True)
class FetchParams:
    """Part of a result file, for a client on another machine."""

    path: str
    offset: int = 0
    remove: bool = True
    """Delete the file when its last byte has been sent."""


@dataclass(frozen=True, kw_only=True)
class FetchResult:
    data: str
    """Bytes of the file in Base64."""
    size: int
    """Size of the whole file, bytes."""


@dataclass(frozen=True, kw_only=True)
class ShutdownParams:
    pass


@dataclass(frozen=True, kw_only=True)
class ShutdownResult:
    pass


# --- notifications --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CancelParams:
    """Client to server: that request is to be answered with ``cancelled`` as soon as possible."""

    id: Id


@dataclass(frozen=True, kw_only=True)
class ProgressParams:
    """Server to client. A request's fractions never go back."""

    id: Id
    fraction: float
    stage: str


@dataclass(frozen=True, kw_only=True)
class LogParams:
    level: Level
    message: str


@dataclass(frozen=True, kw_only=True)
class StatusParams:
    """Server to client, at every change of state."""

    state: State
    device: str = ""
    library: str = ""
    """What computes the checkpoint: ``numpy`` or ``torch``."""
    reason: str = ""
    """Why that one: a ``Reason`` of :mod:`backend.loading`."""
    broken: str = ""
    """Why PyTorch, which is installed, cannot be loaded; else empty."""
    checkpoint: str = ""
    memory_bytes: int | None = None
    message: str = ""
    """The reason, where the state is ``failed``."""
    remedy: str = ""


@dataclass(frozen=True)
class Method:
    """A request that the backend answers."""

    params: type[Any]
    result: type[Any]
    file: str = ""
    """The result's field that names a file in the folder of results, if there is one."""


METHODS: dict[str, Method] = {
    "initialize": Method(InitializeParams, InitializeResult),
    "generate": Method(GenerateParams, GenerateResult, file="mesh"),
    "render": Method(RenderParams, RenderResult, file="image"),
    "interpolate": Method(InterpolateParams, InterpolateResult, file="mesh"),
    "preview": Method(PreviewParams, PreviewResult, file="mesh"),
    "invert": Method(InvertParams, InvertResult),
    "checkpoints": Method(CheckpointsParams, CheckpointsResult),
    "info": Method(InfoParams, InfoResult),
    "fetch": Method(FetchParams, FetchResult),
    "shutdown": Method(ShutdownParams, ShutdownResult),
}
"""Every request. What is done for one is in :mod:`backend.server.methods`."""

NOTIFICATIONS: dict[str, type[Any]] = {
    "$/cancel": CancelParams,
    "$/progress": ProgressParams,
    "$/log": LogParams,
    "$/status": StatusParams,
}
"""Parameters of every notification."""
