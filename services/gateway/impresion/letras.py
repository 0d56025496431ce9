"""Amounts in words, as Mexican invoices write them: `MIL DOSCIENTOS CINCUENTA PESOS 00/100 M.N.`"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_HASTA_29 = (
    "CERO", "UN", "DOS", "TRES", "CUATRO", "CINCO", "SEIS", "SIETE", "OCHO", "NUEVE", "DIEZ", "ONCE", "DOCE",
    "TRECE", "CATORCE", "QUINCE", "DIECISÉIS", "DIECISIETE", "DIECIOCHO", "DIECINUEVE", "VEINTE", "VEINTIÚN",
    "VEINTIDÓS", "VEINTITRÉS", "VEINTICUATRO", "VEINTICINCO", "VEINTISÉIS", "VEINTISIETE", "VEINTIOCHO",
    "VEINTINUEVE",
)  # fmt: skip
_DECENAS = ("", "", "", "TREINTA", "CUARENTA", "CINCUENTA", "SESENTA", "SETENTA", "OCHENTA", "NOVENTA")
_CENTENAS = (
    "", "CIENTO", "DOSCIENTOS", "TRESCIENTOS", "CUATROCIENTOS", "QUINIENTOS", "SEISCIENTOS", "SETECIENTOS",
    "OCHOCIENTOS", "NOVECIENTOS",
)  # fmt: skip
_MILLONES = (("MILLÓN", "MILLONES"), ("BILLÓN", "BILLONES"), ("TRILLÓN", "TRILLONES"))
#: Currency → singular, plural, and what follows the cents.
_MONEDAS = {
    "MXN": ("PESO", "PESOS", "M.N."),
    "USD": ("DÓLAR", "DÓLARES", "USD"),
    "EUR": ("EURO", "EUROS", "EUR"),
}


def importe_con_letra(importe: Decimal, moneda: str) -> str:
    """An amount of up to 10^24 in words, before a noun (apocopated: VEINTIÚN PESOS). Cents are rounded half-up.

    A currency without a name of ours is written by its code; `XXX` (none) and negatives give an empty text.
    """
    if moneda == "XXX" or importe < 0 or importe >= Decimal(10) ** 24:
        return ""
    centavos = int((importe * 100).quantize(Decimal(1), ROUND_HALF_UP))
    entero, fraccion = divmod(centavos, 100)
    singular, plural, sufijo = _MONEDAS.get(moneda, (moneda, moneda, ""))
    nombre = singular if entero == 1 else plural
    # Only whole millions take "de": UN MILLÓN DE PESOS.
    de = "DE " if entero and entero % 1_000_000 == 0 else ""
    return f"{_numero(entero)} {de}{nombre} {fraccion:02d}/100 {sufijo}".strip()


def _numero(n: int) -> str:
    if n == 0:
        return "CERO"
    partes: list[str] = []
    resto, grupos = n, list[int]()
    while resto:
        resto, grupo = divmod(resto, 1_000_000)
        grupos.append(grupo)
    for orden in range(len(grupos) - 1, -1, -1):
        grupo = grupos[orden]
        if grupo == 0:
            continue
        partes.append(_hasta_999999(grupo))
        if orden > 0:
            uno, varios = _MILLONES[orden - 1]
            partes.append(uno if grupo == 1 else varios)
    return " ".join(partes)


def _hasta_999999(n: int) -> str:
    miles, resto = divmod(n, 1000)
    partes = []
    if miles:
        partes += ["MIL"] if miles == 1 else [_hasta_999(miles), "MIL"]
    if resto:
        partes.append(_hasta_999(resto))
    return " ".join(partes)


def _hasta_999(n: int) -> str:
    if n == 100:
        return "CIEN"
    centenas, resto = divmod(n, 100)
    partes = [_CENTENAS[centenas]] if centenas else []
    if 0 < resto < 30:
        partes.append(_HASTA_29[resto])
    elif resto:
        decena, unidad = divmod(resto, 10)
        partes.append(_DECENAS[decena] + (f" Y {_HASTA_29[unidad]}" if unidad else ""))
    return " ".join(partes)
