"""When a clip shows its frames: what sampling, keys and reports need to know before a frame is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """A clip's frames in the order in which a player shows them, with the time of each."""

    times: tuple[float, ...]
    """Seconds from the first shown frame to each shown frame, ascending; the first is 0."""
    width: int
    """Pixels, as shown: after the file's rotation."""
    height: int
    """Pixels, as shown: after the file's rotation."""
    fps: float
    """Average frames a second; 0 where neither the file nor its timestamps give one."""
    decoder: str
    """The decoder that reads this clip, with its version, such as ``decord2 3.4.0``."""
    why: str = ""
    """Why the second decoder takes over; empty where the first one reads the clip."""

    @property
    def n_frames(self) -> int:
        """How many frames are shown."""
        return len(self.times)
