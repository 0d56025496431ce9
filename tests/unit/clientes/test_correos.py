"""How long mails are tried, and how they look."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser

import pytest

from services.clientes.domain import (
    Boton,
    Mensaje,
    cabecera_valida,
    en_cabecera,
    proximo_intento,
    sin_direcciones,
)
from services.clientes.domain.correos import INTENTOS
from services.clientes.mensajes import plantilla
from shared.errors import DomainError

MENSAJE = Mensaje(
    asunto="Aviso de <CM>",
    parrafos=("Uno & dos.", "Tres."),
    boton=Boton(texto="Ver «todo»", ruta="/a?b=1&c=2"),
)


def test_eight_tries_within_a_day_each_later_than_the_one_before() -> None:
    for azar in (0.0, 0.5, 0.999):
        esperas = [e for n in range(1, INTENTOS) if (e := proximo_intento(n, azar))]
        assert len(esperas) == 7
        assert esperas == sorted(esperas)
        assert timedelta(hours=12) < sum(esperas, timedelta()) < timedelta(hours=28)
        assert proximo_intento(INTENTOS, azar) is None


@pytest.mark.parametrize(
    ("motivo", "dicho"),
    [
        ("550 5.1.1 <Ana.Ruiz@Empresa.mx>: unknown", "550 5.1.1 <(correo)>: unknown"),
        ("550 user ana.ruiz is unknown", "550 user (correo) is unknown"),
        ("552 ana.ruiz@empre", "552 (correo)"),
        ("451 otra@x.mx, postmaster@x.mx", "451 (correo), (correo)"),
        ("421 Vuelva más tarde", "421 Vuelva más tarde"),
    ],
)
def test_why_a_mail_failed_says_nobodys_address(motivo: str, dicho: str) -> None:
    assert sin_direcciones(motivo, "ana.ruiz@empresa.mx") == dicho
    assert sin_direcciones("550 no hay yo", "yo@x.mx") == "550 no hay yo"


@pytest.mark.parametrize("malo", ["a\nb", "a\rb", "a\u2028b", "a\x00b", "a\x1bb", "\ud800"])
def test_what_could_break_a_header_is_refused(malo: str) -> None:
    with pytest.raises(DomainError):
        cabecera_valida(malo, "asunto")
    assert en_cabecera(f"CM «{malo}»").isprintable()
    assert cabecera_valida("Señora Núñez, «sí» 👍", "asunto")


def test_the_html_escapes_and_loads_nothing_from_elsewhere() -> None:
    hoja = plantilla.en_html(MENSAJE)
    etiquetas: list[str] = []
    enlaces: list[str | None] = []

    class Lector(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            etiquetas.append(tag)
            enlaces.extend(v for n, v in attrs if n in ("href", "src"))

    Lector().feed(hoja)
    assert enlaces == ["{{portal}}/a?b=1&c=2"]
    assert not {"img", "script", "link", "style", "cm"} & set(etiquetas)
    assert "Uno &amp; dos." in hoja
    assert 'lang="es-MX"' in hoja


def test_the_text_says_the_same() -> None:
    texto = plantilla.en_texto(MENSAJE)
    assert "Uno & dos.\n\nTres.\n\nVer «todo»:\n{{portal}}/a?b=1&c=2" in texto
