"""`tams-mock proxy`: `serve`, with another service that carries out the calls."""

from __future__ import annotations

from functools import partial

from mock_server.commands.serve import Serve, serve
from mock_server.setting_types import Setting

HELP = """Pass the calls of both vendors' APIs to another service until Ctrl-C or SIGTERM.

Faults, the rate limit, the journal and the control API work as in `tams-mock serve`. Clients' own
signatures go through unchanged; with credentials of the upstream, calls are signed again. Calls
that cost money are refused without --allow-spending. docs/proxy.md says more.

For example: tams-mock proxy --port 8081 --upstream http://127.0.0.1:8080
"""

MORE = """\b
All settings of `tams-mock serve` are flags here too:
  tams-mock proxy --help-all    what each one does
"""

_GROUPS = ("Where to listen", "Control")
_OTHERS = ("qps", "rate_limit", "faults_file")


def _is_shown(setting: Setting) -> bool:
    if setting.group == "Proxy" or setting.name in _OTHERS:
        return True
    return setting.common and setting.group in _GROUPS


command = Serve(
    "proxy",
    _is_shown,
    callback=partial(serve, proxies=True),
    help=HELP,
    epilog=MORE,
)
