"""Commands for inspection: audience, why, why-not, as-of, parked; and rebuild, which sends nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from alerts.app.connection import ask
from alerts.app.terminal import Json, Misuse, show

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Register these commands."""
    app.command()(audience)
    app.command()(why)
    app.command("why-not")(why_not)
    app.command("as-of")(as_of)
    app.command()(rebuild)
    app.command()(parked)


def audience(
    rule: Annotated[str, typer.Argument(help="A RULE in JSON, or @file; everyone is '{\"all\": []}'.")],
    as_json: AsJson = False,
) -> None:
    """Count and sample the people for whom a rule holds."""
    show(ask("audience", {"rule": _json(rule)}), as_json=as_json, words=_audience)


def why(
    delivery_id: Annotated[str, typer.Argument(help="The Message-ID's left part, or an id of GET /api/v1/deliveries.")],
    as_json: AsJson = False,
) -> None:
    """The whole chain from the triggering event to what became of a delivery."""
    show(ask("why", {"delivery": delivery_id}), as_json=as_json, words=_why)


def why_not(
    notice_id: Annotated[str, typer.Argument(help="The id in the address of the notice's page.")],
    subscriber_id: Annotated[str, typer.Argument(help="The person's id, as GET /api/v1/subscribers names it.")],
    as_json: AsJson = False,
) -> None:
    """Why somebody did not get a notice (or why they did)."""
    show(ask("why-not", {"notice": notice_id, "subscriber": subscriber_id}), as_json=as_json, words=_why)


def as_of(
    time: Annotated[str, typer.Argument(help="A moment with its offset, such as 2026-03-12T09:30:00+00:00.")],
    as_json: AsJson = False,
) -> None:
    """Show what the public had been told at that moment, whatever has happened since."""
    show(ask("as-of", {"at": time}), as_json=as_json, words=_told)


def rebuild(
    projection: Annotated[str, typer.Argument(help="Which one (they are rebuilt together).")] = "",
    as_json: AsJson = False,
) -> None:
    """Rebuild the read models beside the live ones, then switch; sends nothing."""
    there = ask("position", {})["projections"] if projection else {}
    if projection and projection not in there:
        raise Misuse(f"there is no projection {projection!r}; there are {', '.join(sorted(there))}")
    show(
        ask("rebuild", {}),
        as_json=as_json,
        words=lambda a: f"read models of generation {a['generation']} are live, up to position {a['position']}",
    )


def parked(
    what: Annotated[str, typer.Argument(help="list, retry or drop.")] = "list",
    id: Annotated[str, typer.Argument(help="What to retry or drop.")] = "",
    as_json: AsJson = False,
) -> None:
    """List, retry or drop what waits for a person: events, webhooks and deliveries that could not be carried out."""
    if what == "list":
        show(ask("parked-list", {}), as_json=as_json, words=_parked)
    elif what in ("retry", "drop") and id:
        answer = ask(f"parked-{what}", {"id": id})
        show(answer, as_json=as_json, words=_retried if what == "retry" else lambda a: f"{a['id']} is dropped")
        if answer.get("state") == "parked":
            raise typer.Exit(1)
    else:
        raise Misuse("alerts parked [list|retry ID|drop ID]")


def _retried(answer: Json) -> str:
    if "queued" in answer:
        return f"{answer['queued']} deliveries of {answer['id']} are queued again"
    if answer.get("state") == "resumed":
        return f"{answer['id']} goes on"
    if "state" not in answer:
        return f"{answer['id']} was given again"
    if answer["state"] == "parked":
        return f"{answer['id']} waits still: {answer['reason']}"
    made = [f"{what} {answer[what]}" for what in ("incident", "service_change") if answer[what]]
    made += [f"notice {notice}" for notice in answer["notices"]]
    return f"{answer['id']} is {answer['state']}: {', '.join(made) or answer['reason'] or 'nothing follows'}"


def _json(text: str) -> Any:
    try:
        return json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError as error:
        raise Misuse(f"{text[1:]} cannot be read: {error.strerror}") from error
    except ValueError as error:
        hint = f"; is it a file? Then write @{text}" if len(text) < 200 and Path(text).is_file() else ""
        raise Misuse(f"the rule is not JSON: {error}{hint}") from error


def _audience(answer: Json) -> str:
    def parts(counts: dict[str, int]) -> str:
        return ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda c: -c[1])) or "none"

    return "\n".join(
        (
            f"{answer['people']} people, and {answer['unreachable']} whom nothing reaches",
            f"at log position {answer['position']}",
            f"contact points by channel: {parts(answer['by_channel'])}",
            f"by language: {parts(answer['by_language'])}",
            f"for example: {', '.join(map(str, answer['sample'][:5])) or 'nobody'}",
        )
    )


def _why(answer: Json) -> str:
    checks = [f"  {'yes' if c['holds'] else 'NO '}  {c['rule']}: {c['detail']}" for c in answer["checks"]]
    chain = [f"  {c['at']}  {c['what']}: {c['detail']}" for c in answer["chain"]]
    verdict = "due" if answer["due"] else "not due"
    return "\n".join([f"{verdict}, at position {answer['position']}", *checks, "what happened:", *chain])


def _told(answer: Json) -> str:
    lines = []
    for item in answer["items"]:
        title = next(iter(item["title"].values()))
        drill = "" if item["status"] == "Actual" else f"{item['status'].upper()}, "
        lines.append(f"{item['state']:10}  {item['issued_at']}  {drill}{item['msg_type']}: {title}  ({item['id']})")
    return "\n".join(lines) or f"at {answer['at']} the public had been told nothing"


def _parked(answer: Json) -> str:
    def when(micros: int) -> str:
        return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="seconds")

    lines = [f"{p['id']}  {when(p['at'])}  {p['what']}: {p['error']}" for p in answer["items"]]
    return "\n".join(lines) or "nothing waits for a person"
