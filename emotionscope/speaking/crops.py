import cv2
import numpy as np

SIDE = 112


def crop(grey, box):
    x, y, w, h = box
    s = 1.4 * max(w, h)
    cx, cy = x + w / 2, y + h / 2 + 0.05 * h
    M = np.array([[s / SIDE, 0, cx - s / 2], [0, s / SIDE, cy - s / 2]], np.float32)
    return cv2.warpAffine(
        grey, M, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT
    )
