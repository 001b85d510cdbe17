"""`pcg import hosts`: NetBox as the source of the inventory, spoken to over HTTP."""

from __future__ import annotations

import builtins
import ipaddress
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nornir import InitNornir

from pcg_netops.inventory import netbox as client
from pcg_netops.inventory.workspace import load_workspace
from tests.conftest import Done, Pcg
from tests.netbox_server import TOKEN, FakeNetBox, machine, serving

HOSTS = "inventory/hosts.yaml"
NODES = ("hq-border", "legacy-fw", "cloud-north", "cloud-south", "health-net", "hospital")


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETBOX_TOKEN", TOKEN)


@pytest.fixture
def netbox() -> Iterator[FakeNetBox]:
    """A NetBox with the small workspace's nodes, and others."""
    found = FakeNetBox(
        devices=[
            machine(1, "HQ-Border.example.nhs", "198.18.7.10/24", platform="cisco-ios-xe"),
            machine(2, "legacy-fw", "198.18.7.21/24", platform="debian", role="firewall"),
            machine(3, "legacy-fw-spare", "198.18.7.99/24"),
            machine(4, "health-net", "198.18.7.50/24", site="everything", tags=["core", "x"]),
            machine(5, "hospital", "198.18.7.60/24", device_role="everything"),
            machine(6, "printer", None),
        ],
        virtual_machines=[
            machine(1, "cloud-north", "198.18.7.30/24", platform="linux"),
            machine(2, "cloud-south", "198.18.7.40/24", platform="juniper-junos"),
        ],
    )
    with serving(found):
        yield found


def run(pcg: Pcg, netbox: FakeNetBox, *more: str) -> Done:
    done = pcg("import", "hosts", "--netbox", netbox.url, *more)
    assert TOKEN not in done.out + done.err
    assert "Traceback" not in done.err
    return done


def test_addresses_platforms_and_groups_come_in_and_the_rest_stays(
    netbox: FakeNetBox, workspace: Path, pcg: Pcg
) -> None:
    (workspace / "inventory/groups.yaml").write_text("everything: {}\ncore: {platform: linux}\n")
    path = workspace / HOSTS
    before = "# Ours\n" + path.read_text().replace("198.18.7.20}", "198.18.7.20} # old")
    path.write_text(before)
    done = run(pcg, netbox)
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "changed hq-border: platform: nothing -> iosxe\n"
        "changed legacy-fw: hostname: 198.18.7.20 -> 198.18.7.21; platform: nothing -> linux\n"
        "changed cloud-north: platform: nothing -> linux\n"
        "changed cloud-south: platform: nothing -> junos\n"
        "changed health-net: groups: nothing -> [everything, core]\n"
        "changed hospital: groups: nothing -> [everything]\n"
        "hosts.yaml: 0 added, 6 changed, 0 unchanged, 0 left as they are\n"
    )
    assert path.read_text() == (
        before.replace(
            "198.18.7.10, groups: [everything]",
            "198.18.7.10, groups: [everything], platform: iosxe",
        )
        .replace("198.18.7.20} # old", "198.18.7.21, platform: linux} # old")
        .replace("198.18.7.30}", "198.18.7.30, platform: linux}")
        .replace("198.18.7.40}", "198.18.7.40, platform: junos}")
        .replace("198.18.7.50}", "198.18.7.50, groups: [everything, core]}")
        .replace("198.18.7.60}", "198.18.7.60, groups: [everything]}")
    )
    assert load_workspace(workspace).hosts["legacy-fw"].hostname == "198.18.7.21"
    assert "unchanged" in run(pcg, netbox).out
    assert path.read_text().count("198.18.7.21") == 1


def test_lists_are_read_page_by_page_with_the_token_in_a_header_alone(
    netbox: FakeNetBox, workspace: Path, pcg: Pcg
) -> None:
    assert run(pcg, netbox, "--dry-run").code == 0
    assert len([path for path in netbox.asked if "/devices/" in path]) == 3  # 5 of 2 each
    assert not any(TOKEN in path for path in netbox.asked)
    assert {headers["authorization"] for headers in netbox.headers} == {f"Token {TOKEN}"}
    assert all("exclude=config_context" in path for path in netbox.asked)


def test_a_new_workspace_is_filled_and_nornir_reads_it(
    netbox: FakeNetBox, workspace: Path, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / HOSTS).write_text("# Made from NetBox\n")
    assert run(pcg, netbox).code == 0
    monkeypatch.chdir(workspace)
    with InitNornir(config_file="inventory/config.yaml", logging={"enabled": False}) as nornir:
        hosts = nornir.inventory.hosts
        assert {name: hosts[name].hostname for name in NODES} == {
            name: f"198.18.7.{number}"
            for name, number in zip(NODES, (10, 21, 30, 40, 50, 60), strict=True)
        }
        assert (hosts["cloud-south"].platform, hosts["hospital"].platform) == ("junos", "linux")
        assert list(
            nornir.filter(filter_func=lambda h: h.has_parent_group("everything")).inventory.hosts
        ) == ["health-net", "hospital"]


def test_a_node_that_netbox_does_not_have_is_named_and_kept(
    netbox: FakeNetBox, workspace: Path, pcg: Pcg
) -> None:
    del netbox.virtual_machines[0]
    done = run(pcg, netbox)
    assert done.code == 0
    assert done.out.endswith("1 left as they are\nnot in NetBox: cloud-north\n")


def test_every_machine_that_cannot_be_taken_is_named_and_nothing_is_written(
    netbox: FakeNetBox, workspace: Path, pcg: Pcg
) -> None:
    before = (workspace / HOSTS).read_bytes()
    netbox.devices[1] = machine(2, "legacy-fw", None)
    netbox.devices[3] = machine(4, "health-net", "198.18.7.50/24", platform="nx-os")
    netbox.devices.append(machine(8, "HOSPITAL", "198.18.7.61/24", status="offline"))
    done = run(pcg, netbox)
    place = "https://netbox.example/api/dcim/devices"
    assert done == Done(
        2,
        "",
        f"error: {place}/2/: 'legacy-fw' has no primary IPv4 address\n  remedy: set it in NetBox\n"
        f"error: {place}/4/: 'health-net' has the platform 'nx-os', which is none of pcg's\n"
        "  remedy: name it linux, iosxe or junos in NetBox, or such as cisco-ios-xe\n"
        f"error: {place}/8/: 'hospital' is also {place}/5/\n"
        "  remedy: choose one of the two with --filter, such as status=active\n",
    )
    assert (workspace / HOSTS).read_bytes() == before
    netbox.devices[1] = machine(2, "legacy-fw", "198.18.7.20/24")
    netbox.devices[3] = machine(4, "health-net", "10.0.0.1/24")
    done = run(pcg, netbox, "--filter", "status=active")
    assert done.err.startswith(f"error: {place}/4/: '10.0.0.1' of 'health-net' cannot be a managem")
    assert (workspace / HOSTS).read_bytes() == before


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ((403, {}, b'{"detail": "Invalid token"}'), 2, "refuses the token (403)"),
        ((400, {}, b'{"x": ["Unknown filter"]}'), 2, "refuses the filter (400)"),
        ((500, {}, f"token {TOKEN}".encode()), 3, "answers with 500"),
        ((404, {}, b"{}"), 3, "answers with 404"),
        ((200, {}, b"<html>log in</html>"), 3, "is no NetBox: ContentError"),
        ((200, {}, b'{"count": 1, "results": [5]}'), 3, "is no NetBox"),
        ((200, {}, b'[{"name": 5}]'), 0, ""),
        ((302, {"Location": "https://elsewhere.example/"}, b""), 2, "sends its callers to"),
    ],
)
def test_answers_that_are_none_are_explained(
    answer: Any, code: int, said: str, netbox: FakeNetBox, pcg: Pcg
) -> None:
    netbox.answer = answer
    done = run(pcg, netbox)
    assert (done.code, said in done.err) == (code, True)


def test_the_token_goes_to_no_other_address(netbox: FakeNetBox, pcg: Pcg) -> None:
    with serving(FakeNetBox()) as other:
        netbox.next_host = other.url
        netbox.devices += [machine(n, f"hospital-{n}", "198.18.7.70/24") for n in range(20, 29)]
        done = run(pcg, netbox)
        assert (done.code, "sends its callers to" in done.err) == (2, True)
        assert other.asked == []


def test_a_netbox_that_does_not_answer_is_not_waited_for(
    netbox: FakeNetBox, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_TIMEOUT_S", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        netbox.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = run(pcg, netbox)
    assert (done.code, "does not answer: ReadTimeout" in done.err) == (3, True)
    done = run(pcg, netbox)
    assert (done.code, "does not answer: ConnectionError" in done.err) == (3, True)


def test_a_token_in_netrc_does_not_take_the_place_of_the_one_given(
    netbox: FakeNetBox, pcg: Pcg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert run(pcg, netbox, "--dry-run").code == 0


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "netbox")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "netbox.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_a_certificate_is_verified(netbox: FakeNetBox, certificate: Path, pcg: Pcg) -> None:
    with serving(FakeNetBox(netbox.devices, netbox.virtual_machines), certificate) as secure:
        done = run(pcg, secure)
        assert (done.code, "certificate cannot be verified" in done.err) == (3, True)
        assert secure.asked == []
        assert run(pcg, secure, "--ca", str(certificate), "--dry-run").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--netbox", "http://netbox.example"], "would send the token in clear"),
        (["--netbox", "netbox.example"], "is not the address of a NetBox"),
        (["--netbox", "https://me:secret@netbox.example"], "is not the address of a NetBox"),
        (["--netbox", "http://127.0.0.1:1", "--ca", "none"], "none: no such file"),
        (["--netbox", "http://127.0.0.1:1", "--filter", "x"], "'x' is not a filter"),
        (["--netbox", "http://127.0.0.1:1", "--token-from", TOKEN], "--token-from: "),
        (["--netbox", "http://127.0.0.1:1", "--token-from", "env:NONE"], "there is no token"),
    ],
)
def test_wrong_options_are_told(arguments: list[str], said: str, pcg: Pcg) -> None:
    done = pcg("import", "hosts", *arguments)
    assert (done.code, said in done.err) == (2, True)
    assert TOKEN not in done.err


def test_a_newer_token_and_one_in_a_file_are_taken(
    netbox: FakeNetBox, pcg: Pcg, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text(f"nbt_x.{TOKEN}\n")
    path.chmod(0o644)
    done = run(pcg, netbox, "--token-from", f"file:{path}")
    assert (done.code, "can be read by others" in done.err) == (2, True)
    path.chmod(0o600)
    assert run(pcg, netbox, "--token-from", f"file:{path}", "--dry-run").code == 0
    assert netbox.headers[-1]["authorization"] == f"Bearer nbt_x.{TOKEN}"


def test_without_the_extra_its_name_is_told(
    netbox: FakeNetBox, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pynetbox":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    done = run(pcg, netbox)
    assert (done.code, "pip install 'pcg-netops[netbox]'" in done.err) == (3, True)


def test_the_token_is_in_no_representation() -> None:
    assert TOKEN not in repr(client.NetBox("https://netbox.example", TOKEN))
