"""`alerts demo`: starts a server, plays the story, judges and prints it; without `--once` the server keeps running."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from rich.console import Console

from alerts.app.connection import connected
from alerts.app.maintenance import is_empty
from alerts.app.terminal import Failed
from alerts.demo import judge, report
from alerts.demo.client import HttpClient, Json, UnexpectedAnswer
from alerts.demo.london import Borough, boroughs
from alerts.demo.named import LEAVER, MOVER, named_residents
from alerts.demo.oracle import Expected, Oracle
from alerts.demo.player import Credentials, Player, Run
from alerts.demo.residents import Resident, crowd, mailbox_of
from alerts.demo.server import Server, ServerFailed
from alerts.demo.story import Telling, tellings
from alerts.settings import load

PEOPLE, SEED = 5000, 20261123
ESTATES_POLICY: Json = {"version": 1, "default": "draft", "rules": [{"kinds": ["service-change"], "then": "issue"}]}
PEOPLE_OF_THE_CONSOLE = {"author": "author@demo.example", "approver": "approver@demo.example"}
LOADER_SCOPES = "read services:write places:write subscribers:write subscribers:read".split()
AUTHOR_SCOPES = "read notices:write notices:issue subscribers:read".split()
APPROVER_SCOPES = "read notices:approve notices:issue".split()


def play(*, once: bool, kill: bool, env: Mapping[str, str]) -> int:
    """Run the demonstration; returns exit code 0 if exactly the expected deliveries happened, else 1."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in env else 140)
    folder = Path(tempfile.mkdtemp(prefix="alerts-demo-"))
    server = Server(folder, env)
    failed = True
    # The server runs in its own session, so it must be stopped if this process is terminated.
    signal.signal(signal.SIGTERM, _as_interrupt)
    signal.signal(signal.SIGHUP, _as_interrupt)
    try:
        if not is_empty(server.env["ALERTS_DATABASE_URL"]):
            raise Failed("the demonstration needs an empty database: name one, or unset ALERTS_DATABASE_URL for SQLite")
        server.start()
        differences, links = asyncio.run(tell_and_judge(server, console, kill=kill))
        failed = bool(differences)
        if not once:  # with --once the server is about to stop
            console.print(links, soft_wrap=True)
            console.print("\nThe server runs until you press Ctrl-C.")
            server.wait()
    except KeyboardInterrupt:
        console.print("stopped")
        failed = failed and once
    except (AssertionError, UnexpectedAnswer, ServerFailed) as error:
        console.print(f"[red]The story could not be told:[/red] {error}", markup=True)
    finally:
        server.stop()
        if failed and once:
            console.print(f"The server's log and data are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


def _as_interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


async def tell_and_judge(
    server: Server,
    console: Console,
    *,
    kill: bool,
    people: int = PEOPLE,
    client_of: Callable[[str, aiohttp.ClientSession], HttpClient] = HttpClient,
) -> tuple[list[str], str]:
    """Play, judge and print; returns the differences and the links to inspect.

    `doors_of` creates the client: that of a test reads messages from its own peers instead of the local inbox.
    """
    start, began, areas = datetime.now(UTC), time.monotonic(), boroughs()
    named = named_residents(start)
    run = Run(residents=[*named, *crowd(areas, people - len(named), SEED, start)])
    credentials = await _create_credentials(server)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        http = client_of(server.url, session)
        with report.Steps(console) as steps:
            player = Player(server, http, credentials, run, tell=steps.tell, step=steps.step)
            await player.load(areas)
            expected = await _play(player, areas, start, kill=kill)
        oracle, told = expected
        verdicts = await _judged(player, http, told, server.kills)
        differences = await _differences(player, oracle, verdicts, console)
        reasons = await _reasons(player, verdicts)
    _print(console, verdicts, reasons, run, differences, time.monotonic() - began, server.kills)
    return differences, _links(server, credentials, run)


async def _create_credentials(server: Server) -> Credentials:
    """Create team, keys and sources by the operations of the command line, through the running server."""
    async with connected(load(server.env)) as call:

        async def key(name: str, scopes: list[str], person: str | None = None) -> str:
            answer = await call("key-add", {"name": name, "scopes": scopes, "policy": "draft", "for": person})
            return str(answer["secret"])

        async def source(name: str, kind: str, policy: str | Json) -> str:
            return str((await call("source-add", {"name": name, "kind": kind, "policy": policy}))["secret"])

        for role, address in PEOPLE_OF_THE_CONSOLE.items():
            await call("team-add", {"email": address, "role": role})
        viewer = await call("team-add", {"email": "you@demo.example", "role": "viewer"})
        return Credentials(
            loader=await key("loader", LOADER_SCOPES),
            author=await key("author", AUTHOR_SCOPES, PEOPLE_OF_THE_CONSOLE["author"]),
            approver=await key("approver", APPROVER_SCOPES, PEOPLE_OF_THE_CONSOLE["approver"]),
            estates=await source("estates", "standard-webhook", ESTATES_POLICY),
            fire=await source("fire", "cap", "issue"),
            southwark=await source("southwark", "standard-webhook", "issue"),
            console_url=viewer["sign_in_url"],
        )


async def _play(
    player: Player, areas: list[Borough], start: datetime, *, kill: bool
) -> tuple[Oracle, list[tuple[Telling, Expected]]]:
    """Play the story, with the oracle informed of each event when it happens."""
    oracle = Oracle(areas, player.run.desks, player.run.residents, start)
    expected: dict[str, Expected] = {}
    told: list[tuple[Telling, Expected]] = []
    for telling in tellings():
        if telling.key == "market":
            await player.settled("books")
            await player.leave()
            oracle.left(LEAVER)
            player.tell("one resident unsubscribes by one click")
        player.tell(_step_text(telling))
        expected[telling.key] = oracle.expected(telling, expected)
        told.append((telling, expected[telling.key]))
        if telling.has_change:
            await player.service_change(telling, kill=kill)
            await player.settled(telling.key)
        elif telling.kind == "alert":
            await player.alert(telling, kill=kill and telling.key == "smoke")
        elif telling.rule is not None:
            await player.announcement(telling)
            await player.live(telling.key)
        else:
            await player.last_notice(telling)
        if telling.key == "smoke":
            await player.settled("smoke")
            await player.move_in()
            oracle.moved(MOVER)
            oracle.late(player.run.person(MOVER), telling, expected["smoke"])
    for telling, _ in told:
        await player.settled(telling.key)
    return oracle, told


def _step_text(telling: Telling) -> str:
    """Text of the next step, in one line with its origin."""
    how = {
        "service-change": "a signed webhook of the estates department",
        "alert": "CAP 1.2 from the fire brigade",
        "announcement": "drafted by one, approved by another, in five seconds"
        if telling.rule
        else "a signed webhook of Southwark",
    }[telling.kind]
    kind = {"Alert": "", "AllClear": "All clear: "}.get(telling.msg_type, f"{telling.msg_type}: ")
    return f"[bold]{kind}{next(iter(telling.words.values())).title}[/bold]\n{'':10}{how}"


async def _judged(
    player: Player, http: HttpClient, told: list[tuple[Telling, Expected]], kills: int
) -> dict[str, judge.Verdict]:
    people = {r.key: r for r in player.run.residents}
    keys = {subscriber: key for key, subscriber in player.run.subscriber.items()}
    contact_of = {address: (r.key, ch) for r in player.run.residents for ch, address in r.addresses.items()}
    of_delivery: dict[str, str] = {}
    arrived: dict[str, judge.Arrived] = {}
    for telling, _ in told:
        here = arrived[telling.key] = judge.Arrived(await player.progress(telling.key))
        async for item in player.api.pages(f"/deliveries?notice={player.run.notices[telling.key]}&limit=500"):
            here.deliveries[keys[item["subscriber"]], item["channel"]] = item
            of_delivery[item["id"]] = telling.key
    strays = []
    async for message in http.inbox():
        notice = of_delivery.get(message["delivery"])
        if notice is None:
            strays.append(message)
        else:
            arrived[notice].messages.setdefault(contact_of[mailbox_of(message["to"])], []).append(message)
    verdicts = {}
    for telling, expected in told:
        followed = any(telling.key in later.follows for later, _ in told)
        verdicts[telling.key] = judge.judge(
            telling, expected, arrived[telling.key], people, kills=kills, followed=followed
        )
    _judge_strays(strays, player.run.residents, verdicts["closure"], kills)
    return verdicts


def _judge_strays(strays: list[Json], people: list[Resident], verdict: judge.Verdict, kills: int) -> None:
    """Judge the messages of no notice: one confirmation for each contact point that was asked for a consent."""
    wanted = {a for r in people if r.by_form or not r.body.get("confirmed") for a in r.addresses.values()}
    got = [mailbox_of(m["to"]) for m in strays]
    verdict.lost += [f"{address}: no confirmation" for address in wanted - set(got)]
    verdict.ghost += [f"{address}: a message of no notice" for address in set(got) - wanted]
    verdict.wrong += [f"{a}: {got.count(a)} confirmations" for a in wanted if got.count(a) > 1 + kills]


async def _differences(
    player: Player, oracle: Oracle, verdicts: dict[str, judge.Verdict], console: Console
) -> list[str]:
    people = {r.key: r for r in player.run.residents}
    compared = judge.judge_alternatives(verdicts["closure"], oracle, people)
    console.print(f"  {compared:,} e-mails about the closing name their own reader's nearest desks")
    found = [d for verdict in verdicts.values() for d in verdict.differences]
    found += judge.judge_named(verdicts, [r for r in player.run.residents if r.name])
    found += judge.judge_mailboxes(verdicts["market"])
    why_not = await player.api.get(f"/notices/{player.run.notices['market']}/why-not/{player.run.subscriber[LEAVER]}")
    found += judge.judge_leaver(why_not)
    books = verdicts["books"]
    least, most = len(books.expected.people), len(books.expected.people) + len(books.expected.maybe_people)
    if player.run.previewed is None or not least <= player.run.previewed <= most:
        found.append(f"books: the preview named {player.run.previewed} people, due were {least}")
    return found


async def _reasons(player: Player, verdicts: dict[str, judge.Verdict]) -> dict[str, str]:
    """For each named resident: the product's reason for or against the first notice in their expectations."""
    reasons = {}
    for person in (r for r in player.run.residents if r.name):
        key = next(iter(person.expects))
        own = [d for c, d in verdicts[key].arrived.deliveries.items() if c[0] == person.key]
        path = (
            f"/deliveries/{own[0]['id']}/why"
            if own
            else f"/notices/{player.run.notices[key]}/why-not/{player.run.subscriber[person.key]}"
        )
        said = report.reason_of(await player.api.get(path))
        reasons[person.key] = f"{key}: {said}" + (f" ({own[0]['reason']})" if own and own[0]["reason"] else "")
    return reasons


def _print(
    console: Console,
    verdicts: dict[str, judge.Verdict],
    reasons: dict[str, str],
    run: Run,
    differences: list[str],
    seconds: float,
    kills: int,
) -> None:
    named = [r for r in run.residents if r.name]
    console.print(report.notices_table(list(verdicts.values())))
    console.print(report.residents_table(named, verdicts, reasons))
    lost = sum(len(v.lost) for v in verdicts.values())
    ghost = sum(len(v.ghost) for v in verdicts.values())
    copies = sum(v.copies for v in verdicts.values())
    unreachable = len(set().union(*(v.expected.unreachable for v in verdicts.values())))
    if kills:
        console.print(f"Killed {kills} times in mid-dispatch ({', '.join(run.killed_during)}).")
    console.print(
        f"lost {lost}, ghost {ghost}, copies beyond the first {copies}; "
        f"due at least once and unreachable: {unreachable} people"
    )
    for difference in differences[:40]:
        console.print(f"[red]difference[/red] {difference}")
    verdict = "exactly the expected deliveries" if not differences else f"{len(differences)} DIFFERENCES"
    console.print(f"{len(run.residents):,} residents, {len(verdicts)} notices: {verdict}, in {seconds:.0f} s")


def _links(server: Server, credentials: Credentials, run: Run) -> str:
    return (
        f"\nPublic page:  {server.url}/alerts/{run.notices['smoke']}"
        f"\nConsole:      {credentials.console_url}"
        f"\nInbox:        {server.url}/inbox"
    )
