"""A checkpoint as numpy arrays: text embeddings in, fields out (Algorithm 1 without training)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..model.checkpoint_file import CheckpointMetadata, file_sha256, metadata_of, opened, tensors_of
from ..model.config import ModelConfig
from ..protocol.errors import BadRequest, MissingDependency
from ..shapes import Float
from .decoder import Decoder
from .field import NumpyField
from .grid import GridTable
from .linearized import Code, CodeMap, PointValues
from .proportions import Proportions
from .stored import StoredRows, StoredTensors, check_floats

Embedding = Float[np.ndarray, "tokens width"]


class NumpyModel:
    """A loaded checkpoint, ready to answer prompts.

    Raises:
        CheckpointError: missing, not safetensors, truncated, of another kind, from a newer
            version, or its tensors do not fit its configuration.
        MissingDependency: its mapping network is one that only torch computes (A6).
    """

    device = "cpu"

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened(path, "np") as file:
            self.metadata: CheckpointMetadata = metadata_of(path, file.metadata())
            # The environment map is behind objects: nothing but training looks at it.
            tensors = tensors_of(path, file, without="environment.")
        self.text_tensors: dict[str, np.ndarray] = {
            name.removeprefix("text."): tensors.pop(name)
            for name in list(tensors)
            if name.startswith("text.")
        }
        for name, tensor in self.text_tensors.items():
            check_floats(path, f"text.{name}", tensor)
        config = self.config
        if config.mapping == "attention":
            raise MissingDependency(
                f"{path.name} maps text to shapes by attention, which needs torch",
                "set up the accelerator, or choose another model",
            )
        self._grid = GridTable(config.grid)
        stored = StoredTensors(path, tensors, self._grid.stored, config.grid.features)
        self._encode = _linear_layers(stored, "mapping", config)
        size = len(self._grid.stored) * config.grid.features
        self._decode: StoredRows | None = None
        self._shared: StoredRows | None = None
        if config.mapping == "concatenation":
            self._shared = stored.rows("mapping.shared", (size,))
        else:
            self._decode = stored.rows("mapping.decode.weight", (size, config.latent))
        self._proportions = (
            Proportions.of(stored, config.tokens * config.width, config.proportions)
            if config.proportions
            else None
        )
        self._offset = stored.rows("offset", (size,)) if config.offset else None
        joined = config.latent if config.mapping == "concatenation" else 0
        widths = (self._grid.channels + joined, *config.hidden)
        self._mlp = [
            stored.linear(f"mlp.body.{2 * index}", before, after)
            for index, (before, after) in enumerate(itertools.pairwise(widths))
        ]
        self._mlp.append(stored.linear("mlp.head", widths[-1], 4))
        stored.expect_nothing_more()
        self.sha256 = file_sha256(path)

    @property
    def config(self) -> ModelConfig:
        return self.metadata.config

    def field(
        self,
        embedding: Embedding,
        conditions: Mapping[str, float] | None = None,
        proportions: Float[np.ndarray, "3"] | None = None,
    ) -> NumpyField:
        """The object of one text embedding.

        ``conditions``: other values than the defaults of what the model amortizes over (A31).
        ``proportions``: how it is stretched, instead of what the text says.

        Raises:
            BadRequest: a condition that the model does not have.
        """
        if proportions is None and self._proportions is not None:
            proportions = self._proportions.of_text(embedding)
        return self.field_of_latent(self.latent(embedding, conditions), proportions)

    def proportions(self, embedding: Embedding) -> Float[np.ndarray, "3"]:
        """How a text embedding's object is stretched along x, y and z."""
        known = self._proportions
        return np.ones(3, dtype=np.float32) if known is None else known.of_text(embedding)

    def latent(
        self, embedding: Embedding, conditions: Mapping[str, float] | None = None
    ) -> Float[np.ndarray, " v"]:
        """v, the mapping network's bottleneck (Eq. 4)."""
        x = np.concatenate([embedding.reshape(-1), condition_inputs(self.config, conditions)])
        for weight, bias in self._encode:
            x = weight @ x + bias
            x = x / (1.0 + np.exp(-x))  # SiLU
        return x

    def embedding_of(self, code: Code) -> Embedding:
        """The smallest embedding that has this code.

        Raises:
            BadRequest: the code is of another model.
        """
        return embedding_of(self.config, self.code_map, code, self._proportions)

    @property
    def code_map(self) -> CodeMap:
        """The mapping network after its first layer: what codes mean."""
        return CodeMap(self._encode)

    def at_points(self, points: Float[np.ndarray, "points 3"]) -> PointValues:
        """Pre-density and color at fixed points, metres, as a function of v."""
        fixed = [rows for rows in (self._shared, self._offset) if rows is not None]
        return PointValues(self.config, self._grid, self._decode, fixed, self._mlp, points)

    def field_of_latent(
        self,
        latent: Float[np.ndarray, " v"],
        proportions: Float[np.ndarray, "3"] | None = None,
    ) -> NumpyField:
        """The object of a latent v, stretched by ``proportions``."""
        config = self.config
        table = np.zeros((self._grid.rows, config.grid.features), dtype=np.float32)
        layers = self._mlp
        if self._decode is not None:
            self._decode.add_to(table, latent * np.float32(config.gain))
        if self._shared is not None:
            self._shared.add_to(table)
            # v joins the features at the first layer: the same for every point of an object.
            (weight, bias), *others = layers
            channels = self._grid.channels
            layers = [(weight[:, :channels], bias + weight[:, channels:] @ latent), *others]
        if self._offset is not None:
            self._offset.add_to(table)
        decoder = Decoder(layers, config.density_scale)
        return NumpyField(config, self._grid, table, decoder, proportions)


def embedding_of(
    config: ModelConfig, codes: CodeMap, code: Code, proportions: Proportions | None = None
) -> Embedding:
    """The smallest embedding that has a code, with the conditions' defaults, and that
    ``proportions`` leave as it is.

    Raises:
        BadRequest: the code is of another model.
    """
    if code.shape != (codes.size,) or not np.isfinite(code).all():
        raise BadRequest(
            f"an object of your own has {code.size} numbers, and this model needs {codes.size}",
            "use the object again with this model (`att3d invert`)",
        )
    flat = codes.embedding(code, condition_inputs(config), proportions)
    return flat.reshape(config.tokens, config.width)


def condition_inputs(
    config: ModelConfig, given: Mapping[str, float] | None = None
) -> Float[np.ndarray, " conditions"]:
    """Conditions as the mapping network takes them beside an embedding (A31).

    Raises:
        BadRequest: a condition that the model does not have.
    """
    known = {condition.name: condition for condition in config.conditions}
    values = {name: condition.default for name, condition in known.items()}
    for name, value in (given or {}).items():
        if name not in known:
            raise BadRequest(f"the model has no condition {name!r}")
        values[name] = value
    scale = math.sqrt(config.width)
    inputs = [known[name].normalised(value) * scale for name, value in values.items()]
    return np.array(inputs, dtype=np.float32)


def _linear_layers(
    stored: StoredTensors, name: str, config: ModelConfig
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The mapping network's layers before v (A4, A5)."""
    hidden = config.mapping_hidden if config.mapping == "deep" else ()
    inputs = config.tokens * config.width + len(config.conditions)
    widths = (inputs, *hidden, config.latent)
    names = [f"{name}.encode", *(f"{name}.deeper.{index}" for index in range(len(hidden)))]
    return [
        stored.linear(layer, before, after)
        for layer, (before, after) in zip(names, itertools.pairwise(widths), strict=True)
    ]
