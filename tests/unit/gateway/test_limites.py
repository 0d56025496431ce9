"""The buckets: how many at once, how often after, how much memory."""

from __future__ import annotations

import pytest

from services.gateway import limites
from services.gateway.limites import Limite, limitar, limitar_origen
from shared.errors import Codigo, DomainError
from shared.quien import origen


class Reloj:
    def __init__(self) -> None:
        self.ahora = 1000.0

    def __call__(self) -> float:
        return self.ahora


def intentar(limite: Limite, quien: str, veces: int) -> int:
    """How many of `veces` are admitted."""
    hechas = 0
    for _ in range(veces):
        if limite.espera(quien) == 0:
            limite.contar(quien)
            hechas += 1
    return hechas


def test_rafaga_y_despues_un_paso_a_la_vez() -> None:
    reloj = Reloj()
    limite = Limite(5, 50, reloj=reloj)
    assert intentar(limite, "a", 10_000) == 5
    assert intentar(limite, "b", 3) == 3
    assert limite.espera("a") == pytest.approx(10)
    reloj.ahora += 10
    assert intentar(limite, "a", 100) == 1
    reloj.ahora += 1000
    assert intentar(limite, "a", 100) == 5


def test_en_ninguna_ventana_pasa_el_doble() -> None:
    reloj = Reloj()
    limite = Limite(10, 60, reloj=reloj)
    hechas = 0
    for _ in range(120):
        hechas += intentar(limite, "a", 50)
        reloj.ahora += 0.5
    assert hechas <= 20
    assert hechas >= 19


def test_memoria_acotada_y_lo_vacio_se_suelta() -> None:
    reloj = Reloj()
    limite = Limite(2, 10, maximo=100, reloj=reloj)
    for n in range(1000):
        limite.contar(str(n))
    assert len(limite) == 100
    assert limite.espera("999") == 0
    reloj.ahora += 60
    limite.contar("otro")
    assert len(limite) == 1


def test_limitar_dice_cuanto_esperar() -> None:
    limites.olvidar()
    for _ in range(3):
        limitar("prueba", "a", 3, 300)
    with pytest.raises(DomainError) as error:
        limitar("prueba", "a", 3, 300)
    assert error.value.code is Codigo.DEMASIADOS_INTENTOS
    assert error.value.datos["reintentar_en"] == 100
    assert "2 minutos" in error.value.detail
    # Neither another limit nor another caller is touched.
    limitar("otra", "a", 3, 300)
    limitar("prueba", "b", 3, 300)


def test_de_ipv6_cuenta_tambien_la_red_48() -> None:
    limites.olvidar()

    def cuantas(*direcciones: str) -> int:
        hechas = 0
        for direccion in direcciones:
            try:
                limitar_origen("prueba", direccion, 5, 3600)
            except DomainError:
                continue
            hechas += 1
        return hechas

    assert cuantas(*["2001:db8:1:1::9"] * 9) == 5
    assert cuantas(*(f"2001:db8:1:{n:x}::9" for n in range(2, 200))) == 15
    assert cuantas(*(f"2001:db8:2:{n:x}::9" for n in range(3))) == 3, "another /48"
    assert cuantas(*(f"192.0.2.{n}" for n in range(60))) == 60
    limites.olvidar()


@pytest.mark.parametrize(
    ("direccion", "cuenta_como"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("no es", "no es"),
    ],
)
def test_origen(direccion: str, cuenta_como: str) -> None:
    assert origen(direccion) == cuenta_como
