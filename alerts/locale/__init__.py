"""Catalogues of the frame's words, one TOML file a language; read by `alerts.channels.i18n`."""
