"""Amounts are exact, and a wallet adds up."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.credits import MAX_CREDITS, ZERO, Wallet, credits, in_usd, tenths_up
from mock_server.core.errors import CreditsShort, Invalid

amounts = st.decimals(0, 1000, places=1)


def a_wallet(opening="10", **sums):
    return Wallet("ada", "ada", Decimal(opening), **sums)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0.8, "0.8"),
        (" 0.80 ", "0.8"),
        (1000, "1000"),
        ("-12.000001", "-12.000001"),
        ("1e3", "1000"),
        (MAX_CREDITS, "1000000000"),
    ],
)
def test_an_amount_is_read_exactly(value, amount):
    assert credits(value) == Decimal(amount)


@pytest.mark.parametrize(
    "value",
    [
        *("", "much", None, True, [], "nan", "sNaN", "inf", "-inf"),
        *("1e99", "1e999999999", 1000000000.1),
        *("0.0000001", "1e-400"),
    ],
)
def test_what_is_no_reasonable_amount_is_refused_by_the_name_of_its_field(value):
    with pytest.raises(Invalid) as refusal:
        credits(value, "balance")

    assert refusal.value.field == "balance"


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("0", "0.0"),
        ("0.1", "0.1"),
        ("0.100000000001", "0.2"),
        ("0.81", "0.9"),
        ("0.8000000000000000000000000001", "0.8"),
        ("0.7999999999999999999999999999", "0.8"),
        ("12", "12.0"),
    ],
)
def test_amounts_are_rounded_up_to_tenths_but_not_for_the_noise_of_a_division(amount, rounded):
    assert str(tenths_up(Decimal(amount))) == rounded


def test_a_thousand_credits_are_three_dollars():
    assert in_usd(Decimal(1000)) == 3


def test_a_hold_lowers_the_balance_and_a_charge_makes_it_final():
    wallet = a_wallet().hold(Decimal("0.8"))
    assert (wallet.balance, wallet.held, wallet.charged) == (Decimal("9.2"), Decimal("0.8"), ZERO)

    wallet = wallet.charge(Decimal("0.8"))
    assert (wallet.balance, wallet.held, wallet.charged) == (Decimal("9.2"), ZERO, Decimal("0.8"))


def test_a_release_leaves_no_trace():
    assert a_wallet().hold(Decimal("0.8")).release(Decimal("0.8")) == a_wallet()


def test_everything_can_be_held_and_not_a_millionth_more():
    assert a_wallet().hold(Decimal(10)).balance == 0

    with pytest.raises(CreditsShort) as refusal:
        a_wallet().hold(Decimal("10.000001"))
    assert (refusal.value.price, refusal.value.balance) == (Decimal("10.000001"), Decimal(10))


def test_an_account_with_a_negative_balance_can_hold_nothing():
    wallet = a_wallet("1").top_up(Decimal(-2))

    assert wallet.hold(ZERO) == wallet
    with pytest.raises(CreditsShort):
        wallet.hold(Decimal("0.1"))


def test_a_top_up_can_take_away():
    wallet = a_wallet().top_up(Decimal(5)).top_up(Decimal(-3))

    assert (wallet.balance, wallet.topped_up) == (12, 2)


@given(st.lists(st.tuples(st.sampled_from(["hold", "charge", "release", "top_up"]), amounts)))
def test_a_wallet_adds_up_and_no_hold_overdraws_it(history):
    wallet = a_wallet("100")
    held = []
    for what, amount in history:
        if what == "hold":
            if amount > wallet.balance:
                with pytest.raises(CreditsShort):
                    wallet.hold(amount)
                continue
            held.append(amount)
            wallet = wallet.hold(amount)
        elif what == "top_up":
            wallet = wallet.top_up(amount)
        elif held:
            wallet = getattr(wallet, what)(held.pop())
        assert wallet.balance == wallet.opening + wallet.topped_up - wallet.charged - wallet.held
        assert wallet.held == sum(held)
        assert wallet.balance >= 0
