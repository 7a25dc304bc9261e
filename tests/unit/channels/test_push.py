"""Notifications: what the service worker gets, and that it always fits into what a push service takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels import push
from alerts.channels.descriptor import DigestItem
from alerts.channels.i18n import LANGUAGES
from alerts.channels.renderer import Renderer
from alerts.providers.webpush.vapid import SECRET_BYTES, Vapid, base64url, from_base64url, verified

NOW = datetime(2026, 11, 23, 14, 6, 2, tzinfo=UTC)


def payload(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.data)
    return found


def test_a_notice_says_what_to_do_and_where_to_tap(renderer: Renderer, words: Any, reader: Any) -> None:
    message = renderer.prepare(words(), "push").message(reader(to="{}"))
    assert payload(message) == {
        "id": "aaaa7777",
        "title": "Severe, Walworth: Gas leak: keep windows shut",
        "body": "Stay indoors.",
        "url": "https://town.example/alerts/7",
        "tag": "00000000-0000-0000-0000-000000000005",
        "lang": "en",
        "severity": "Severe",
        "why": "https://town.example/why/w",
        "stop": "https://town.example/unsubscribe/s",
        "labels": ["Why this one", "Stop"],
    }
    assert message.urgent and message.expires == NOW + timedelta(hours=6)
    assert len(message.topic) == 22 and message.topic.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_drill_says_so_first_in_every_language(renderer: Renderer, words: Any, reader: Any, language: str) -> None:
    from alerts.channels.i18n import translator

    mark = translator(language).text("mark", "Exercise")
    drill = words(status="Exercise", frame_language=language)
    assert payload(renderer.prepare(drill, "push").message(reader()))["title"].startswith(mark)
    digest = renderer.digest(language, [DigestItem(words=drill, personal=reader())], reader(), "push")
    assert payload(digest)["body"].startswith(mark)


def test_what_is_near_a_reader_stands_in_the_body(renderer: Renderer, words: Any, reader: Any, desks: Any) -> None:
    change = words(kind="service-change", instruction="", body="The desk **moves**.")
    body = payload(renderer.prepare(change, "push").message(reader(alternatives=desks)))["body"]
    assert body.startswith("The desk moves. Nearest: East Street Library, 0.4 km")


def test_the_check_code_ends_the_body_and_is_never_cut(renderer: Renderer, words: Any, reader: Any, desks: Any) -> None:
    told = words(check_code="4F7K2P", instruction="", body="The desk moves. " + "ا" * 5_000)
    for near in ((), desks):
        message = renderer.prepare(told, "push").message(reader(alternatives=near))
        assert payload(message)["body"].endswith("Code: 4F7K2P") and len(message.data) <= push.PAYLOAD


def test_an_update_has_the_topic_and_tag_of_its_thread(renderer: Renderer, words: Any, reader: Any) -> None:
    first, update = (renderer.prepare(words(number=n, msg_type=m), "push") for n, m in ((7, "Alert"), (9, "Update")))
    assert first.message(reader()).topic == update.message(reader()).topic
    assert payload(first.message(reader()))["tag"] == payload(update.message(reader()))["tag"]
    assert payload(update.message(reader()))["title"].startswith("UPDATE")


def test_a_digest_leads_to_the_one_message_or_to_all(renderer: Renderer, words: Any, reader: Any) -> None:
    one, other = (
        DigestItem(words=words(title=t, url=f"https://town.example/alerts/{t}"), personal=reader()) for t in "ab"
    )
    past = DigestItem(words=words(title="gone"), personal=reader(), past=True)
    assert payload(renderer.digest("en", [one, past], reader(), "push"))["url"] == "https://town.example/alerts/a"
    both = payload(renderer.digest("en", [one, other, past], reader(), "push"))
    assert (both["url"], both["body"]) == ("https://town.example/", "a; b")


def test_a_confirmation_carries_its_link_and_no_way_out(renderer: Renderer) -> None:
    message = renderer.confirmation("push", "en", "{}", "abc", "https://town.example/confirm/x")
    assert payload(message)["url"] == "https://town.example/confirm/x"
    assert "stop" not in payload(message) and message.topic == ""


@settings(max_examples=80)
@given(
    st.text(max_size=700),
    st.text(st.sampled_from('a"\\\n\x01é￿😀 ع'), min_size=500, max_size=700),
    st.text(st.sampled_from("aé😀 "), max_size=400),
)
def test_a_payload_always_fits(title: str, body: str, near: str) -> None:
    prepared = push.PreparedPush(
        title=title[:250], words=body, url="https://t.example/alerts/1", tag="t", lang="en", severity="Minor"
    )
    message = prepared.message(delivery="d", to="{}", near=near, why_url="w" * 120, stop_url="s" * 120)
    assert len(message.data) <= 3993
    assert json.loads(message.data)["title"] == title[:250]


def test_what_is_near_outlasts_the_words() -> None:
    prepared = push.PreparedPush(title="t", words="😀 " * 900, url="u", tag="t", lang="en", severity="Minor")
    body = json.loads(prepared.message(delivery="d", to="{}", near="Nearest: Brixton.").data)["body"]
    assert body.endswith("... Nearest: Brixton.") and len(body) > 500


def test_one_signature_serves_an_origin_for_hours_and_holds_for_it_alone() -> None:
    now = [NOW]
    vapid = Vapid(lambda: b"s" * SECRET_BYTES, "mailto:ops@town.example", clock=lambda: now[0])
    first = vapid.authorization("https://push.example")
    now[0] += timedelta(hours=10, minutes=50)
    assert vapid.authorization("https://push.example") == first
    assert verified(first, origin="https://push.example", public=vapid.public, now=now[0])
    assert not verified(first, origin="https://other.example", public=vapid.public, now=now[0])
    assert not verified(first, origin="https://push.example", public=vapid.public, now=now[0] + timedelta(hours=2))
    now[0] += timedelta(minutes=20)
    again = vapid.authorization("https://push.example")
    assert again != first
    assert verified(again, origin="https://push.example", public=vapid.public, now=now[0])


def test_a_signature_of_another_key_or_an_altered_one_is_refused() -> None:
    ours = Vapid(lambda: b"s" * SECRET_BYTES, "mailto:ops@town.example", clock=lambda: NOW)
    other = Vapid(lambda: b"t" * SECRET_BYTES, "mailto:ops@town.example", clock=lambda: NOW)
    header = other.authorization("https://push.example")
    assert verified(header, origin="https://push.example", public=other.public, now=NOW)
    assert not verified(header, origin="https://push.example", public=ours.public, now=NOW)
    swapped = header.rpartition("k=")[0] + "k=" + ours.public
    assert not verified(swapped, origin="https://push.example", public=ours.public, now=NOW)


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=80), st.binary(max_size=60).map(lambda b: f"vapid t=a.{base64url(b)}.c, k=d")))
def test_no_header_upsets_the_verifier(header: str) -> None:
    assert not verified(header, origin="https://push.example", public="x", now=NOW)


@given(st.binary(max_size=70))
def test_base64url_is_read_with_and_without_padding(raw: bytes) -> None:
    assert from_base64url(base64url(raw)) == raw == from_base64url(base64url(raw) + "=" * (-len(base64url(raw)) % 4))
