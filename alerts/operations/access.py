"""Operations on the team, the organisations, the sources and the API keys."""

from __future__ import annotations

import asyncio

import msgspec

from alerts.contract.bodies import OrganisationBody
from alerts.domain.reference_data import MemberState
from alerts.intake import strict_json
from alerts.kernel.calls import Json, Operation
from alerts.kernel.errors import NotFound
from alerts.operations.base import OperationGroup, identity, operator
from alerts.web.api.organisations import organisations_of
from alerts.web.api.team import team_of


class AccessOperations(OperationGroup):
    """Team members, organisations, connected sources, and API keys."""

    def operations(self) -> dict[str, Operation]:
        """Operations by their name on the control socket."""
        return {
            "team-add": self.team_add,
            "team-list": self.team_list,
            "team-remove": self.team_remove,
            "team-end-sign-ins": self.team_end_sign_ins,
            "organisation-define": self.organisation_define,
            "organisation-list": self.organisation_list,
            "organisation-retire": self.organisation_retire,
            "source-add": self.source_add,
            "source-list": self.source_list,
            "source-revise": self.source_revise,
            "source-rotate": self.source_rotate,
            "source-remove": self.source_remove,
            "key-add": self.key_add,
            "key-list": self.key_list,
            "key-revoke": self.key_revoke,
        }

    async def team_add(self, args: Json) -> Json:
        """{"email", "role", "name"?, "areas"?, "kinds"?, "organisations"?} → {"id", "sign_in_url", "expires"}: add one.

        Of somebody who is in the team it replaces the role with its limits.
        """
        parts = self._parts
        saved = await parts.commands.invite_member(
            operator(),
            email=args["email"],
            role=args["role"],
            name=args.get("name") or "",
            areas=args.get("areas"),
            kinds=args.get("kinds"),
            organisations=args.get("organisations"),
        )
        link = await asyncio.to_thread(parts.sessions.new_link, saved.id)
        url = f"{parts.settings.public_url}/console/sign-in/{link.token}"
        return {"id": str(saved.id), "sign_in_url": url, "expires": link.expires.isoformat()}

    async def team_list(self, args: Json) -> Json:
        """{} → {"items": [TeamMember as JSON]}, former members too."""
        return {"items": msgspec.to_builtins(await self.read(lambda: team_of(self._parts)))}

    async def team_remove(self, args: Json) -> Json:
        """{"member": id or address} → {"id", "email"}: their sign-ins end, their keys open nothing any more."""
        member = await self._anybody(args["member"])
        await self._parts.commands.remove_member(operator(), member.id)
        return {"id": str(member.id), "email": member.email}

    async def team_end_sign_ins(self, args: Json) -> Json:
        """{"member": id or address} → {"id", "email"}: signed out everywhere, unused links are void."""
        member = await self._anybody(args["member"])
        await self._parts.commands.end_sign_ins(operator(), member.id)
        return {"id": str(member.id), "email": member.email}

    async def organisation_define(self, args: Json) -> Json:
        """OrganisationBody as JSON → {"slug", "version"}: define one, or set it otherwise."""
        body = strict_json.typed(args, OrganisationBody)
        saved = await self._parts.commands.define_organisation(operator(), body)
        return {"slug": body.slug, "version": saved.version}

    async def organisation_list(self, args: Json) -> Json:
        """{} → {"items": [IssuingOrganisation as JSON]}, retired ones too."""
        return {"items": msgspec.to_builtins(await self.read(lambda: organisations_of(self._parts)))}

    async def organisation_retire(self, args: Json) -> Json:
        """{"slug"} → {"slug", "version"}: no new notice goes out in its name."""
        saved = await self._parts.commands.retire_organisation(operator(), args["slug"])
        return {"slug": args["slug"], "version": saved.version}

    async def source_add(self, args: Json) -> Json:
        """{"name", "kind", "policy", "mapping"} → {"name", "secret", "url"}: the secret is shown only once."""
        saved = await self._parts.commands.connect_source(
            operator(), name=args["name"], kind=args["kind"], policy=args["policy"], mapping=args.get("mapping")
        )
        return {
            "name": saved.name,
            "secret": saved.secret,
            "url": f"{self._parts.settings.public_url}/hooks/{saved.name}",
        }

    async def source_list(self, args: Json) -> Json:
        """{} → {"items": [{"name", "kind", "policy", "mapping", "connected", "url"}]}, without secrets."""
        sources = await self.read(self._parts.views.sources)
        return {
            "items": [
                {
                    "name": source.name,
                    "kind": source.kind,
                    "policy": msgspec.to_builtins(source.policy),
                    "mapping": source.mapping,
                    "connected": source.connected,
                    "url": f"{self._parts.settings.public_url}/hooks/{source.name}",
                }
                for source in sources
            ]
        }

    async def source_revise(self, args: Json) -> Json:
        """{"name", "policy", "mapping"} → {"name", "version"}; null members are unchanged."""
        saved = await self._parts.commands.revise_source(
            operator(), args["name"], policy=args.get("policy"), mapping=args.get("mapping")
        )
        return {"name": saved.name, "version": saved.version}

    async def source_rotate(self, args: Json) -> Json:
        """{"name"} → {"name", "secret", "url"}: the old secret is refused at once."""
        saved = await self._parts.commands.rotate_source_secret(operator(), args["name"])
        return {
            "name": saved.name,
            "secret": saved.secret,
            "url": f"{self._parts.settings.public_url}/hooks/{saved.name}",
        }

    async def source_remove(self, args: Json) -> Json:
        """{"name"} → {"name"}: its webhooks are refused from now on; existing data remains."""
        saved = await self._parts.commands.disconnect_source(operator(), args["name"])
        return {"name": saved.name}

    async def key_add(self, args: Json) -> Json:
        """{"name", "scopes", "policy", "for", "rate"} → {"id", "secret"}: `for` is a team member's e-mail address."""
        person = (await self.member(args["for"])).id if args.get("for") else None
        saved = await self._parts.commands.issue_api_key(
            operator(),
            name=args["name"],
            scopes=args["scopes"],
            policy=args["policy"],
            person=person,
            rate=args.get("rate"),
        )
        return {"id": str(saved.id), "secret": saved.secret}

    async def key_list(self, args: Json) -> Json:
        """{} → {"items": [{"id", "name", "scopes", "for", "issued_at", "rate", "revoked"}]}."""
        keys = await self.read(self._parts.views.keys)
        return {
            "items": [
                {
                    "id": str(key.id),
                    "name": key.name,
                    "scopes": list(key.scopes),
                    "for": str(key.person) if key.person else None,
                    "issued_at": key.issued_at.isoformat(),
                    "rate": key.rate,
                    "revoked": key.revoked,
                }
                for key in keys
            ]
        }

    async def key_revoke(self, args: Json) -> Json:
        """{"id"} → {"id"}."""
        key = identity(args["id"], "key")
        await self._parts.commands.revoke_api_key(operator(), key)
        return {"id": str(key)}

    async def member(self, email: str) -> MemberState:
        """Find a member with a role by their address. Raises NotFound."""
        for member in await self.read(self._parts.views.members):
            if (member.email or "").lower() == email.lower() and member.role is not None:
                return member
        raise NotFound(f"{email} is not in the team; `alerts team add {email} --role approver` adds them")

    async def _anybody(self, who: str) -> MemberState:
        """Find a member, or a former one, by id or address. Raises NotFound."""
        for member in await self.read(self._parts.views.members):
            if str(member.id) == who or (member.email or "").lower() == who.lower():
                return member
        raise NotFound(f"{who} is not in the team; `alerts team list` shows who is")
