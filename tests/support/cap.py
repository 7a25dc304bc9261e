"""CAP messages for tests: an alert of infos, each field to be varied."""

from __future__ import annotations

from alerts.intake import cap_reader

INFO = """<info>
  <language>{language}</language><category>Fire</category><event>{event}</event>{extra}
  <urgency>Immediate</urgency><severity>{severity}</severity><certainty>Observed</certainty>{codes}
  <effective>2026-03-12T09:30:00+00:00</effective><expires>2026-03-12T12:30:00+00:00</expires>
  <headline>{headline}</headline><description>Smoke.</description><instruction>Stay in.</instruction>
  {area}
</info>"""
CIRCLE = "<area><areaDesc>Town</areaDesc><circle>51.5,-0.1 1.5</circle></area>"
SQUARE = "<area><areaDesc>Square</areaDesc><polygon>51.5,-0.1 51.5,-0.2 51.6,-0.2 51.6,-0.1 51.5,-0.1</polygon></area>"


def info(
    language: str = "en-GB",
    event: str = "Fire",
    severity: str = "Severe",
    area: str = CIRCLE,
    codes: str = "",
    headline: str = "Fire at the mill",
    extra: str = "",
) -> str:
    return INFO.format(
        language=language, event=event, severity=severity, area=area, codes=codes, headline=headline, extra=extra
    )


def alert(*infos: str, **changes: str) -> bytes:
    heads = {
        "identifier": "fire-1",
        "sender": "fire@example.org",
        "sent": "2026-03-12T09:30:00+00:00",
        "status": "Actual",
        "msgType": "Alert",
        "scope": "Public",
        **changes,
    }
    head = "".join(f"<{name}>{text}</{name}>" for name, text in heads.items() if text != "-")
    return f'<?xml version="1.0"?><alert xmlns="{cap_reader.NAMESPACE}">{head}{"".join(infos)}</alert>'.encode()
