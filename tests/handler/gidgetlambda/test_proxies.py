import pytest
from gidgetlambda import SettingsError
from gidgetlambda.settings import ConnectionSettings

PROXY = "http://proxy.example.com:3128"
OTHER = "http://other.example.com:3128"


def proxy_for(environ: dict[str, str], url: tuple[str, str, int | None]) -> str | None:
    return ConnectionSettings.from_env(environ).proxies.for_host(*url)


@pytest.mark.parametrize(
    ("environ", "http", "https"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": PROXY}, None, PROXY),
        ({"https_proxy": PROXY}, None, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, None, PROXY),
        ({"HTTP_PROXY": PROXY}, PROXY, None),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None, None),
        ({"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, PROXY, None),
        ({"ALL_PROXY": PROXY}, PROXY, PROXY),
        ({"ALL_PROXY": PROXY, "HTTPS_PROXY": OTHER}, PROXY, OTHER),
        ({"HTTPS_PROXY": "proxy.example.com:3128"}, None, PROXY),
        ({"HTTPS_PROXY": " ", "NO_PROXY": ","}, None, None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "*"}, None, None),
    ],
)
def test_reads_the_proxies(environ: dict[str, str], http: str | None, https: str | None) -> None:
    assert proxy_for(environ, ("http", "gitlab.example.com", None)) == http
    assert proxy_for(environ, ("https", "gitlab.example.com", 443)) == https


@pytest.mark.parametrize(
    ("entry", "host", "port", "excluded"),
    [
        ("example.com", "example.com", None, True),
        ("example.com", "GITLAB.example.com", None, True),
        ("example.com", "anexample.com", None, False),
        (".example.com", "gitlab.example.com", None, True),
        ("*.example.com", "gitlab.example.com", None, True),
        (".example.com", "example.com", None, False),
        ("example.com:8443", "example.com", 8443, True),
        ("example.com:8443", "example.com", None, False),
        ("example.com:443", "example.com", None, True),
        ("https://example.com", "example.com", None, True),
        ("a.example, b.example ,c.example", "b.example", None, True),
        ("localhost", "localhost", 8081, True),
        ("127.0.0.1", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "127.0.0.1", 9001, False),
        ("10.0.0.0/8", "10.1.2.3", None, True),
        ("10.0.0.0/8", "11.1.2.3", None, False),
        ("::1", "::1", None, True),
        ("[::1]", "::1", None, True),
        ("[::1]:8443", "::1", 8443, True),
        ("[::1]:8443", "::1", None, False),
        ("fd00::/8", "fd00::17", None, True),
    ],
)
def test_excludes_hosts(entry: str, host: str, port: int | None, excluded: bool) -> None:
    found = proxy_for({"ALL_PROXY": PROXY, "NO_PROXY": entry}, ("https", host, port))
    assert found == (None if excluded else PROXY)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "value",
    [
        "socks5://quoted:1080",
        "ftp://quoted",
        "http://",
        "http://[",
        "http://quoted:x",
        "http://a b",
    ],
)
def test_names_a_malformed_proxy_and_quotes_no_password(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be the URL of an HTTP proxy") as error:
        ConnectionSettings.from_env({name: value})
    assert "quoted" not in str(error.value)


@pytest.mark.parametrize("value", ["a b", "[::1", "example.com:port", "300.0.0.1/8", "http://"])
def test_names_a_malformed_exclusion(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^NO_PROXY contains"):
        ConnectionSettings.from_env({"NO_PROXY": f"localhost,{value}"})
