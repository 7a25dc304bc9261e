"""Operations of the command line on a running product: one function per operation, JSON in and out.

The same operations run on a server's control socket and in the command's own process (`control_socket`).
"""

from __future__ import annotations

from collections.abc import Callable

from alerts.kernel.calls import Operation
from alerts.operations import suppressions
from alerts.operations.access import AccessOperations
from alerts.operations.base import acting
from alerts.operations.import_export import TransferOperations
from alerts.operations.inspect import InspectOperations
from alerts.operations.parked import ParkedOperations, Progress
from alerts.operations.people import PeopleOperations
from alerts.operations.site import SiteOperations
from alerts.projections.runner import ProjectionRunner
from alerts.services import Services


def build_operations(
    parts: Services, runner: ProjectionRunner, rebuild: Callable[[Progress], int]
) -> dict[str, Operation]:
    """Operations by their name on the control socket.

    `rebuild(progress)` builds read models beside the live ones and switches.
    """
    access = AccessOperations(parts, runner)
    operations: dict[str, Operation] = {
        **access.operations(),
        **PeopleOperations(parts, runner).operations(),
        **SiteOperations(parts, runner).operations(),
        **InspectOperations(parts, runner).operations(),
        **ParkedOperations(parts, runner, rebuild).operations(),
        **suppressions.operations(parts.commands, parts.log),
        **TransferOperations(parts, access.read).operations(),
    }
    return {name: acting(operation, access.member) for name, operation in operations.items()}
