"""Choices at hand are those of their table."""

from mock_server.tams.settings import TamsSettings
from mock_server.web.vendor_settings import at_hand


def test_choices_at_hand_are_all_those_of_the_table():
    table = TamsSettings(clock_skew=60, both_spellings="refuse")

    assert vars(at_hand(table)) == table.model_dump()
