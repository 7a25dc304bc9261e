"""`alerts doctor` against real peers: what it finds, what it says to do, and that it always comes to an end."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from alerts import doctor
from alerts import settings as settings_of
from alerts.app import schema
from alerts.doctor import database, mail, network, providers, standstill
from alerts.doctor.finding import Finding
from alerts.doctor.runner import run
from alerts.net.dkim import DkimSigner
from alerts.settings import Settings
from alerts.settings.provider_urls import sms
from alerts.storage.connect import connect
from tests.support.databases import MASTER_KEY

SENDER = "Anytown <alerts@anytown.gov.uk>"


def made(folder: Path, **more: str) -> Settings:
    """Settings of an instance in this folder."""
    return settings_of.load(
        {
            "ALERTS_DATABASE_URL": f"sqlite:///{folder}/alerts.db",
            "ALERTS_SECRET_KEY": "x" * 40,
            "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "ALERTS_FROM": SENDER,
            **more,
        }
    )


class Mailbox:
    """An SMTP server that lets one sender send, and keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address != "alerts@anytown.gov.uk":
            return "553 5.7.1 not your domain"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(envelope)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """The server and its port; it wants user and password `right`."""

    def allow(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"right", handled=False)

    handler = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(
        handler, hostname="127.0.0.1", port=port, authenticator=allow, auth_required=True, auth_require_tls=False
    )
    controller.start()
    try:
        yield handler, port
    finally:
        controller.stop()


def states(findings: Iterator[Finding] | list[Finding]) -> list[tuple[str, str]]:
    """(state, words), for comparing."""
    return [(f.state, f"{f.found} {f.mend}") for f in findings]


def test_a_mail_server_is_asked_up_to_the_sender_and_nothing_is_sent(
    mailbox: tuple[Mailbox, int], tmp_path: Path
) -> None:
    handler, port = mailbox

    def asked(url: str, **more: str) -> tuple[str, str]:
        [found] = states(mail.servers(made(tmp_path, ALERTS_SMTP_URL=url, **more)))
        return found

    state, words = asked(f"smtp://u:right@127.0.0.1:{port}")
    assert state == "ok" and "takes mail from alerts@anytown.gov.uk (unencrypted)" in words
    state, words = asked(f"smtp://u:geheim@127.0.0.1:{port}")
    assert state == "wrong" and "user and password" in words and "geheim" not in words
    state, words = asked(f"smtp://u:right@127.0.0.1:{port}", ALERTS_FROM="X <x@elsewhere.gov.uk>")
    assert state == "wrong" and "does not let us send as x@elsewhere.gov.uk" in words and "ALERTS_FROM" in words
    state, words = asked(f"smtp://u:right@127.0.0.1:{port}?tls=starttls")
    assert state == "wrong" and "no STARTTLS" in words and "tls=none" in words
    state, words = asked("smtp://127.0.0.1:1")
    assert state == "wrong" and "firewall" in words
    assert handler.taken == []


def test_a_channel_without_provider_is_wrong_off_loopback_alone(tmp_path: Path) -> None:
    outside = made(tmp_path, ALERTS_PUBLIC_URL="https://alerts.anytown.gov.uk")
    assert states(mail.servers(outside))[0][0] == "wrong" and states(providers.texts(outside))[0][0] == "warning"
    assert states(mail.servers(made(tmp_path)))[0][0] == states(providers.texts(made(tmp_path)))[0][0] == "ok"


@asynccontextmanager
async def twilio(status: int, body: Any) -> AsyncIterator[tuple[int, list[str]]]:
    """A server with one account; what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path} {request.headers.get('Authorization', '')}")
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1], asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "state", "words"),
    [
        (200, {"status": "active"}, "ok", "knows the account"),
        (200, {"status": "suspended"}, "wrong", "suspended"),
        (401, {}, "wrong", "check SID and token"),
        (500, "nonsense", "wrong", "500"),
    ],
)
async def test_twilio_is_asked_who_we_are(status: int, body: Any, state: str, words: str, tmp_path: Path) -> None:
    async with twilio(status, body) as (port, asked):
        url = f"twilio://AC1:geheim@127.0.0.1:{port}?from=%2B44&tls=off"
        found = await providers.provider(made(tmp_path, ALERTS_SMS_URL=url).sms[0])
    assert found.state == state and words in f"{found.found} {found.mend}" and "geheim" not in str(found)
    basic = base64.b64encode(b"AC1:geheim").decode()
    assert asked == [f"GET /2010-04-01/Accounts/AC1.json Basic {basic}"], "no text is sent"


def test_the_sender_s_records(tmp_path: Path) -> None:
    settings = made(tmp_path)

    def asked(**records: list[str] | None) -> list[tuple[str, str]]:
        zone = {"anytown.gov.uk": records.get("spf"), "_dmarc.anytown.gov.uk": records.get("dmarc")}
        return states(mail.sender(settings, lambda name: zone[name]))

    good = asked(spf=["other", "v=spf1 mx -all"], dmarc=["v=DMARC1; p=reject"])
    assert [state for state, _ in good] == ["ok", "ok"]
    assert [state for state, _ in asked(spf=[], dmarc=[])] == ["warning", "warning"]
    assert "v=spf1 a:" in asked(spf=["v=spf10 x"], dmarc=[])[0][1], "another version's record is none"
    assert [state for state, _ in asked(spf=None, dmarc=None)] == ["warning", "warning"]
    assert asked(spf=["v=spf1 mx -all", "v=spf1 a -all"], dmarc=[])[0][0] == "wrong"
    assert asked(spf=["v=spf1 mx +all"], dmarc=[])[0][0] == "wrong"
    assert asked(spf=[], dmarc=["v=DMARC1; p=none; rua=mailto:x@y"])[1][0] == "warning"
    outside = made(tmp_path, ALERTS_PUBLIC_URL="https://x.gov.uk", ALERTS_FROM="A <a@localhost>")
    assert states(mail.sender(outside, lambda name: []))[0][0] == "wrong"


def test_the_published_key_must_be_the_private_one_s(tmp_path: Path) -> None:
    def pem(key: rsa.RSAPrivateKey) -> bytes:
        form = serialization.PrivateFormat.PKCS8
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    ours, other = (pem(rsa.generate_private_key(65537, 2048)) for _ in range(2))
    (tmp_path / "dkim.pem").write_bytes(ours)
    settings = made(tmp_path, ALERTS_DKIM_KEY_FILE=str(tmp_path / "dkim.pem"), ALERTS_DKIM_SELECTOR="s1")
    names: list[str] = []

    def asked(*records: str, nobody: bool = False) -> tuple[str, str]:
        def lookup(name: str) -> list[str] | None:
            names.append(name)
            return None if nobody else list(records)

        [found] = states(mail.signature(settings, lookup))
        return found

    record = DkimSigner("anytown.gov.uk", "s1", ours).record
    assert asked(record)[0] == "ok"
    spaced = record.replace("; ", " ;\t").replace("p=", "p= ")
    assert asked(spaced[:60] + " " + spaced[60:])[0] == "ok", "white space in a record means nothing"
    state, words = asked(DkimSigner("anytown.gov.uk", "s1", other).record)
    assert state == "wrong" and "another key" in words and record in words
    state, words = asked()
    assert state == "wrong" and record in words, "what to publish is said"
    assert asked("v=DKIM1; p=")[0] == "wrong" and asked(record, record)[0] == "wrong"
    assert asked(f"{record}; t=y")[0] == "warning" and asked(nobody=True)[0] == "warning"
    assert set(names) == {"s1._domainkey.anytown.gov.uk"}


def test_the_clock_is_compared_with_others() -> None:
    assert network.compared([0.4, -1.0, 500.0], "Europe/London").state == "ok", (
        "one wrong clock elsewhere blames nobody"
    )
    assert network.compared([20.0], "Europe/London").state == "warning"
    far = network.compared([-4000.0, -4001.0, 0.0], "Europe/London")
    assert far.state == "wrong" and "4000 s behind" in far.found and "NTP" in far.mend
    assert network.compared([], "Europe/London").state == "warning"


async def test_a_clock_elsewhere_is_read(tmp_path: Path) -> None:
    async with twilio(404, {}) as (port, _):
        [off] = await network._offsets([f"http://127.0.0.1:{port}/", "http://127.0.0.1:1/"])
    assert abs(off) < 3


def test_the_disk_beneath(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\nh:/x /srv nfs4 rw 0 0\nt /srv/my\\040tmp tmpfs rw 0 0\n")
    kinds = [
        database.filesystem(Path(path), mounts) for path in ("/var/lib", "/srv", "/srv/x", "/srv/my tmp/y", "/srvx")
    ]
    assert kinds == ["ext4", "nfs4", "nfs4", "tmpfs", "ext4"]
    assert database.filesystem(Path("/"), tmp_path / "none") == ""
    assert database.fsync_ms(tmp_path) > 0
    assert database._pace(0.001).state == database._pace(900.0).state == "warning" and database._pace(2.0).state == "ok"
    assert [f.state for f in database._room(10**9)] == ["warning"] and [f.state for f in database._room(10)] == [
        "wrong"
    ]
    (tmp_path / "master.key").write_text("x")
    os.chmod(tmp_path / "master.key", 0o644)
    assert any("chmod 600" in words for _, words in states(database.disk(made(tmp_path))))
    os.chmod(tmp_path / "master.key", 0o600)
    assert not any("chmod 600" in words for _, words in states(database.disk(made(tmp_path))))


def test_the_database_on_both(database_url: str, tmp_path: Path) -> None:
    settings = made(tmp_path, ALERTS_DATABASE_URL=database_url)
    first = states(database.database(settings))
    assert "warning" in {state for state, _ in first} or "is not there yet" in first[-1][1]
    schema.migrate_all(settings)
    assert ("ok", "reachable, up to date, and made with this master key ") in states(database.database(settings))
    if not settings.on_sqlite:
        assert any("synchronous_commit" in words for _, words in states(database.database(settings)))


def test_it_comes_to_an_end_whatever_hangs(tmp_path: Path) -> None:
    def hangs(settings: Settings) -> Iterator[Finding]:
        yield Finding("ok", "first", "told before it hung")
        time.sleep(30)

    def fails(settings: Settings) -> Iterator[Finding]:
        raise ValueError("kanari@example.org")
        yield

    begun = time.monotonic()
    found = run([hangs, fails, hangs], made(tmp_path), limit=0.3)
    assert time.monotonic() - begun < 2
    assert [f.state for f in found] == ["ok", "wrong", "wrong", "ok", "wrong"]
    assert "kanari" not in str(found) and "ValueError" in found[2].found


async def test_a_mail_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        [target] = made(tmp_path, ALERTS_SMTP_URL=f"smtp://127.0.0.1:{port}").smtp
        begun = time.monotonic()
        found = await mail.server(target, "a@anytown.gov.uk")
    finally:
        server.close()
    assert found.state == "wrong" and time.monotonic() - begun < 5


def test_no_secret_is_shown_and_json_is_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "checks", list)
    (tmp_path / "sms").write_text("twilio://AC1:geheim4@h?from=%2B44")
    for name, value in {
        "ALERTS_DATABASE_URL": "postgresql://u:geheim1@h/x?password=geheim2",
        "ALERTS_SMTP_URL": "smtp://u:geheim3@h",
        "ALERTS_SMS_URL_FILE": str(tmp_path / "sms"),
        "ALERTS_MASTER_KEY": base64.b64encode(b"geheim5" * 4 + b"xxxx").decode(),
        "ALERTS_SECRET_KEY": "geheim6" * 8,
        "ALERTS_SMPT_URL": "geheim7",
    }.items():
        monkeypatch.setenv(name, value)
    assert doctor.examine(as_json=True) == 0
    said = capsys.readouterr().out
    assert "geheim" not in said and "Z2VoZWlt" not in said
    found = json.loads(said)
    assert found["settings"]["ALERTS_DATABASE_URL"] == "postgresql://u:…@h/x?password=…"
    assert [f["found"] for f in found["findings"]] == ["ALERTS_SMPT_URL is not a setting"]
    monkeypatch.setenv("ALERTS_DATABASE_URL", "postgresql://u:ge/heim?1@h/x")  # should be percent-encoded, and is not
    doctor.examine(as_json=True)
    assert "heim" not in capsys.readouterr().out
    monkeypatch.setenv("ALERTS_TIMEZONE", "Nowhere")
    assert doctor.examine(as_json=False) == 1
    assert "ALERTS_TIMEZONE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "words"),
    [({"ALERTS_MASTER_KEY": "abc"}, "expected 32 bytes"), ({"ALERTS_MASTER_KEY_FILE": "/none"}, "cannot be read")],
)
def test_a_wrong_key_is_found_before_the_first_start(
    key: dict[str, str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in key.items():
        monkeypatch.setenv(name, value)
    assert doctor.examine(as_json=True) == 1
    [found] = json.loads(capsys.readouterr().out)["findings"]
    assert found["state"] == "wrong" and words in found["found"]


def test_a_folder_that_cannot_be_made_is_found(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    (tmp_path / "file").write_text("")
    nowhere = msgspec.structs.replace(settings, folder=tmp_path / "file" / "data")
    [found] = database.disk(nowhere)
    assert found.state == "wrong" and "may not make it" in found.found
    assert not list(database.disk(msgspec.structs.replace(settings, folder=tmp_path / "soon" / "data")))


async def test_a_bearer_that_a_provider_does_not_know_is_found() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=405 if request.headers.get("Authorization") == "Bearer good" else 401)

    app = web.Application()
    app.router.add_route("*", "/send", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        states = {
            token: (await providers.provider(sms(f"http+json://{token}@{host}:{port}/send")[0])).state
            for token in ("good", "bad")
        }
    finally:
        await runner.cleanup()
    assert states == {"good": "ok", "bad": "wrong"}


def test_a_secret_that_cannot_sign_is_found(tmp_path: Path) -> None:
    url = "http+json://127.0.0.1:1/send?secret=whsec_"
    chosen = made(tmp_path, ALERTS_SMS_URL=f"{url}x,{url}eHh4")
    wrong = [f.found for target in chosen.sms for f in providers._settings_of(target) if f.state == "wrong"]
    assert len(wrong) == 1 and "no base64" in wrong[0] and "whsec" not in wrong[0]


def test_database_without_a_schema_is_no_fault(new_postgres: Callable[[], str], tmp_path: Path) -> None:
    settings = made(tmp_path, ALERTS_DATABASE_URL=new_postgres())
    found = run([database.database, standstill.standstill, providers.push], settings, limit=20)
    assert [f.state for f in found if f.state == "wrong"] == []
    assert any("run `alerts migrate`" in f.mend for f in found)


def test_silent_worker_and_old_messages_are_found(tmp_path: Path) -> None:
    settings = made(tmp_path)
    schema.migrate_all(settings)
    assert [f.state for f in standstill.standstill(settings)] == ["ok"]
    main = connect(settings.database_url, "main")
    with main.write() as tx:
        tx.execute("INSERT INTO heartbeats (name, at) VALUES ('role:worker', 1)")
    main.close()
    [found] = standstill.standstill(settings)
    assert found.what == "role worker" and "nothing is sent" in found.found and found.mend
