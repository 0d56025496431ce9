"""Money: `Decimal` with two decimals, half-up to the centavo; puntos as whole hundredths in the ledger."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from shared.errors import campo_invalido

CENTAVO = Decimal("0.01")
MAXIMO = Decimal("999999999999.99")


def centavos(valor: Decimal) -> Decimal:
    """Round half-up to the centavo (domain: Buying and selling)."""
    return valor.quantize(CENTAVO, rounding=ROUND_HALF_UP)


def importe(valor: Decimal | str, campo: str = "importe") -> Decimal:
    """An amount of MXN: zero or more, at most two decimals. Raises `datos_invalidos` on `campo`."""
    try:
        numero = Decimal(valor)
    except InvalidOperation:
        raise campo_invalido(campo, "Escriba una cantidad con dos decimales, por ejemplo 1250.00.") from None
    if not numero.is_finite() or numero < 0 or numero > MAXIMO:
        raise campo_invalido(campo, "La cantidad debe ser cero o mayor.")
    if numero != centavos(numero):
        raise campo_invalido(campo, "Use como máximo dos decimales.")
    return centavos(numero)


def puntos_a_unidades(puntos: Decimal, campo: str = "puntos") -> int:
    """Puntos (two decimals) as the ledger's integer hundredths."""
    return int(importe(puntos, campo) * 100)


def unidades_a_puntos(unidades: int) -> Decimal:
    """The ledger's integer hundredths as puntos with two decimals."""
    return centavos(Decimal(unidades) / 100)


def precio_unitario(total: Decimal, cantidad: int) -> Decimal:
    """Price of one unit, six decimals, for margin reports."""
    return (total / cantidad).quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
