"""What the SAT's catalogues say about a cliente's fiscal data (Anexo 20 of CFDI 4.0), and Mexico's states.

Only what the form of a cliente needs: whether a key exists and whom it is for. Whether a CFDI is right is
timbrado's to say, with the whole catalogues.
"""

from __future__ import annotations

import unicodedata

#: c_RegimenFiscal → (personas físicas, personas morales).
REGIMENES: dict[str, tuple[bool, bool]] = {
    "601": (False, True),
    "603": (False, True),
    "605": (True, False),
    "606": (True, False),
    "607": (True, False),
    "608": (True, False),
    "610": (True, True),
    "611": (True, False),
    "612": (True, False),
    "614": (True, False),
    "615": (True, False),
    "616": (True, False),
    "620": (False, True),
    "621": (True, False),
    "622": (False, True),
    "623": (False, True),
    "624": (False, True),
    "625": (True, False),
    "626": (True, True),
}

#: c_UsoCFDI that only a persona física may have: personal deductions and payroll.
USOS_DE_PERSONA_FISICA = frozenset({*(f"D{n:02d}" for n in range(1, 11)), "CN01"})
USOS_CFDI = frozenset(
    {"G01", "G02", "G03", *(f"I{n:02d}" for n in range(1, 9)), "S01", "CP01", *USOS_DE_PERSONA_FISICA}
)

#: Name → key of c_Estado, first two digits of its postal codes (from, to), other ways of writing it.
_ESTADOS: tuple[tuple[str, str, int, int, tuple[str, ...]], ...] = (
    ("Aguascalientes", "AGU", 20, 20, ("ags",)),
    ("Baja California", "BCN", 21, 22, ("bc", "baja california norte")),
    ("Baja California Sur", "BCS", 23, 23, ()),
    ("Campeche", "CAM", 24, 24, ("camp",)),
    ("Coahuila", "COA", 25, 27, ("coah", "coahuila de zaragoza")),
    ("Colima", "COL", 28, 28, ()),
    ("Chiapas", "CHP", 29, 30, ("chis",)),
    ("Chihuahua", "CHH", 31, 33, ("chih",)),
    ("Ciudad de México", "CMX", 0, 16, ("cdmx", "df", "dif", "distrito federal", "mexico df")),
    ("Durango", "DUR", 34, 35, ("dgo",)),
    ("Guanajuato", "GUA", 36, 38, ("gto",)),
    ("Guerrero", "GRO", 39, 41, ()),
    ("Hidalgo", "HID", 42, 43, ("hgo",)),
    ("Jalisco", "JAL", 44, 49, ()),
    ("México", "MEX", 50, 57, ("estado de mexico", "edo de mexico", "edo mex", "edomex", "edo mexico")),
    ("Michoacán", "MIC", 58, 61, ("mich", "michoacan de ocampo")),
    ("Morelos", "MOR", 62, 62, ()),
    ("Nayarit", "NAY", 63, 63, ()),
    ("Nuevo León", "NLE", 64, 67, ("nl",)),
    ("Oaxaca", "OAX", 68, 71, ()),
    ("Puebla", "PUE", 72, 75, ()),
    ("Querétaro", "QUE", 76, 76, ("qro", "queretaro de arteaga")),
    ("Quintana Roo", "ROO", 77, 77, ("qroo", "q roo")),
    ("San Luis Potosí", "SLP", 78, 79, ()),
    ("Sinaloa", "SIN", 80, 82, ()),
    ("Sonora", "SON", 83, 85, ()),
    ("Tabasco", "TAB", 86, 86, ()),
    ("Tamaulipas", "TAM", 87, 89, ("tamps",)),
    ("Tlaxcala", "TLA", 90, 90, ("tlax",)),
    ("Veracruz", "VER", 91, 96, ("veracruz de ignacio de la llave", "veracruz llave")),
    ("Yucatán", "YUC", 97, 97, ()),
    ("Zacatecas", "ZAC", 98, 99, ()),
)


def sin_acentos(texto: str) -> str:
    """Lower case, without accents, dots or repeated blanks: how words written by people are compared."""
    plano = unicodedata.normalize("NFD", texto.lower().replace(".", " "))
    return " ".join("".join(letra for letra in plano if not unicodedata.combining(letra)).split())


_POR_ESCRITO = {
    sin_acentos(forma): nombre
    for nombre, clave, _, _, otras in _ESTADOS
    for forma in (nombre, clave, *otras, *(f.replace(" ", "") for f in otras))
}
_CODIGOS = {nombre: range(desde, hasta + 1) for nombre, _, desde, hasta, _ in _ESTADOS}
#: Spellings seen before: an import asks for the same few a hundred thousand times.
_VISTOS: dict[str, str | None] = {}


def estado(texto: str) -> str | None:
    """The state's name, for its name, its SAT key or a usual abbreviation; None when there is no such."""
    if texto not in _VISTOS:
        if len(_VISTOS) > 1_000:
            _VISTOS.clear()
        plano = sin_acentos(texto)
        _VISTOS[texto] = _POR_ESCRITO.get(plano) or _POR_ESCRITO.get(plano.replace(" ", ""))
    return _VISTOS[texto]


def codigo_es_de(codigo_postal: str, nombre: str) -> bool:
    """Whether a postal code of five digits begins as those of this state do."""
    return int(codigo_postal[:2]) in _CODIGOS[nombre]
