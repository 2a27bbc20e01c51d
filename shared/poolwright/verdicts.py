"""What a handler can say of a message other than "done"; `functions/delivery.py` makes it an answer to Pub/Sub."""


class Verdict(Exception):
    """A considered end of a message's handling: no bug, so no traceback is logged."""


class Irrelevant(Verdict):
    """The message is in order and nobody here is concerned: acknowledge it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(Verdict):
    """The message can never succeed: log it once, park it, acknowledge it.

    `where` names the field (a path such as `incident.policy_user_labels`), `problem` says what is wrong with it and
    `remedy` what a person does next. None of them repeats a value that may be secret.
    """

    def __init__(self, where: str, problem: str, remedy: str, *, message_id: str = "") -> None:
        super().__init__(f"{where}: {problem}. {remedy}")
        self.where = where
        self.problem = problem
        self.remedy = remedy
        self.message_id = message_id  # set by whoever opens the envelope, when that is where it went wrong


class Busy(Verdict):
    """Nothing is wrong, only not now (a lease is held, a quota is used up): deliver the message again later."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
