"""A notice of timbrado reaches the mailbox of who administers the CM, unless it chose otherwise."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import text

from services.timbrado.repository import Repositorio
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.e2e.buzon import recibidos
from tests.sistema import Sistema, hasta


def avisar(sistema: Sistema, mensaje: str, tipo: str) -> UUID:
    """As timbrado does; only what brings a notice about is left out."""
    engine = new_engine(sistema.instalacion.base("timbrado"), 1)
    try:
        with UnitOfWork(engine, Repositorio) as uow:
            cuenta = UUID(sistema.demo["distribuidor"]["cuenta"])
            hecho = uow.repo.avisar(cuenta, tipo, None, mensaje, f"prueba:{uuid4()}")
            assert hecho is not None
            uow.commit()
            return hecho
    finally:
        engine.dispose()


def escritos(sistema: Sistema, tipo: str, aviso: UUID) -> int | None:
    """How many mails a notice made; None while clientes has not handled it."""
    engine = new_engine(sistema.instalacion.base("clientes"), 1)
    try:
        with engine.connect() as conexion:
            sql = text(
                "SELECT (SELECT count(*) FROM correos WHERE clave LIKE :clave)"
                " FROM avisos_por_correo WHERE tipo = :tipo"
            )
            cuantos: int | None = conexion.scalar(sql, {"tipo": tipo, "clave": f"cuenta:%:aviso:{aviso}:%"})
            return cuantos
    finally:
        engine.dispose()


def test_un_aviso_llega_por_correo_a_quien_lo_quiere(sistema: Sistema) -> None:
    s = sistema.sesion("distribuidor")
    para = sistema.demo["distribuidor"]["usuario"]
    marca = uuid4().hex

    def llegaron() -> list[str]:
        return [asunto for asunto, texto in recibidos(sistema, para) if marca in texto]

    assert s.get("/v1/avisos/preferencias").json() == {"por_correo": True}
    # Of types that no other test brings about, so that theirs don't make these wait for the digest.
    tipo = f"prueba_{marca[:8]}"
    aviso = avisar(sistema, f"Renueve su contrato {marca}.", tipo)
    [asunto] = hasta(llegaron)
    assert escritos(sistema, tipo, aviso) == 1
    assert asunto.endswith(": tiene un aviso")
    assert [a for a in s.get("/v1/avisos").json()["datos"] if marca in a["mensaje"]]

    r = s.patch("/v1/avisos/preferencias", json={"por_correo": False})
    assert (r.status_code, r.json()) == (200, {"por_correo": False}), r.text
    assert s.get("/v1/avisos/preferencias").json() == {"por_correo": False}
    tipo = f"prueba_{marca[8:16]}"
    aviso = avisar(sistema, f"Otro {marca}.", tipo)
    hasta(lambda: escritos(sistema, tipo, aviso) is not None)
    assert escritos(sistema, tipo, aviso) == 0
    assert s.patch("/v1/avisos/preferencias", json={}).status_code == 422
    r = s.patch("/v1/avisos/preferencias", json={"por_correo": True})
    assert (r.status_code, r.json()) == (200, {"por_correo": True}), r.text
