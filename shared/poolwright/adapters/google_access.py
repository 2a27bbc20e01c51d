"""The way to Google's APIs: who we are, where each API is, and how long a call may take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.transport.requests import AuthorizedSession, Request
from requests.adapters import HTTPAdapter

from poolwright.adapters.google_errors import translated

REQUESTS_AT_A_TIME = 80  # of an instance, at most (https://cloud.google.com/run/docs/about-concurrency)
# Without the second a cluster knows a service account by its unique id, and RBAC that names its email grants nothing
# (https://cloud.google.com/kubernetes-engine/docs/how-to/role-based-access-control).
SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email")


class _TokenAlone(Credentials):  # type: ignore[misc]
    """Another's token and nothing else. A service account's credentials also ask iamcredentials.googleapis.com, in the
    background, where they may be used; a stand-in's are known there to nobody."""

    def __init__(self, source: Credentials) -> None:
        super().__init__()
        self._source = source

    def refresh(self, request: Any) -> None:
        """A new token from the source's own place."""
        self._source.refresh(request)
        self.token, self.expiry = self._source.token, self._source.expiry


def _wide(session: AuthorizedSession) -> AuthorizedSession:
    """The session with a connection for each request of an instance; by default ten are kept, and each one more is
    opened anew and warned of."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=REQUESTS_AT_A_TIME))
    return session


class GoogleAccess:
    """`endpoints` names the URL of an API that is not where Google has it (Google host name -> URL)."""

    def __init__(self, endpoints: Mapping[str, str]) -> None:
        self._endpoints = endpoints

    @cached_property
    def credentials(self) -> Credentials:
        """Application default credentials. With a stand-in (an http URL) nobody's are looked for, unless a file of them
        is named: nothing of the machine's own is to go over the line in clear text."""
        stand_in = any(url.startswith("http://") for url in self._endpoints.values())
        if not stand_in:
            return google.auth.default(scopes=SCOPES)[0]
        if not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
            return AnonymousCredentials()
        return _TokenAlone(google.auth.default(scopes=SCOPES)[0])

    @cached_property
    def session(self) -> AuthorizedSession:
        """For requests that a typed client would not carry whole. Callers retry, not the session."""
        return _wide(AuthorizedSession(self.credentials, max_refresh_attempts=1))

    @translated()
    def token(self) -> str:
        """An access token that is still good, empty where credentials are anonymous. Weather."""
        if not self.credentials.valid:
            self.credentials.refresh(Request())
        return str(self.credentials.token or "")

    def url(self, host: str) -> str:
        """Where the API of that host is."""
        return self._endpoints.get(host, f"https://{host}").rstrip("/")

    def rest(self, client: Any, host: str) -> Any:
        """A generated client over REST."""
        made = client(transport="rest", credentials=self.credentials, client_options={"api_endpoint": self.url(host)})
        _wide(made.transport._session)
        return made

    def grpc(self, client: Any, host: str) -> Any:
        """A generated client over gRPC; a stand-in at an http URL speaks it in clear text."""
        url = self.url(host)
        if not url.startswith("http://"):
            return client(credentials=self.credentials, client_options={"api_endpoint": url.removeprefix("https://")})
        import grpc

        transport = client.get_transport_class("grpc")
        return client(transport=transport(channel=grpc.insecure_channel(url.removeprefix("http://"))))
