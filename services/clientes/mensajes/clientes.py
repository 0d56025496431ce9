"""Mails about a cliente: to whoever controls its account, or did."""

from __future__ import annotations

from services.clientes.domain import Boton, Mensaje


def perfil_principal_asignado(cliente: str, nic: int, cuenta: str) -> Mensaje:
    return Mensaje(
        asunto=f"Ahora controla la cuenta de «{cliente}»",
        sin_secretos=True,
        parrafos=(
            f"{cuenta} lo asignó como perfil principal de «{cliente}» (NIC {nic}).",
            "Desde el Panel de Control del Cliente puede ver sus cuentas de timbrado, comprar y administrar la cuenta.",
            f"Si no reconoce a este cliente, comuníquese con {cuenta} para que retire la asignación.",
        ),
        boton=Boton(texto="Entrar al panel", ruta="/"),
    )


def perfil_principal_retirado(cliente: str, nic: int, cuenta: str) -> Mensaje:
    return Mensaje(
        asunto=f"Ya no controla la cuenta de «{cliente}»",
        sin_secretos=True,
        parrafos=(
            f"{cuenta} retiró su perfil como perfil principal de «{cliente}» (NIC {nic}).",
            f"Si no esperaba este cambio, comuníquese con {cuenta}.",
        ),
    )
