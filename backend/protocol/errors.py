"""Errors that a person is meant to read, and that cross the wire as data.

Every exception has a stable ``code``, a one-line message (what is wrong and why) and a ``remedy``
(what to do about it). :meth:`Att3dError.to_dict` and :meth:`Att3dError.from_dict` are inverses, so
the class raised in the backend is the class caught in Blender.

Standard library only: this file also lives inside the Blender extension.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .foreign_text import one_line

__all__ = [
    "Att3dError",
    "BackendDied",
    "BadPrompt",
    "BadRequest",
    "Cancelled",
    "CheckpointError",
    "InternalError",
    "MissingDependency",
    "NotDownloaded",
    "OutOfMemory",
    "OutputError",
    "ProtocolError",
    "TooThin",
    "TrainingError",
]


class Att3dError(Exception):
    """Base of every error that we raise on purpose; ``str(error)`` is its one-line message."""

    code: ClassVar[str] = "error"
    default_remedy: ClassVar[str] = "See the log for details."
    _by_code: ClassVar[dict[str, type[Att3dError]]] = {}

    message: str
    remedy: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in cls.__dict__:
            Att3dError._by_code[cls.code] = cls

    def __init__(self, message: str, remedy: str | None = None) -> None:
        self.message = one_line(str(message))
        self.remedy = self.default_remedy if remedy is None else one_line(str(remedy))
        super().__init__(self.message)

    def __reduce__(self) -> tuple[type[Att3dError], tuple[str, str]]:
        return type(self), (self.message, self.remedy)

    def to_dict(self) -> dict[str, str]:
        """``{code, message, remedy}``: what crosses the wire."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}

    @staticmethod
    def from_dict(data: Mapping[str, object]) -> Att3dError:
        """Rebuild the exception that :meth:`to_dict` described.

        An unknown code (a newer backend) gives an :class:`InternalError` that keeps the text.

        Raises:
            ProtocolError: a field is missing or is not text.
        """
        values: dict[str, str] = {}
        for key in ("code", "message", "remedy"):
            value = data.get(key)
            if not isinstance(value, str):
                raise ProtocolError(f"An error object has no text in its field {key!r}.")
            values[key] = value
        cls = Att3dError._by_code.get(values["code"])
        if cls is None:
            return InternalError(f"{values['message']} (code {values['code']})", values["remedy"])
        return cls(values["message"], values["remedy"])


class BadRequest(Att3dError):
    """A parameter is out of range, of the wrong type, or unknown."""

    code = "bad_request"
    default_remedy = "Change the value and try again."


class TooThin(BadRequest):
    """Parts of the object are thinner than a quad is long: quads cannot cover it."""

    code = "too_thin"
    default_remedy = "Allow more faces, or choose triangles."


class BadPrompt(Att3dError):
    """The prompt is empty, too long, or has nothing in it to draw."""

    code = "bad_prompt"
    default_remedy = 'Describe one object in a few words, for example "a pig wearing a tophat".'


class CheckpointError(Att3dError):
    """A checkpoint is missing, damaged, too new, or not a checkpoint at all."""

    code = "checkpoint"
    default_remedy = "Choose another model, or use a whole copy of this one."


class NotDownloaded(Att3dError):
    """Something has to come from the network first, and cannot (offline or not allowed)."""

    code = "not_downloaded"
    default_remedy = "Go online once to download it, or name a local copy."


class OutputError(Att3dError):
    """A result could not be written: no permission, no space, not a folder."""

    code = "output"
    default_remedy = "Choose a folder that you may write to and that has free space."


class Cancelled(Att3dError):
    """The person asked for it to stop."""

    code = "cancelled"
    default_remedy = "Start it again when you like."

    def __init__(self, message: str = "Cancelled.", remedy: str | None = None) -> None:
        super().__init__(message, remedy)


class BackendDied(Att3dError):
    """The backend process ended, or could not be started."""

    code = "backend_died"
    default_remedy = "Try again (a new engine starts by itself); if it recurs, read the log."


class ProtocolError(Att3dError):
    """The two ends do not speak the same protocol, or bytes were lost between them."""

    code = "protocol"
    default_remedy = "Use the engine and the extension of the same release, then try again."


class OutOfMemory(Att3dError):
    """The machine or the GPU has too little memory for this."""

    code = "out_of_memory"
    default_remedy = "Lower the detail or the texture size, or close other programs."


class InternalError(Att3dError):
    """A mistake of ours."""

    code = "internal"
    default_remedy = "Please report it with the log file."


class MissingDependency(Att3dError):
    """A Python package that this needs is not installed."""

    code = "missing_dependency"
    default_remedy = "Run `att3d doctor` with the engine's Python; it says what to install."


class TrainingError(Att3dError):
    """Training cannot start or go on."""

    code = "training"
    default_remedy = "Read the message, change the configuration, and resume the run."
