from pathlib import Path

import pytest

from export_robots.reports.fields import find_columns
from tests.reports.csv_files import HEADER, check, finding, lead, names, write

ENGLISH = "Date,Lead Source,Full Name,Street,City,State or Province,Zip or Postal Code,Phone - Home,Phone - Mobile"
HEADERS = [
    (f"Dealership Name,{ENGLISH},Phone - Work,Email 1,Email 2,Lead Source Detail,Lead Type", 1, (8, 9, 10, 11, 12)),
    ("created_at,source,first_name,last_name,address_line_1,city,province,postal_code,email,phone", 0, (8, 9)),
    ("Lead ID,leadCreatedDate,leadSource,firstName,lastName,streetAddress,city,state,zipCode,cellPhone", 1, (9,)),
    ("Modified Date,Sale Date,Date Created,Source,Name,Address 1,City,ST,Zip,E-mail Address", 2, (9,)),
    (
        "Créé par,Créé le,Provenance,Prénom,Nom,Adresse,Ville,Province,Code postal,Téléphone (cellulaire),Courriel",
        1,
        (9, 10),
    ),
    ("Date de modification,Date de création,Source,Nom complet,Rue,Ville,Province,Code Postal,Courriel 2", 1, (8,)),
    ("DATE DE CREATION;SOURCE;PRENOM;NOM;ADRESSE;VILLE;PROVINCE;CODE POSTAL;TEL. (TRAVAIL)".replace(";", ","), 0, (8,)),
    (
        "Creation Date (UTC),Ad Source,Customer Name,Customer Street,Customer City,Customer State,Customer Zip,Cell #",
        0,
        (7,),
    ),
]


@pytest.mark.parametrize(("header", "date", "contacts"), HEADERS)
def test_finds_the_required_fields_in_english_and_french(header: str, date: int, contacts: tuple[int, ...]) -> None:
    columns = find_columns(header.split(","))
    assert columns.missing == ()
    assert columns.found["date"] == date
    assert columns.contacts == contacts


MISSING = [
    ("Creation Date", "Date"),
    ("Lead Source", "Lead Source"),
    ("Last Name", "Full Name"),
    ("Address", "Street"),
    ("City", "City"),
    ("Province", "State or Province"),
    ("Postal Code", "Zip or Postal Code"),
]


@pytest.mark.parametrize(("text", "name"), MISSING)
def test_names_a_missing_required_field(tmp_path: Path, text: str, name: str) -> None:
    column = HEADER.index(text)
    header = [*HEADER[:column], "Something", *HEADER[column + 1 :]]
    result = check(write(tmp_path, [lead(1)], header))
    assert result.reasons == (f"no column fits the required field “{name}”",)


def test_names_every_missing_required_field(tmp_path: Path) -> None:
    result = check(write(tmp_path, [["1", "2"]], ["Subject", "City"]))
    assert [reason for reason in result.reasons if "required field" in reason] == [
        f"no column fits the required field “{name}”"
        for name in (
            "Date",
            "Lead Source",
            "Full Name",
            "Street",
            "State or Province",
            "Zip or Postal Code",
            "Phone or Email",
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Created By",
        "Créé par",
        "Modified Date",
        "Sale Date",
        "Date de vente",
        "Appointment Date",
        "Delivery Date",
        "Updated At",
        "Last Contact Date",
        "Contact Date",
        "Date of Birth",
        "Source Date",
        "Next Call Date",
    ],
)
def test_never_takes_another_date_for_the_lead_s(text: str) -> None:
    assert "date" not in find_columns([text, "Lead Source"]).found


@pytest.mark.parametrize(
    "text",
    [
        "Do Not Call",
        "Phone Type",
        "Do Not Email",
        "Email Opt In",
        "Emails Sent",
        "Advisor Email",
        "Dealer Phone",
        "Phone Calls",
        "Lead Type",
        "Mobile App",
    ],
)
def test_never_takes_something_else_for_a_phone_or_an_email(text: str) -> None:
    assert find_columns([text]).contacts == ()


@pytest.mark.parametrize(
    "text",
    ["Phone", "Home Phone", "Phone - Work", "Mobile", "Cell Phone", "Phone 1", "Primary Phone Number", "Téléphone",
     "Téléphone (maison)", "Téléphone au travail", "Cellulaire", "Numéro de téléphone", "Email", "E-mail", "Email 2",
     "Courriel", "Courriel (travail)", "Adresse courriel", "Work Email", "Customer Email Address", "Mobile Phone"],
)  # fmt: skip
def test_knows_phones_and_emails(text: str) -> None:
    assert find_columns([text]).contacts == (0,)


@pytest.mark.parametrize(
    "text",
    ["Date of Birth", "date_of_birth", "DOB", "D.O.B.", "Birthdate", "Birthday", "Date de naissance", "DDN",
     "Second Contact - Date of Birth", "Customer DOB", "DATE DE NAISSANCE (AAAA-MM-JJ)", "Né(e) le"],
)  # fmt: skip
def test_knows_a_date_of_birth(text: str) -> None:
    columns = find_columns([text, "Birth Place", "Lieu de naissance", "Adobe"])
    assert columns.births == (0,)
    assert "date" not in columns.found


def test_prefers_the_creation_to_a_mere_date() -> None:
    columns = find_columns(["Date", "Creation Date"])
    assert columns.found["date"] == 1
    assert columns.rival_date is None


def test_a_crm_s_own_aliases_come_first() -> None:
    header = ["Creation Date", "Up Date", "Town", "Handy"]
    columns = find_columns(header, {"date": ("Up-Date",), "phone": ("handy",)})
    assert columns.found["date"] == 1
    assert columns.contacts == (3,)


def test_aliases_for_an_unknown_field_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="no such field: zip"):
        find_columns(["Date"], {"zip": ("Zip",)})


def test_a_second_column_of_creation_dates_that_disagrees_is_told(tmp_path: Path) -> None:
    header = [*HEADER, "Created At"]
    rows = [[*lead(1), "2026-10-02"], [*lead(2), "2026-11-03"]]
    result = check(write(tmp_path, rows, header))
    assert names(result) == ["rival_date"]
    assert finding(result, "rival_date").level == "warn"
    assert finding(result, "rival_date").lines == (3,)


def test_a_header_text_that_comes_twice_is_told(tmp_path: Path) -> None:
    result = check(write(tmp_path, [[*lead(1), "x"]], [*HEADER, "city"]))
    assert names(result) == ["doubled_header"]


def test_a_title_above_the_header_is_told_in_one_sentence(tmp_path: Path) -> None:
    rows = [["Created from 2026-10-01 to 2026-10-31"], [], HEADER, lead(1), lead(2), lead(3)]
    result = check(write(tmp_path, rows, ["Leads of ABC Autos"]))
    assert finding(result, "header_not_first").lines == (4,)
    assert "missing_field" not in names(result)


def test_tells_which_header_each_field_was_found_under(tmp_path: Path) -> None:
    fields = dict(check(write(tmp_path, [lead(1)])).fields)
    assert fields["Date"] == "Creation Date"
    assert fields["Street"] == "Address"
