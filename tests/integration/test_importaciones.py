"""Imports, classification and export of clientes against a real PostgreSQL."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.clientes.repository import Repositorio
from services.clientes.use_cases import clasificacion, clientes, exportacion, importaciones
from shared.contracts import clientes as c
from shared.contracts.base import dump
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

CABECERA = ("nombre", "rfc", "correo", "representante_correo", "color")


class Cartera:
    """A CM and what it does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.cuenta_id = self.cm()

    def cm(self) -> UUID:
        cuenta_id = uuid4()
        self.sql(
            "INSERT INTO cuentas_maestras (cuenta_id, padre_id, nombre, estado, vence_en, creado_en)"
            " SELECT :id, (SELECT cuenta_id FROM cuentas_maestras WHERE padre_id IS NULL), 'CM', 'activo',"
            " CASE WHEN EXISTS (SELECT FROM cuentas_maestras) THEN now() + interval '1 year' END, now()",
            id=cuenta_id,
        )
        return cuenta_id

    def sql(self, consulta: str, **valores: Any) -> list[Any]:
        with self.engine.begin() as conexion:
            resultado = conexion.execute(text(consulta), valores)
            return list(resultado) if resultado.returns_rows else []

    def uow(self) -> UnitOfWork[Repositorio]:
        return UnitOfWork(self.engine, Repositorio)

    def correr(self, use_case: Callable[..., Any], peticion: Any) -> Any:
        with self.uow() as uow:
            respuesta = use_case(uow, peticion)
            uow.commit()
            dump(respuesta)
            return respuesta

    def crear(self, nombre: str = "Ferretería", **datos: Any) -> c.Cliente:
        peticion = c.CrearCliente(clave="k", cuenta_id=self.cuenta_id, nombre=nombre, **datos)
        hecho: c.Cliente = self.correr(clientes.crear_cliente, peticion)
        return hecho

    def anunciar(
        self, filas: list[tuple[Any, ...]], nombres: tuple[str, ...], pieza: int, **opciones: Any
    ) -> c.Importacion:
        """Send a file in pieces; it is not worked on yet."""
        partes = [filas[i : i + pieza] for i in range(0, len(filas), pieza)]
        importacion: c.Importacion = self.correr(
            importaciones.recibir_importacion,
            c.RecibirImportacion(
                clave=str(uuid4()),
                cuenta_id=self.cuenta_id,
                huella=hashlib.sha256(repr(filas).encode()).hexdigest(),
                columnas=list(nombres),
                filas=len(filas),
                piezas=len(partes),
                **opciones,
            ),
        )
        linea = 2
        for numero, parte in enumerate(partes, 1):
            contenido = json.dumps([[linea + i, *fila] for i, fila in enumerate(parte)])
            linea += len(parte)
            importacion = self.correr(
                importaciones.recibir_pieza,
                c.RecibirPieza(
                    clave=f"{importacion.id}:{numero}",
                    cuenta_id=self.cuenta_id,
                    importacion_id=importacion.id,
                    numero=numero,
                    filas=len(parte),
                    contenido=contenido,
                ),
            )
        return importacion

    def avanzar(self) -> bool:
        return importaciones.avanzar_una(self.uow, lambda f, *args: f(*args))

    def importar(
        self,
        filas: list[tuple[Any, ...]],
        nombres: tuple[str, ...] = CABECERA,
        pieza: int = 2,
        **opciones: Any,
    ) -> tuple[c.Importacion, list[c.FilaDeImportacion]]:
        """The whole of it, with its report."""
        importacion = self.anunciar(filas, nombres, pieza, **opciones)
        assert importacion.estado == "recibida"
        while self.avanzar():
            pass
        return self.ver(importacion.id), self.reporte(importacion.id)

    def ver(self, id_: UUID) -> c.Importacion:
        peticion = c.ObtenerImportacion(cuenta_id=self.cuenta_id, importacion_id=id_)
        visto: c.Importacion = self.correr(importaciones.obtener_importacion, peticion)
        return visto

    def reporte(self, id_: UUID, **filtro: Any) -> list[c.FilaDeImportacion]:
        datos: list[c.FilaDeImportacion] = []
        cursor = None
        while True:
            peticion = c.ListarFilasDeImportacion(
                cuenta_id=self.cuenta_id, importacion_id=id_, limite=2, cursor=cursor, **filtro
            )
            pagina = self.correr(importaciones.listar_filas, peticion)
            datos += pagina.datos
            cursor = pagina.siguiente
            if cursor is None:
                return datos

    def exportar(self, **filtro: Any) -> list[list[str]]:
        """Every piece, one behind the other."""
        filas: list[list[str]] = []
        peticion = c.ExportarCartera(cuenta_id=self.cuenta_id, **{"orden": "nic", **filtro})
        while True:
            pieza = self.correr(exportacion.exportar_cartera, peticion)
            filas += csv.reader(io.StringIO(pieza.csv, newline=""))
            if pieza.siguiente is None:
                return filas
            peticion = replace(peticion, cursor=pieza.siguiente)

    def clientes(self) -> list[Any]:
        return self.sql(
            "SELECT nic, nombre, rfc, correo, representante, color, version FROM clientes WHERE cuenta_id = :id"
            " ORDER BY nic",
            id=self.cuenta_id,
        )


@pytest.fixture
def cartera(base_de_datos: Callable[..., str]) -> Iterator[Cartera]:
    motor = new_engine(base_de_datos("clientes"), pool_size=6)
    yield Cartera(motor)
    motor.dispose()


FILAS: list[tuple[Any, ...]] = [
    ("Uno", "EKU9003173C9", "uno@x.mx", "ana@x.mx", "azul"),
    ("Dos", "eku9003173c9", "dos@x.mx", "", ""),
    ("", "", "", "", ""),
    ("Cuatro", "ABC010231AB1", "cuatro@", "", "beis"),
    ("Cinco", "", "", "", "rojo"),
]


def test_an_import_creates_and_tells_in_lots(cartera: Cartera) -> None:
    importacion, filas = cartera.importar(FILAS)
    assert (importacion.estado, importacion.porcentaje) == ("terminada_con_rechazos", 100)
    assert (importacion.creadas, importacion.omitidas, importacion.rechazadas) == (2, 1, 2)
    assert "contraseñas" in importacion.nota
    assert [(f.linea, f.resultado, f.columna) for f in filas] == [
        (2, "creado", None), (3, "omitido", "rfc"), (4, "rechazado", "nombre"),
        (5, "rechazado", "color, rfc, correo"), (6, "creado", None),
    ]  # fmt: skip
    assert "línea 2" in (filas[1].mensaje or "")
    uno, cinco = cartera.clientes()
    assert (uno.nic, uno.representante, uno.color) == (filas[0].nic, {"correo": "ana@x.mx"}, "azul")
    assert (cinco.nombre, cinco.nic) == ("Cinco", filas[4].nic)
    cargas = cartera.sql("SELECT evento, carga FROM outbox ORDER BY id")
    assert [carga["nombres"] for evento, carga in cargas if evento.endswith("lote_v1")] == [
        ["Uno"],
        ["Cinco"],
    ]
    assert cartera.reporte(importacion.id, resultado="omitido") == [filas[1]]
    assert cartera.sql("SELECT count(*) FROM importaciones_piezas")[0][0] == 0


def test_a_dry_run_tells_the_same_and_writes_nothing(cartera: Cartera) -> None:
    cartera.crear("Antes", rfc="GODE561231GR8")
    antes = cartera.clientes()
    filas = [*FILAS, ("Otro", "GODE561231GR8", "", "", "")]
    for duplicados in c.DUPLICADOS:
        simulada, previsto = cartera.importar(filas, simular=True, duplicados=duplicados)
        assert cartera.clientes() == antes
        real, hecho = cartera.importar(filas, duplicados=duplicados)
        assert [(f.linea, f.resultado, f.columna) for f in previsto] == [
            (f.linea, f.resultado, f.columna) for f in hecho
        ]
        assert (simulada.creadas, simulada.actualizadas) == (real.creadas, real.actualizadas)
        assert "simulación" in simulada.nota
        cartera.sql("DELETE FROM clientes WHERE nombre <> 'Antes' AND nombre <> 'Otro'")
        cartera.sql(
            "UPDATE clientes SET nombre = 'Antes', version = 1, correo = NULL, representante = NULL, color = NULL"
        )
        cartera.sql("DELETE FROM clientes WHERE nic > :n", n=antes[0].nic)


def test_the_export_imports_again_and_changes_nothing(cartera: Cartera) -> None:
    cartera.crear("=Peligro", telefono="55 1234 5678 ext 3", otros={"Giro": 'a;b,"c"'}, notas="una\ndos")
    cartera.importar(FILAS)
    antes = cartera.clientes()
    filas = [tuple(fila) for fila in cartera.exportar()]
    importacion, reporte = cartera.importar(filas, c.COLUMNAS_DE_CLIENTES, actualizar=True)
    assert (importacion.estado, importacion.sin_cambios) == ("terminada", 3)
    assert {f.resultado for f in reporte} == {"sin_cambios"}
    assert cartera.clientes() == antes


def test_a_row_with_nic_updates_only_its_columns(cartera: Cartera) -> None:
    uno = cartera.crear(
        "Uno", correo="a@x.mx", notas="n", representante=c.Contacto(nombre="Eva", puesto="Dueña")
    )
    ajeno = Cartera(cartera.engine)
    otro = ajeno.crear("Ajeno")
    nombres = ("nic", "correo", "representante_puesto", "nombre")
    filas = [
        (str(uno.nic), "b@x.mx", "", "Uno"), (str(otro.nic), "c@x.mx", "", "Robado"), (str(uno.nic), "d@x.mx", "", "Uno"),
    ]  # fmt: skip
    importacion, reporte = cartera.importar(filas, nombres, actualizar=True)
    assert (importacion.actualizadas, importacion.rechazadas) == (1, 2)
    assert "línea 2" in (reporte[2].mensaje or "")
    visto = cartera.correr(
        clientes.obtener_cliente, c.ObtenerCliente(cuenta_id=cartera.cuenta_id, nic=uno.nic)
    )
    assert (visto.correo, visto.notas, visto.representante, visto.version) == (
        "b@x.mx", "n", c.Contacto(nombre="Eva"), 2,
    )  # fmt: skip
    assert ajeno.clientes()[0].nombre == "Ajeno"
    _, negadas = cartera.importar(filas[:1], nombres)
    assert negadas[0].resultado == "rechazado"


def test_duplicates_are_made_left_out_or_updated(cartera: Cartera) -> None:
    cartera.crear("Antes", rfc="EKU9003173C9", notas="n")
    filas: list[tuple[Any, ...]] = [("Nuevo", "EKU9003173C9", "n@x.mx", "", "")]
    assert cartera.importar(filas, duplicados="omitir")[0].omitidas == 1
    assert cartera.importar(filas, duplicados="actualizar")[0].actualizadas == 1
    assert [(x.nombre, x.correo) for x in cartera.clientes()] == [("Nuevo", "n@x.mx")]
    creada, reporte = cartera.importar(filas, duplicados="crear")
    assert creada.creadas == 1
    assert "Ya hay un cliente con este RFC" in (reporte[0].advertencia or "")
    assert "Varios clientes" in (cartera.importar(filas, duplicados="actualizar")[1][0].mensaje or "")


@pytest.mark.parametrize("pieza", [1, 9])
def test_a_row_finds_who_an_earlier_one_gave_its_rfc(cartera: Cartera, pieza: int) -> None:
    """In one piece as in several: an RFC is whose it is after the rows before, and no row's data are lost."""
    uno = cartera.crear("Uno", rfc="EKU9003173C9")
    nombres = ("nic", "nombre", "rfc", "correo")
    filas = [
        (str(uno.nic), "Uno", "IIA040805DZ4", ""),
        ("", "Uno, otra vez", "IIA040805DZ4", "uno@x.mx"),
        ("", "Quien tiene ahora aquel RFC", "EKU9003173C9", ""),
    ]
    opciones: dict[str, Any] = {"actualizar": True, "duplicados": "actualizar"}
    simulada, _ = cartera.importar(filas, nombres, pieza, simular=True, **opciones)
    hecha, reporte = cartera.importar(filas, nombres, pieza, **opciones)
    assert [r.resultado for r in reporte] == ["actualizado", "actualizado", "creado"]
    assert (hecha.creadas, hecha.actualizadas, hecha.rechazadas) == (1, 2, 0)
    if pieza == 9:
        assert (simulada.creadas, simulada.actualizadas) == (1, 2)
    assert [(x.nombre, x.rfc, x.correo) for x in cartera.clientes()] == [
        ("Uno, otra vez", "IIA040805DZ4", "uno@x.mx"),
        ("Quien tiene ahora aquel RFC", "EKU9003173C9", None),
    ]


def test_cancelled_midway_and_of_others(cartera: Cartera) -> None:
    importacion = cartera.anunciar(FILAS, CABECERA, 2)
    assert cartera.avanzar()
    ajeno = cartera.cm()
    with pytest.raises(DomainError) as error:
        cartera.correr(
            importaciones.cancelar_importacion,
            c.CancelarImportacion(clave="k", cuenta_id=ajeno, importacion_id=importacion.id),
        )
    assert error.value.code is Codigo.NO_ENCONTRADO
    cancelada = cartera.correr(
        importaciones.cancelar_importacion,
        c.CancelarImportacion(clave="k", cuenta_id=cartera.cuenta_id, importacion_id=importacion.id),
    )
    assert (cancelada.estado, cancelada.hechas, len(cartera.clientes())) == ("cancelada", 2, 1)
    assert not cartera.avanzar()


def test_a_suspended_cm_stops_and_imports_are_few(cartera: Cartera) -> None:
    cartera.cuenta_id = cartera.cm()
    ids = [cartera.anunciar(FILAS[:1], CABECERA, 2).id for _ in range(3)]
    with pytest.raises(DomainError) as error:
        cartera.anunciar(FILAS[:1], CABECERA, 2)
    assert error.value.code is Codigo.CONFLICTO
    cartera.sql(
        "UPDATE cuentas_maestras SET estado = 'suspendido' WHERE cuenta_id = :id", id=cartera.cuenta_id
    )
    while cartera.avanzar():
        pass
    assert {cartera.ver(id_).estado for id_ in ids} == {"cancelada"}
    assert cartera.clientes() == []
    cartera.sql("UPDATE importaciones SET terminada_en = now() - interval '91 days'")
    cartera.sql("UPDATE cuentas_maestras SET estado = 'activo'")
    cartera.importar(FILAS[:1])
    assert cartera.sql("SELECT count(*) FROM importaciones")[0][0] == 1


def test_classification_of_many_is_all_or_none(cartera: Cartera) -> None:
    uno, dos = cartera.crear("Uno"), cartera.crear("Dos")
    ajeno = Cartera(cartera.engine).crear("Ajeno")

    def clasificar(*nics: int, **etiquetas: Any) -> c.Clasificados:
        peticion = c.ClasificarClientes(clave="k", cuenta_id=cartera.cuenta_id, nics=list(nics), **etiquetas)
        hecho: c.Clasificados = cartera.correr(clasificacion.clasificar_clientes, peticion)
        return hecho

    with pytest.raises(DomainError) as error:
        clasificar(uno.nic, ajeno.nic, baja=True)
    assert error.value.datos == {"nics": [ajeno.nic]}
    assert cartera.exportar(baja="true") == []
    assert clasificar(uno.nic, dos.nic, color="verde", favorito=True).cambiados == 2
    assert clasificar(uno.nic, uno.nic, color="verde") == c.Clasificados(clientes=1, cambiados=0)
    assert [fila[0] for fila in cartera.exportar(color="verde", favorito=True)] == [
        str(uno.nic),
        str(dos.nic),
    ]
    clasificar(uno.nic, quitar_color=True)
    assert [fila[0] for fila in cartera.exportar(color="verde")] == [str(dos.nic)]
    visto = cartera.correr(
        clasificacion.clasificar_cliente,
        c.ClasificarCliente(clave="k", cuenta_id=cartera.cuenta_id, nic=dos.nic, baja=True),
    )
    assert (visto.favorito, visto.baja, visto.color, visto.version) == (False, True, None, 1)


def test_an_rfc_of_another_cliente_is_warned_of(cartera: Cartera) -> None:
    uno = cartera.crear("Uno", rfc="EKU9003173C9")
    dos = cartera.crear("Dos", rfc="EKU9003173C9")
    assert uno.advertencias == []
    assert [(a.campo, str(uno.nic) in a.mensaje) for a in dos.advertencias] == [("rfc", True)]
    Cartera(cartera.engine).crear("Ajeno", rfc="GODE561231GR8")
    assert cartera.crear("Tres", rfc="GODE561231GR8").advertencias == []
