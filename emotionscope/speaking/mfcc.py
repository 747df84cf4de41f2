import numpy as np

RATE, STEPS = 16000, 100


def mfcc(s):
    return np.zeros((len(s) // 160, 13), np.float32)
