"""A cliente's other name: told by clientes once, and kept by the services that show it, whatever order events come in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from services.clientes.repository import Repositorio
from services.clientes.use_cases import clientes, importaciones
from services.facturacion import use_cases as facturacion
from services.facturacion.repository import Repositorio as RepositorioFacturacion
from services.licencias import use_cases as licencias
from services.licencias.repository import Repositorio as RepositorioLicencias
from services.puntos import use_cases as puntos
from services.puntos.repository import Repositorio as RepositorioPuntos
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.contracts.base import dump, load
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.migrar import migrate
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_distribuidores import Mundo

UNO, OTRO, CM = uuid4(), uuid4(), uuid4()


@dataclass
class Oyente:
    """One of the services that keep names."""

    motor: Engine
    casos: Any
    repositorio: Any
    tabla: str

    def oir(self, caso: Callable[..., Any], carga: Any) -> None:
        with UnitOfWork(self.motor, self.repositorio) as uow:
            caso(uow, load(type(carga), dump(carga)))
            uow.commit()

    def crear(self, *clientes_: UUID) -> None:
        caso = getattr(self.casos, "anotar_cliente", None) or self.casos.abrir_monedero_de_cliente
        for i, id_ in enumerate(clientes_):
            self.oir(
                caso,
                ev.ClienteCreado(cuenta_id=CM, cliente_id=id_, nic=1001 + i, nombre="Primero", cti=f"C{i}"),
            )

    def nombrar(self, *puestos: tuple[UUID, int, str]) -> None:
        carga = ev.ClientesCambiados(
            clientes=",".join(str(id_) for id_, _, _ in puestos),
            versiones=",".join(str(v) for _, v, _ in puestos),
            nombres=[nombre for _, _, nombre in puestos],
        )
        self.oir(self.casos.nombrar_clientes, carga)

    def nombres(self) -> dict[UUID, str]:
        with self.motor.connect() as conexion:
            filas = conexion.execute(text(f"SELECT cliente_id, nombre FROM {self.tabla}")).all()
        return {f.cliente_id: f.nombre for f in filas}


@pytest.fixture(params=["licencias", "facturacion", "puntos"])
def oyente(request: pytest.FixtureRequest, base_de_datos: Callable[..., str]) -> Iterator[Oyente]:
    motor = new_engine(base_de_datos(request.param), 2)
    casos, repositorio, tabla = {
        "licencias": (licencias, RepositorioLicencias, "clientes"),
        "facturacion": (facturacion, RepositorioFacturacion, "clientes"),
        "puntos": (puntos, RepositorioPuntos, "monederos_cliente"),
    }[request.param]
    yield Oyente(motor, casos, repositorio, tabla)
    motor.dispose()


def test_el_nombre_mas_nuevo_queda_y_lo_suprimido_no_vuelve(oyente: Oyente) -> None:
    with pytest.raises(DomainError, match=f"^{Codigo.CONFLICTO}:"):
        oyente.nombrar((UNO, 2, "Segundo"))
    oyente.crear(UNO, OTRO)
    # One of the two is not here: the lot comes again whole, so nothing of it is put.
    with pytest.raises(DomainError, match=f"^{Codigo.CONFLICTO}:"):
        oyente.nombrar((UNO, 2, "Segundo"), (uuid4(), 2, "Nadie"))
    assert oyente.nombres() == {UNO: "Primero", OTRO: "Primero"}
    oyente.nombrar((UNO, 4, "Cuarto, con coma"), (OTRO, 2, "Ñandú {llave}"))
    for tarde in (2, 3, 4):
        oyente.nombrar((UNO, tarde, "Tarde"))
    oyente.crear(UNO)
    assert oyente.nombres() == {UNO: "Cuarto, con coma", OTRO: "Ñandú {llave}"}
    # A conversion comes in between: it is the same cliente, with the same name.
    pasar = (
        getattr(oyente.casos, "pasar_cliente_a_su_cuenta", None) or oyente.casos.pasar_monedero_a_su_cuenta
    )
    oyente.oir(
        pasar,
        ev.ClienteConvertido(
            cliente_id=OTRO, nic=1002, cuenta_anterior_id=CM, cuenta_id=uuid4(), nombre="Primero", padre_id=CM,
            en=datetime.now(UTC),
        ),
    )  # fmt: skip
    assert oyente.nombres()[OTRO] == "Ñandú {llave}"

    oyente.oir(
        oyente.casos.olvidar_cliente, ev.ClienteSuprimido(cliente_id=UNO, nic=1001, en=datetime.now(UTC))
    )
    oyente.nombrar((UNO, 9, "Tarde"), (OTRO, 9, "Nueve"))
    assert oyente.nombres() == {UNO: "Cliente suprimido", OTRO: "Nueve"}
    with pytest.raises(IntegrityError), oyente.motor.begin() as conexion:
        conexion.execute(text(f"UPDATE {oyente.tabla} SET nombre = 'De vuelta'"))


@pytest.fixture
def mundo(base_de_datos: Callable[..., str]) -> Iterator[Mundo]:
    uno = Mundo(new_engine(base_de_datos("clientes"), 4))
    uno.preparar()
    yield uno
    uno.clientes.dispose()


def contados(mundo: Mundo) -> list[dict[UUID, tuple[int, str]]]:
    filas = mundo.leer("SELECT carga FROM outbox WHERE evento = 'clientes.clientes_cambiados_v1' ORDER BY id")
    with mundo.clientes.begin() as conexion:
        conexion.execute(text("DELETE FROM outbox"))
    cargas = [load(ev.ClientesCambiados, f.carga) for f in filas]
    return [
        {
            UUID(id_): (int(version), nombre)
            for id_, version, nombre in zip(
                x.clientes.split(","), x.versiones.split(","), x.nombres, strict=True
            )
        }
        for x in cargas
    ]


def crear(mundo: Mundo, nombre: str) -> c.Cliente:
    hecho: c.Cliente = mundo.correr(
        clientes.crear_cliente, c.CrearCliente(clave="c", cuenta_id=mundo.cm, nombre=nombre)
    )
    return hecho


def test_la_ficha_y_la_importacion_cuentan_cada_nombre_nuevo(mundo: Mundo) -> None:
    uno, otro, tercero = (crear(mundo, f"Cliente {i}") for i in range(3))

    def editar(**campos: Any) -> c.Cliente:
        hecho: c.Cliente = mundo.correr(
            clientes.editar_cliente, c.EditarCliente(clave="e", cuenta_id=mundo.cm, nic=uno.nic, **campos)
        )
        return hecho

    assert contados(mundo) == []
    editar(notas="Otra cosa")
    assert contados(mundo) == []
    editado = editar(nombre="Uno, S.A.")
    assert (editado.version, contados(mundo)) == (3, [{uno.cliente_id: (3, "Uno, S.A.")}])
    editar(nombre="Uno, S.A.")
    assert contados(mundo) == []

    nombres = ["nic", "nombre", "notas"]
    filas = [
        [2, str(uno.nic), "Uno otra vez", ""],
        [3, str(otro.nic), "Otro nombre", ""],
        [4, str(tercero.nic), tercero.nombre, "sólo notas"],
        [5, "", "Nuevo", ""],
    ]
    for simular in (True, False):
        hecha = mundo.correr(
            importaciones.recibir_importacion,
            c.RecibirImportacion(
                clave="i", cuenta_id=mundo.cm, actor=None, archivo="x.csv", simular=simular, actualizar=True,
                duplicados="crear", columnas=nombres, filas=4, piezas=1, huella="h",
            ),
        )  # fmt: skip
        pieza = c.RecibirPieza(
            clave="p",
            cuenta_id=mundo.cm,
            importacion_id=hecha.id,
            numero=1,
            filas=4,
            contenido=json.dumps(filas),
        )
        mundo.correr(importaciones.recibir_pieza, pieza)
        assert importaciones.avanzar_una(
            lambda: UnitOfWork(mundo.clientes, Repositorio), lambda caso, *args: caso(*args)
        )
        visto = mundo.correr(
            importaciones.obtener_importacion,
            c.ObtenerImportacion(cuenta_id=mundo.cm, importacion_id=hecha.id),
        )
        assert (visto.actualizadas, visto.creadas, visto.rechazadas) == (3, 1, 0)
        if simular:
            assert contados(mundo) == []
    assert contados(mundo) == [{uno.cliente_id: (4, "Uno otra vez"), otro.cliente_id: (2, "Otro nombre")}]
    guardadas = mundo.leer("SELECT cliente_id, version FROM clientes WHERE cuenta_id = :c", c=mundo.cm)
    assert {uno.cliente_id: 4, otro.cliente_id: 2}.items() <= {
        f.cliente_id: f.version for f in guardadas
    }.items()


def test_la_migracion_cuenta_los_nombres_que_ya_cambiaron(base_de_datos: Callable[..., str]) -> None:
    url = base_de_datos("clientes", migrada=False)
    migrate("clientes", url, "0014")
    mundo = Mundo(new_engine(url, 2))
    mundo.preparar()
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO clientes (cliente_id, cuenta_id, nic, cti, nombre, creado_en, version, suprimido_en)"
                " SELECT gen_random_uuid(), :c, 2000 + i, 'X' || i, CASE i WHEN 3 THEN 'Cliente suprimido'"
                " ELSE 'Nombre ' || i END, now(), CASE WHEN i < 3 THEN 1 ELSE i END, CASE i WHEN 3 THEN now() END"
                " FROM generate_series(1, 600) i"
            ),
            {"c": mundo.cm},
        )
    migrate("clientes", url)
    lotes = contados(mundo)
    assert [len(x) for x in lotes] == [500, 97]
    juntos = lotes[0] | lotes[1]
    assert sorted(juntos.values()) == sorted((i, f"Nombre {i}") for i in range(4, 601))
    mundo.clientes.dispose()
