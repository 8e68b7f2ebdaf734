"""The settings of accounts: those of the server, with the values that an account overrides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mock_server.core.accounts import OwnSettings
from mock_server.core.errors import SettingsRefused
from mock_server.setting_sources import flat, hint, tables_of
from mock_server.setting_types import plain
from mock_server.settings import Settings, all_settings
from mock_server.web.vendor_settings import MAX_OWN


class AccountSettings:
    """Knows the settings that hold for accounts of a server, and changes those of one.

    What the server sets wins over a preset of the account, as it does over one of the server.
    """

    def __init__(self, server: Settings) -> None:
        self.server = server
        self._settings = lru_cache(MAX_OWN)(lambda own: server.with_own(dict(own)))

    def of(self, own: OwnSettings) -> Settings:
        """Return the settings that hold for accounts with these of their own."""
        return self._settings(own) if own else self.server

    def of_the_server(self) -> dict[str, Any]:
        """Return the settings of the server that are not defaults, of those accounts can have."""
        values = {each: self.server.value_of(each) for each in all_settings()}
        return {
            each.name: each.shown(value)
            for each, value in values.items()
            if not each.server_only and value != each.default
        }

    def changed(self, own: OwnSettings, changes: Mapping[str, Any]) -> OwnSettings:
        """Return an account's own settings after changes; None takes one back.

        A value is given as in a file or, as a text, as in the environment. Raises SettingsRefused.
        """
        if not changes:
            return own
        known = {setting.name: setting for setting in all_settings()}
        possible = [setting.name for setting in all_settings() if not setting.server_only]
        tables = tables_of(all_settings())
        values: dict[str, Any] = dict(own)
        problems: dict[str, str] = {}
        for name, value in flat(changes, tables):
            if name not in known:
                problems[name] = f"is not a setting{hint(name, possible)}"
            elif reason := known[name].server_only:
                problems[name] = f"is a setting of the server only: {reason}"
            elif value is None:
                values.pop(name, None)
            else:
                values[name] = value
        if problems:
            raise SettingsRefused(problems)
        settings = self.server.with_own(values)
        return tuple((name, _kept(settings.value_of(known[name]))) for name in sorted(values))

    def shown(self, own: OwnSettings) -> dict[str, Any]:
        """Return the values that hold for accounts with these settings, of all they can have."""
        settings = self.of(own)
        return {
            setting.name: setting.shown(settings.value_of(setting))
            for setting in all_settings()
            if not setting.server_only
        }


def _kept(value: Any) -> Any:
    return tuple(value) if isinstance(value, tuple) else plain(value)
