from pathlib import Path

import pytest

from infra.package import Architecture, PackageError
from infra.package.sam import agree, architecture_of, deployed_architecture

RECORD = """
[function_build_definitions.one]
architecture = "x86_64"
functions = ["ReceiveFunction", "WorkFunction"]

[layer_build_definitions]
"""


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    folder = tmp_path / "build" / "WorkFunction"
    folder.mkdir(parents=True)
    return folder


def test_reads_a_functions_architecture_from_sams_record(artifacts: Path) -> None:
    (artifacts.parents[1] / "build.toml").write_text(RECORD)
    assert architecture_of(artifacts) is Architecture.X86_64


def test_refuses_a_build_without_sams_record(artifacts: Path) -> None:
    with pytest.raises(PackageError, match=r"build\.toml does not exist.*make build"):
        architecture_of(artifacts)


def test_refuses_a_function_that_sams_record_does_not_name(artifacts: Path) -> None:
    (artifacts.parents[1] / "build.toml").write_text(RECORD.replace("WorkFunction", "Other"))
    with pytest.raises(PackageError, match="does not name WorkFunction"):
        architecture_of(artifacts)


def test_refuses_an_architecture_that_differs_from_the_templates() -> None:
    assert agree(Architecture.ARM64, None) is Architecture.ARM64
    assert agree(Architecture.ARM64, Architecture.ARM64) is Architecture.ARM64
    with pytest.raises(PackageError, match="make build ARCHITECTURE=x86_64"):
        agree(Architecture.ARM64, Architecture.X86_64)


@pytest.mark.parametrize(
    "written",
    [
        r'"LogLevel=\"INFO\" Architecture=\"x86_64\" SubnetIds=\"\""',
        '"Architecture=x86_64"',
        '["LogLevel=INFO", "Architecture=x86_64"]',
        r'{ Architecture = "x86_64" }',
    ],
)
def test_reads_the_architecture_that_a_guided_deployment_saved(
    tmp_path: Path, written: str
) -> None:
    samconfig = tmp_path / "samconfig.toml"
    samconfig.write_text(f"[default.deploy.parameters]\nparameter_overrides = {written}\n")
    assert deployed_architecture(samconfig) is Architecture.X86_64


def test_finds_no_architecture_before_the_first_deployment(tmp_path: Path) -> None:
    samconfig = tmp_path / "samconfig.toml"
    assert deployed_architecture(samconfig) is None
    samconfig.write_text("[default.deploy.parameters]\nresolve_s3 = true\n")
    assert deployed_architecture(samconfig) is None
