"""Choices at hand are those of their table."""

from mock_server.tams.choices import Choices
from mock_server.web.choices import at_hand


def test_choices_at_hand_are_all_those_of_the_table():
    table = Choices(clock_skew=60, both_spellings="refuse")

    assert vars(at_hand(table)) == table.model_dump()
