"""Finds the portal's required fields under the header texts that CRMs use, English and French.

The fields are those of the portal's requirements for a CRM leads file: Date, Lead Source, Full Name, Street, City,
State or Province, Zip or Postal Code, and at least one phone or e-mail. Capitals, accents, blanks and punctuation make
no difference: `Created At`, `created_at` and `createdAt` are one text.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

REQUIRED = {
    "date": "Date",
    "lead_source": "Lead Source",
    "full_name": "Full Name",
    "street": "Street",
    "city": "City",
    "state": "State or Province",
    "postal_code": "Zip or Postal Code",
    "contact": "Phone or Email",
}
"""The names that messages give the required fields. `full_name` may be `first_name` with `last_name`, `contact` any
number of `phone` and `email` columns."""

# In the order of preference. Never here: dates of another event (modified, sold, delivered, appointment), and
# "Created By", which is a person.
_CREATION = """
    lead creation date; lead created date; lead date created; lead created on; lead created at; lead created; lead
    date; creation date; created date; date created; date of creation; created at; created on; created; creation;
    create date; creation date time; created date time; date time created; creation time; created time; creation
    timestamp; lead origination date; origination date; date of origination; date of lead origination; lead date time;
    date de création; date création; créé le; créée le; date de création du lead; date de création du prospect; date
    de création du client; date et heure de création; date heure de création; création; créé; date du lead; date du
    prospect; date lead; date prospect; date d'origine; opportunity created date; opportunity creation date
"""
_ENTRY = """
    date received; received date; lead received; lead received date; received on; received; date lead received;
    inquiry date; enquiry date; opportunity date; date added; added date; added on; date entered; entry date; date in;
    lead in date; submitted date; date submitted; submission date; date de réception; reçu le; date reçue; date
    d'ajout; ajouté le; date d'entrée; date de soumission; date; date time; date et heure; date heure
"""

_ALIASES: dict[str, str] = {
    "lead_source": """
        lead source; lead source name; source of lead; opportunity source; source name; source; sources; ad source;
        advertising source; marketing source; up source; lead provider; lead origin; source description; original
        source; primary source; source du prospect; source du lead; source du client; source de prospect; source
        d'origine; provenance; provenance du client; provenance du prospect; origine; origine du prospect; origine du
        lead; source de provenance; source publicitaire""",
    "full_name": """
        full name; customer full name; customer name; contact name; client name; prospect name; lead name; buyer name;
        consumer name; guest name; name; nom complet; nom du client; nom du prospect; nom et prénom; prénom et nom;
        nom prénom; prénom nom; customer; client; prospect; contact; buyer; nom""",
    "first_name": "first name; given name; forename; first; fname; prénom; prénom du client; prénom du prospect",
    "last_name": """
        last name; surname; family name; last; lname; nom de famille; nom de famille du client; nom; nom du client;
        nom du prospect""",
    "street": """
        street; street address; address street; street name; address; address line 1; address line; home address;
        mailing address; mailing street; full address; street and number; adresse; adresse ligne 1; ligne d'adresse 1;
        rue; numéro et rue; no et rue; adresse civique; adresse postale; adresse (rue); rue et numéro; adresse du
        client; adresse complète; adresse domicile""",
    "city": "city; town; city name; city town; municipality; ville; municipalité; localité; ville du client",
    "state": """
        state; province; state or province; state province; province state; state region; province region; region;
        state code; province code; prov; st; administrative area; état; état province; province état; province ou
        état; code de province; code province; région""",
    "postal_code": """
        zip; zip code; postal code; post code; zip or postal code; postal or zip code; zip postal code; zip code
        postal code; postal code zip; postal zip; zip postal; postal; code postal; code postal zip; zip code postal;
        cp""",
    "date_of_birth": """
        date of birth; birth date; birthday; birth; dob; b day; date of birth dob; date de naissance; date naissance;
        ddn; naissance; né le; née le; anniversaire; date d'anniversaire""",
}
FIELDS = frozenset({"date", "phone", "email", *_ALIASES})
"""The keys that a CRM's own aliases may use."""

_PREFIXES = re.compile(
    r"(?:lead|customer|client|contact|prospect|opportunity|primary|buyer|consumer|guest|home|mailing|billing|address|adresse)"
)
_BIRTH = re.compile(
    r"dateofbirth|birthdate|datedenaissance|datenaissance|(?:customer|client|contact|buyer|2|second)dob$"
)

_WORDS = (
    r"home|mobile|work|cell|business|office|day|daytime|evening|night|primary|main|preferred|best|other|alternate|alt|"
    r"secondary|second|first|customer|client|contact|lead|buyer|prospect|consumer|guest|personal|number|numbers|no|num|"
    r"formatted|e164|address|numero|de|du|la|le|au|a|residence|residentiel|residentielle|maison|domicile|travail|bureau|"
    r"principal|principale|autre|autres|personnel|personnelle|professionnel|professionnelle|secondaire|adresse|"
    r"cellulaire|portable|\d+"
)
_PHONE = re.compile(
    rf"(?:{_WORDS})*(?:phones?|telephones?|tel|cellphone|mobilephone|smartphone)(?:{_WORDS})*"
    r"|(?:cell|cellular|cellulaire|mobile|portable)(?:number|no|num)?\d*"
    r"|(?:home|work|business|office)(?:number|no)\d*"
)
_EMAIL = re.compile(
    rf"(?:{_WORDS})*(?:emails?|courriels?|mails?|courrierelectronique|adresseelectronique)(?:{_WORDS})*"
)
_UTC = re.compile(r"\b(?:utc|gmt|zulu)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Where the fields stand, as column numbers from 0.

    Attributes:
        found: Field key to column, one each; `phone` and `email` are in `contacts` instead.
        rival_date: A second column that fits Date as well.
        missing: The names of required fields without a column.
        births: All columns that hold a date of birth.
        doubled: Header texts that occur more than once.
        date_is_utc: Whether the Date column's header says that its times are UTC.
    """

    found: Mapping[str, int]
    contacts: tuple[int, ...]
    births: tuple[int, ...]
    missing: tuple[str, ...]
    rival_date: int | None
    doubled: tuple[str, ...]
    date_is_utc: bool = False


def compact(text: str) -> str:
    """The letters and digits of `text` without accents, in small letters."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def find_columns(header: Sequence[str], aliases: Mapping[str, tuple[str, ...]] | None = None) -> Columns:
    """Map `header` to the required fields. A CRM's own `aliases` (keys: `FIELDS`) are preferred to the general ones."""
    aliases = aliases or {}
    if unknown := set(aliases) - FIELDS:
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}; there are {', '.join(sorted(FIELDS))}")
    own = {field: [compact(alias) for alias in texts] for field, texts in aliases.items()}
    texts = [compact(text) for text in header]
    bare = [compact(re.sub(r"\([^)]*\)|\[[^\]]*\]", "", text)) for text in header]

    dates = _matches(texts, bare, [*own.get("date", ()), *_general("date")], allow_prefix=False)
    found = {"date": dates[0]} if dates else {}
    for field in _ALIASES:
        columns = _matches(texts, bare, [*own.get(field, ()), *_general(field)], allow_prefix=field != "date_of_birth")
        if columns:
            found[field] = columns[0]
    if "first_name" in found and "last_name" in found:
        found.pop("full_name", None)
    births = [
        column
        for column, text in enumerate(texts)
        if text in own.get("date_of_birth", ()) or bare[column] in _general("date_of_birth") or _BIRTH.search(text)
    ]
    found.pop("date_of_birth", None)
    contacts = [
        column
        for column, text in enumerate(texts)
        if _PHONE.fullmatch(text)
        or _EMAIL.fullmatch(text)
        or text in own.get("phone", ())
        or text in own.get("email", ())
    ]
    has_name = "full_name" in found or ("first_name" in found and "last_name" in found)
    present = {*found, *(["full_name"] if has_name else []), *(["contact"] if contacts else [])}
    doubled = {text: name.strip() for name, text in zip(header, texts, strict=True) if text and texts.count(text) > 1}
    return Columns(
        found=found,
        contacts=tuple(contacts),
        births=tuple(births),
        missing=tuple(name for field, name in REQUIRED.items() if field not in present),
        rival_date=_rival(texts, bare, dates, own.get("date", ())),
        doubled=tuple(doubled.values()),
        date_is_utc=bool(dates) and bool(_UTC.search(header[dates[0]])),
    )


def _rival(texts: Sequence[str], bare: Sequence[str], dates: list[int], own: Sequence[str]) -> int | None:
    """Another column that says of itself that it holds the creation; a mere “Date” beside it is some other date."""
    creation = {*own, *_general("creation")}
    for column in dates[1:]:
        if texts[column] in creation or bare[column] in creation or texts[column] == texts[dates[0]]:
            return column
    return None


def _matches(texts: Sequence[str], bare: Sequence[str], aliases: Sequence[str], *, allow_prefix: bool) -> list[int]:
    """The fitting columns, best first: as the text stands, without brackets, without a final 1, without a prefix."""
    rank = {alias: number for number, alias in reversed(list(enumerate(aliases)))}
    fits: list[tuple[int, int, int]] = []
    for column, text in enumerate(texts):
        for effort, form in enumerate(_forms(text, bare[column], allow_prefix=allow_prefix)):
            if form in rank:
                fits.append((effort, rank[form], column))
                break
    return [column for _, _, column in sorted(fits)]


def _forms(text: str, bare: str, *, allow_prefix: bool) -> list[str]:
    forms = [text, bare, bare.removesuffix("1")]
    prefix = _PREFIXES.match(bare) if allow_prefix else None
    if prefix:
        forms.append(bare[prefix.end() :].removesuffix("1"))
    return forms


@cache
def _general(field: str) -> tuple[str, ...]:
    texts = {"date": f"{_CREATION};{_ENTRY}", "creation": _CREATION}.get(field) or _ALIASES[field]
    return tuple(compact(text) for text in texts.split(";"))
