"""Operations of the command line on a running product: one function per operation, JSON in and out.

The same operations run on a server's control socket and in the command's own process (`control_socket`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from alerts.commands.actor import Actor
from alerts.contract.bodies import NoticeBody
from alerts.delivery_queue.requeue import requeue_failed
from alerts.kernel.calls import Json, Operation
from alerts.kernel.errors import NotFound, Unavailable
from alerts.kernel.signed_tokens import timed_token
from alerts.operations import suppressions
from alerts.operations.import_export import TransferOperations, converted
from alerts.operations.retry_trigger import retry_trigger
from alerts.projections.runner import ProjectionRunner
from alerts.services import Services

T = TypeVar("T")
OPERATOR = Actor(kind="system", id="", name="operator")
SIGN_IN_LIFE = timedelta(hours=24)
VIEWS_WAIT_S = 10.0
Progress = Callable[[int, int], None]


class Admin:
    """Operations over the built services. `rebuild(progress)` builds read models beside the live ones and switches."""

    def __init__(self, parts: Services, runner: ProjectionRunner, rebuild: Callable[[Progress], int]) -> None:
        self._parts, self._runner, self._rebuild = parts, runner, rebuild

    def operations(self) -> dict[str, Operation]:
        """Operations by their name on the control socket."""
        return {
            "team-add": self.team_add,
            "source-add": self.source_add,
            "source-list": self.source_list,
            "source-revise": self.source_revise,
            "source-rotate": self.source_rotate,
            "source-remove": self.source_remove,
            "key-add": self.key_add,
            "key-list": self.key_list,
            "key-revoke": self.key_revoke,
            **suppressions.operations(self._parts.commands, self._parts.log),
            "audience": self.audience,
            "why": self.why,
            "why-not": self.why_not,
            "as-of": self.as_of,
            "rebuild": self.rebuild,
            "parked-list": self.parked_list,
            "parked-retry": self.parked_retry,
            "parked-drop": self.parked_drop,
            "erase": self.erase,
            "position": self.position,
            "export-site": self.export_site,
            "vapid": self.vapid,
            **TransferOperations(self._parts, OPERATOR, self._read).operations(),
        }

    async def export_site(self, args: Json) -> Json:
        """{"dest", "url", "days"} → {"files", "written"}: the public pages as files in the folder `dest`."""
        from alerts.web.public.static_export import export

        try:
            done = await self._read(lambda: export(self._parts, Path(args["dest"]), args["url"], args["days"]))
        except OSError as error:
            raise Unavailable(f"{error.filename or args['dest']} cannot be written: {error.strerror}") from error
        return {"files": done.files, "written": done.written}

    async def vapid(self, args: Json) -> Json:
        """{} → {"key"}: the public VAPID key, created if absent."""
        return {"key": await asyncio.to_thread(lambda: self._parts.vapid.public)}

    # --- people and programs -------------------------------------------------------------------------------------

    async def team_add(self, args: Json) -> Json:
        """{"email", "role"} → {"id", "sign_in_url"}: add a console user, with a sign-in link."""
        parts = self._parts
        saved = await parts.commands.invite_member(OPERATOR, email=args["email"], role=args["role"])
        token = timed_token(parts.settings.secret_key, "sign-in", saved.id, parts.clock(), SIGN_IN_LIFE)
        return {"id": str(saved.id), "sign_in_url": f"{parts.settings.public_url}/console/sign-in/{token}"}

    async def source_add(self, args: Json) -> Json:
        """{"name", "kind", "policy", "mapping"} → {"name", "secret", "url"}: the secret is shown only once."""
        saved = await self._parts.commands.connect_source(
            OPERATOR, name=args["name"], kind=args["kind"], policy=args["policy"], mapping=args.get("mapping")
        )
        return {
            "name": saved.name,
            "secret": saved.secret,
            "url": f"{self._parts.settings.public_url}/hooks/{saved.name}",
        }

    async def source_list(self, args: Json) -> Json:
        """{} → {"items": [{"name", "kind", "policy", "mapping", "connected", "url"}]}, without secrets."""
        sources = await self._read(self._parts.views.sources)
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
            OPERATOR, args["name"], policy=args.get("policy"), mapping=args.get("mapping")
        )
        return {"name": saved.name, "version": saved.version}

    async def source_rotate(self, args: Json) -> Json:
        """{"name"} → {"name", "secret", "url"}: the old secret is refused at once."""
        saved = await self._parts.commands.rotate_source_secret(OPERATOR, args["name"])
        return {
            "name": saved.name,
            "secret": saved.secret,
            "url": f"{self._parts.settings.public_url}/hooks/{saved.name}",
        }

    async def source_remove(self, args: Json) -> Json:
        """{"name"} → {"name"}: its webhooks are refused from now on; existing data remains."""
        saved = await self._parts.commands.disconnect_source(OPERATOR, args["name"])
        return {"name": saved.name}

    async def key_add(self, args: Json) -> Json:
        """{"name", "scopes", "policy", "for", "rate"} → {"id", "secret"}: `for` is a team member's e-mail address."""
        person = await self._member(args["for"]) if args.get("for") else None
        saved = await self._parts.commands.issue_api_key(
            OPERATOR,
            name=args["name"],
            scopes=args["scopes"],
            policy=args["policy"],
            person=person,
            rate=args.get("rate"),
        )
        return {"id": str(saved.id), "secret": saved.secret}

    async def key_list(self, args: Json) -> Json:
        """{} → {"items": [{"id", "name", "scopes", "for", "issued_at", "rate", "revoked"}]}."""
        keys = await self._read(self._parts.views.keys)
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
        await self._parts.commands.revoke_api_key(OPERATOR, key)
        return {"id": str(key)}

    # --- subscribers ---------------------------------------------------------------------------------------------

    async def erase(self, args: Json) -> Json:
        """{"id"} → {"id", "position", "at"}: the key is destroyed; the proofs remain valid."""
        subscriber = identity(args["id"], "subscriber")
        saved = await self._parts.commands.erase_subscriber(OPERATOR, subscriber)
        return {"id": str(subscriber), "position": saved.position, "at": self._parts.clock().isoformat()}

    # --- inspection ----------------------------------------------------------------------------------------------

    async def audience(self, args: Json) -> Json:
        """{"rule"} → the audience of the rule: counts, position and a sample of ids."""
        body = converted({"kind": "announcement", "audience": args["rule"]}, NoticeBody)
        parts = self._parts
        await asyncio.to_thread(parts.follower.wait_for_applied, parts.writer.position(), VIEWS_WAIT_S)
        counted = await parts.commands.count_audience(OPERATOR, body)
        found: Json = msgspec.to_builtins(counted)
        return found

    async def why(self, args: Json) -> Json:
        """{"delivery"} → the chain from the triggering event to the outcome."""
        from alerts.kernel.ids import parse_delivery_id

        pair = parse_delivery_id(self._parts.settings.secret_key, args["delivery"])
        if pair is None:
            raise NotFound(f"{args['delivery']} is no delivery id of this instance")
        found = await self._read(lambda: self._parts.explainer.why(*pair))
        if found is None:
            raise NotFound(
                f"{args['delivery']} is no notice's delivery: a confirmation and the like go to whoever asked for them"
            )
        return dict(msgspec.to_builtins(found))

    async def why_not(self, args: Json) -> Json:
        """{"notice", "subscriber"} → the checks, with the one that failed."""
        notice, subscriber = identity(args["notice"], "notice"), identity(args["subscriber"], "subscriber")
        found = await self._read(lambda: self._parts.explainer.why_not(notice, subscriber))
        if found is None:
            raise NotFound(f"there is no notice {notice}, or no subscriber {subscriber}")
        return dict(msgspec.to_builtins(found))

    async def as_of(self, args: Json) -> Json:
        """{"at"} → {"at", "position", "items"}: the notices published by that moment."""
        from alerts.explain.as_of import as_of
        from alerts.kernel.time_limits import parse_time

        found = await asyncio.to_thread(as_of, self._parts.log, parse_time(args["at"], "time"))
        return dict(msgspec.to_builtins(found))

    async def position(self, args: Json) -> Json:
        """{} → {"log", "projections"}."""
        return {"log": self._parts.log.position(), "projections": self._runner.positions()}

    # --- read models ---------------------------------------------------------------------------------------------

    async def rebuild(self, args: Json) -> Json:
        """{} → {"generation", "position"}: rebuild all read models, then switch; sends nothing."""
        generation = await asyncio.to_thread(self._rebuild, lambda position, end: None)
        return {"generation": generation, "position": self._parts.log.position()}

    async def parked_list(self, args: Json) -> Json:
        """{} → {"items": [{"id", "what", "error", "at"}]}: parked events, webhooks and dispatches."""
        events = [
            {"id": p.id, "what": f"{p.topic} at {p.position}, for {p.projection}", "error": p.error, "at": p.at}
            for p in await asyncio.to_thread(self._runner.parked)
        ]
        triggers = await self._read(lambda: self._parts.views.triggers(state="parked", cursor=None, limit=500))
        held = [
            {"id": str(t.id), "what": f"{t.kind} from {t.source}", "error": t.reason, "at": int(t.at.timestamp() * 1e6)}
            for t in triggers.items
        ]
        now = self._parts.clock()
        unsent = [
            {"id": str(d.id), "what": f"dispatch {d.notice}", "error": d.reason, "at": int(now.timestamp() * 1e6)}
            for d in [
                *await asyncio.to_thread(self._parts.dispatch.parked),
                *await asyncio.to_thread(self._parts.dispatch.paused, now),
            ]
        ]
        failed = [
            {
                "id": str(d.id),
                "what": "notice" if d.notice is not None else "messages of the house",
                "error": f"{d.amount} deliveries failed for technical reasons; once that is mended, retry",
                "at": int(d.issued_at.timestamp() * 1e6),
            }
            for d in await asyncio.to_thread(self._parts.dispatch.failed, now)
        ]
        return {"items": [*events, *held, *unsent, *failed]}

    async def parked_retry(self, args: Json) -> Json:
        """{"id"} → {"id"}: retry a parked item.

        An event is applied to its read model again. A webhook is decided again, with its source's current mapping and
        policy: {"id", "state", "reason", "incident", "service_change", "notices"}. Of a dispatch, the deliveries that
        failed technically are queued again: {"id", "queued"}; a paused one is resumed: {"id", "state"}.
        """
        if "@" in args["id"]:
            await asyncio.to_thread(self._runner.retry, args["id"])
            return {"id": args["id"]}
        parts, wanted = self._parts, identity(args["id"], "thing that waits")
        if any(d.id == wanted for d in await asyncio.to_thread(parts.dispatch.failed, parts.clock())):
            return {"id": str(wanted), "queued": await requeue_failed(parts.writer, wanted, by=OPERATOR.by)}
        if any(d.id == wanted for d in await asyncio.to_thread(parts.dispatch.paused, parts.clock())):
            await parts.commands.resume(OPERATOR, wanted, "by the operator, on the command line")
            return {"id": str(wanted), "state": "resumed"}
        saved = await retry_trigger(parts.log, parts.commands, wanted)
        return {
            "id": str(saved.id),
            "state": saved.state,
            "reason": saved.reason,
            "incident": str(saved.incident) if saved.incident else None,
            "service_change": str(saved.service_change) if saved.service_change else None,
            "notices": [str(notice) for notice in saved.notices],
        }

    async def parked_drop(self, args: Json) -> Json:
        """{"id"} → {"id"}: drop a parked item; the decision is recorded."""
        if "@" in args["id"]:
            await asyncio.to_thread(self._runner.drop, args["id"])
            return {"id": args["id"]}
        wanted, why = identity(args["id"], "thing that waits"), "by the operator, on the command line"
        if any(d.id == wanted for d in await asyncio.to_thread(self._parts.dispatch.paused, self._parts.clock())):
            await self._parts.commands.stop(OPERATOR, wanted, why)
        else:
            await self._parts.commands.drop_trigger(OPERATOR, wanted, why)
        return {"id": args["id"]}

    # --- helpers -------------------------------------------------------------------------------------------------

    async def _read(self, read: Callable[[], T]) -> T:
        """Run a read after the read models have caught up with everything written so far."""
        await asyncio.to_thread(self._runner.wait_for, self._parts.writer.position(), VIEWS_WAIT_S)
        return await asyncio.to_thread(read)

    async def _member(self, email: str) -> UUID:
        for member in await self._read(self._parts.views.members):
            if (member.email or "").lower() == email.lower() and member.role is not None:
                return member.id
        raise NotFound(f"{email} is not in the team; `alerts team add {email} --role approver` adds them")


def identity(text: str, what: str) -> UUID:
    """Parse an id typed by a person."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(f"{text!r} is not the id of a {what}") from error
