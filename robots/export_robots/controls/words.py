"""The words on controls that every site has, in English and French, and how two texts are told to be the same.

A CRM's own words stay in its file. Words are compared folded: without case, accents, typographic quotes and extra
spaces.
"""

import re
import unicodedata
from collections.abc import Iterable


def fold(text: str) -> str:
    """What is left of a text when a person asks whether two are the same; `sight/` folds alike."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    plain = re.sub(r"[\u2018\u2019\u02bc]", "'", plain)
    plain = re.sub(r"[\u200b\u00ad\ufeff]", "", plain).lower()
    return re.sub(r"\s+", " ", re.sub(r"\s*\+\s*", "+", plain)).strip()


def bare(text: str) -> str:
    """A folded text without what stands around the words: “Submit…”, “* Submit :” and “▾ Submit (3)” are `submit`."""
    folded = re.sub(r"\s*\(\s*\d[\d\s.,]*\)$", "", fold(text))
    return re.sub(r"[^\w)+]+$", "", re.sub(r"^[^\w(+]+", "", folded))


def _spaced(text: str) -> str:
    return " " + re.sub(r"[^\w+]+", " ", fold(text)).strip() + " "


class Words(tuple[str, ...]):
    """Texts that mean the same on a page; the first is the one that people read in our messages."""

    __slots__ = ()

    def __new__(cls, *texts: str) -> "Words":
        return super().__new__(cls, texts)

    @property
    def folded(self) -> list[str]:
        return [bare(text) for text in self]

    def matches(self, text: str) -> bool:
        """True if the text is one of these words, give or take case, accents and decoration."""
        return bare(text) in self.folded

    def within(self, text: str) -> bool:
        """True if one of these words stands somewhere in the text, as whole words."""
        return any(_spaced(word) in _spaced(text) for word in self.folded)

    def __str__(self) -> str:
        return f"“{self[0]}”"


def any_of(*groups: Iterable[str]) -> Words:
    return Words(*(text for group in groups for text in group))


SIGN_IN = Words(
    "Sign in", "Log in", "Login", "Sign on", "Connexion", "Se connecter", "Me connecter", "Ouvrir une session",
    "Ouvrir la session", "Connecter", "Continue", "Continuer", "Submit", "Soumettre", "Enter", "Entrer",
)  # fmt: skip
NEXT = Words("Next", "Continue", "Suivant", "Continuer", "Poursuivre")
VERIFY = Words(
    "Verify", "Confirm", "Continue", "Submit", "Sign in", "Log in", "Next", "Validate", "Send", "Vérifier", "Confirmer",
    "Continuer", "Soumettre", "Valider", "Connexion", "Se connecter", "Suivant", "Envoyer",
)  # fmt: skip
APPLY = Words(
    "Submit", "Apply", "OK", "Done", "Confirm", "Save", "Update", "Set", "Go", "Soumettre", "Appliquer", "Terminé",
    "Terminer", "Confirmer", "Enregistrer", "Valider", "Mettre à jour", "D'accord",
)  # fmt: skip
# What is answered to “Are you sure?”.
SURE = Words(
    "Confirm", "Yes", "Yes, continue", "Continue", "Proceed", "Send", "I'm sure", "Confirmer", "Oui", "Oui, continuer",
    "Continuer", "Poursuivre", "Envoyer", "Procéder",
)  # fmt: skip
CANCEL = Words("Cancel", "No", "Back", "Annuler", "Non", "Retour")
MORE = Words(
    "More", "More actions", "More options", "Show more", "Actions", "Options", "Menu", "Plus", "Plus d'actions",
    "Plus d'options", "Autres actions", "Voir plus",
)  # fmt: skip
ALL = Words(
    "All", "Select all", "Check all", "All columns", "Show all", "Toggle all", "Tous", "Toutes", "Tout",
    "Tout sélectionner", "Sélectionner tout", "Tout cocher", "Cocher tout", "Toutes les colonnes", "Tout afficher",
    "Afficher tout",
)  # fmt: skip
SEARCH = Words("Search", "Filter", "Find", "Recherche", "Rechercher", "Filtrer", "Chercher", "Trouver")
# What a person clicks to be rid of a banner or dialog that nobody asked for, what refuses before what agrees.
DISMISS = Words(
    "No thanks", "No, thanks", "Not now", "Maybe later", "Later", "Remind me later", "Skip", "Dismiss", "Close",
    "Got it", "Got it!", "Only necessary", "Necessary only", "Reject all", "Reject", "Decline", "Refuse", "Accept",
    "Accept all", "Accept cookies", "Accept all cookies", "I agree", "Agree", "OK", "Okay", "I understand",
    "Understood", "×", "x", "✕", "✖", "✗", "Non merci", "Non, merci", "Pas maintenant", "Plus tard",
    "Peut-être plus tard", "Me le rappeler plus tard", "Ignorer", "Passer", "Fermer", "Compris", "J'ai compris",
    "C'est compris", "Refuser", "Tout refuser", "Nécessaires seulement", "Seulement les nécessaires", "Accepter",
    "Tout accepter", "Accepter tout", "J'accepte", "Accepter les témoins", "D'accord",
)  # fmt: skip
