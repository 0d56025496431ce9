"""Mails against a real PostgreSQL, a real SMTP server and a real folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import Engine, text

from deploy.local.puertos import libre
from services.clientes.domain import Boton, EnvioFallido, Mensaje
from services.clientes.repository import Repositorio
from services.clientes.transporte import Carpeta, Remitente, Smtp
from services.clientes.use_cases import correos
from shared.contracts import clientes as c
from shared.contracts.base import dump
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.migrar import migrate
from shared.persistence.uow import UnitOfWork

PORTAL = "https://portal.prueba.mx/"
REMITENTE = Remitente(de="Cuenta Maestra <avisos@prueba.mx>", portal=PORTAL)
CONFIRME = Mensaje(
    asunto="Confirme su correo, señora Núñez",
    parrafos=("Hola <b>Ana</b> & compañía.",),
    boton=Boton(texto="Confirmar", ruta="/confirmar?token=SECRETO"),
)
SIN_SECRETOS = Mensaje(asunto="Su cuenta vence", parrafos=("Renuévela.",), sin_secretos=True)


@pytest.fixture
def engine(base_de_datos: Callable[..., str]) -> Iterator[Engine]:
    motor = new_engine(base_de_datos("clientes"), pool_size=4)
    yield motor
    motor.dispose()


@dataclass
class Buzon:
    """The handler of an SMTP server: `respuestas` answers, in turn, what is not accepted."""

    respuestas: list[str] = field(default_factory=list)
    recibidos: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.respuestas:
            return self.respuestas.pop(0)
        leido = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(leido, EmailMessage)
        self.recibidos.append(leido)
        return "250 OK"


@pytest.fixture
def servidor() -> Iterator[tuple[Buzon, Smtp]]:
    buzon = Buzon()
    puerto = next(p for p in range(20_025, 30_000) if libre(p))
    controlador = Controller(buzon, hostname="127.0.0.1", port=puerto)
    controlador.start()
    smtp = Smtp(f"smtp://127.0.0.1:{puerto}", REMITENTE, timeout=3)
    yield buzon, smtp
    smtp.soltar()
    controlador.stop()


def escribir(
    engine: Engine, mensaje: Mensaje, para: str = "ana@prueba.mx", clave: str = "", **extra: Any
) -> None:
    with UnitOfWork(engine, Repositorio) as uow:
        correos.escribir(uow, para, mensaje, clave or str(uuid4()), **extra)
        uow.commit()


def filas(engine: Engine) -> list[Any]:
    with engine.connect() as conexion:
        return list(conexion.execute(text("SELECT * FROM correos ORDER BY creado_en")))


def enviar(engine: Engine, transporte: Any) -> bool:
    return correos.enviar_uno(lambda: UnitOfWork(engine, Repositorio), transporte)


def adelantar(engine: Engine) -> None:
    with engine.begin() as conexion:
        conexion.execute(text("UPDATE correos SET siguiente_en = now() - interval '1 second'"))


def test_a_mail_arrives_whole_and_its_text_does_not_stay(
    engine: Engine, servidor: tuple[Buzon, Smtp]
) -> None:
    buzon, smtp = servidor
    for _ in range(2):
        escribir(engine, CONFIRME, clave="una")
    assert enviar(engine, smtp)
    assert not enviar(engine, smtp)
    [leido] = buzon.recibidos
    [fila] = filas(engine)
    assert leido["Subject"] == CONFIRME.asunto
    assert leido["To"] == "ana@prueba.mx"
    assert leido["Message-ID"] == f"<{fila.correo_id}@prueba.mx>"
    assert leido["Auto-Submitted"] == "auto-generated"
    texto, html = (leido.get_body((tipo,)) for tipo in ("plain", "html"))
    assert texto is not None
    assert html is not None
    assert "https://portal.prueba.mx/confirmar?token=SECRETO" in texto.get_content()
    assert "Hola <b>Ana</b> & compañía." in texto.get_content()
    assert 'href="https://portal.prueba.mx/confirmar?token=SECRETO"' in html.get_content()
    assert "Hola &lt;b&gt;Ana&lt;/b&gt; &amp; compañía." in html.get_content()
    assert (fila.estado, fila.texto, fila.html, fila.intentos) == ("enviado", "", "", 1)


def test_a_4xx_is_tried_again_later_and_given_up_after_eight_tries(
    engine: Engine, servidor: tuple[Buzon, Smtp]
) -> None:
    buzon, smtp = servidor
    escribir(engine, CONFIRME)
    buzon.respuestas += ["451 Vuelva más tarde"] * 8
    esperas = []
    for _ in range(7):
        antes = datetime.now(UTC)
        assert not enviar(engine, smtp)
        [fila] = filas(engine)
        assert fila.estado == "pendiente"
        assert "451" in fila.error
        esperas.append(fila.siguiente_en - antes)
        assert not enviar(engine, smtp), "its turn has not come"
        adelantar(engine)
    assert esperas == sorted(esperas)
    assert timedelta(seconds=40) < esperas[0] < timedelta(minutes=2)
    assert not enviar(engine, smtp)
    [fila] = filas(engine)
    assert (fila.estado, fila.intentos, fila.texto, fila.html) == ("fallido", 8, "", "")
    assert buzon.recibidos == []


def test_a_5xx_is_final_and_an_operator_sends_again_what_holds_no_secret(
    engine: Engine, servidor: tuple[Buzon, Smtp]
) -> None:
    buzon, smtp = servidor
    escribir(engine, CONFIRME, "con@prueba.mx")
    escribir(engine, SIN_SECRETOS, "sin@prueba.mx")
    buzon.respuestas += ["550 <con@prueba.mx>: no existe", "550 <sin@prueba.mx>: no existe"]
    assert enviar(engine, smtp)
    assert enviar(engine, smtp)
    with UnitOfWork(engine, Repositorio) as uow:
        pagina = correos.listar_correos(uow, c.ListarCorreos(estado="fallido", limite=1))
        resto = correos.listar_correos(uow, c.ListarCorreos(estado="fallido", cursor=pagina.siguiente))
        assert {x.error for x in [*pagina.datos, *resto.datos]} == {
            "Rechazo del mensaje: 550 <(correo)>: no existe"
        }
        por_correo = {x.para: x for x in [*pagina.datos, *resto.datos]}
        assert sorted(por_correo) == ["con@prueba.mx", "sin@prueba.mx"]
        assert {p: x.reintentable for p, x in por_correo.items()} == {
            "con@prueba.mx": False,
            "sin@prueba.mx": True,
        }
        con, sin = (
            c.ReintentarCorreo(clave=p, correo_id=por_correo[p].correo_id)
            for p in ("con@prueba.mx", "sin@prueba.mx")
        )
        with pytest.raises(DomainError) as error:
            correos.reintentar_correo(uow, con)
        assert error.value.code is Codigo.CONFLICTO
        hecho = correos.reintentar_correo(uow, sin)
        # That answer is kept, and audited, for longer than the mail is.
        assert (hecho.estado, hecho.para, hecho.error) == ("pendiente", "s***@prueba.mx", None)
        uow.commit()
    assert enviar(engine, smtp)
    assert [x["To"] for x in buzon.recibidos] == ["sin@prueba.mx"]


def test_a_server_that_is_away_costs_one_try(engine: Engine) -> None:
    puerto = next(p for p in range(21_025, 30_000) if libre(p))
    escribir(engine, CONFIRME)
    assert not enviar(engine, Smtp(f"smtp://127.0.0.1:{puerto}", REMITENTE, timeout=1))
    [fila] = filas(engine)
    assert (fila.estado, fila.intentos) == ("pendiente", 1)
    assert fila.texto != ""


def test_without_starttls_no_password_leaves(engine: Engine, servidor: tuple[Buzon, Smtp]) -> None:
    buzon, smtp = servidor
    escribir(engine, CONFIRME)
    con_clave = Smtp(
        f"smtp://127.0.0.1:{smtp._puerto}", REMITENTE, usuario="yo", contrasena="secreta", timeout=3
    )
    assert not enviar(engine, con_clave)
    assert filas(engine)[0].estado == "pendiente"
    assert buzon.recibidos == []


def test_a_mail_that_is_taken_is_not_taken_twice_until_its_time_passed(
    engine: Engine, tmp_path: Path
) -> None:
    escribir(engine, CONFIRME)
    with UnitOfWork(engine, Repositorio) as uow:
        assert uow.repo.tomar_correo(uow.ahora, timedelta(seconds=9)) is not None
        uow.commit()
    carpeta = Carpeta(tmp_path, REMITENTE)
    assert not enviar(engine, carpeta)
    adelantar(engine)
    assert enviar(engine, carpeta)
    assert filas(engine)[0].intentos == 2


def test_as_files_any_address_stays_in_the_folder(engine: Engine, tmp_path: Path) -> None:
    escribir(engine, CONFIRME, "ana/x@prueba.mx")
    escribir(engine, SIN_SECRETOS, "beto@ñandú.mx", efimero=True)
    carpeta = Carpeta(tmp_path / "correo", REMITENTE)
    assert enviar(engine, carpeta)
    assert enviar(engine, carpeta)
    uno, dos = sorted((tmp_path / "correo").iterdir())
    assert "-ana_x@prueba.mx-" in uno.name
    assert uno.suffix == ".eml"
    leido = message_from_bytes(dos.read_bytes(), policy=policy.default)
    assert leido["To"] == "beto@xn--and-6ma2c.mx"
    assert [f.para for f in filas(engine)] == ["ana/x@prueba.mx", ""]


@pytest.mark.parametrize("para", ["ana@x.mx\nBcc: otro@x.mx", "ana@x.mx\r", "ana@x.mx\x00"])
def test_no_header_can_be_written_through_an_address(engine: Engine, para: str) -> None:
    with pytest.raises(DomainError) as error:
        escribir(engine, CONFIRME, para)
    assert error.value.code is Codigo.DATOS_INVALIDOS


@pytest.mark.parametrize("nombre", ["Ana\nBcc: otro@x.mx", "Ana\r", "Ana\x07", "Ana\u2028"])
def test_no_header_can_be_written_through_a_subject(engine: Engine, nombre: str) -> None:
    """A name may be older than the rule that refuses these: its mails go, and mean what they say."""
    escribir(engine, Mensaje(asunto=f"De «{nombre}»", parrafos=("x",)), "ana@x.mx")
    with engine.connect() as conexion:
        asunto = str(conexion.scalar(text("SELECT asunto FROM correos")))
    assert asunto.isprintable()
    assert asunto.startswith("De «Ana ")


def test_what_ended_long_ago_is_forgotten(engine: Engine, tmp_path: Path) -> None:
    for para in ("viejo@x.mx", "nuevo@x.mx"):
        escribir(engine, CONFIRME, para)
        assert enviar(engine, Carpeta(tmp_path, REMITENTE))
    escribir(engine, CONFIRME, "espera@x.mx")
    with engine.begin() as conexion:
        conexion.execute(
            text("UPDATE correos SET creado_en = now() - interval '31 days' WHERE para <> 'nuevo@x.mx'")
        )
    with UnitOfWork(engine, Repositorio) as uow:
        assert correos.limpiar(uow) == 1
        uow.commit()
    assert {f.para for f in filas(engine)} == {"nuevo@x.mx", "espera@x.mx"}


def test_an_address_that_nobody_can_write_fails_for_good() -> None:
    escrito: Any = type("C", (), {"para": "sin arroba", "asunto": "x", "texto": "", "html": ""})
    with pytest.raises(EnvioFallido) as falla:
        REMITENTE.mensaje(escrito)
    assert falla.value.definitivo


def test_what_is_kept_of_a_mail_sent_again_has_no_address(engine: Engine) -> None:
    escribir(engine, SIN_SECRETOS, "zoila@privado.mx")
    [fila] = filas(engine)
    with UnitOfWork(engine, Repositorio) as uow:
        uow.repo.correo_fallido(fila.correo_id, "no existe")
        peticion = c.ReintentarCorreo(clave="k", correo_id=fila.correo_id)
        assert uow.first_answer(c.REINTENTAR_CORREO.nombre, peticion) is None
        respuesta = dump(correos.reintentar_correo(uow, peticion))
        uow.remember_answer(c.REINTENTAR_CORREO.nombre, "k", respuesta)
        uow.commit()
    with engine.connect() as conexion:
        guardado = str(conexion.execute(text("SELECT respuesta FROM idempotency")).all())
        [asentado] = conexion.execute(text("SELECT carga ->> 'detalle' FROM outbox")).scalars()
    assert "zoila" not in guardado
    assert "privado" not in asentado
    assert '"despues":{"estado":"pendiente"}' in asentado


def test_mails_of_before_name_nobody_once_they_are_given_up(base_de_datos: Callable[..., str]) -> None:
    url = base_de_datos("clientes", migrada=False)
    migrate("clientes", url, "0016")
    motor = new_engine(url, 1)
    with motor.begin() as conexion:
        for clave, estado in (
            ("cuenta:1:usuario-titular:2", "fallido"),
            ("cuenta:1:titular:2", "pendiente"),
            ("cuenta:1:vencida:2", "fallido"),
        ):
            conexion.execute(
                text(
                    "INSERT INTO correos (correo_id, clave, para, asunto, texto, html, estado, error, secreto)"
                    " VALUES (gen_random_uuid(), :c, 'a@x.mx', '', 'Zoila', 'Zoila', :e, '550 <a@x.mx>: no', false)"
                ),
                {"c": clave, "e": estado},
            )
    migrate("clientes", url)
    quedan = sorted((f.clave, f.texto, f.secreto, f.error) for f in filas(motor))
    motor.dispose()
    assert quedan == [
        ("cuenta:1:titular:2", "Zoila", True, "550 <(correo)>: no"),
        ("cuenta:1:usuario-titular:2", "", True, "550 <(correo)>: no"),
        ("cuenta:1:vencida:2", "Zoila", False, "550 <(correo)>: no"),
    ]
