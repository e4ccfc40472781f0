"""The certificate authorities as a folder that OpenSSL searches by the hash of a subject.

A TLS context that loads certifi's file parses its 140 certificates at each cold start. With such a
folder, it reads only those that a connection needs. Python cannot compute the hashes, so that
`make lock` writes them to a list with pyOpenSSL, and the build names the files by this list.

https://docs.openssl.org/3.0/man1/openssl-rehash/
"""

import hashlib
import re
import ssl
from collections import Counter
from pathlib import Path

from infra.package.target import PackageError

LIST = Path(__file__).with_name("authorities.txt")
CERTIFI = Path("certifi", "cacert.pem")  # in a folder of dependencies
FOLDER = "ca"  # at the package's root; see `gidgetlambda.settings`

_HEADER = "# SHA-256 and subject hash of each certificate of certifi, by `make lock`.\n"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)


def write_list(bundle: Path, into: Path = LIST) -> None:
    """Write the list of subject hashes. Needs pyOpenSSL.

    Args:
        bundle: A PEM file.
        into: The list.
    """
    from OpenSSL import crypto

    lines = []
    for certificate in _certificates(bundle):
        loaded = crypto.load_certificate(crypto.FILETYPE_PEM, certificate.encode())
        lines.append(f"{_digest(certificate)} {loaded.subject_name_hash():08x}\n")
    into.write_text(_HEADER + "".join(sorted(lines)), encoding="utf-8")


def make_folder(bundle: Path, into: Path, listed: Path = LIST) -> None:
    """Write each certificate of a bundle to a file named `HASH.N`.

    Args:
        bundle: A PEM file.
        into: The folder, which does not exist.
        listed: The list of subject hashes.

    Raises:
        PackageError: The list lacks a certificate of the bundle.
    """
    lines = listed.read_text(encoding="utf-8").splitlines()
    hashes = dict(line.split() for line in lines if not line.startswith("#"))
    into.mkdir()
    same_subject: Counter[str] = Counter()
    for certificate in _certificates(bundle):
        subject = hashes.get(_digest(certificate))
        if subject is None:
            raise PackageError(
                f"{listed.name} lacks a certificate of {bundle.name}: run `make lock`, which "
                "writes the list for the locked version of certifi"
            )
        (into / f"{subject}.{same_subject[subject]}").write_text(certificate, encoding="ascii")
        same_subject[subject] += 1


def _certificates(bundle: Path) -> list[str]:
    return _CERTIFICATE.findall(bundle.read_text(encoding="utf-8"))


def _digest(certificate: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
