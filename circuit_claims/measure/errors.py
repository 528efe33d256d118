"""What can stand in the way of a number. Imports no torch."""


class MeasurementError(Exception):
    """A measurement cannot be made: `<model>, <role>, <site>: what is wrong; what to do`."""


class UndefinedRecovery(ArithmeticError):  # noqa: N818 - not a fault: there is nothing to recover
    """A recovery of 0/0: donor and recipient do not differ where it is read, or a patch changes nothing."""


class NotApplicable(Exception):  # noqa: N818 - not a fault either
    """The model or the pairs lack what a claim speaks of."""
