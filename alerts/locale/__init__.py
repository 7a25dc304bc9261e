"""Catalogues of the words in messages and pages: one gettext PO file a language, and their template `messages.pot`.

A word is found by its `msgctxt`, `section.key`; its `msgid` is the English text. `alerts.channels.i18n` serves them.
"""
