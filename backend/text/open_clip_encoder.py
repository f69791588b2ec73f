"""Any open_clip model as the text encoder (A9); ``ViT-L-14/openai`` is the paper's.

Embeddings: the outputs of the text transformer's final layer norm at every position (77 x 768 for
ViT-L/14), start, end and padding positions included, before pooling and before the projection into
the space shared with images. Hugging Face calls the same tensor ``last_hidden_state``; it is what
Stable Diffusion conditions on. Frozen, float32.
"""

from __future__ import annotations

import bisect
import hashlib
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor, nn

from ..files import check_source
from ..prompts.normalize import normalize_prompt
from ..protocol.errors import BadPrompt, BadRequest, CheckpointError, NotDownloaded
from ..protocol.foreign_text import parse_json
from .open_clip_import import import_open_clip, open_clip_folder

_CONFIG_FILE = "open_clip_config.json"
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_BATCH = 32
_LOAD_ERRORS = (
    RuntimeError,
    OSError,
    ValueError,
    KeyError,
    EOFError,
    pickle.UnpicklingError,
    SafetensorError,
)
# By name, because which HTTP library raises them depends on huggingface_hub's version.
_NETWORK_ERRORS = frozenset(
    {
        "LocalEntryNotFoundError",
        "OfflineModeIsEnabled",
        "ConnectError",
        "ConnectTimeout",
        "ReadTimeout",
        "ProxyError",
        "ConnectionError",
        "MaxRetryError",
        "URLError",
        "gaierror",
    }
)


class OpenClipEncoder:
    """A :class:`~.encoder.TextEncoder`; loads (or downloads) its weights on the first encode."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        """
        Args:
            name: ``MODEL/PRETRAINED`` as open_clip lists them, ``hf-hub:OWNER/REPOSITORY``, or the
                path of a folder that holds ``open_clip_config.json`` and the weights.
            device: where the tower runs; results come back to the CPU.

        Raises:
            BadRequest: no such model, or not such a folder.
            NotDownloaded: an ``hf-hub:`` model whose description cannot be fetched.
        """
        self.name = name
        self.device = device
        self._folder = Path(name) if Path(name).is_dir() else None
        self._text_cfg = _text_cfg(name, self._folder)
        self._loaded: tuple[nn.Module, Any] | None = None
        self._lock = threading.Lock()

    @property
    def tokens(self) -> int:
        return int(self._text_cfg.get("context_length", 77))

    @property
    def width(self) -> int:
        return int(self._text_cfg.get("width", 512))

    @property
    def fingerprint(self) -> str:
        """The name (published weights do not change) or, for a folder, its files' size and time."""
        digest = hashlib.sha256(f"open_clip {self.name}".encode())
        if self._folder is not None:
            for file in (_CONFIG_FILE, *_WEIGHTS):
                path = self._folder / file
                if path.is_file():
                    info = path.stat()
                    digest.update(f"{file} {info.st_size} {info.st_mtime_ns}".encode())
        return digest.hexdigest()

    def warm_up(self) -> None:
        """Import open_clip and load the weights now.

        Raises:
            NotDownloaded: the weights are not here and cannot be fetched.
            CheckpointError: the weights are damaged, or are none for this model.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts tokens width"]:
        """Embeddings after the final layer norm, every position (A9).

        Raises:
            BadPrompt: a prompt is empty or too long.
            NotDownloaded: the weights are not here and cannot be fetched.
            CheckpointError: the weights are damaged, or are none for this model.
        """
        clean = [normalize_prompt(prompt) for prompt in prompts]
        if not clean:
            return torch.zeros(0, self.tokens, self.width)
        self.warm_up()
        assert self._loaded is not None
        tower, tokenizer = self._loaded
        for prompt in clean:
            if rest := unread(tokenizer, prompt):
                raise BadPrompt(
                    f"{self.name} reads {self.tokens} tokens of a prompt: "
                    f"{' '.join(rest)!r} does not fit.",
                    "Shorten the prompt.",
                )
        parts = [tower(ids.to(self.device))[1] for ids in tokenizer(clean).split(_BATCH)]
        return torch.cat(parts).float().cpu()

    def _load(self) -> tuple[nn.Module, Any]:
        model, tokenizer = load_open_clip(self.name)
        tower = model.text
        tower.output_tokens = True
        return tower.to(self.device).float().eval().requires_grad_(False), tokenizer


def unread(tokenizer: Callable[[list[str]], Tensor], prompt: str) -> list[str]:
    """The words at a prompt's end that change nothing of what the tokenizer gives."""
    words = prompt.split()

    def same(count: int) -> bool:
        """Whether the first ``count`` words give the whole prompt's tokens."""
        short, whole = tokenizer([" ".join(words[:count]), prompt])
        return bool((short == whole).all())

    if len(words) < 2 or not same(len(words) - 1):
        return []
    return words[bisect.bisect_left(range(len(words)), True, lo=1, key=same) :]


def load_open_clip(name: str) -> tuple[Any, Any]:
    """Both towers of an open_clip model (``.text`` and ``.visual``), and its tokenizer.

    ``name`` is as :class:`OpenClipEncoder` takes it. Downloads what is not on this machine.

    Raises:
        NotDownloaded: the weights are not here and cannot be fetched.
        CheckpointError: there is no such model, or its weights are damaged.
    """
    folder = Path(name) if Path(name).is_dir() else None
    open_clip = import_open_clip()
    model_name, pretrained = _source(name, folder)
    try:
        tag = open_clip.get_pretrained_cfg(model_name, pretrained or "")
        on_hub = name.removeprefix("hf-hub:") if folder is None else ""
        repository, _, file = (tag.get("hf_hub", "") if pretrained else f"{on_hub}/").rpartition(
            "/"
        )
        if repository:
            _require_hub(name, repository, [file] if file else _WEIGHTS)
        model = open_clip.create_model(
            model_name,
            pretrained=pretrained,
            # Published weights were trained with one activation or the other; the model's
            # name alone does not say which (OpenAI's need QuickGELU).
            force_quick_gelu=bool(tag.get("quick_gelu", False)),
            # Text tower as a module of its own: each tower can be used without the other.
            force_custom_text=True,
            require_pretrained=True,
        )
        tokenizer = open_clip.get_tokenizer(model_name)
    except _LOAD_ERRORS as error:
        if any(type(cause).__name__ in _NETWORK_ERRORS for cause in _chain(error)):
            raise _not_downloaded(name) from error
        raise CheckpointError(f"The open_clip model {name!r} cannot be loaded: {error}") from error
    return model, tokenizer


def _source(name: str, folder: Path | None) -> tuple[str, str | None]:
    """open_clip's ``model_name`` and ``pretrained`` for our name."""
    if folder is not None:
        return f"local-dir:{folder}", None
    if name.startswith("hf-hub:"):
        return name, None
    model, _, pretrained = name.partition("/")
    return model, pretrained


def _text_cfg(name: str, folder: Path | None) -> dict[str, Any]:
    """open_clip's ``text_cfg`` of the model, read without importing open_clip where possible."""
    if folder is not None:
        path = folder / _CONFIG_FILE
        if not path.is_file():
            raise BadRequest(f"{folder} is not an open_clip model: it has no {_CONFIG_FILE}.")
    elif name.startswith("hf-hub:"):
        path = _hub_config(name)
    else:
        model, _, pretrained = name.partition("/")
        path = open_clip_folder() / "model_configs" / f"{model}.json"
        if not pretrained or not path.is_file() or path.stem != model:
            raise BadRequest(
                f"{name!r} is neither MODEL/PRETRAINED of open_clip nor a folder on this machine.",
                "For example ViT-L-14/openai; open_clip.list_pretrained() lists all.",
            )
    try:
        config = parse_json(check_source(path).read_text(encoding="utf-8"))
        config = config.get("model_cfg", config)["text_cfg"]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BadRequest(f"{path} does not describe an open_clip model.") from error
    if "hf_model_name" in config:
        raise BadRequest(
            f"{name!r} uses a Hugging Face text model; only CLIP towers are supported."
        )
    if config.get("embed_cls"):
        raise BadRequest(f"{name!r} has a class embedding (CoCa); only CLIP towers are supported.")
    return config


def _hub_config(name: str) -> Path:
    from huggingface_hub import hf_hub_download

    _require_hub(name, name.removeprefix("hf-hub:"), [_CONFIG_FILE])
    try:
        return Path(hf_hub_download(name.removeprefix("hf-hub:"), _CONFIG_FILE))
    except Exception as error:  # every HTTP library raises its own; told apart by name
        if any(type(cause).__name__ in _NETWORK_ERRORS for cause in _chain(error)):
            raise _not_downloaded(name) from error
        raise BadRequest(f"{name!r} cannot be found: {error}") from error


def _require_hub(name: str, repository: str, files: Sequence[str]) -> None:
    """Ask the hub once, unless one of the files is on this machine: its client goes on asking for
    most of a minute, a warning each time, before it gives up.

    Raises:
        NotDownloaded: the hub does not answer.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    try:
        if not any(isinstance(try_to_load_from_cache(repository, file), str) for file in files):
            get_hf_file_metadata(hf_hub_url(repository, files[0]))
    except Exception as error:  # any other answer is one: the download says what it means
        if any(type(cause).__name__ in _NETWORK_ERRORS for cause in _chain(error)):
            raise _not_downloaded(name) from error


def _not_downloaded(name: str) -> NotDownloaded:
    return NotDownloaded(
        f"The text model {name!r} is not on this machine and cannot be downloaded now.",
        "Go online and try again (it downloads once), give the path of a local copy, "
        "or use the bundled model, which needs no download.",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
