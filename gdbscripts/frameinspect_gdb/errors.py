"""What can go wrong, as sentences for the user."""


class Problem(Exception):
    """Something did not work; the text says what, where, and what to do next."""


class ReadProblem(Problem):
    """The guest's memory cannot be read there, or does not hold what it should."""


class WhereProblem(Problem):
    """A WHERE expression cannot be used."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message} (column {column})")
        self.message = message
        #: Where, counted in characters from 1.
        self.column = column
