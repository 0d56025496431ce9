"""What timbrado and clientes gave for puntos against what puntos charged: one charge per paid year of an ilimitada or
of a CM, and none without its year."""

from __future__ import annotations

from sqlalchemy import Engine, TextClause, text

_CONTRACTS = text("SELECT id, estado, precio, devolucion_en IS NOT NULL AS devuelta FROM contrataciones")
_RENEWALS = text(
    "SELECT id, CASE estado WHEN 'aplicada' THEN 'activa' ELSE estado END AS estado, total AS precio,"
    " devolucion_en IS NOT NULL AS devuelta FROM renovaciones_de_cuenta"
)
_CHARGES = text("SELECT id, estado, unidades FROM cargos WHERE concepto = :concepto")
#: Within puntos itself: a charge and its movement, a refund and its own.
_MOVED = {
    "charges without a movement": "SELECT count(*) FROM cargos c WHERE c.estado <> 'rechazado' AND NOT EXISTS"
    " (SELECT 1 FROM movimientos m WHERE m.operacion = c.id AND m.motivo = 'cargo' AND m.cantidad = c.unidades)",
    "movements without a charge": "SELECT count(*) FROM movimientos m WHERE m.motivo = 'cargo' AND NOT EXISTS"
    " (SELECT 1 FROM cargos c WHERE c.id = m.operacion AND c.estado <> 'rechazado')",
    "refunds that are not as many as charges given back": "SELECT abs("
    "(SELECT count(*) FROM movimientos WHERE motivo = 'devolucion')"
    " - (SELECT count(*) FROM cargos WHERE estado = 'devuelto'))",
}


def cobros(timbrado: Engine, puntos: Engine) -> list[str]:
    """Every contract of an ilimitada and its charge that do not agree, in words, and charges that moved nothing."""
    with puntos.connect() as conexion:
        problemas = [
            f"puntos: {n} {que}"
            for que, sql in _MOVED.items()
            if (n := conexion.execute(text(sql)).scalar_one())
        ]
    return problemas + _comparar("timbrado", timbrado, _CONTRACTS, puntos, "cti_ilimitada")


def renovaciones(clientes: Engine, puntos: Engine) -> list[str]:
    """The same of a CM's renewals and their charges."""
    return _comparar("clientes", clientes, _RENEWALS, puntos, "renovacion")


def _comparar(quien: str, suya: Engine, sql: TextClause, puntos: Engine, concepto: str) -> list[str]:
    """What was given against what was charged. Empty once the events under way have arrived."""
    problemas: list[str] = []
    # Charges first: one that is made between the two readings belongs to a contract that the second one sees.
    with puntos.connect() as conexion:
        cargos = {r.id: r for r in conexion.execute(_CHARGES, {"concepto": concepto})}
    with suya.connect() as conexion:
        contratos = {r.id: r for r in conexion.execute(sql)}
    for id_, contrato in contratos.items():
        cargo = cargos.get(id_)
        cobrado = cargo is not None and cargo.estado == "cobrado"
        if contrato.estado == "activa" and not cobrado:
            problemas.append(f"{quien}: the paid year {id_} has no charge")
        if contrato.devuelta and (cargo is None or cargo.estado != "devuelto"):
            problemas.append(f"puntos: the charge {id_} was not given back")
        if cargo is not None and cargo.unidades != contrato.precio * 100:
            problemas.append(f"puntos: the charge {id_} is not the contract's price")
    for id_, cargo in cargos.items():
        estado = contratos[id_].estado if id_ in contratos else None
        if estado is None:
            problemas.append(f"puntos: the charge {id_} has no contract")
        elif cargo.estado == "cobrado" and estado not in ("activa", "solicitada"):
            problemas.append(f"puntos: the charge {id_} pays for nothing: its contract is {estado}")
    return problemas
