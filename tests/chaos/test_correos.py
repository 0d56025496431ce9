"""kill -9 between a mail's sending and the note of it: it is sent again, told by its Message-ID, and none is lost."""

from __future__ import annotations

from email import message_from_bytes, policy
from uuid import uuid4

from sqlalchemy import text

from shared.crash import POINTS
from shared.persistence.base import new_engine
from tests.sistema import Sistema, hasta

PUNTO = "correos.despues_de_enviar"


def test_death_after_a_mail_was_sent(sistema: Sistema) -> None:
    assert PUNTO in POINTS
    sistema.esperar_lista()
    engine = new_engine(sistema.instalacion.base("clientes"), 2)
    marca = uuid4().hex[:10]

    def nada_espera() -> bool:
        with engine.connect() as conexion:
            return not conexion.scalar(text("SELECT count(*) FROM correos WHERE estado = 'pendiente'"))

    # What the seed wrote would meet the point first.
    hasta(nada_espera, 20)
    sistema.armar(PUNTO)
    ids = [uuid4() for _ in range(3)]
    with engine.begin() as conexion:
        for n, id_ in enumerate(ids):
            conexion.execute(
                text(
                    "INSERT INTO correos (correo_id, clave, para, asunto, texto, html)"
                    " VALUES (:id, :clave, :para, 'Prueba', 'texto', '<p>html</p>')"
                ),
                {"id": id_, "clave": f"{marca}:{n}", "para": f"{marca}-{n}@prueba.example"},
            )

    def todos_enviados() -> bool:
        with engine.connect() as conexion:
            consulta = text("SELECT count(*) FROM correos WHERE clave LIKE :marca AND estado = 'enviado'")
            return bool(conexion.scalar(consulta, {"marca": f"{marca}:%"}) == len(ids))

    try:
        hasta(lambda: not (sistema.crash_dir / PUNTO).exists(), 20)
        hasta(todos_enviados, 40)
        archivos = (sistema.instalacion.dir / "correo").glob(f"*{marca}*.eml")
        dichos = [message_from_bytes(a.read_bytes(), policy=policy.default)["Message-ID"] for a in archivos]
        # One was sent twice, by the process that died and by the next: recognisably the same.
        assert len(dichos) == len(ids) + 1
        assert {d.partition("@")[0].strip("<") for d in dichos} == {str(id_) for id_ in ids}
        with engine.connect() as conexion:
            quedan = conexion.scalar(
                text("SELECT count(*) FROM correos WHERE clave LIKE :marca AND texto || html <> ''"),
                {"marca": f"{marca}:%"},
            )
        assert quedan == 0
    finally:
        engine.dispose()
    sistema.esperar_lista()
