"""Rules of an import: what each row does, decided for a piece of rows at a time from what the cartera has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.clientes.domain import ficha
from services.clientes.domain.clientes import ClienteGuardado
from services.clientes.domain.columnas import FilaLeida, columna_de

#: Imports of one CM that may be under way together.
SIMULTANEAS = 3
#: Hours after which a file that did not come whole is given up.
ABANDONO = 1
#: Days for which a report is kept after its import ended.
RETENCION = 90
SIN_TERMINAR = frozenset({"recibiendo", "recibida", "trabajando"})

NOTA = (
    "El reporte no incluye contraseñas: las CTI de los clientes nuevos quedan sin contraseña hasta que la establezca"
    " en cada una (Restablecer contraseña)."
)
NOTA_DE_SIMULACION = "Es una simulación: dice qué pasaría y no cambió a ningún cliente."
#: A cliente without one yet: its NIC comes from the sequence when the piece is written.
SIN_NIC = 0


@dataclass(frozen=True, slots=True)
class Importacion:
    """An import as stored, without its rows."""

    id: UUID
    cuenta_id: UUID
    archivo: str
    estado: str
    simular: bool
    actualizar: bool
    duplicados: str
    columnas: list[str]
    filas: int
    piezas: int
    piezas_hechas: int
    creadas: int
    actualizadas: int
    sin_cambios: int
    omitidas: int
    rechazadas: int
    motivo: str | None
    creada_en: datetime
    iniciada_en: datetime | None
    terminada_en: datetime | None

    @property
    def hechas(self) -> int:
        """Rows that were worked on."""
        return self.creadas + self.actualizadas + self.sin_cambios + self.omitidas + self.rechazadas

    @property
    def nota(self) -> str:
        """Head of its report."""
        return NOTA_DE_SIMULACION if self.simular else NOTA


@dataclass(slots=True)
class Resultado:
    """What became of a row. `nuevo`: place in `Plan.nuevos` of the cliente whose NIC it will have."""

    linea: int
    resultado: str
    nic: int | None = None
    rfc: str | None = None
    columna: str | None = None
    mensaje: str | None = None
    advertencia: str | None = None
    nuevo: int | None = None


@dataclass(slots=True)
class Conocidos:
    """What a piece has to know: own clientes by NIC and by RFC, and what earlier rows of the file named."""

    por_nic: dict[int, ClienteGuardado] = field(default_factory=dict)
    por_rfc: dict[str, list[int]] = field(default_factory=dict)
    lineas_de_nic: dict[int, int] = field(default_factory=dict)
    lineas_de_rfc: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What a piece writes. `cambiados` by NIC, as they will be."""

    nuevos: list[ClienteGuardado] = field(default_factory=list)
    cambiados: dict[int, ClienteGuardado] = field(default_factory=dict)
    resultados: list[Resultado] = field(default_factory=list)

    def cuenta(self, resultado: str) -> int:
        return sum(r.resultado == resultado for r in self.resultados)


class Planeador:
    """Decides the rows of a piece in their order: a later one sees what an earlier one does."""

    def __init__(self, importacion: Importacion, conocidos: Conocidos, plantilla: ClienteGuardado) -> None:
        """`plantilla`: a cliente with what every new one has alike."""
        self._importacion = importacion
        self._conocidos = conocidos
        self._plantilla = plantilla
        self._nuevos_por_rfc: dict[str, int] = {}
        self._cambiados_a_rfc: dict[str, list[int]] = {}
        self.plan = Plan()

    def fila(self, leida: FilaLeida) -> None:
        """Decide one more row."""
        resultado = self._decidir(leida)
        if resultado.resultado != "rechazado":
            if resultado.rfc:
                self._conocidos.lineas_de_rfc.setdefault(resultado.rfc, leida.linea)
            if resultado.nic:
                self._conocidos.lineas_de_nic.setdefault(resultado.nic, leida.linea)
        self.plan.resultados.append(resultado)

    def _decidir(self, leida: FilaLeida) -> Resultado:
        if leida.errores:
            return _rechazo(leida, leida.errores)
        if leida.nic is not None:
            return self._por_nic(leida, leida.nic)
        if not leida.datos.get("nombre"):
            return _rechazo(leida, {"nombre": "Escriba el nombre del cliente."})
        rfc = leida.datos.get("rfc")
        linea = self._conocidos.lineas_de_rfc.get(rfc) if rfc else None
        nics = self._nics_con(rfc) if rfc else []
        if rfc is None or (linea is None and not nics):
            return self._crear(leida)
        return self._repetido(leida, rfc, linea, nics)

    def _por_nic(self, leida: FilaLeida, nic: int) -> Resultado:
        if not self._importacion.actualizar:
            return _rechazo(
                leida,
                {
                    "nic": "La fila trae NIC y esta importación no actualiza. Pida actualizar, o deje el NIC vacío."
                },
            )
        guardado = self._conocidos.por_nic.get(nic)
        if guardado is None:
            return _rechazo(
                leida, {"nic": f"No existe el NIC {nic} entre sus clientes. Revíselo o déjelo vacío."}
            )
        if (linea := self._conocidos.lineas_de_nic.get(nic)) is not None:
            return _rechazo(leida, {"nic": f"El NIC {nic} ya vino en la línea {linea} de este archivo."})
        if "nombre" in leida.vaciar:
            return _rechazo(leida, {"nombre": "El nombre no se puede vaciar."})
        return self._actualizar(leida, self.plan.cambiados.get(nic, guardado))

    def _nics_con(self, rfc: str) -> list[int]:
        """Those who have the RFC after the rows before: one may have given it to them, or taken it."""
        cambiados = self.plan.cambiados
        de_antes = [
            n for n in self._conocidos.por_rfc.get(rfc, []) if n not in cambiados or cambiados[n].rfc == rfc
        ]
        ahora = [
            n for n in self._cambiados_a_rfc.get(rfc, []) if cambiados[n].rfc == rfc and n not in de_antes
        ]
        return de_antes + ahora

    def _repetido(self, leida: FilaLeida, rfc: str, linea: int | None, nics: list[int]) -> Resultado:
        donde = f"en la línea {linea} de este archivo" if linea else f"en su cartera (NIC {nics[0]})"
        if self._importacion.duplicados == "crear":
            hecho = self._crear(leida)
            aviso = f"rfc: Ya hay un cliente con este RFC {donde}. Revise que no sea el mismo."
            hecho.advertencia = " ".join(filter(None, (hecho.advertencia, aviso)))
            return hecho
        if self._importacion.duplicados == "omitir":
            return Resultado(
                leida.linea,
                "omitido",
                nics[0] if len(nics) == 1 else None,
                rfc,
                "rfc",
                f"Ya hay un cliente con este RFC {donde}.",
            )
        if len(nics) > 1:
            lista = ", ".join(map(str, nics))
            return _rechazo(
                leida, {"rfc": f"Varios clientes tienen este RFC (NIC {lista}). Indique cuál con su NIC."}
            )
        if nics:
            cambiado = self.plan.cambiados.get(nics[0])
            return self._actualizar(leida, cambiado or self._conocidos.por_nic[nics[0]])
        return self._actualizar_nuevo(leida, rfc)

    def _actualizar_nuevo(self, leida: FilaLeida, rfc: str) -> Resultado:
        """The cliente that an earlier row makes: in this piece, or in one that was only simulated.

        In one that was worked on it would be known; if it is not, it has changed since, and this row is a new one.
        """
        lugar = self._nuevos_por_rfc.get(rfc)
        if lugar is None and not self._importacion.simular:
            return self._crear(leida)
        if lugar is None:
            return Resultado(leida.linea, "actualizado", None, rfc)
        antes = self.plan.nuevos[lugar]
        self.plan.nuevos[lugar] = replace(antes, **_cambios(antes, leida))
        cambio = self.plan.nuevos[lugar] != antes
        return Resultado(leida.linea, "actualizado" if cambio else "sin_cambios", None, rfc, nuevo=lugar)

    def _actualizar(self, leida: FilaLeida, guardado: ClienteGuardado) -> Resultado:
        cambios = _cambios(guardado, leida)
        despues = replace(guardado, **cambios)
        if cambios:
            self.plan.cambiados[guardado.nic] = despues
        if despues.rfc and despues.rfc != guardado.rfc:
            self._cambiados_a_rfc.setdefault(despues.rfc, []).append(guardado.nic)
        return Resultado(
            leida.linea,
            "actualizado" if cambios else "sin_cambios",
            guardado.nic,
            despues.rfc,
            advertencia=_advertencia(despues),
        )

    def _crear(self, leida: FilaLeida) -> Resultado:
        datos = {campo: valor for campo, valor in leida.datos.items() if valor is not None}
        nuevo = replace(self._plantilla, **datos, **leida.etiquetas)
        self.plan.nuevos.append(nuevo)
        lugar = len(self.plan.nuevos) - 1
        if nuevo.rfc:
            self._nuevos_por_rfc.setdefault(nuevo.rfc, lugar)
        return Resultado(leida.linea, "creado", None, nuevo.rfc, advertencia=_advertencia(nuevo), nuevo=lugar)


def estado_final(rechazadas: int) -> str:
    """State of an import all of whose rows were worked on."""
    return "terminada_con_rechazos" if rechazadas else "terminada"


def _cambios(guardado: ClienteGuardado, leida: FilaLeida) -> dict[str, Any]:
    vaciar = [campo for campo in leida.vaciar if campo != "nombre"]
    cambios = ficha.cambios(guardado, leida.datos, vaciar)
    etiquetas = {c: v for c, v in leida.etiquetas.items() if getattr(guardado, c) != v}
    return {**cambios, **etiquetas}


def _advertencia(cliente: ClienteGuardado) -> str | None:
    avisos = ficha.advertencias(cliente.__dict__)
    return _juntos({columna_de(campo): mensaje for campo, mensaje in avisos.items()}) or None


def _rechazo(leida: FilaLeida, errores: Mapping[str, str]) -> Resultado:
    mensaje = next(iter(errores.values())) if len(errores) == 1 else _juntos(errores)
    # Its RFC and NIC are not noted: a later row with the same is the first that counts.
    return Resultado(leida.linea, "rechazado", None, None, ", ".join(errores), mensaje)


def _juntos(mensajes: Mapping[str, str]) -> str:
    return " ".join(f"{columna}: {mensaje}" for columna, mensaje in mensajes.items())
