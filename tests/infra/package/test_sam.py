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


def test_sam_tells_for_which_processor_a_function_is_built(artifacts: Path) -> None:
    (artifacts.parents[1] / "build.toml").write_text(RECORD)
    assert architecture_of(artifacts) is Architecture.X86_64


def test_without_sams_record_the_build_stops(artifacts: Path) -> None:
    with pytest.raises(PackageError, match=r"build\.toml does not exist.*make build"):
        architecture_of(artifacts)


def test_a_function_that_sam_does_not_know_is_not_built(artifacts: Path) -> None:
    (artifacts.parents[1] / "build.toml").write_text(RECORD.replace("WorkFunction", "Other"))
    with pytest.raises(PackageError, match="does not name WorkFunction"):
        architecture_of(artifacts)


def test_what_was_asked_for_has_to_be_what_the_template_says() -> None:
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
def test_what_a_guided_deployment_noted_is_read(tmp_path: Path, written: str) -> None:
    samconfig = tmp_path / "samconfig.toml"
    samconfig.write_text(f"[default.deploy.parameters]\nparameter_overrides = {written}\n")
    assert deployed_architecture(samconfig) is Architecture.X86_64


def test_before_the_first_deployment_nothing_is_noted(tmp_path: Path) -> None:
    samconfig = tmp_path / "samconfig.toml"
    assert deployed_architecture(samconfig) is None
    samconfig.write_text("[default.deploy.parameters]\nresolve_s3 = true\n")
    assert deployed_architecture(samconfig) is None
