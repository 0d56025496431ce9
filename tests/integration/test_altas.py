"""Altas from outside against a real PostgreSQL: keys, sites, and the same answer for everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from services.clientes.repository import Repositorio
from services.clientes.use_cases import altas, conversiones, distribuidores
from shared.contracts import clientes as c
from shared.contracts.eventos import CLIENTE_CONVERTIDO, CUENTA_MAESTRA_CREADA
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_ctis import a_la_vez
from tests.integration.test_clientes_postgres import CRED, LLAVE, cliente, correr, cuenta, perfil

SITIO = "https://www.sureste.mx"


class Manana(UnitOfWork[Repositorio]):
    """The same database, a day later."""

    @property
    def ahora(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def engine(base_de_datos: Callable[..., str]) -> Iterator[Engine]:
    motor = new_engine(base_de_datos("clientes"), pool_size=8)
    yield motor
    motor.dispose()


@pytest.fixture
def cm(engine: Engine) -> UUID:
    """A distributor of the root, with Multi-nivel."""
    raiz = cuenta(engine, perfil(engine, 1).perfil_id)
    hija = cuenta(engine, perfil(engine, 2).perfil_id, raiz.cuenta_id).cuenta_id
    hoy = datetime.now(UTC).date()
    with engine.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO capacidades (mkl_id, cuenta_id, producto, inicia_en, vence_en)"
                " VALUES (:mkl, :cuenta, 'multinivel', :desde, :hasta)"
            ),
            {
                "mkl": uuid4(),
                "cuenta": hija,
                "desde": hoy - timedelta(days=2),
                "hasta": hoy + timedelta(days=300),
            },
        )
    return hija


@pytest.fixture
def llave(engine: Engine, cm: UUID) -> c.LlavePublica:
    return crear(engine, cm)


def crear(engine: Engine, cm: UUID, **datos: Any) -> c.LlavePublica:
    peticion = {"nombre": "Sitio", "origenes": [SITIO], **datos}
    hecha: c.LlavePublica = correr(
        engine, altas.crear_llave_publica, c.CrearLlavePublica(clave=str(uuid4()), cuenta_id=cm, **peticion)
    )
    return hecha


def pedir(engine: Engine, llave: str | None, **datos: Any) -> c.AltaRecibida:
    campos: dict[str, Any] = {
        "nombre": "Timbres del Golfo", "titular": "Ana Ruiz", "correo": "Ana@Golfo.mx", "movil": "55 8888 0001",
        "acepta_aviso": True, "aviso_version": "1", "origen": SITIO if llave else None, **datos,
    }  # fmt: skip
    hecha: c.AltaRecibida = correr(
        engine, altas.solicitar_alta, c.SolicitarAlta(clave=str(uuid4()), llave=llave, **campos)
    )
    return hecha


def rechazo(accion: Callable[[], Any]) -> DomainError:
    with pytest.raises(DomainError) as error:
        accion()
    return error.value


def filas(engine: Engine, sql: str, **datos: Any) -> list[Any]:
    with engine.connect() as conexion:
        return list(conexion.execute(text(sql), datos))


def correos(engine: Engine) -> list[tuple[str, str]]:
    return [(f.para, f.asunto) for f in filas(engine, "SELECT para, asunto FROM correos ORDER BY creado_en")]


def test_una_llave_es_de_sus_sitios_y_se_revoca_para_siempre(engine: Engine, cm: UUID) -> None:
    llave = crear(
        engine,
        cm,
        origenes=["HTTPS://WWW.Sureste.mx/", "https://www.sureste.mx:443", "http://localhost:8080"],
    )
    assert llave.origenes == [SITIO, "http://localhost:8080"]
    for malo in (
        "http://www.sureste.mx",
        "https://*.mx",
        "https://a.mx/ruta",
        "https://u@a.mx",
        "a.mx",
        "https://a.mx:x",
    ):
        assert "origenes" in rechazo(lambda malo=malo: crear(engine, cm, origenes=[malo])).errores  # type: ignore[misc]
    assert (
        "aviso_url"
        in rechazo(lambda: crear(engine, cm, aviso_url="http://a.mx/p", aviso_version="1")).errores
    )
    assert "aviso_version" in rechazo(lambda: crear(engine, cm, aviso_url="https://a.mx/p")).errores

    def permitido(origen: str, de: str | None) -> bool:
        hecho: c.OrigenPermitido = correr(
            engine, altas.permitir_origen, c.PermitirOrigen(origen=origen, llave=de)
        )
        return hecho.permitido

    assert permitido(SITIO, llave.llave)
    assert permitido(SITIO, None)
    assert not permitido("https://otro.mx", llave.llave)
    assert not permitido("https://otro.mx", None)
    ajena = c.RevocarLlavePublica(clave="r1", cuenta_id=uuid4(), llave=llave.llave)
    assert rechazo(lambda: correr(engine, altas.revocar_llave_publica, ajena)).code is Codigo.NO_ENCONTRADO
    for clave in ("r2", "r3"):
        revocada = correr(
            engine,
            altas.revocar_llave_publica,
            c.RevocarLlavePublica(clave=clave, cuenta_id=cm, llave=llave.llave),
        )
    assert revocada.revocada_en is not None
    assert not permitido(SITIO, llave.llave)
    assert not permitido(SITIO, None)
    assert rechazo(lambda: pedir(engine, llave.llave)).code is Codigo.NO_ENCONTRADO
    with pytest.raises(DBAPIError), engine.begin() as conexion:
        conexion.execute(text("UPDATE llaves_publicas SET revocada_en = NULL"))
    with engine.begin() as conexion:
        conexion.execute(text("UPDATE capacidades SET vence_en = inicia_en"))
    assert rechazo(lambda: crear(engine, cm)).code is Codigo.CONTRATO_REQUERIDO


def test_listas_de_llaves_y_de_altas_por_paginas(engine: Engine, cm: UUID) -> None:
    llaves = [crear(engine, cm, nombre=f"Sitio {i}").llave for i in range(3)]
    for i, una in enumerate(llaves):
        pedir(engine, una, nombre=f"Negocio {i}", correo=f"d{i}@golfo.mx", movil=f"558888000{i}")
    vistas: list[str] = []
    cursor = None
    while True:
        pagina = correr(
            engine,
            altas.listar_llaves_publicas,
            c.ListarLlavesPublicas(cuenta_id=cm, limite=2, cursor=cursor),
        )
        vistas += [x.llave for x in pagina.datos]
        if (cursor := pagina.siguiente) is None:
            break
    assert vistas == llaves[::-1]
    primera = correr(engine, altas.listar_altas, c.ListarAltas(cuenta_id=cm, limite=2))
    segunda = correr(
        engine, altas.listar_altas, c.ListarAltas(cuenta_id=cm, limite=2, cursor=primera.siguiente)
    )
    assert [a.nombre for a in (*primera.datos, *segunda.datos)] == ["Negocio 2", "Negocio 1", "Negocio 0"]
    una = correr(
        engine, altas.listar_altas, c.ListarAltas(cuenta_id=cm, llave=llaves[1], estado="sin_validar")
    )
    [alta] = una.datos
    assert (alta.llave_nombre, alta.sitio, alta.correo, alta.movil, alta.aviso_version) == (
        "Sitio 1", SITIO, "d1@golfo.mx", "+525588880001", "1",
    )  # fmt: skip
    assert correr(engine, altas.listar_altas, c.ListarAltas(cuenta_id=cm, estado="activo")).datos == []
    assert correr(engine, altas.listar_altas, c.ListarAltas(cuenta_id=uuid4())).datos == []
    mala = c.ListarAltas(cuenta_id=cm, estado="dormido")
    assert "estado" in rechazo(lambda: correr(engine, altas.listar_altas, mala)).errores


def test_la_misma_respuesta_para_todos_y_lo_que_no_se_pudo_va_por_correo(
    engine: Engine, cm: UUID, llave: c.LlavePublica
) -> None:
    nueva = pedir(engine, llave.llave)
    conocida = pedir(engine, llave.llave, correo="persona1@prueba.mx", movil="55 1234 0001")
    del_padre = pedir(engine, llave.llave, correo="persona2@prueba.mx", movil="55 1234 0002")
    assert nueva == conocida == del_padre
    assert [para for para, _ in correos(engine)] == [
        "ana@golfo.mx",
        "persona1@prueba.mx",
        "persona2@prueba.mx",
    ]
    assert correos(engine)[2][1].startswith("No pudimos completar")
    pedir(engine, llave.llave, correo="persona2@prueba.mx", movil="55 1234 0002")
    assert len(correos(engine)) == 3
    abiertas = filas(
        engine, "SELECT padre_id, origen, correo FROM cuentas_maestras WHERE estado = 'sin_validar'"
    )
    assert {(f.padre_id, f.origen) for f in abiertas} == {(cm, "externa")}
    assert len(abiertas) == 2


def test_pedirla_otra_vez_no_abre_otra_ni_inunda_de_correos(engine: Engine, llave: c.LlavePublica) -> None:
    for _ in range(3):
        pedir(engine, llave.llave)
    assert len(correos(engine)) == 1
    with Manana(engine, Repositorio) as uow:
        altas.solicitar_alta(
            uow,
            c.SolicitarAlta(
                clave="x", llave=llave.llave, origen=SITIO, nombre="Otra vez", titular="Ana", correo="ana@golfo.mx",
                movil="5588880001", acepta_aviso=True, aviso_version="1",
            ),
        )  # fmt: skip
        uow.commit()
    assert len(correos(engine)) == 2
    [alta] = filas(engine, "SELECT envios FROM altas")
    assert alta.envios == 2
    # Of the two links the later works.
    assert (
        len(filas(engine, "SELECT 1 FROM tokens WHERE proposito = 'alta_distribuidor' AND usado_en IS NULL"))
        == 1
    )


def test_lo_que_se_rechaza_en_la_pagina(engine: Engine, cm: UUID, llave: c.LlavePublica) -> None:
    casos: list[tuple[dict[str, Any], Codigo]] = [
        ({"origen": "https://otro.mx"}, Codigo.NO_PERMITIDO),
        ({"acepta_aviso": False}, Codigo.DATOS_INVALIDOS),
        ({"aviso_version": "99"}, Codigo.DATOS_INVALIDOS),
        ({"rfc": "XAXX010101000"}, Codigo.DATOS_INVALIDOS),
        ({"movil": "+1"}, Codigo.DATOS_INVALIDOS),
        ({"nombre": "   "}, Codigo.DATOS_INVALIDOS),
        ({"nombre": "Timbres\x07"}, Codigo.DATOS_INVALIDOS),
        ({"titular": "Ana\x92"}, Codigo.DATOS_INVALIDOS),
    ]
    for datos, codigo in casos:
        assert rechazo(lambda datos=datos: pedir(engine, llave.llave, **datos)).code is codigo  # type: ignore[misc]
    with engine.begin() as conexion:
        conexion.execute(text("UPDATE capacidades SET vence_en = inicia_en"))
    cerrada = rechazo(lambda: pedir(engine, llave.llave))
    assert cerrada.code is Codigo.CONFLICTO
    assert "MKL" not in cerrada.detail
    assert correos(engine) == []


def test_de_lo_que_se_rechaza_a_medias_no_queda_nada(
    engine: Engine, llave: c.LlavePublica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asked gets a mail that says that nothing was created: so it is, and what was told of it is not told."""

    def a_medias(*_: Any) -> None:
        raise DomainError(Codigo.DATOS_INVALIDOS, "El correo no se puede escribir.")

    antes = filas(engine, "SELECT evento FROM outbox")
    monkeypatch.setattr(distribuidores, "enviar_confirmacion", a_medias)
    pedir(engine, llave.llave)
    assert filas(engine, "SELECT 1 FROM cuentas_maestras WHERE estado = 'sin_validar'") == []
    assert filas(engine, "SELECT 1 FROM altas") == filas(engine, "SELECT 1 FROM tokens") == []
    assert filas(engine, "SELECT evento FROM outbox") == antes
    assert len(correos(engine)) == 1


def test_el_formulario_trae_un_boleto_de_su_llave(engine: Engine, cm: UUID) -> None:
    llave = crear(
        engine, cm, titulo="Sea distribuidor", aviso_url="https://a.mx/aviso", aviso_version="2026-01"
    )
    formulario = correr(
        engine, altas.consultar_formulario, c.ConsultarFormulario(llave=llave.llave, origen=SITIO), CRED
    )
    assert (formulario.titulo, formulario.aviso_url, formulario.aviso_version) == (
        "Sea distribuidor", "https://a.mx/aviso", "2026-01",
    )  # fmt: skip
    datos = jwt.decode(formulario.boleto, LLAVE.public_key(), algorithms=["EdDSA"])
    assert (datos["uso"], datos["llave"], datos["exp"] - datos["iat"]) == ("alta", llave.llave, 86_400)
    # It is no access token: those name a perfil and a session.
    assert not {"sub", "sid"} & datos.keys()
    otro = c.ConsultarFormulario(llave=llave.llave, origen="https://otro.mx")
    assert rechazo(lambda: correr(engine, altas.consultar_formulario, otro, CRED)).code is Codigo.NO_PERMITIDO


def test_inscripcion_bajo_la_raiz(engine: Engine, cm: UUID) -> None:
    pedir(engine, None, rfc="eku9003173c9")
    [alta] = filas(
        engine,
        "SELECT c.origen, c.rfc, r.padre_id AS abuelo, a.llave FROM altas a"
        " JOIN cuentas_maestras c ON c.cuenta_id = a.distribuidor_id JOIN cuentas_maestras r ON r.cuenta_id = c.padre_id",
    )
    assert tuple(alta) == ("inscripcion", "EKU9003173C9", None, None)


# -- conversion ------------------------------------------------------------------------------------------------


def convertir(engine: Engine, cm: UUID, nic: int, **datos: Any) -> c.Conversion:
    peticion = c.ConvertirCliente(clave=str(uuid4()), cuenta_id=cm, nic=nic, **{"confirmar": True, **datos})
    hecha: c.Conversion = correr(engine, conversiones.convertir_cliente, peticion)
    return hecha


CONTACTO = {"correo": "nuevo@cliente.mx", "movil": "5577770001"}


def test_un_cliente_se_convierte_en_distribuidor_y_es_su_primer_cliente(engine: Engine, cm: UUID) -> None:
    uno = cliente(engine, cm, rfc="EKU9003173C9", notas="paga tarde")
    hecha = convertir(engine, cm, uno.nic, **CONTACTO)
    assert hecha.estado == "sin_validar"
    [fila] = filas(engine, "SELECT * FROM clientes WHERE cliente_id = :id", id=uno.cliente_id)
    assert (fila.cuenta_id, fila.nic, fila.cti) == (hecha.distribuidor_id, uno.nic, uno.cti)
    # What the earlier CM thought of it stays with the earlier CM.
    assert fila.notas is None
    [suya] = correr(engine, conversiones.listar_conversiones, c.ListarConversiones(cuenta_id=cm)).datos
    assert (suya.nic, suya.notas, suya.estado) == (uno.nic, "paga tarde", "sin_validar")
    ajena = c.ListarConversiones(cuenta_id=hecha.distribuidor_id)
    assert correr(engine, conversiones.listar_conversiones, ajena).datos == []
    [nueva] = filas(engine, "SELECT * FROM cuentas_maestras WHERE cuenta_id = :id", id=hecha.distribuidor_id)
    assert (nueva.padre_id, nueva.origen, nueva.nombre, nueva.rfc) == (
        cm,
        "conversion",
        uno.nombre,
        "EKU9003173C9",
    )
    assert correos(engine)[-1][0] == CONTACTO["correo"]
    eventos = filas(engine, "SELECT evento, carga FROM outbox ORDER BY id")
    [convertido] = [e.carga for e in eventos if e.evento == CLIENTE_CONVERTIDO.nombre]
    assert (convertido["cuenta_anterior_id"], convertido["cuenta_id"]) == (
        str(cm),
        str(hecha.distribuidor_id),
    )
    creadas = [e.carga["cuenta_id"] for e in eventos if e.evento == CUENTA_MAESTRA_CREADA.nombre]
    assert str(hecha.distribuidor_id) in creadas
    # Once: it is in nobody else's cartera, and its own CM can't convert itself.
    assert rechazo(lambda: convertir(engine, cm, uno.nic, **CONTACTO)).code is Codigo.NO_ENCONTRADO


def test_el_perfil_principal_sera_el_titular_y_deja_de_ser_de_este_lado(engine: Engine, cm: UUID) -> None:
    uno, dueno = cliente(engine, cm), perfil(engine, 3)
    with engine.begin() as conexion:
        conexion.execute(
            text("UPDATE clientes SET perfil_principal_id = :p WHERE nic = :nic"),
            {"p": dueno.perfil_id, "nic": uno.nic},
        )
    assert "correo" in rechazo(lambda: convertir(engine, cm, uno.nic, **CONTACTO)).errores
    convertir(engine, cm, uno.nic)
    [fila] = filas(engine, "SELECT perfil_principal_id FROM clientes WHERE nic = :nic", nic=uno.nic)
    assert fila.perfil_principal_id is None
    assert correos(engine)[-1][0] == dueno.correo


def test_el_perfil_principal_de_varios_no_se_convierte(engine: Engine, cm: UUID) -> None:
    """It could never confirm: nothing is moved, and of another CM's clientes nothing is told."""
    uno, otro, dueno = cliente(engine, cm), cliente(engine, cm), perfil(engine, 3)
    raiz = filas(engine, "SELECT cuenta_id FROM cuentas_maestras WHERE padre_id IS NULL")[0].cuenta_id
    ajeno = cliente(engine, raiz)

    def controla(*nics: int) -> None:
        with engine.begin() as conexion:
            conexion.execute(
                text(
                    "UPDATE clientes SET perfil_principal_id = CASE WHEN nic = ANY(:n) THEN CAST(:p AS uuid) END"
                ),
                {"p": dueno.perfil_id, "n": list(nics)},
            )

    controla(uno.nic, otro.nic)
    error = rechazo(lambda: convertir(engine, cm, uno.nic))
    assert (error.code, error.datos) == (Codigo.CONFLICTO, {"nics": [otro.nic]})
    controla(uno.nic, ajeno.nic)
    error = rechazo(lambda: convertir(engine, cm, uno.nic))
    assert (error.code, error.datos) == (Codigo.CONFLICTO, {})
    assert str(ajeno.nic) not in error.detail
    # By its correo, of the CM's own clientes; of others' only its owner is told, when it opens the link.
    controla(otro.nic)
    suyo = {"correo": dueno.correo, "movil": dueno.movil}
    assert set(rechazo(lambda: convertir(engine, cm, uno.nic, **suyo)).errores) == {"correo"}
    assert filas(engine, "SELECT 1 FROM cuentas_maestras WHERE origen = 'conversion'") == []
    assert filas(
        engine, "SELECT DISTINCT cuenta_id FROM clientes WHERE nic IN (:a, :b)", a=uno.nic, b=otro.nic
    ) == [(cm,)]
    controla(ajeno.nic)
    assert convertir(engine, cm, uno.nic, **suyo).estado == "sin_validar"


def test_dos_conversiones_a_la_vez_hacen_una(engine: Engine, cm: UUID) -> None:
    uno = cliente(engine, cm)

    def una(i: int) -> Any:
        return convertir(engine, cm, uno.nic, correo=f"d{i}@cliente.mx", movil=f"557777000{i}")

    hechos = a_la_vez(4, una)
    rechazadas = [h.code for h in hechos if isinstance(h, DomainError)]
    assert rechazadas == [Codigo.NO_ENCONTRADO] * 3
    [nueva] = filas(engine, "SELECT cuenta_id FROM cuentas_maestras WHERE origen = 'conversion'")
    [fila] = filas(engine, "SELECT cuenta_id FROM clientes WHERE nic = :nic", nic=uno.nic)
    assert fila.cuenta_id == nueva.cuenta_id


def test_altas_del_mismo_correo_a_la_vez_abren_una(engine: Engine, llave: c.LlavePublica) -> None:
    assert not [h for h in a_la_vez(4, lambda _: pedir(engine, llave.llave)) if isinstance(h, DomainError)]
    assert len(filas(engine, "SELECT 1 FROM cuentas_maestras WHERE estado = 'sin_validar'")) == 1
    assert (
        len(filas(engine, "SELECT 1 FROM tokens WHERE proposito = 'alta_distribuidor' AND usado_en IS NULL"))
        == 1
    )


def test_lo_que_no_se_convierte(engine: Engine, cm: UUID) -> None:
    uno = cliente(engine, cm)
    casos: list[tuple[dict[str, Any], Codigo]] = [
        ({"confirmar": False, **CONTACTO}, Codigo.CONFIRMACION_REQUERIDA),
        ({}, Codigo.DATOS_INVALIDOS),
        ({"correo": CONTACTO["correo"]}, Codigo.DATOS_INVALIDOS),
        ({"correo": "persona2@prueba.mx", "movil": "5512340002"}, Codigo.DATOS_INVALIDOS),
    ]
    for datos, codigo in casos:
        assert rechazo(lambda datos=datos: convertir(engine, cm, uno.nic, **datos)).code is codigo  # type: ignore[misc]
    assert rechazo(lambda: convertir(engine, uuid4(), uno.nic, **CONTACTO)).code is Codigo.NO_ENCONTRADO
    with engine.begin() as conexion:
        conexion.execute(text("UPDATE capacidades SET vence_en = inicia_en"))
    assert rechazo(lambda: convertir(engine, cm, uno.nic, **CONTACTO)).code is Codigo.CONTRATO_REQUERIDO
    [fila] = filas(engine, "SELECT cuenta_id FROM clientes WHERE nic = :nic", nic=uno.nic)
    assert fila.cuenta_id == cm


def test_un_cliente_no_cambia_de_cuenta_de_otro_modo(engine: Engine, cm: UUID) -> None:
    uno = cliente(engine, cm)
    with pytest.raises(DBAPIError), engine.begin() as conexion:
        conexion.execute(
            text("UPDATE clientes SET cuenta_id = (SELECT cuenta_id FROM cuentas_maestras WHERE padre_id IS NULL)"
                 " WHERE nic = :nic"),
            {"nic": uno.nic},
        )  # fmt: skip
    assert replace(uno, version=uno.version).cuenta_id == cm
