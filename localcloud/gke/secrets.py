"""Throw-away values that look like a cluster's secrets: the right shape and length, made of the world's dice."""

from __future__ import annotations

import base64
import random
import textwrap
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# What each secret of a kube-env is long in DER, by its kind.
_DER_BYTES = {"CERTIFICATE": 820, "RSA PRIVATE KEY": 1192, "EC PRIVATE KEY": 121}


def pem(kind: str, dice: random.Random) -> str:
    """A PEM block of random bytes: CERTIFICATE, RSA PRIVATE KEY or EC PRIVATE KEY."""
    body = base64.b64encode(b"\x30\x82" + dice.randbytes(_DER_BYTES[kind])).decode()
    lines = "\n".join(textwrap.wrap(body, 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


def encoded(kind: str, dice: random.Random) -> str:
    """The same in base64, as most values of a kube-env are."""
    return base64.b64encode(pem(kind, dice).encode()).decode()


def self_signed(name: str) -> str:
    """A real certificate of a certificate authority whose key nobody keeps, in PEM: clients parse it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    builder = builder.not_valid_after(now + timedelta(days=30))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def token(dice: random.Random) -> str:
    """A bearer token: 32 random bytes in base64."""
    return base64.b64encode(dice.randbytes(32)).decode()


def of_cluster(dice: random.Random) -> dict[str, str]:
    """What every pool of a cluster shares."""
    return {
        "KUBE_PROXY_TOKEN": token(dice),
        "KONNECTIVITY_AGENT_CA_CERT": encoded("CERTIFICATE", dice),
        "KONNECTIVITY_AGENT_CLIENT_CERT": encoded("CERTIFICATE", dice),
        "KONNECTIVITY_AGENT_CLIENT_KEY": pem("EC PRIVATE KEY", dice),
    }


def of_pool(dice: random.Random) -> dict[str, str]:
    """What a pool's nodes introduce themselves with."""
    return {
        "KUBELET_CERT": encoded("CERTIFICATE", dice),
        "KUBELET_KEY": encoded("RSA PRIVATE KEY", dice),
        "NODE_PROBLEM_DETECTOR_TOKEN": token(dice),
        "TPM_BOOTSTRAP_CERT": encoded("CERTIFICATE", dice),
        "TPM_BOOTSTRAP_KEY": encoded("RSA PRIVATE KEY", dice),
    }
