"""What can be wrong with an answer, and with an API."""


class Unparsable(Exception):
    """The body is no JSON list of records: cut short, an error page, or something else altogether."""


class WrongAnswer(Exception):
    """A well-formed answer that does not answer what was asked; storing it would put rows in the wrong days."""


class WindowTooLong(Exception):
    """400: the API wants a shorter window."""


class Refused(Exception):
    """The API will not answer this request whenever it is sent (400, 404, a redirect elsewhere)."""


class Unavailable(Exception):
    """No usable answer after all attempts."""


class Lost(Exception):
    """The process that worked on an answer has ended, and the answer with it."""


class Unreadable(WrongAnswer):
    """The API answers, but with what cannot be read; a shorter window may leave out what makes it so."""
