"""The printed representation (PDF) of a stamped document, drawn in processes of their own; statements of account too.

`taller.Taller` is the gateway's side: a few workers, a deadline, and a death that costs one answer. `__main__` is
the worker (`python -m services.gateway.impresion FD`), `dibujo` what it draws documents with (satcfdi and WeasyPrint).
Why here and not in timbrado: a drawing takes seconds of CPU, and timbrado's few RPC workers are the stamping's;
nor does a PDF then travel through the broker.
"""
