"""What a portal's words mean. A yes has to be plain; everything else is a no, a wait, or a doubt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_robots.portal_answer import Judgement, Verdict, judge, names

NAME = "ABC Autos – Activix CRM – Oct 2026.csv"


def verdict(*lines: str) -> Verdict:
    return judge(lines, NAME).verdict


@pytest.mark.parametrize(
    "line",
    [
        "Thank you!",
        "Your file has been received.",
        "Upload complete",
        f"{NAME} was uploaded successfully.",
        "Files uploaded: 1. Errors: 0",
        "Success! We have received your submission. If you have a problem, please write to us.",
        "Received without errors. No further action is required.",
        "Merci! Votre fichier a bien été reçu.",
        "Téléversement terminé",
        "Le fichier a été envoyé.",
        "Fichier téléversé avec succès",
        "Thank you. You will be told when your file has been processed.",
        "Received ABC_Autos_-_Activix_CRM_-_Oct_2026.csv (12 kB)",
        "Received 20261101-ABC Autos - Activix CRM - Oct 2026.csv",
        "Received ABC Autos – Acti…Oct 2026.csv",
    ],
)
def test_a_plain_yes(line: str) -> None:
    assert verdict(line) is Verdict.YES


@pytest.mark.parametrize(
    "line",
    [
        "Error: the file could not be read.",
        "Your file was not uploaded.",
        "We're sorry, something went wrong.",
        "Upload failed",
        "No file was received.",
        "The file is too large.",
        "This file has already been uploaded.",
        "Please select a file.",
        "The e-mail field is required.",
        "Une erreur est survenue.",
        "Votre fichier n'a pas été reçu.",
        "Échec du téléversement",
        "Fichier refusé",
        "Veuillez choisir un fichier.",
    ],
)
def test_a_no(line: str) -> None:
    assert verdict(line) is Verdict.NO


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Uploading… 40 %",
        "Your file is being received, please wait.",
        "Processing",
        "Once your file has been received you will get a mail.",
        "Your data will be uploaded tonight.",
        "How to see whether a file was received",
        "Téléversement en cours",
        "Votre fichier sera reçu sous peu.",
        "Contact us",
        NAME,
        "success.csv",
        "Successful.csv – 12 kB",
    ],
)
def test_nothing_to_rely_on_yet(line: str) -> None:
    assert verdict(line) is Verdict.WAIT


@pytest.mark.parametrize(
    "lines",
    [
        ("Thank you!", "Error: the file is empty."),
        ("Thank you!", "File: Riverside – Activix CRM – Oct 2026.csv"),
        ("We have received other.csv.",),
        (f"{NAME}", "We have received other.csv."),
        ("Merci!", "Aucun fichier"),
    ],
)
def test_a_yes_that_does_not_fit_is_a_doubt(lines: tuple[str, ...]) -> None:
    assert verdict(*lines) is Verdict.DOUBT


def test_a_file_name_is_no_wording() -> None:
    name = "Error Free Autos – Failed CRM – Oct 2026.csv"
    assert judge([f"Thank you, {name} was received."], name).verdict is Verdict.YES
    assert judge([name], "Thank you – received.csv").verdict is not Verdict.YES


@pytest.mark.parametrize(
    ("lines", "reference"),
    [
        (["Received. Reference: AB-1234"], "AB-1234"),
        (["Received.", "Reference number", "MTSA-20261123-0001"], "MTSA-20261123-0001"),
        (["Merci. Numéro de référence : 77"], None),  # too short to be one
        (["Merci.", "Numéro de confirmation : FR-4711"], "FR-4711"),
        (["Thank you. Your confirmation number is 90210."], "90210"),
        (["Thank you. Ticket #4711"], "4711"),
        (["Thank you for your reference."], None),
    ],
)
def test_the_reference_is_taken_from_the_words_around_it(lines: list[str], reference: str | None) -> None:
    assert judge(lines, NAME) == Judgement(Verdict.YES, judge(lines, NAME).text, reference)


@given(st.lists(st.text(max_size=60), max_size=8))
def test_any_text_gets_a_verdict(lines: list[str]) -> None:
    assert judge(lines, NAME).verdict in Verdict


@given(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20))
def test_another_file_is_never_taken_for_ours(stem: str) -> None:
    assert not names(f"received {stem}.csv", f"{stem}x.csv")
