"""Throw-away values that look like a cluster's secrets: the right shape and length, made of the world's dice."""

from __future__ import annotations

import base64
import random
import textwrap

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
