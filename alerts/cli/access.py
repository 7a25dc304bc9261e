"""Commands for access: team, sources, API keys, keys."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from alerts.app.connection import ask, settings
from alerts.app.terminal import Failed, Misuse, note, progress, show
from alerts.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Words = ("record", "draft", "issue")


def register(app: typer.Typer) -> None:
    """Register these command groups."""
    team = typer.Typer(no_args_is_help=True, help="People of the console.")
    team.command("add")(team_add)
    team.command("list")(team_list)
    team.command("remove")(team_remove)
    team.command("end-sign-ins")(team_end_sign_ins)
    source = typer.Typer(no_args_is_help=True, help="Webhook integrations that may trigger notices.")
    source.command("add")(source_add)
    source.command("list")(source_list)
    source.command("revise")(source_revise)
    source.command("rotate")(source_rotate)
    source.command("remove")(source_remove)
    key = typer.Typer(no_args_is_help=True, help="Keys for programs.")
    key.command("add")(key_add)
    key.command("list")(key_list)
    key.command("revoke")(key_revoke)
    keys = typer.Typer(no_args_is_help=True, help="Make keys, and renew them.")
    keys.command("master")(keys_master)
    keys.command("vapid")(keys_vapid)
    keys.command("renew-secret")(keys_renew_secret)
    keys.command("renew-master")(keys_renew_master)
    keys.command("renew-vapid")(keys_renew_vapid)
    app.add_typer(team, name="team")
    app.add_typer(source, name="source")
    app.add_typer(key, name="api-key")
    app.add_typer(keys, name="keys")


Member = Annotated[str, typer.Argument(help="Their address, or the id that `alerts team list` shows.")]


def team_add(
    email: Annotated[str, typer.Argument(help="The address they sign in by.")],
    role: Annotated[str, typer.Option(help="viewer, author, approver or admin.")],
    name: Annotated[str, typer.Option(help="What they are called in the console.")] = "",
    area: Annotated[
        list[str] | None, typer.Option(help="For this area alone: a place's slug, or @FILE with GeoJSON; repeatable.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="For this kind alone: alert, service-change, announcement or bulletin; repeatable."),
    ] = None,
    organisation: Annotated[
        list[str] | None, typer.Option(help="In the name of this organisation alone, by its short name; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a person, or give one another role, and print a link that signs them in once."""
    if role not in ("viewer", "author", "approver", "admin"):
        raise Misuse("--role is one of viewer, author, approver, admin")
    areas = [area_option(one) for one in area or ()]
    wanted = {"email": email, "role": role, "name": name, "areas": areas or None, "kinds": kind or None}
    wanted["organisations"] = organisation or None
    show(
        ask("team-add", wanted),
        as_json=as_json,
        words=lambda a: f"{email} is in the team; sign in once, until {a['expires'][:16]}, at\n{a['sign_in_url']}",
    )


def team_list(as_json: AsJson = False) -> None:
    """The people there are, their roles, and when they signed in last."""

    def words(answer: dict[str, Any]) -> str:
        lines = [_member_line(one) for one in answer["items"]]
        return "\n".join(lines) or "nobody yet; `alerts team add` invites somebody"

    show(ask("team-list", {}), as_json=as_json, words=words)


def team_remove(member: Member, as_json: AsJson = False) -> None:
    """Remove a person: their sign-ins end, their keys open nothing any more."""
    show(ask("team-remove", {"member": member}), as_json=as_json, words=lambda a: f"{a['email']} is out of the team")


def team_end_sign_ins(member: Member, as_json: AsJson = False) -> None:
    """Sign a person out on every device, and void their unused links."""
    answer = ask("team-end-sign-ins", {"member": member})
    show(answer, as_json=as_json, words=lambda a: f"{a['email']} is signed out everywhere")


def _member_line(one: dict[str, Any]) -> str:
    limits = ", ".join(one["kinds"] or ()) + (" in some areas" if one["areas"] else "")
    names = f" in the name of {', '.join(one['organisations'])}" if one["organisations"] else ""
    limits += names
    seen = f"signed in {one['signed_in_at'][:16]}" if one["signed_in_at"] else "never signed in"
    role = one["role"] or "removed"
    return f"{one['id']}  {role:8}  {one['email']}  {seen}{f'  only {limits.strip()}' if limits else ''}"


def area_option(text: str) -> Any:
    """Parse --area: the slug of a place, or a file of GeoJSON. Raises Misuse."""
    if not text.startswith("@"):
        return {"place": text}
    try:
        return json.loads(Path(text[1:]).read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"--area: {text[1:]} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Misuse(f"--area: {text[1:]} is not JSON: {error}") from error


def source_add(
    name: Annotated[str, typer.Argument(help="What it is called; it posts to /hooks/NAME.")],
    kind: Annotated[str, typer.Option(help="standard-webhook, cap or json.")],
    policy: Annotated[
        str, typer.Option(help="What it may do by itself: record, draft, issue, or a policy file.")
    ] = "draft",
    mapping: Annotated[Path | None, typer.Option(help="For json: the file that says what of it means what.")] = None,
    as_json: AsJson = False,
) -> None:
    """Connect a source, and print its secret once."""
    if kind not in ("standard-webhook", "cap", "json"):
        raise Misuse("--kind is standard-webhook, cap or json")
    if kind == "json" and mapping is None:
        raise Misuse("--kind json needs --mapping FILE: what of its JSON means what (docs/mappings has examples)")
    if kind != "json" and mapping is not None:
        raise Misuse(f"--kind {kind} takes no --mapping")
    wanted = {"name": name, "kind": kind, "policy": read_policy(policy), "mapping": read_mapping(mapping)}
    show(ask("source-add", wanted), as_json=as_json, words=_secret)


def source_list(as_json: AsJson = False) -> None:
    """The sources there are."""

    def words(answer: dict[str, Any]) -> str:
        lines = [
            f"{s['name']}  {s['kind']}  {'connected' if s['connected'] else 'removed'}  {s['url']}"
            for s in answer["items"]
        ]
        return "\n".join(lines) or "no sources yet; `alerts source add` connects one"

    show(ask("source-list", {}), as_json=as_json, words=words)


def source_revise(
    name: Annotated[str, typer.Argument(help="Which source.")],
    policy: Annotated[str, typer.Option(help="Its policy from now on: a word or a file.")] = "",
    mapping: Annotated[Path | None, typer.Option(help="Its mapping from now on, for json.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give a source another policy or mapping; what is parked can then be tried again."""
    if not policy and mapping is None:
        raise Misuse("say what to revise: --policy, --mapping or both")
    said = {"name": name, "policy": read_policy(policy) if policy else None, "mapping": read_mapping(mapping)}
    show(ask("source-revise", said), as_json=as_json, words=lambda a: f"{a['name']} is revised")


def source_rotate(name: Annotated[str, typer.Argument(help="Which source.")], as_json: AsJson = False) -> None:
    """Give a source a new secret, and print it once; the old one is refused at once."""
    show(ask("source-rotate", {"name": name}), as_json=as_json, words=_secret)


def source_remove(name: Annotated[str, typer.Argument(help="Which source.")], as_json: AsJson = False) -> None:
    """Refuse a source's webhooks from now on; what it brought stays."""
    show(ask("source-remove", {"name": name}), as_json=as_json, words=lambda a: f"{a['name']} is disconnected")


def _secret(answer: dict[str, Any]) -> str:
    return f"secret (shown once): {answer['secret']}\nsend to: {answer['url']}"


def key_add(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scopes: Annotated[
        str, typer.Option(help="Separated by commas, such as read,notices:write; a wrong one lists them all.")
    ],
    policy: Annotated[
        str, typer.Option(help="What it may do by itself: record, draft, issue, or a policy file.")
    ] = "draft",
    person: Annotated[str, typer.Option("--for", help="The team member who acts by it (needed to approve).")] = "",
    rate: Annotated[float | None, typer.Option(help="Requests a second it may make; default: ALERTS_API_RATE.")] = None,
    as_json: AsJson = False,
) -> None:
    """Issue a key, and print its secret once."""
    wanted = [s.strip() for s in scopes.split(",") if s.strip()]
    if rate is not None and not 0 < rate <= 1e6:
        raise Misuse("--rate is a number of requests a second, from above 0 to 1000000")
    request = {
        "name": name,
        "scopes": wanted,
        "policy": read_policy(policy),
        "for": person or None,
        "rate": rate,
    }
    answer = ask("key-add", request)
    show(answer, as_json=as_json, words=lambda a: f"key {a['id']}\nsecret (shown once): {a['secret']}")


def key_list(as_json: AsJson = False) -> None:
    """The keys there are."""

    def words(answer: dict[str, Any]) -> str:
        lines = [
            f"{k['id']}  {'revoked' if k['revoked'] else 'valid  '}  {k['name']}: {','.join(k['scopes'])}"
            for k in answer["items"]
        ]
        return "\n".join(lines) or "no keys yet; `alerts api-key add` makes one"

    show(ask("key-list", {}), as_json=as_json, words=words)


def key_revoke(
    id: Annotated[str, typer.Argument(help="The id that `alerts api-key list` shows.")], as_json: AsJson = False
) -> None:
    """Refuse a key from now on."""
    show(ask("key-revoke", {"id": id}), as_json=as_json, words=lambda a: f"key {a['id']} is revoked")


def keys_master() -> None:
    """Make a master key: 32 random bytes in base64, for ALERTS_MASTER_KEY."""
    from alerts.settings.key_files import new_master_key

    print(new_master_key())


def keys_renew_secret() -> None:
    """Make a new secret key; links in messages that were sent go on working. No process may be running."""
    from alerts.app.renew_keys import renew_secret

    with _alone() as chosen:
        new = renew_secret(chosen)
    if new:
        note(
            "Set ALERTS_SECRET_KEY_PREVIOUS to what ALERTS_SECRET_KEY is now, and ALERTS_SECRET_KEY to the following; "
            "then start every process again:"
        )
        print(new)
    else:
        note("The secret key is renewed. Remove secret.key.previous once no message from before matters (90 days).")


def keys_renew_master() -> None:
    """Wrap every key under a new master key: ALERTS_MASTER_KEY_NEW, or one made here. No process may be running."""
    from alerts.app.renew_keys import renew_master

    with _alone() as chosen, progress("wrapping", None) as tell:
        done = renew_master(chosen, os.environ.get("ALERTS_MASTER_KEY_NEW", "").strip(), tell)
    note(f"{done} keys are wrapped anew. Backups from before need the master key from before.")


def keys_renew_vapid() -> None:
    """Make a new pair for Web Push; people have to add their browsers again. No process may be running."""
    from alerts.app.renew_keys import renew_vapid

    with _alone() as chosen:
        renew_vapid(chosen)
    note("The pair is renewed. Every browser has to be added again: say so on your pages.")


@contextmanager
def _alone() -> Iterator[Settings]:
    """Settings of an instance of which no process runs, as far as this machine can tell."""
    from alerts.operations.control_socket import AlreadyRunning, lock

    chosen = settings(existing=True)
    with ExitStack() as held:
        if chosen.on_sqlite:
            try:
                held.enter_context(lock(chosen.lock_file))
            except AlreadyRunning as error:
                raise Failed(f"{error}; stop it first") from error
        yield chosen


def keys_vapid(as_json: AsJson = False) -> None:
    """Show the public key that browsers subscribe with; the pair is made if there is none yet."""
    show(ask("vapid", {}), as_json=as_json, words=lambda a: f"public key: {a['key']}")


def read_policy(text: str) -> Any:
    """Parse --policy: one of the three words, or the JSON of a file."""
    if text in Words:
        return text
    try:
        return json.loads(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"--policy: {text!r} is none of {', '.join(Words)} and no readable file") from error
    except ValueError as error:
        raise Misuse(f"--policy: {text} is not JSON: {error}") from error


def read_mapping(file: Path | None) -> Any:
    """Read the JSON of a mapping's file; None for none."""
    if file is None:
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"--mapping: {file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Misuse(f"--mapping: {file} is not JSON: {error}") from error
