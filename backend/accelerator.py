"""A checkpoint computed by torch: on a GPU, and for what only torch computes.

On a GPU the grid and the MLP may be tiny-cuda-nn's (:mod:`backend.model.fused`).

Not imported where numpy does the work (see :mod:`backend.loading`).
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .field_reader import Points
from .inference.linearized import CodeMap
from .inference.model import embedding_of
from .inference.proportions import Proportions
from .loading import check_accelerator
from .model.att3d import ATT3D
from .model.checkpoint import Checkpoint, load_checkpoint
from .model.field import Field as TensorField
from .model.fused import REMEDY, FusedKernels, unsupported
from .paths import cache_dir
from .protocol.errors import BadRequest
from .shapes import Float
from .text.cache import CachedEncoder, EmbeddingCache
from .text.open_clip_encoder import OpenClipEncoder

_DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")
_DEVICE_REMEDY = "use auto, cpu, cuda, cuda:1 or mps"
_ABSENT_REMEDY = "use auto or cpu; a GPU needs its driver and a PyTorch that is made for it"


def choose_device(name: str) -> torch.device:
    """The device that ``name`` means; ``auto`` is the first GPU, or the CPU.

    Raises:
        BadRequest: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not _DEVICE.fullmatch(name):
        raise BadRequest(f"there is no device {name!r}", _DEVICE_REMEDY)
    if name == "mps" and not torch.backends.mps.is_available():
        raise BadRequest(
            "the device 'mps' cannot be used: this machine or its torch has no Metal",
            _ABSENT_REMEDY,
        )
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadRequest(f"the device {name!r} cannot be used: {reason}", _ABSENT_REMEDY) from error
    return device


def check_accelerator_on(name: str, device: torch.device) -> None:
    """Raises ``BadRequest`` if there is no accelerator ``name``, or it cannot be on ``device``."""
    check_accelerator(name)
    if name == "tinycudann" and device.type != "cuda":
        raise BadRequest(
            f"the accelerator tinycudann needs a CUDA GPU, and the device is {device.type}",
            f"choose --device cuda where there is one, or {REMEDY}",
        )


def use_accelerator(model: ATT3D, name: str, device: torch.device) -> str:
    """Let ``model`` be computed as ``name`` says; returns what computes it, ``torch`` or
    ``tinycudann``.

    ``auto`` is tinycudann where it is installed, the device is a CUDA GPU and the model fits; if it
    then cannot be used, a line in the log says why, and torch computes.

    Raises:
        BadRequest: no such accelerator; or tinycudann is asked for without a GPU, is missing, does
            not fit the model, or computes something else than torch.
    """
    check_accelerator_on(name, device)
    model.fused = None
    if name == "torch":
        return "torch"
    problem = unsupported(model.config)
    if name == "auto":
        absent = importlib.util.find_spec("tinycudann") is None
        if device.type != "cuda" or absent or problem is not None:
            return "torch"
    try:
        if problem is not None:
            raise BadRequest(problem, REMEDY)
        kernels = FusedKernels(model.grid, model.mlp, device)
        kernels.check()
    except BadRequest as error:
        if name != "auto":
            raise
        logging.getLogger(__name__).warning("torch instead of tinycudann: %s", error.message)
        return "torch"
    model.fused = kernels
    return "tinycudann"


def use_tf32(wanted: bool, device: torch.device) -> None:
    """Whether matrix products of single precision may round their factors to TF32 (10 bits of
    fraction) on a GPU that can; on a CPU they stay as they are."""
    wanted = wanted and device.type == "cuda"
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    torch.backends.cudnn.allow_tf32 = wanted


@contextmanager
def full_precision() -> Iterator[None]:
    """No TF32 for what starts in here."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class TorchField:
    """A :class:`~backend.field_reader.Field`: points go to the device, values come back."""

    def __init__(self, field: TensorField) -> None:
        self._field = field
        self.bound = field.bound
        self.level = field.level
        self.density_scale = field.density_scale

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]:
        return _to_numpy(self._field.pre_density(self._to_device(points)))

    def sample(
        self, points: Points
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        density, color = self._field.sample(self._to_device(points))
        return _to_numpy(density), _to_numpy(color)

    def lattice(
        self, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"], z: Float[np.ndarray, " nz"]
    ) -> Float[np.ndarray, "nx ny nz"]:
        return _to_numpy(self._field.lattice(*(self._to_device(line) for line in (x, y, z))))

    def _to_device(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._field.device)


class TorchModel:
    """A :class:`~backend.loading.Model` whose fields torch computes.

    Raises: as :func:`~backend.model.checkpoint.load_checkpoint` and :func:`use_accelerator`.
    """

    def __init__(
        self, path: Path, device: torch.device | str = "cpu", accelerator: str = "auto"
    ) -> None:
        self.device = str(device)
        self.checkpoint: Checkpoint = load_checkpoint(path, device)
        use_accelerator(self.checkpoint.model, accelerator, torch.device(device))
        self.path = path
        self.metadata = self.checkpoint.metadata
        self.sha256 = self.checkpoint.sha256
        self.text_tensors = {
            name: _to_numpy(tensor) for name, tensor in self.checkpoint.text_tensors.items()
        }

    def field(
        self,
        embedding: Float[np.ndarray, "tokens width"],
        conditions: Mapping[str, float] | None = None,
        proportions: Float[np.ndarray, "3"] | None = None,
    ) -> TorchField:
        given = dict(conditions) if conditions else None
        stretched = None if proportions is None else torch.from_numpy(proportions)
        return TorchField(self.checkpoint.field(torch.from_numpy(embedding), given, stretched))

    def proportions(self, embedding: Float[np.ndarray, "tokens width"]) -> Float[np.ndarray, "3"]:
        """How a text embedding's object is stretched along x, y and z."""
        known = self.checkpoint.model.proportions
        if known is None:
            return np.ones(3, dtype=np.float32)
        return _to_numpy(known(torch.from_numpy(embedding)[None].to(self.device))[0])

    def embedding_of(self, code: Float[np.ndarray, " code"]) -> Float[np.ndarray, "tokens width"]:
        """The smallest embedding that has this code.

        Raises:
            BadRequest: the code is of another model, or the mapping network has none (A6).
        """
        config = self.metadata.config
        encode = getattr(self.checkpoint.model.mapping, "encode", None)
        if encode is None:
            raise BadRequest(
                "this model maps text by attention: it makes no objects of your own",
                "choose the model that the object was made with",
            )
        layers = [(_to_numpy(encode.weight), _to_numpy(encode.bias))]
        own = self.checkpoint.model.proportions
        proportions = own and Proportions(*map(_to_numpy, (own.weight, own.bias, own.out)))
        return embedding_of(config, CodeMap(layers), code, proportions)


def open_clip_encoder(
    name: str,
) -> Callable[[Sequence[str]], Float[np.ndarray, "prompts tokens width"]]:
    """Prompts to embeddings by an open_clip model, kept on disk: reading the model takes seconds.

    Raises:
        BadRequest: no such model.
        NotDownloaded: a model whose description cannot be fetched.
    """
    encoder = CachedEncoder(OpenClipEncoder(name), EmbeddingCache(cache_dir() / "embeddings"))
    return lambda prompts: _to_numpy(encoder.encode(prompts))


def _to_numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
