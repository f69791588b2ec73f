"""The chain read at many alphas: solids, their union, and what changes between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from ..field_reader import Reader
from ..progress import CancelToken
from ..protocol.errors import BadRequest
from ..protocol.messages import TopologyChange
from ..surface.clean import CleanConfig
from .chain import Chain, key_name
from .solids import Solid, clean, read_solid, union
from .topology_changes import changes_between

INTERVALS = 8
"""The chain is read at multiples of 1 / INTERVALS between two prompts; where the topology changes,
at the middle of the interval as well."""
KEPT_BYTES = 256 * 2**20
"""Solids kept in memory: 32 of them at the default resolution."""


class ChainReader:
    """Fields and solids by alpha; the solids used last are kept.

    Args:
        resolution: Samples along each axis.
        cancel: Checked while reading.
    """

    def __init__(self, chain: Chain, resolution: int, cancel: CancelToken) -> None:
        self.chain = chain
        self.resolution = resolution
        self.cancel = cancel
        self.middles: list[float] = []
        """Alphas at which :meth:`survey` looked once more, because the topology changes there."""
        self._solids: OrderedDict[float, Solid] = OrderedDict()

    def reader(self, alpha: float) -> Reader:
        return Reader(self.chain.field(alpha), self.cancel)

    def solid(self, alpha: float) -> Solid:
        """The cleaned solid at ``alpha``.

        Raises:
            BadRequest: there is nothing.
            Cancelled: asked to stop.
        """
        if alpha in self._solids:
            self._solids.move_to_end(alpha)
            return self._solids[alpha]
        solid = read_solid(self.reader(alpha), self.resolution)
        if not solid.inside.any():
            raise BadRequest(
                f"the checkpoint draws nothing at {key_name(self.chain.prompts, alpha)!r}: there "
                "is no surface anywhere",
                "use prompts that the checkpoint knows; `att3d generate` shows each by itself",
            )
        while self._solids and (len(self._solids) + 1) * solid.values.nbytes > KEPT_BYTES:
            self._solids.popitem(last=False)
        self._solids[alpha] = solid
        return solid

    def survey(
        self, progress: Callable[[float], None] = lambda _: None
    ) -> tuple[Solid, list[TopologyChange]]:
        """The union of the whole chain, cleaned, and the topology changes along it.

        Raises:
            BadRequest: somewhere there is nothing.
            Cancelled: asked to stop.
        """
        steps = INTERVALS * (len(self.chain.prompts) - 1)
        everything = previous = self.solid(0.0)
        changes: list[TopologyChange] = []
        for step in range(1, steps + 1):
            before, now = (step - 1) / INTERVALS, step / INTERVALS
            solid = self.solid(now)
            everything = union(everything, solid)
            found = changes_between(previous, solid, (before, now))
            if found:
                middle = 0.5 * (before + now)
                between = self.solid(middle)
                self.middles.append(middle)
                everything = union(everything, between)
                found = changes_between(previous, between, (before, middle))
                found += changes_between(between, solid, (middle, now))
            changes += found
            previous = solid
            progress(step / steps)
        return clean(everything, CleanConfig()), changes
