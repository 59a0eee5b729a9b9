"""Pixels of a part of a picture, straightened, with the map back to the picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from digitcnn.reading.polygons import project


@dataclass(frozen=True, slots=True)
class View:
    """Pixels seen through a homography.

    Attributes
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
    matrix : ndarray of float of shape (3, 3)
        Maps points of these pixels, as (x, y, 1), to points of the picture that they come from.
    """

    pixels: np.ndarray
    matrix: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray) -> "View":
        """The view that shows a picture as it is."""
        return cls(pixels, np.eye(3))

    def points(self, places: np.ndarray) -> np.ndarray:
        """The places in the picture of points (n, 2) of these pixels."""
        return project(self.matrix, places)

    def warped(self, matrix: np.ndarray, width: int, height: int) -> "View":
        """A view of this view.

        Parameters
        ----------
        matrix : ndarray of shape (3, 3)
            Maps points of the new view to points of this one.
        width, height : int
            Size of the new view.
        """
        pixels = cv2.warpPerspective(
            self.pixels,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return View(pixels.reshape(height, width, -1), self.matrix @ matrix)

    def straightened(self, corners: np.ndarray, width: int, height: int) -> "View":
        """A quadrilateral as an upright rectangle.

        Parameters
        ----------
        corners : ndarray of shape (4, 2)
            Clockwise from the upper left one.
        width, height : int
            Size of the new view.
        """
        rectangle = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(rectangle, corners.astype(np.float32))
        return self.warped(matrix, width, height)

    def turned(self, quarters: int) -> "View":
        """The view turned clockwise by a number of quarter turns."""
        height, width = self.pixels.shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        pixels = np.ascontiguousarray(np.rot90(self.pixels, -quarters))
        height, width = pixels.shape[:2]
        rectangle = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        # After one quarter turn the lower left corner is the upper left one.
        matrix = cv2.getPerspectiveTransform(rectangle, np.roll(corners, quarters, axis=0))
        return View(pixels, self.matrix @ matrix)

    def rotated(self, degrees: float) -> "View":
        """The view rotated clockwise, and large enough to show all of it."""
        height, width = self.pixels.shape[:2]
        angle = np.deg2rad(degrees)
        cosine, sine = np.cos(angle), np.sin(angle)
        new_width = int(np.ceil(width * abs(cosine) + height * abs(sine)))
        new_height = int(np.ceil(width * abs(sine) + height * abs(cosine)))
        matrix = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
        shift = np.array([width, height]) / 2
        matrix[:2, 2] = shift - matrix[:2, :2] @ (np.array([new_width, new_height]) / 2)
        return self.warped(matrix, new_width, new_height)
