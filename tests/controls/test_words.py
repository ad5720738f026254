import pytest

from export_robots.controls.words import Words

MY_CLIENTS = Words("My Clients", "Mes clients")


@pytest.mark.parametrize("text", ["My Clients", " MY  CLIENTS ▾", "Mes clients", "My Clients (312)", "• My Clients:"])
def test_the_same_words_are_told_whatever_stands_around_them(text: str) -> None:
    assert MY_CLIENTS.matches(text)


@pytest.mark.parametrize("text", ["All Clients", "My Client", "My Clients by source", ""])
def test_other_words_are_not_taken_for_them(text: str) -> None:
    assert not MY_CLIENTS.matches(text)


def test_a_space_before_a_plus_makes_no_difference() -> None:
    assert Words("Clients+").matches("Clients +")
    assert not Words("Clients+").matches("Clients")


def test_accents_and_typographic_quotes_make_no_difference() -> None:
    assert Words("Générer", "J'accepte").matches("GENERER")
    assert Words("Générer", "J'accepte").matches("J’accepte")
