"""A diffusers pipeline as a folder of parts, from the hub or from disk; loads single parts.

Whole diffusers pipelines are never built: they would load every part at once, safety checkers and
text encoders included.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from backend.files import check_source, expanded
from backend.protocol.errors import MissingDependency, NotDownloaded, TrainingError
from backend.protocol.foreign_text import parse_json
from backend.text.open_clip_import import import_torchvision

INDEX = "model_index.json"
_NOT_NEEDED = ("safety_checker", "feature_extractor", "image_encoder", "watermarker")
_SAMPLE = 1 << 20
"""Bytes of each end of a weight file that its fingerprint looks at."""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's folder, and what its index says."""

    name: str
    """As the person named it, or the folder's own name."""
    folder: Path
    index: Mapping[str, Any]
    """``model_index.json``."""
    variant: str = ""
    """Variant of the weight files, such as ``fp16``."""

    @property
    def kind(self) -> str:
        """The class of the pipeline, such as ``StableDiffusionPipeline``."""
        return str(self.index["_class_name"])

    def load(self, part: str, dtype: torch.dtype | None = None) -> Any:
        """One part: ``unet``, ``vae``, ``scheduler``, ``tokenizer``, ``text_encoder`` ...

        Only safetensors, never pickles.

        Raises:
            TrainingError: the part is missing or damaged.
            MissingDependency: transformers is not installed.
        """
        entry = self.index.get(part)
        if not isinstance(entry, list) or len(entry) != 2 or entry[0] is None:
            raise TrainingError(f"{self.name} has no {part}", "name a whole text-to-image pipeline")
        if not (self.folder / part).is_dir():
            raise TrainingError(
                f"{self.name} has no folder {part}, which its {INDEX} names",
                "copy or download the model again",
            )
        library, name = str(entry[0]), str(entry[1])
        cls = _class(library, name)
        options: dict[str, Any] = {"local_files_only": True}
        if hasattr(cls, "parameters"):
            options["use_safetensors"] = True
            options["dtype" if library == "transformers" else "torch_dtype"] = dtype
            if self.variant and self._has_variant(part):
                options["variant"] = self.variant
        try:
            if hasattr(cls, "parameters"):
                return load_weights(cls, self.folder / part, **options)
            return cls.from_pretrained(self.folder / part, **options)
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise TrainingError(
                f"the {part} of {self.name} cannot be loaded from {self.folder / part}: {reason}",
                "weights must be whole and in safetensors files; copy or download the model again",
            ) from error

    def _has_variant(self, part: str) -> bool:
        """Not every part of a pipeline has every variant; the others have plain files only."""
        return any(self.folder.glob(f"{part}/*.{self.variant}*"))

    def fingerprint(self, parts: Sequence[str], how: str) -> str:
        """Changes when the parts' files do. Of large files only the size and both ends count."""
        digest = hashlib.sha256(f"{how} {json.dumps(self.index, sort_keys=True)}".encode())
        for part in parts:
            for path in sorted((self.folder / part).rglob("*")):
                if not path.is_file():
                    continue
                size = path.stat().st_size
                digest.update(f"{path.relative_to(self.folder)} {size}".encode())
                with path.open("rb") as file:
                    digest.update(file.read(_SAMPLE))
                    if size > 2 * _SAMPLE:
                        file.seek(size - _SAMPLE)
                    digest.update(file.read(_SAMPLE))
        return digest.hexdigest()


def find_pipeline(name_or_folder: str | Path, variant: str = "", revision: str = "") -> Pipeline:
    """The pipeline in a folder, or that of this name on the Hugging Face hub, downloaded if needed.

    Raises:
        NotDownloaded: it is neither on this machine nor to be had from the hub.
        TrainingError: there is no such folder, or no pipeline in it.
    """
    name = str(name_or_folder)
    folder = expanded(name)
    if not folder.is_dir():
        if isinstance(name_or_folder, Path) or not _is_hub_name(name):
            raise TrainingError(
                f"there is no folder {folder}",
                "name the folder of a diffusers pipeline, or one on the hub as OWNER/NAME",
            )
        folder = _download(name, variant, revision)
    else:
        name = folder.resolve().name
    return Pipeline(name, folder, _read_index(folder), variant)


def import_diffusers() -> Any:
    """diffusers, also where torchvision's extension does not load.

    Raises:
        MissingDependency: it is not installed.
    """
    import_torchvision()
    try:
        import diffusers
    except ImportError as error:
        raise MissingDependency(f"diffusion models need diffusers: {error}") from error
    return diffusers


def load_weights(cls: Any, folder: Path, **options: Any) -> Any:
    """A network of diffusers or transformers with the weights in ``folder``, all of them.

    Both libraries only warn of tensors that the files lack, and go on with random weights or with
    none.

    Raises:
        ValueError: the files lack tensors; the error names the first of them.
        OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError: from the library.
    """
    with _silent(sys.modules[cls.__module__.partition(".")[0]]):
        model, found = cls.from_pretrained(folder, output_loading_info=True, **options)
    missing = sorted(found["missing_keys"])
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(f"its weights lack the tensor {missing[0]}{more}")
    return model


@contextmanager
def _silent(library: Any) -> Iterator[None]:
    """Keep diffusers or transformers from logging: what goes wrong is said once, by who catches
    it."""
    verbosity = library.utils.logging.get_verbosity()
    library.utils.logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        library.utils.logging.set_verbosity(verbosity)


def _class(library: str, name: str) -> Any:
    diffusers = import_diffusers()
    if library == "diffusers":
        module = diffusers
    elif library == "transformers":
        try:
            import transformers as module
        except ImportError as error:
            raise MissingDependency(f"text encoders need transformers: {error}") from error
    else:
        module = None
    cls = getattr(module, name, None)
    if cls is None:
        raise TrainingError(
            f"the pipeline has a part of the unknown class {library}.{name}",
            "update diffusers and transformers, or use another model",
        )
    return cls


def _is_hub_name(name: str) -> bool:
    """``OWNER/NAME`` or ``NAME``, and nothing that can only be a path."""
    return name.count("/") <= 1 and not name.startswith((".", "/", "~")) and "\\" not in name


def _download(name: str, variant: str, revision: str) -> Path:
    diffusers = import_diffusers()
    try:
        with _silent(diffusers):
            return Path(
                diffusers.DiffusionPipeline.download(
                    name,
                    variant=variant or None,
                    revision=revision or None,
                    use_safetensors=True,
                    **dict.fromkeys(_NOT_NEEDED),
                )
            )
    # The hub's client raises many unrelated kinds: no network, no such name, no permission.
    except Exception as error:
        raise NotDownloaded(
            f"the diffusion model {name} is not on this machine, and the hub did not give it:"
            f" {_why(error)}",
            "check the name and go online once (for a gated model accept its licence on the hub"
            " and run `hf auth login`), or name the folder of a local copy",
        ) from error


def _why(error: BaseException) -> str:
    """The hub's reason in a few words."""
    known = {
        "GatedRepoError": "its licence has not been accepted",
        "RepositoryNotFoundError": "there is no model of that name, or it is private",
        "RevisionNotFoundError": "it has no such revision",
        "OfflineModeIsEnabled": "the network is switched off (HF_HUB_OFFLINE)",
        "ConnectError": "the hub cannot be reached",
        "ConnectTimeout": "the hub does not answer",
        "ConnectionError": "the hub cannot be reached",
    }
    # Of several reasons in the chain, the first in the table says most.
    chain: set[str] = set()
    cause: BaseException | None = error
    while cause is not None:
        chain.add(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    for name, reason in known.items():
        if name in chain:
            return reason
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _read_index(folder: Path) -> Mapping[str, Any]:
    path = folder / INDEX
    try:
        index = parse_json(check_source(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(
            f"{folder} is not a diffusion pipeline: it has no {INDEX}",
            "name the pipeline's own folder, the one that holds unet/ and scheduler/",
        ) from None
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be read: {error}", "copy the model again from where it came from"
        ) from error
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise TrainingError(f"{path} does not say what the pipeline is", "copy the model again")
    return index
