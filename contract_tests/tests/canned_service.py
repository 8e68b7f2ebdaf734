"""A fake of the service behind a mutation."""


class CannedService:
    """A service that always gives the same answer, and records its calls."""

    url = "http://127.0.0.1:1"

    def __init__(self, reply):
        self.reply, self.calls = reply, []

    def __call__(self, call):
        self.calls.append(call)
        return self.reply

    def signed(self, call):
        return call

    def tams_key(self, app_id):
        return ""

    def tams_apps(self):
        return ()

    def moved(self):
        return 0.0
