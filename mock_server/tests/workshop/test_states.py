"""Forks of an account with end users."""

from __future__ import annotations

from mock_server.core.account_service import AccountSpec
from mock_server.core.states import StateService
from mock_server.tests.makers import NOW, run
from mock_server.tests.workshop.session_bench import SessionCalls
from mock_server.web.auth_diagnostics.turns import Turns
from mock_server.workshop.sessions import Session
from mock_server.workshop.token_history import history_of, keep_preferences
from mock_server.workshop.tokens import Token


async def test_end_users_of_a_fork_have_tokens_and_sessions_of_their_own():
    calls = SessionCalls()
    token = calls.allocate(name="ada")
    bench = calls.bench
    first = bench.open(token, account="ready")
    closed = bench.open(token, account="ready", new_id=True)
    bench.do(lambda world: keep_preferences(world, token, "sd_webui", "{}"), account="ready")
    states = StateService(bench.accounts, bench.resets)

    _, renaming, _ = await states.fork("ready", AccountSpec(id="eve"), NOW, Turns().finish)

    ids = renaming.ids
    assert ids.keys() == {token, first.id, closed.id}
    assert not {*ids} & {*ids.values()}
    assert all(len(one) == len(other) for one, other in ids.items())
    assert ids[token][:10] == token[:10]  # the time in a ULID
    [own] = await bench.accounts.store.list(Token, "eve")
    sessions = await bench.accounts.store.list(Session, "eve")
    assert own.id == ids[token]
    assert own.sessions == (ids[closed.id],)
    assert [each.id for each in sessions] == [ids[first.id], ids[closed.id]]
    assert {each.token for each in sessions} == {own.id}
    assert bench.problem(ids[closed.id], account="eve") == ""
    assert bench.problem(ids[closed.id], account="ready") is None
    history = bench.do(lambda world: history_of(world, own.id), account="eve")
    assert history.preferences == (("sd_webui", "{}"),)
    run(bench.accounts.delete("eve"))
    assert bench.problem(closed.id, account="ready") == ""
