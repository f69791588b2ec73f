"""What operators that make several objects, one after the other, have in common.

Each answer is used as it comes, and asks for the next; what is done when it ends, by an error or
ESC, stays and is one step to undo.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import bpy

from ...backend.protocol.errors import Att3dError
from ..process.reply import Reply
from ..process.session import redraw, session
from .result_operator import MeshOperator

if TYPE_CHECKING:
    from bpy.types import Context, Event


class SeriesOperator(MeshOperator):
    """An operator that asks for meshes until it has them all."""

    @abstractmethod
    def begin(self, context: Context) -> None:
        """Decide what is made. Raises Att3dError."""

    @abstractmethod
    def request(self, context: Context) -> Reply:
        """Ask for the next one."""

    @abstractmethod
    def collect(self, context: Context, reply: Reply) -> bool:
        """Use one answer; whether there is more to do. Raises what ends it all."""

    @abstractmethod
    def close(self, context: Context, error: Exception | None = None) -> set[str]:
        """Say what came of it; ``error`` is what ended it early."""

    def execute(self, context: Context) -> set[str]:
        try:
            self.begin(context)
            more = True
            while more:
                reply = self.request(context)
                try:
                    session.wait(reply)
                except KeyboardInterrupt:
                    session.cancel()
                more = self.collect(context, reply)
        except Exception as error:
            return self.close(context, error)
        return self.close(context)

    def invoke(self, context: Context, event: Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            self.begin(context)
        except Att3dError as error:
            return self._failed(error)
        return super().invoke(context, event)

    def answered(self, context: Context, reply: Reply) -> set[str]:
        """Use the answer that has come, and ask for the next, or end."""
        try:
            if self.collect(context, reply):
                self._reply = self.request(context)
                redraw()
                return {"PASS_THROUGH"}
        except Exception as error:
            self._end(context)
            return self.close(context, error)
        self._end(context)
        return self.close(context)
