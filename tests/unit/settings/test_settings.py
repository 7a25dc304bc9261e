"""Settings: what an operator may say, and the words for what cannot be used."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from threading import Thread

import pytest

from alerts import settings
from alerts.net.loopback import is_loopback
from alerts.settings import SettingsError, environment, load, map_tiles, unknown
from alerts.settings.key_files import new_master_key
from alerts.settings.provider_urls import SmtpTarget

KEYS = {"ALERTS_SECRET_KEY": "s" * 32, "ALERTS_MASTER_KEY": base64.b64encode(bytes(32)).decode()}


def test_defaults_are_those_of_the_contract() -> None:
    made = load(KEYS)
    assert made.database_file == Path("var/alerts.db")
    assert made.public_url == "http://127.0.0.1:8080"
    assert made.sender == "Community Alerts <alerts@localhost>"
    assert made.vapid_subject == "mailto:alerts@localhost"
    assert (made.timezone, made.default_language) == ("Europe/London", "en")
    assert made.inbox
    assert made.on_sqlite
    assert made.smtp == ()
    assert (made.log_format, load(KEYS, terminal=True).log_format) == ("json", "console")


def test_three_slashes_are_relative_and_four_absolute() -> None:
    assert load({**KEYS, "ALERTS_DATABASE_URL": "sqlite:///a/b.db"}).database_file == Path("a/b.db")
    assert load({**KEYS, "ALERTS_DATABASE_URL": "sqlite:////a/b.db"}).database_file == Path("/a/b.db")
    assert not load({**KEYS, "ALERTS_DATABASE_URL": "postgresql:///x?host=/run"}).on_sqlite


def test_keys_are_made_once_for_the_owner_alone_and_kept(tmp_path: Path) -> None:
    env = {"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/data/alerts.db"}
    with pytest.raises(SettingsError, match="ALERTS_SECRET_KEY is not set"):
        load(env, make_keys=False)
    first = load(env)
    assert len(first.master_key) == 32
    for name in ("secret.key", "master.key"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600
    assert load(env) == first
    assert load(env, make_keys=False) == first


def test_processes_that_start_together_agree_on_the_keys(tmp_path: Path) -> None:
    env = {"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/alerts.db"}
    found: list[bytes] = []
    threads = [Thread(target=lambda: found.append(load(env).master_key)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_keys_are_required_on_postgresql_and_read_from_files(tmp_path: Path) -> None:
    env = {"ALERTS_DATABASE_URL": "postgresql://h/d"}
    with pytest.raises(SettingsError, match="alerts keys master"):
        load(env)
    (tmp_path / "m").write_text(new_master_key() + "\n")
    given = {**env, "ALERTS_SECRET_KEY": "x" * 40, "ALERTS_MASTER_KEY_FILE": str(tmp_path / "m")}
    assert len(load(given).master_key) == 32
    with pytest.raises(SettingsError, match="both set"):
        load({**given, "ALERTS_MASTER_KEY": new_master_key()})
    with pytest.raises(SettingsError, match="cannot be read"):
        load({**given, "ALERTS_MASTER_KEY_FILE": str(tmp_path / "missing")})


def test_mail_servers_with_weights_and_percent_signs() -> None:
    url = "smtp://me:p%40ss%2C@a.example:587?tls=starttls&weight=3, smtp://[::1]?tls=none,smtp://b?tls=implicit"
    assert load({**KEYS, "ALERTS_SMTP_URL": url}).smtp == (
        SmtpTarget(host="a.example", port=587, user="me", password="p@ss,", tls="starttls", weight=3),
        SmtpTarget(host="::1", port=25, tls="none"),
        SmtpTarget(host="b", port=465, tls="implicit"),
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ALERTS_DATABASE_URL", "mysql://x", "expected sqlite:///"),
        ("ALERTS_DATABASE_URL", "sqlite:///", "expected sqlite:///"),
        ("ALERTS_PUBLIC_URL", "127.0.0.1:8080", r"expected http\(s\)"),
        ("ALERTS_PUBLIC_URL", "https://a.example/?q", r"expected http\(s\)"),
        ("ALERTS_PUBLIC_URL", "https://é..example", "cannot be written in the DNS"),
        ("ALERTS_FROM", "nobody", "Name <address@host>"),
        ("ALERTS_FROM", "jörg@example.org", "ASCII before the @"),
        ("ALERTS_SMTP_URL", "smtp://é..example", "cannot be written in the DNS"),
        ("ALERTS_MASTER_KEY", "short", "32 bytes in base64"),
        ("ALERTS_SECRET_KEY", "short", "at least 32"),
        ("ALERTS_SMTP_URL", "http://x", "expected smtp://"),
        ("ALERTS_SMTP_URL", "smtp://x?tls=maybe", "expected smtp://"),
        ("ALERTS_SMTP_URL", "smtp://x:port", "are numbers"),
        ("ALERTS_SMS_URL", "twilio://a:b@c", "from="),
        ("ALERTS_SMS_URL", "sms://a:b@c", "expected twilio://"),
        ("ALERTS_SMS_URL", "https+json://secret-token@h:x/p", "the port and the weight are numbers"),
        ("ALERTS_SMS_PREFIXES", "44", "expected beginnings"),
        ("ALERTS_CANARY", "somebody", "expected tester@example.org"),
        ("ALERTS_CANARY", "a@example.org,b@example.org", "one tester for email, not two"),
        ("ALERTS_CANARY", "push:/nowhere.json", "holds no"),
        ("ALERTS_DKIM_KEY_FILE", "nowhere.pem", "cannot be read"),
        ("ALERTS_DKIM_KEY_FILE", __file__, "no private key in PEM"),
        ("ALERTS_ALLOW_PRIVATE_TARGETS", "perhaps", "true or false"),
        ("ALERTS_SMTP_CONNECTIONS", "0", "at least 1"),
        ("ALERTS_RETRY_SCHEDULE", "1,soon", "greater than 0"),
        ("ALERTS_TIMEZONE", "Europe/Nowhere", "Europe/London"),
        ("ALERTS_TIMEZONE", "../etc/passwd", "Europe/London"),
        ("ALERTS_DEFAULT_LANGUAGE", "e", "language tag"),
        ("ALERTS_LOG_FORMAT", "xml", "console, json"),
        ("ALERTS_LOG_LEVEL", "loud", "debug, info"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_name_and_words(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        load({**KEYS, name: value})
    assert str(caught.value).startswith(name)


def test_names_beyond_ascii_are_read_as_the_dns_knows_them() -> None:
    read = load({**KEYS, "ALERTS_FROM": "Gmina Łódź <a@faß-x.de>", "ALERTS_SMTP_URL": "smtp://mx.faß-x.de"})
    assert read.sender == "Gmina Łódź <a@xn--fa-x-wna.de>"
    assert read.smtp[0].host == "mx.xn--fa-x-wna.de"
    assert read.vapid_subject == "mailto:a@xn--fa-x-wna.de"
    public = "https://faß-x.de:8443/gmina-łódź/"
    read = load({**KEYS, "ALERTS_PUBLIC_URL": public, "ALERTS_VAPID_SUBJECT": "mailto:a@faß-x.de"})
    assert read.public_url == "https://xn--fa-x-wna.de:8443/gmina-%C5%82%C3%B3d%C5%BA"
    assert read.vapid_subject == "mailto:a@xn--fa-x-wna.de"


def test_dotenv_is_read_under_the_environment(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nexport ALERTS_TIMEZONE='Europe/Paris'\nALERTS_LOG_LEVEL=debug\n\n")
    assert environment({"ALERTS_LOG_LEVEL": "error"}, file) == {
        "ALERTS_TIMEZONE": "Europe/Paris",
        "ALERTS_LOG_LEVEL": "error",
    }
    file.write_text(
        "A=sqlite:///a.db # beside us\nB=smtp://me:x#y@mail  # a hash in a word stays\nC='a # b' # c\nD=#\n"
    )
    assert environment({}, file) == {"A": "sqlite:///a.db", "B": "smtp://me:x#y@mail", "C": "a # b", "D": ""}
    file.write_text("what is this\n")
    with pytest.raises(SettingsError, match="line 1: expected NAME=value"):
        environment({}, file)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.8.0.1", True),
        ("localhost", True),
        ("a.localhost", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("x.example", False),
    ],
)
def test_the_inbox_is_there_on_loopback_only(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    shown = f"[{host}]" if ":" in host else host
    assert load({**KEYS, "ALERTS_PUBLIC_URL": f"http://{shown}:80/"}).inbox is loopback


def test_misspelt_variables_are_found() -> None:
    assert unknown({"ALERTS_SMTP": "x", "ALERTS_FROM": "y", "HOME": "z"}) == ["ALERTS_SMTP"]
    assert len({v.name for v in settings.VARIABLES}) == 39


def test_no_secret_is_in_what_settings_print(tmp_path: Path) -> None:
    found = load(
        {
            "ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db",
            "ALERTS_SMTP_URL": "smtp://me:hunter2@mail.example:25",
        }
    )
    said = f"{found!r} {found} {found.smtp!r}"
    assert (
        "hunter2" not in said and found.secret_key.original().decode() not in said and str(found.master_key) not in said
    )
    with pytest.raises(SettingsError) as refused:
        load({"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db", "ALERTS_SMTP_URL": "smtp://me:hunter2/x@mail"})
    assert "hunter2" not in str(refused.value) and "%2F" in str(refused.value)


@pytest.mark.parametrize("name", ["ALERTS_DATABASE_URL", "ALERTS_SMTP_URL", "ALERTS_SMS_URL"])
def test_what_holds_a_secret_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    said = {
        "ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db",
        "ALERTS_SMTP_URL": "smtp://u:p@mail.example:25",
        "ALERTS_SMS_URL": "https+json://t@sms.example/x",
    }
    (tmp_path / "file").write_text(f"{said[name]}\n")
    others = {other: value for other, value in said.items() if other != name}
    by_file = settings.load({**others, f"{name}_FILE": str(tmp_path / "file")})
    assert by_file == settings.load(said)
    assert not settings.unknown({f"{name}_FILE": "x"})
    with pytest.raises(settings.SettingsError, match="both set"):
        settings.load({**said, f"{name}_FILE": str(tmp_path / "file")})
    with pytest.raises(settings.SettingsError, match=f"{name}_FILE: .*cannot be read"):
        settings.load({**others, f"{name}_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ALERTS_PUBLIC_URL", "https://alerts.example:abc", r"expected http\(s\)"),
        ("ALERTS_PUBLIC_URL", "https://alerts.example:0", r"expected http\(s\)"),
        ("ALERTS_PUSH_HOSTS", "https://push.example", "expected host names"),
        ("ALERTS_PUSH_HOSTS", "push.example:443", "expected host names"),
        ("ALERTS_SMS_URL", "twilio://AC1:token@api.example?from=+441", "%2B"),
    ],
)
def test_what_would_only_fail_later_is_refused_at_the_start(name: str, value: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"{name}: .*{words}"):
        load({"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db", name: value})


def test_a_secret_of_base64_keeps_its_plus() -> None:
    loaded = load(
        {**KEYS, "ALERTS_SMS_URL": "http+json://h:1/p?secret=whsec_ab+/cd==", "ALERTS_SMTP_URL": "smtp://h?secret=a+b"}
    )
    assert loaded.sms[0].secret == "whsec_ab+/cd=="
    assert loaded.smtp[0].secret == "a+b"


def test_testers_are_told_apart_by_how_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "push.json"
    file.write_text('{"endpoint": "https://push.example/1", "keys": {"p256dh": "p", "auth": "a"}}')
    env = {"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db"}
    found = load({**env, "ALERTS_CANARY": f"t@example.org, +447700900000,push:{file}"}).canary
    assert found["email"] == "t@example.org" and found["sms"] == "+447700900000"
    assert "push.example" in found["push"]


def test_tiles_need_their_attribution_and_one_host() -> None:
    url = "https://tiles.example.org/{z}/{x}/{y}.png"
    assert map_tiles.tiles({}) == ("", "")
    found = map_tiles.tiles({"ALERTS_TILE_URL": url, "ALERTS_TILE_ATTRIBUTION": "© Example"})
    assert found == (url, "© Example") and map_tiles.origin(url) == "https://tiles.example.org"
    for wrong in (
        {"ALERTS_TILE_URL": url},
        {"ALERTS_TILE_URL": url.replace("https", "http"), "ALERTS_TILE_ATTRIBUTION": "x"},
        {"ALERTS_TILE_URL": url.replace("tiles", "{s}"), "ALERTS_TILE_ATTRIBUTION": "x"},
        {"ALERTS_TILE_URL": "https://tiles.example.org/tile.png", "ALERTS_TILE_ATTRIBUTION": "x"},
        {"ALERTS_TILE_URL": url + "; script-src *", "ALERTS_TILE_ATTRIBUTION": "x"},
    ):
        with pytest.raises(settings.SettingsError, match="ALERTS_TILE"):
            map_tiles.tiles(wrong)
