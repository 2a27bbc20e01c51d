"""HTTPS: the page for people who are signed in; it shows, and changes nothing."""

from flask import Request

from poolwright import logs

Answer = tuple[bytes, int, dict[str, str]]


def status_page(request: Request) -> Answer:
    headers = {name.lower(): value for name, value in request.headers.items()}
    with logs.context(headers, function="status_page"):
        from poolwright import bootstrap
        from poolwright.status_page import site

        asked = site.Asked(request.method, request.path, request.args.to_dict(), headers)
        answer = site.answer(asked, bootstrap.ports, bootstrap.sign_in)
        return answer.body, answer.status, dict(answer.headers)
