from pathlib import Path

import pytest

from infra.package import Architecture, PackageError
from infra.package.sam import agree, architecture_of, deployed_architecture

RECORD = '[function_build_definitions.one]\narchitecture = "x86_64"\nfunctions = ["WorkFunction"]\n'


def test_finds_the_architecture_of_a_function_in_sams_record(tmp_path: Path) -> None:
    artifacts = tmp_path / "build" / "WorkFunction"
    with pytest.raises(PackageError, match=r"build\.toml does not exist .*make build"):
        architecture_of(artifacts)
    (tmp_path / "build.toml").write_text(RECORD)
    assert architecture_of(artifacts) is Architecture.X86_64
    with pytest.raises(PackageError, match="does not name OtherFunction"):
        architecture_of(artifacts.with_name("OtherFunction"))


def test_refuses_an_architecture_that_differs_from_the_templates() -> None:
    assert agree(Architecture.ARM64, None) is Architecture.ARM64
    assert agree(Architecture.ARM64, Architecture.ARM64) is Architecture.ARM64
    with pytest.raises(PackageError, match="make build ARCHITECTURE=x86_64"):
        agree(Architecture.ARM64, Architecture.X86_64)


@pytest.mark.parametrize(
    "overrides",
    [
        r'"LogLevel=\"INFO\" Architecture=\"x86_64\" SubnetIds=\"\""',
        '"Architecture=x86_64"',
        '["LogLevel=INFO", "Architecture=x86_64"]',
        r'{ Architecture = "x86_64" }',
    ],
)
def test_reads_the_architecture_that_a_guided_deployment_saved(
    tmp_path: Path, overrides: str
) -> None:
    samconfig = tmp_path / "samconfig.toml"
    assert deployed_architecture(samconfig) is None
    samconfig.write_text("[default.deploy.parameters]\nresolve_s3 = true\n")
    assert deployed_architecture(samconfig) is None
    samconfig.write_text(f"[default.deploy.parameters]\nparameter_overrides = {overrides}\n")
    assert deployed_architecture(samconfig) is Architecture.X86_64
