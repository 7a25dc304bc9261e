"""A browser of a member of the team, without scripts, signed in to the console."""

from __future__ import annotations

from typing import Any

from alerts.commands.actor import SYSTEM
from alerts.domain.roles import Role
from alerts.web.http.auth import COOKIE
from tests.support.form_browser import Form
from tests.support.served import Served


class Officer(Form):
    """A browser of a signed-in member; the form that is sent is the screen's own, not the one that signs out."""

    name = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the signed-in browser."""
        return self._headers

    def snapshot(self) -> Officer:
        """The same person in a second window, on the same page: what is pressed there is pressed twice."""
        second = Officer(self.client, self._headers)
        second.text, second.status, second.url, second.name = self.text, self.status, self.url, self.name
        return second

    async def press(self, do: str = "", *, within: str = 'name="once"', **fields: Any) -> str:
        return await super().press(do, within=within, **fields)


async def officer(served: Served, name: str, role: Role) -> Officer:
    """A browser in which a member of the team is signed in."""
    member = await served.parts.commands.invite_member(SYSTEM, f"{name}@town.example", role, name)
    cookie = await served.parts.sessions.open(member.id, "test")
    made = Officer(served.client, {"Cookie": f"{COOKIE}={cookie}"})
    made.name = name
    return made
