"""The folder of certificate authorities in the package."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import certifi
import pytest
import trustme
from gidgetlambda import settings
from gidgetlambda.settings import ConnectionSettings
from OpenSSL import crypto

from infra.package import Package, PackageError
from infra.package.authorities import make_folder, write_list

if TYPE_CHECKING:
    from pathlib import Path


def test_openssl_finds_every_authority_of_certifi_in_the_package(sample: Package) -> None:
    store = crypto.X509Store()
    store.load_locations(None, str(sample.folder / "ca"))
    store.set_flags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME: certifi is not renewed every day
    authorities = ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)
    assert len(authorities) > 100
    for certificate in authorities:
        loaded = crypto.load_certificate(crypto.FILETYPE_ASN1, certificate)
        crypto.X509StoreContext(store, loaded).verify_certificate()


def test_the_functions_read_no_authority_before_a_connection_needs_it(
    sample: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CA_FOLDER", str(sample.folder / "ca"))
    context = ConnectionSettings.from_env({}).ssl_context
    assert context.get_ca_certs() == []
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_authorities_with_one_subject_have_files_of_their_own(tmp_path: Path) -> None:
    pems = [trustme.CA(organization_unit_name="One name").cert_pem.bytes() for _ in range(2)]
    bundle, listed = tmp_path / "cacert.pem", tmp_path / "list.txt"
    bundle.write_bytes(b"# a comment\n".join(pems))
    write_list(bundle, listed)
    make_folder(bundle, tmp_path / "ca", listed)
    names = sorted(path.name for path in (tmp_path / "ca").iterdir())
    assert [name[8:] for name in names] == [".0", ".1"]
    assert len({name[:8] for name in names}) == 1


def test_a_certificate_that_the_list_lacks_fails_the_build(tmp_path: Path) -> None:
    bundle = tmp_path / "cacert.pem"
    bundle.write_bytes(trustme.CA().cert_pem.bytes())
    with pytest.raises(PackageError, match=re.escape("cacert.pem: run `make lock`")):
        make_folder(bundle, tmp_path / "ca")
