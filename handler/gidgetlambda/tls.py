"""Which authorities GitLab's certificate is trusted by.

A GitLab behind a firewall often has a certificate of an authority of its own.
"""

from __future__ import annotations

import ssl

import httpx

from .errors import SettingsError


def trust(ca_file: str | None) -> ssl.SSLContext:
    """What GitLab's certificate is checked against: the public authorities, and one's own.

    ca_file: a PEM file, as `GL_CA_FILE` names it; relative to the working directory, which is the
        package's in Lambda.

    Raises `SettingsError` where the file cannot be read or holds no certificates.
    """
    context = httpx.create_ssl_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                [f"GL_CA_FILE {ca_file!r} must be a PEM file with certificates: {error}"]
            ) from None
    return context
