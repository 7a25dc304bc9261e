"""`alerts doctor`: diagnoses settings and environment, with a remedy for each problem.

Every check runs in its own thread and is abandoned after five seconds, so that the doctor always ends. It writes
nothing, sends nothing and shows no secret.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict

from alerts.doctor.finding import Check, Finding
from alerts.doctor.runner import run
from alerts.settings import VARIABLES, Settings, SettingsError, environment, load, unknown
from alerts.settings.key_files import new_master_key


def examine(*, as_json: bool) -> int:
    """Print every setting and finding; returns 0 if nothing is wrong, else 1."""
    values = environment(os.environ)
    settings, findings = _loaded(values)
    if settings is None and "KEY is not set" in findings[0].found and _on_sqlite(values):
        # Other checks work before the first start too, with temporary keys.
        settings, findings = _loaded({**values, **_stand_in(values)})
        if settings is not None:
            findings.append(Finding("ok", "keys", "none yet; `alerts serve` makes them on SQLite"))
    findings += [
        Finding("warning", "settings", f"{name} is not a setting", "misspelt? the settings are listed above")
        for name in unknown(values)
    ]
    if settings is not None:
        findings += run(checks(), settings)
    listed = {v.name: shown(values, v.name, secret=v.secret) or f"({v.default})" for v in VARIABLES}
    if as_json:
        print(json.dumps({"settings": listed, "findings": [asdict(f) for f in findings]}))
    else:
        print("\n".join(f"{name:30} {value}" for name, value in listed.items()) + "\n")
        for f in findings:
            print(f"{f.state:8} {f.what}: {f.found}" + (f"\n         {f.mend}" if f.mend else ""))
    return 1 if any(f.state == "wrong" for f in findings) else 0


def _stand_in(values: Mapping[str, str]) -> dict[str, str]:
    """Temporary keys for those that are not set; those that are set are checked as they are."""
    names = ("ALERTS_SECRET_KEY", "ALERTS_MASTER_KEY")
    return {name: new_master_key() for name in names if not values.get(name) and not values.get(f"{name}_FILE")}


def _on_sqlite(values: Mapping[str, str]) -> bool:
    return "ALERTS_DATABASE_URL_FILE" not in values and values.get("ALERTS_DATABASE_URL", "sqlite:").startswith(
        "sqlite:"
    )


def _loaded(values: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    try:
        return load(values, make_keys=False), []
    except SettingsError as error:
        return None, [Finding("wrong", "settings", str(error), "mend this variable first")]


def checks() -> list[Check]:
    """All checks, in the order of the report."""
    # Imported in one thread: the checks run concurrently, and some modules break if two threads import them at once.
    import aiohttp  # noqa: F401
    import aiosmtplib  # noqa: F401
    import dns.resolver  # noqa: F401

    from alerts.app import bootstrap  # noqa: F401
    from alerts.doctor import database, mail, network, posters, providers, standstill
    from alerts.net import (
        dkim,  # noqa: F401
        safe_client,  # noqa: F401
    )

    return [
        database.database,
        database.disk,
        standstill.standstill,
        network.public_url,
        network.targets,
        mail.servers,
        mail.sender,
        mail.signature,
        providers.push,
        providers.texts,
        network.clock,
        posters.posters,
    ]


def shown(values: Mapping[str, str], name: str, *, secret: bool) -> str:
    """Displayable value of a variable, "" if it is not set."""
    file = values.get(f"{name}_FILE", "")
    if file:
        return f"(in {file}, not shown)"
    value = values.get(name, "")
    if secret:
        return "(set, not shown)" if value else ""
    value = re.sub(r"(://[^/?#@:]*):.*@", r"\1:…@", value)
    return re.sub(r"([?&](?:password|sslpassword)=)[^&]*", r"\1…", value)
